//! The loop of a crowd: events in order, steps of endpoints, and what they want done.

use qcluster_core::{CommandRefused, DATAGRAM_MAX, GossipPace, Input, MemberEvent, Notification, Output, Time};

use super::host::{Condition, Host};
use super::queue::Job;
use super::setup::Kinds;
use super::{Breach, Crowd, CrowdRule, Loss};

impl Crowd {
    pub(super) fn run_to(&mut self, end: Time) {
        while self.breach.is_none() {
            let Some((at, job)) = self.queue.pop_until(end) else { break };
            self.now = at;
            match job {
                Job::Deliver(slot) => self.deliver(slot),
                Job::Wake(host) => self.wake(host as usize, at),
                Job::GoOn(host, incarnation) => self.go_on(host as usize, incarnation),
            }
        }
        self.now = self.now.max(end);
    }

    fn deliver(&mut self, slot: u32) {
        let packet = self.queue.take(slot);
        if let Some(host) = super::network::host_at(packet.to)
            && self.hosts.get(host).is_some_and(|host| host.address == packet.to)
        {
            match self.hosts[host].condition {
                Condition::Off | Condition::Left => {}
                Condition::Running => {
                    self.take_step(host, Input::Datagram { from: packet.from, bytes: &packet.bytes });
                }
                Condition::Stalled => {
                    let backlog = &mut self.hosts[host].backlog;
                    if backlog.len() < Host::BACKLOG_MAX {
                        backlog.push_back((packet.from, packet.bytes.clone()));
                    }
                }
            }
        }
        self.queue.recycle(slot, packet.bytes);
    }

    fn wake(&mut self, host: usize, at: Time) {
        let this = &mut self.hosts[host];
        // Another one was planned since, and only the last counts.
        if this.wake_at != at {
            return;
        }
        this.wake_at = Time::NEVER;
        if this.condition != Condition::Running {
            return;
        }
        let clock = this.clock(at);
        let Some(endpoint) = &this.endpoint else { return };
        if endpoint.deadline() > clock {
            return self.plan_wake(host);
        }
        self.take_step(host, Input::Timeout);
        let stuck = self.hosts[host].endpoint.as_ref().is_some_and(|endpoint| endpoint.deadline() <= clock);
        if stuck {
            let verdict = Err((CrowdRule::DeadlineMoves, "its deadline stays in the past".into()));
            self.judge(host, verdict);
        }
    }

    /// A process that stood still finds its timer fired and its socket full, and looks at either first.
    fn go_on(&mut self, host: usize, incarnation: u32) {
        let this = &mut self.hosts[host];
        if this.incarnation != incarnation || this.condition != Condition::Stalled {
            return;
        }
        this.condition = Condition::Running;
        let backlog = std::mem::take(&mut this.backlog);
        let timer_first = self.rng.one_in(2);
        if timer_first {
            self.take_step(host, Input::Timeout);
        }
        for (from, bytes) in backlog {
            self.take_step(host, Input::Datagram { from, bytes: &bytes });
        }
        self.take_step(host, Input::Timeout);
    }

    pub(super) fn take_step(&mut self, host: usize, input: Input<'_>) {
        // Only a command can be refused, and who gives one looks at it.
        let _ = self.give(host, input);
    }

    pub(super) fn give(&mut self, host: usize, input: Input<'_>) -> Result<(), CommandRefused> {
        let Self { hosts, network, queue, hash, setup, records, .. } = self;
        let this = &mut hosts[host];
        if this.condition != Condition::Running {
            return Ok(());
        }
        let clock = this.clock(self.now);
        let read_as = this.rules.as_deref().filter(|_| setup.kinds == Kinds::Apart);
        let Some(endpoint) = &mut this.endpoint else { return Ok(()) };
        let mut told: Vec<Notification> = Vec::new();
        let mut too_large = false;
        hash.add(self.now.as_nanos() ^ (host as u64) << 48);
        let incarnation = endpoint.node().incarnation();
        let mut outputs = endpoint.step(clock, input);
        let result = outputs.result().map_err(Clone::clone);
        while let Some(output) = outputs.next() {
            match output {
                Output::Transmit { to, bytes } => {
                    too_large |= bytes.len() > DATAGRAM_MAX;
                    hash.add_bytes(bytes);
                    this.sent.count(bytes, read_as);
                    network.send(self.now, this.address, to, bytes, queue);
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
        }
        self.plan_wake(host);
        result
    }

    fn plan_wake(&mut self, host: usize) {
        let this = &mut self.hosts[host];
        let Some(endpoint) = &this.endpoint else { return };
        let at = this.real(endpoint.deadline()).max(self.now);
        // An earlier one will look again.
        if at < this.wake_at {
            this.wake_at = at;
            self.queue.push(at, Job::Wake(u32::try_from(host).unwrap_or(u32::MAX)));
        }
    }

    pub(super) fn judge(&mut self, host: usize, verdict: Result<(), (CrowdRule, String)>) {
        if let Err((rule, what)) = verdict {
            let (at, seed) = (self.now, self.setup.seed);
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
                    let (at, by, what) = (self.now, host, change.what);
                    let was_there =
                        self.node(of).is_some_and(|node| node.incarnation() == change.member.standing.incarnation);
                    self.losses.push(Loss { at, by, of, what, was_there });
                }
            }
            Notification::Trust { is_given } => self.distrusts += u64::from(!is_given),
            Notification::Service(change) => self.told_of_service(host, change),
            Notification::Elected { .. }
            | Notification::Lost { .. }
            | Notification::Superseded { .. }
            | Notification::StepEstablished
            | Notification::StepTooEarly { .. }
            | Notification::WallClockOff { .. }
            | Notification::TooSlow(_)
            | Notification::Draining { .. }
            | Notification::LeaderChanged { .. }
            | Notification::ConfigMismatch { .. }
            | Notification::StorageFailed
            | Notification::TwinSeen { .. }
            | Notification::Twin { .. } => {}
        }
    }
}
