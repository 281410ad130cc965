//! One event: a host is given something, and what it answers is carried out in order.

use std::net::SocketAddr;

use qcluster_core::{Command, HeldLease, Input, Notification, Output, PersistId, Role, Rules, Span};

use super::host::Host;
use super::monitor::Monitor;
use super::seals::Keys;
use super::{Engine, Job, World};
use crate::disk::{Disk, Written};
use crate::engine::{Event, Label, Place, short};
use crate::marks::Mark;
use crate::oracle::{Arrival, Rule, Scene};
use crate::origin::{NOBODY, Origin};
use crate::rng::Rng;
use crate::trace::Happening;
use crate::wire::Heard;

/// How often in a row a timeout may leave the deadline in the past.
const SPINS_MAX: u32 = 16;

/// What a step means for the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    GoesOn,
    /// It crashed in the middle, or has stopped in good order.
    Ends,
    /// It has stopped for a later incarnation of its name.
    Superseded,
}

impl World {
    pub(super) fn perform(&mut self, event: Event<Job>) {
        match event {
            Event::Arrival(slot) => self.deliver(slot),
            Event::Wake(host) => self.wake(usize::from(host)),
            Event::Job(job) => self.carry_on(job),
        }
    }

    fn carry_on(&mut self, job: Job) {
        match job {
            Job::DiskDone { host, incarnation } => self.disk_done(usize::from(host), incarnation),
            Job::Drained { host, incarnation } => self.drained(usize::from(host), incarnation),
            Job::Fault(index) => {
                let fault = self.faults[index as usize];
                self.apply(fault);
            }
            Job::Resolve { host, peer } => self.resolve(usize::from(host), usize::from(peer)),
            Job::Write { host, incarnation } => self.write(usize::from(host), incarnation),
            Job::WriteArrives(slot) => self.write_arrives(slot),
        }
    }

    /// Whether the process of a host can do it now.
    fn is_ready(&mut self, host: usize, job: Job) -> bool {
        Engine::is_ready(&mut self.hosts[host].machine, Event::Job(job))
    }

    /// The same for what one process only is to do.
    fn is_for(&mut self, host: usize, incarnation: u16, job: Job) -> bool {
        self.hosts[host].machine.incarnation == incarnation && self.is_ready(host, job)
    }

    fn wake(&mut self, host: usize) {
        if self.engine.is_due(host, &mut self.hosts[host].machine) {
            self.timeout(host);
        }
    }

    pub(super) fn timeout(&mut self, host: usize) {
        self.monitor.note(host, || Happening::Timer);
        self.step(host, Input::Timeout);
        let Host { machine, spins, .. } = &mut self.hosts[host];
        if machine.endpoint.is_none() {
            return;
        }
        if machine.deadline() > machine.now(self.engine.now) {
            *spins = 0;
            return;
        }
        if *spins >= SPINS_MAX {
            let detail = format!("{spins} timeouts in a row leave the deadline at {}", machine.deadline());
            self.monitor.breach(host, Rule::DeadlineMoves, detail);
        }
        *spins += 1;
    }

    fn disk_done(&mut self, host: usize, incarnation: u16) {
        if !self.is_for(host, incarnation, Job::DiskDone { host: short(host), incarnation }) {
            return;
        }
        let written = self.hosts[host].disk.finish();
        self.hosts[host].read_disk();
        match written {
            Written::Synced(id) => {
                self.monitor.note(host, || Happening::Saved);
                self.step(host, Input::Persisted(id));
            }
            Written::Failed(id) => {
                if self.role(host) == Some(Role::Candidate) {
                    self.monitor.marks.reach(Mark::PersistFailedAsCandidate);
                }
                self.monitor.note(host, || Happening::SaveFailed);
                self.step(host, Input::PersistFailed(id));
                let machine = &self.hosts[host].machine;
                if machine.incarnation == incarnation && machine.endpoint.is_some() {
                    let verdict = self.monitor.oracles.save_failed(host);
                    self.monitor.judge(host, verdict);
                }
            }
            Written::Nothing => {}
        }
    }

    fn drained(&mut self, host: usize, incarnation: u16) {
        if self.is_for(host, incarnation, Job::Drained { host: short(host), incarnation }) {
            self.step(host, Input::Command(Command::Drained));
        }
    }

    pub(super) fn resolve(&mut self, host: usize, peer: usize) {
        if self.hosts[host].identity == peer
            || !self.is_ready(host, Job::Resolve { host: short(host), peer: short(peer) })
        {
            return;
        }
        let address = self.hosts[self.home(peer)].machine.address();
        let peer = self.keys[peer];
        self.step(host, Input::Resolved { peer, address });
    }

    /// Where a name leads: to the host that was called so first, until the operator has healed another one that runs under it.
    pub(super) fn home(&self, peer: usize) -> usize {
        let runs = |host: &usize| self.hosts[*host].identity == peer;
        self.healed.iter().find(runs).unwrap_or(peer)
    }

    /// The application writes with the token that it holds, and goes on doing so while it leads.
    fn write(&mut self, host: usize, incarnation: u16) {
        if !self.is_for(host, incarnation, Job::Write { host: short(host), incarnation }) {
            return;
        }
        let Some(token) = self.monitor.oracles.token_held(host, self.engine.now) else { return };
        let lease = self.setup.plans[self.hosts[host].plan].lease;
        self.send_write(host, token, lease.times(2));
        let pause = self.hosts[host].rng.between(lease.as_nanos() / 4, lease.as_nanos());
        self.engine.plan_after(Span::from_nanos(pause), Job::Write { host: short(host), incarnation });
    }

    pub(super) fn send_write(&mut self, host: usize, token: u64, delay_max: Span) {
        let delay = Span::from_nanos(self.hosts[host].rng.below(delay_max.as_nanos()));
        let slot = u32::try_from(self.writes.len()).unwrap_or(u32::MAX);
        self.writes.push((host, token));
        self.engine.plan_after(delay, Job::WriteArrives(slot));
    }

    fn write_arrives(&mut self, slot: u32) {
        let (host, token) = self.writes[slot as usize];
        match self.monitor.oracles.wrote(self.engine.now, host, token) {
            Ok(Arrival::Accepted) => {}
            Ok(Arrival::Fenced) => self.monitor.marks.reach(Mark::Fenced),
            Err(breach) => self.monitor.judge(host, Err(breach)),
        }
    }

    /// Gives a host an input and carries out what it answers.
    pub(super) fn step(&mut self, index: usize, input: Input<'_>) {
        let elections = self.monitor.stats.elections;
        let Some((lease, outcome)) = self.carry_out(index, input) else { return };
        if self.monitor.stats.elections > elections {
            self.established = self.established.max(self.hosts[index].plan);
        }
        match outcome {
            Outcome::GoesOn => {
                self.show(index, lease);
                self.engine.stepped(index, &mut self.hosts[index].machine);
            }
            Outcome::Ends => {
                self.show(index, lease);
                self.end(index);
            }
            Outcome::Superseded => {
                self.show(index, lease);
                self.end(index);
                self.look_after(index);
            }
        }
    }

    fn carry_out(&mut self, index: usize, input: Input<'_>) -> Option<(Option<HeldLease>, Outcome)> {
        let Self { hosts, engine, monitor, setup, .. } = self;
        let host = &mut hosts[index];
        let Host { machine, disk, rules, crash_after, rng, tape, keys, .. } = host;
        let (address, local) = (machine.address(), machine.now(engine.now));
        let process = (short(index), machine.incarnation);
        let endpoint = machine.endpoint.as_mut()?;
        let mut scene = Scene {
            at: engine.now,
            host: index,
            identity: host.identity,
            incarnation: endpoint.node().incarnation(),
            plan: &setup.plans[host.plan],
            clock: &machine.clock,
            local,
            epoch: machine.epoch,
            synced: host.synced.as_ref(),
            durable: host.durable,
        };
        monitor.stats.events += 1;
        monitor.hash.add(engine.now.as_nanos() ^ (index as u64).rotate_right(8));
        let sent_before = monitor.stats.sent;
        if let Some(tape) = tape {
            tape.takes(local, &input);
        }
        let mut outputs = endpoint.step(local, input);
        let lease = outputs.lease();
        Keys::note(keys.as_deref_mut(), outputs.sender());
        let verdict = monitor.oracles.published(&scene, lease);
        monitor.judge(index, verdict);
        let mut done = 0;
        let (mut crashed, mut end) = (false, Outcome::Ends);
        while let Some(output) = outputs.next() {
            if *crash_after == Some(done) {
                crashed = true;
                break;
            }
            done = done.saturating_add(1);
            if let Some(tape) = tape {
                tape.gives(&output);
            }
            match output {
                Output::Transmit { to, bytes } => {
                    transmit(engine, monitor, &scene, (address, to), bytes, keys.as_deref_mut());
                }
                Output::Persist { id, record } => {
                    persist(engine, monitor, &scene, process, (disk, rules), (id, record));
                }
                Output::Notify(notification) => {
                    if let Notification::Superseded { .. } = notification {
                        end = Outcome::Superseded;
                    }
                    monitor.tell(&scene, &notification, lease);
                    follow_up(engine, process, &notification, setup.work, rng);
                }
            }
        }
        let node = endpoint.node();
        // An incarnation may take another name in its first moments (E12).
        scene.incarnation = node.incarnation();
        let stops = node.is_stopped();
        if node.takes_part() {
            monitor.oracles.takes_part(&scene);
        }
        if crashed {
            (*crash_after, end) = (None, Outcome::Ends);
        } else {
            let verdict = monitor.oracles.carried_out(&scene, lease, stops);
            monitor.judge(index, verdict);
        }
        monitor.stepped(&scene, sent_before);
        Some((lease, if crashed || stops { end } else { Outcome::GoesOn }))
    }

    /// Notes what a host has become, for pictures.
    fn show(&mut self, index: usize, lease: Option<HeldLease>) {
        if self.monitor.recording == super::Recording::Off {
            return;
        }
        let Host { machine, shown, .. } = &mut self.hosts[index];
        let role = machine.node().map(qcluster_core::Node::role);
        let until = lease.map(|lease| machine.clock.when(machine.on_machine(lease.valid_until)));
        let (role_before, until_before) = core::mem::replace(shown, (role, until));
        if let Some(role) = role
            && role_before != Some(role)
        {
            self.monitor.note(index, || Happening::Became(role));
        }
        if until_before != until {
            self.monitor.note(index, || Happening::Holds(until));
        }
    }
}

/// A process wants a record saved.
fn persist(
    engine: &mut Engine,
    monitor: &mut Monitor,
    scene: &Scene<'_>,
    (host, incarnation): (u16, u16),
    (disk, rules): (&mut Disk, &Rules),
    (id, record): (PersistId, &[u8]),
) {
    engine.plan_after(disk.write(id, record), Job::DiskDone { host, incarnation });
    monitor.save(scene, qcluster_core::hard_state::decode(record, rules).ok().as_ref());
}

/// A host gives out a datagram, from one address to another.
fn transmit(
    engine: &mut Engine,
    monitor: &mut Monitor,
    scene: &Scene<'_>,
    (from, to): (SocketAddr, SocketAddr),
    bytes: &[u8],
    keys: Option<&mut Keys>,
) {
    let to = engine.find(to);
    let heard = monitor.sends(scene, to, bytes);
    let Some(keys) = keys else {
        monitor.overheard.hear(from, bytes, None, None);
        return put(engine, monitor, scene, (from, to), (bytes, heard, None));
    };
    let Some(sealed) = keys.seal(bytes) else {
        return monitor.breach(
            scene.host,
            Rule::SealedAsTold,
            format!("has {} bytes that cannot be sealed", bytes.len()),
        );
    };
    let addressee = to.map_or(NOBODY, |to| to.host);
    let origin = match monitor.oracles.seals.sealed(scene.host, addressee, bytes, sealed) {
        Ok(origin) => Some(origin),
        Err(breach) => return monitor.judge(scene.host, Err(breach)),
    };
    if let Some((label, forged)) = monitor.overheard.hear_before(from, to, (bytes, sealed), (origin, heard.as_ref())) {
        engine.inject(&label, &forged);
    }
    put(engine, monitor, scene, (from, to), (sealed, heard, origin));
}

/// It is under way, if there is anybody whom it can reach.
fn put(
    engine: &mut Engine,
    monitor: &mut Monitor,
    scene: &Scene<'_>,
    (from, to): (SocketAddr, Option<Place>),
    (bytes, heard, origin): (&[u8], Option<Heard>, Option<Origin>),
) {
    let Some(to) = to else { return };
    let label = Label { from, sender: Some(short(scene.host)), to, heard, origin };
    let arrives = engine.send(&label, bytes);
    monitor.sent(scene, to, label.heard.as_ref().map(|heard| &heard.message), arrives);
}

/// What the application does about what it was told.
fn follow_up(
    engine: &mut Engine,
    (host, incarnation): (u16, u16),
    notification: &Notification,
    work: Span,
    rng: &mut Rng,
) {
    match *notification {
        Notification::Elected { .. } => engine.plan(engine.now, Job::Write { host, incarnation }),
        Notification::Draining { .. } => {
            let pause = Span::from_nanos(rng.between(0, work.as_nanos()));
            engine.plan_after(pause, Job::Drained { host, incarnation });
        }
        _ => {}
    }
}
