//! The loop of a crowd: events in order, steps of endpoints, and what they want done.

use std::net::SocketAddr;

use qcluster_core::{CommandRefused, DATAGRAM_MAX, GossipPace, Input, MemberEvent, Notification, Output, Time};

use super::host::Host;
use super::setup::Kinds;
use super::{Breach, Crowd, CrowdRule, Engine, Job, Loss};
use crate::engine::{Event, Label, Progress, short};

impl Crowd {
    pub(super) fn run_to(&mut self, end: Time) {
        while self.breach.is_none() {
            let Some(event) = self.engine.next_until(end) else { break };
            match event {
                Event::Arrival(slot) => self.deliver(slot),
                Event::Wake(host) => self.wake(usize::from(host)),
                Event::Job(Job::GoOn { host, incarnation }) => self.go_on(usize::from(host), incarnation),
            }
        }
        self.engine.rest_until(end);
    }

    fn deliver(&mut self, slot: u32) {
        let &Label { from, to, .. } = self.engine.label(slot);
        let host = usize::from(to.host);
        if self.engine.arrives(slot, &mut self.hosts[host].machine) {
            let bytes = self.engine.lend(slot);
            self.take_step(host, Input::Datagram { from, bytes: &bytes });
            self.engine.give_back(slot, bytes);
        }
    }

    fn wake(&mut self, host: usize) {
        if !self.engine.is_due(host, &mut self.hosts[host].machine) {
            return;
        }
        self.take_step(host, Input::Timeout);
        let machine = &self.hosts[host].machine;
        if machine.endpoint.is_some() && machine.deadline() <= machine.now(self.engine.now) {
            let verdict = Err((CrowdRule::DeadlineMoves, "its deadline stays in the past".into()));
            self.judge(host, verdict);
        }
    }

    /// A process that stood still finds its timer fired and its socket full, and looks at either first.
    fn go_on(&mut self, host: usize, incarnation: u16) {
        let machine = &mut self.hosts[host].machine;
        if machine.incarnation != incarnation || machine.progress != Progress::Frozen {
            return;
        }
        let backlog = machine.thaw();
        let timer_first = self.rng.one_in(2);
        if timer_first {
            self.take_step(host, Input::Timeout);
        }
        for event in backlog {
            if let Event::Arrival(slot) = event {
                self.deliver(slot);
            }
        }
        self.take_step(host, Input::Timeout);
    }

    pub(super) fn take_step(&mut self, host: usize, input: Input<'_>) {
        // Only a command can be refused, and who gives one looks at it.
        let _ = self.give(host, input);
    }

    pub(super) fn give(&mut self, host: usize, input: Input<'_>) -> Result<(), CommandRefused> {
        let Self { engine, hosts, hash, setup, records, .. } = self;
        let Host { machine, rules, sent, .. } = &mut hosts[host];
        if !machine.is_running() {
            return Ok(());
        }
        let (clock, address) = (machine.now(engine.now), machine.address());
        let read_as = rules.as_deref().filter(|_| setup.kinds == Kinds::Apart);
        let Some(endpoint) = &mut machine.endpoint else { return Ok(()) };
        let mut told: Vec<Notification> = Vec::new();
        let mut too_large = false;
        hash.add(engine.now.as_nanos() ^ (host as u64) << 48);
        let incarnation = endpoint.node().incarnation();
        let mut outputs = endpoint.step(clock, input);
        let result = outputs.result().map_err(Clone::clone);
        while let Some(output) = outputs.next() {
            match output {
                Output::Transmit { to, bytes } => {
                    too_large |= bytes.len() > DATAGRAM_MAX;
                    hash.add_bytes(bytes);
                    sent.count(bytes, read_as);
                    transmit(engine, host, (address, to), bytes);
                }
                Output::Notify(notification) => told.push(notification),
                Output::Persist { .. } => unreachable!("a diskless node saves nothing"),
            }
        }
        let node = endpoint.node();
        if node.incarnation() != incarnation {
            records.renamed(node.rules().key(), node.incarnation());
        }
        if too_large {
            self.judge(host, Err((CrowdRule::Bounded, "a datagram is too large".into())));
        }
        for notification in told {
            self.notified(host, &notification);
            if self.listens {
                self.hosts[host].told.push(notification);
            }
        }
        self.engine.stepped(host, &mut self.hosts[host].machine);
        result
    }

    pub(super) fn judge(&mut self, host: usize, verdict: Result<(), (CrowdRule, String)>) {
        if let Err((rule, what)) = verdict {
            let (at, seed) = (self.engine.now, self.setup.seed);
            self.breach.get_or_insert(Breach { rule, at, host, what, seed });
        }
    }

    fn notified(&mut self, host: usize, notification: &Notification) {
        match notification {
            Notification::Member(change) => {
                let Some(of) = self.by_name.get(&change.member.id).copied() else { return };
                // Where memory is shorter than the times that are looked at, one that was forgotten may come back as it was.
                if self.setup.pace.retention < GossipPace::RETENTION && change.what == MemberEvent::Joined {
                    self.diaries[host].forget_gone(of);
                }
                let verdict = self.diaries[host].told(of, change);
                self.judge(host, verdict);
                let verdict = self.goodbyes.told(of, change);
                self.judge(host, verdict);
                if matches!(change.what, MemberEvent::Down | MemberEvent::Left) {
                    let (at, by, what) = (self.engine.now, host, change.what);
                    let was_there =
                        self.node(of).is_some_and(|node| node.incarnation() == change.member.standing.incarnation);
                    self.losses.push(Loss { at, by, of, what, was_there });
                }
            }
            Notification::Trust { is_given } => self.distrusts += u64::from(!is_given),
            Notification::Service(change) => self.told_of_service(host, change),
            _ => {}
        }
    }
}

/// A host gives out a datagram, from one address to another.
fn transmit(engine: &mut Engine, host: usize, (from, to): (SocketAddr, SocketAddr), bytes: &[u8]) {
    if let Some(to) = engine.find(to) {
        engine.send(&Label { from, sender: Some(short(host)), to, heard: None, origin: None }, bytes);
    }
}
