//! One event: a host is given something, and what it answers is carried out in order.

use qcluster_core::{Command, HeldLease, Input, Notification, Output, Role, Span, Time};

use super::World;
use super::engine::Engine;
use crate::disk::Written;
use crate::host::{Host, Progress};
use crate::marks::Mark;
use crate::oracle::{Arrival, Rule, Scene};
use crate::queue::Job;
use crate::trace::Happening;

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
    pub(super) fn perform(&mut self, job: Job) {
        match job {
            Job::Deliver(slot) => self.deliver(slot),
            Job::Wake(host) => self.wake(usize::from(host)),
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

    /// Whether the process can take it now; what a frozen one cannot take waits, up to the size of its socket.
    pub(super) fn is_ready(&mut self, host: usize, job: Job) -> bool {
        let Host { endpoint, progress, backlog, .. } = &mut self.hosts[host];
        if endpoint.is_none() {
            return false;
        }
        match progress {
            Progress::Running | Progress::Stopping => true,
            Progress::Frozen => {
                if backlog.len() < Host::BACKLOG_MAX || !matches!(job, Job::Deliver(_)) {
                    backlog.push_back(job);
                } else if let Job::Deliver(slot) = job {
                    self.engine.packets.release(slot);
                }
                false
            }
        }
    }

    fn wake(&mut self, host: usize) {
        let now = self.engine.now;
        if self.hosts[host].wake_at != now || !self.is_ready(host, Job::Wake(u8::try_from(host).unwrap_or(u8::MAX))) {
            return;
        }
        (self.hosts[host].wake_at, self.hosts[host].wake_for) = (Time::NEVER, Time::NEVER);
        let due =
            self.hosts[host].endpoint.as_ref().is_some_and(|endpoint| endpoint.deadline() <= self.hosts[host].now(now));
        if due {
            self.timeout(host);
        } else {
            self.plan_wake(host);
        }
    }

    pub(super) fn timeout(&mut self, host: usize) {
        self.engine.note(host, || Happening::Timer);
        self.step(host, Input::Timeout);
        let Host { endpoint, spins, .. } = &self.hosts[host];
        let Some(endpoint) = endpoint else { return };
        if endpoint.deadline() > self.hosts[host].now(self.engine.now) {
            self.hosts[host].spins = 0;
            return;
        }
        if *spins >= SPINS_MAX {
            let detail = format!("{} timeouts in a row leave the deadline at {}", spins, endpoint.deadline());
            self.engine.breach(host, Rule::DeadlineMoves, detail);
        }
        self.hosts[host].spins += 1;
    }

    fn disk_done(&mut self, host: usize, incarnation: u16) {
        if self.hosts[host].incarnation != incarnation
            || !self.is_ready(host, Job::DiskDone { host: short(host), incarnation })
        {
            return;
        }
        let written = self.hosts[host].disk.finish();
        self.hosts[host].read_disk();
        match written {
            Written::Synced(id) => {
                self.engine.note(host, || Happening::Saved);
                self.step(host, Input::Persisted(id));
            }
            Written::Failed(id) => {
                if self.role(host) == Some(Role::Candidate) {
                    self.engine.marks.reach(Mark::PersistFailedAsCandidate);
                }
                self.engine.note(host, || Happening::SaveFailed);
                self.step(host, Input::PersistFailed(id));
                if self.hosts[host].incarnation == incarnation && self.hosts[host].endpoint.is_some() {
                    let verdict = self.engine.oracles.save_failed(host);
                    self.engine.judge(host, verdict);
                }
            }
            Written::Nothing => {}
        }
    }

    fn drained(&mut self, host: usize, incarnation: u16) {
        if self.hosts[host].incarnation == incarnation
            && self.is_ready(host, Job::Drained { host: short(host), incarnation })
        {
            self.step(host, Input::Command(Command::Drained));
        }
    }

    pub(super) fn resolve(&mut self, host: usize, peer: usize) {
        if self.hosts[host].identity == peer
            || !self.is_ready(host, Job::Resolve { host: short(host), peer: short(peer) })
        {
            return;
        }
        let address = self.engine.address(peer);
        let peer = self.engine.keys[peer];
        self.step(host, Input::Resolved { peer, address });
    }

    /// The application writes with the token that it holds, and goes on doing so while it leads.
    fn write(&mut self, host: usize, incarnation: u16) {
        if self.hosts[host].incarnation != incarnation
            || !self.is_ready(host, Job::Write { host: short(host), incarnation })
        {
            return;
        }
        let Some(token) = self.engine.oracles.token_held(host, self.engine.now) else { return };
        let lease = self.setup.plans[self.hosts[host].plan].lease;
        self.send_write(host, token, lease.times(2));
        let pause = self.hosts[host].rng.between(lease.as_nanos() / 4, lease.as_nanos());
        self.engine
            .queue
            .push(self.engine.now + Span::from_nanos(pause), Job::Write { host: short(host), incarnation });
    }

    pub(super) fn send_write(&mut self, host: usize, token: u64, delay_max: Span) {
        let delay = Span::from_nanos(self.hosts[host].rng.below(delay_max.as_nanos()));
        let slot = u32::try_from(self.engine.writes.len()).unwrap_or(u32::MAX);
        self.engine.writes.push((host, token));
        self.engine.queue.push(self.engine.now + delay, Job::WriteArrives(slot));
    }

    fn write_arrives(&mut self, slot: u32) {
        let (host, token) = self.engine.writes[slot as usize];
        match self.engine.oracles.wrote(self.engine.now, host, token) {
            Ok(Arrival::Accepted) => {}
            Ok(Arrival::Fenced) => self.engine.marks.reach(Mark::Fenced),
            Err(breach) => self.engine.judge(host, Err(breach)),
        }
    }

    /// Gives a host an input and carries out what it answers.
    pub(super) fn step(&mut self, index: usize, input: Input<'_>) {
        let elections = self.engine.stats.elections;
        let Some((lease, outcome)) = self.carry_out(index, input) else { return };
        if self.engine.stats.elections > elections {
            self.established = self.established.max(self.hosts[index].plan);
        }
        match outcome {
            Outcome::GoesOn => {
                self.show(index, lease);
                self.plan_wake(index);
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
        let Self { hosts, engine, setup, .. } = self;
        let host = &mut hosts[index];
        let now = host.now(engine.now);
        let endpoint = host.endpoint.as_mut()?;
        engine.stats.events += 1;
        engine.hash.add(engine.now.as_nanos() ^ (index as u64).rotate_right(8));
        let scene = Scene {
            at: engine.now,
            host: index,
            identity: host.identity,
            incarnation: endpoint.node().incarnation(),
            plan: &setup.plans[host.plan],
            clock: &host.clock,
            local: now,
            epoch: host.epoch,
            synced: host.synced.as_ref(),
            durable: host.durable,
        };
        let before = engine.stats.sent;
        if let Some(tape) = &mut host.tape {
            tape.takes(now, &input);
        }
        let mut outputs = endpoint.step(now, input);
        let lease = outputs.lease();
        let verdict = engine.oracles.published(&scene, lease);
        engine.judge(index, verdict);
        let mut done = 0;
        let (mut crashed, mut end) = (false, Outcome::Ends);
        while let Some(output) = outputs.next() {
            if host.crash_after == Some(done) {
                crashed = true;
                break;
            }
            done = done.saturating_add(1);
            if let Some(tape) = &mut host.tape {
                tape.gives(&output);
            }
            match output {
                Output::Transmit { to, bytes } => engine.transmit(&scene, to, bytes),
                Output::Persist { id, record } => {
                    let delay = host.disk.write(id, record);
                    let done = Job::DiskDone { host: short(index), incarnation: host.incarnation };
                    engine.queue.push(engine.now + delay, done);
                    engine.save(&scene, qcluster_core::hard_state::decode(record, &host.rules).ok().as_ref());
                }
                Output::Notify(notification) => {
                    if let Notification::Superseded { .. } = notification {
                        end = Outcome::Superseded;
                    }
                    engine.tell(&scene, &notification, lease);
                    follow_up(engine, &scene, host.incarnation, &notification, setup.work, &mut host.rng);
                }
            }
        }
        // An incarnation may take another name in its first moments (E12).
        let scene = Scene { incarnation: endpoint.node().incarnation(), ..scene };
        let sent = u32::try_from(engine.stats.sent - before).unwrap_or(u32::MAX);
        let stops = endpoint.node().is_stopped();
        if scene.is_voter() && endpoint.node().role() != Role::Booting {
            engine.oracles.takes_part(&scene);
        }
        if crashed {
            (host.crash_after, end) = (None, Outcome::Ends);
        } else {
            let verdict = engine.oracles.carried_out(&scene, lease, stops);
            engine.judge(index, verdict);
        }
        let verdict = engine.oracles.stepped(&scene, sent);
        engine.judge(index, verdict);
        Some((lease, if crashed || stops { end } else { Outcome::GoesOn }))
    }

    /// Notes what a host has become, for pictures.
    fn show(&mut self, index: usize, lease: Option<HeldLease>) {
        if self.engine.recording == super::Recording::Off {
            return;
        }
        let host = &mut self.hosts[index];
        let role = host.endpoint.as_ref().map(|endpoint| endpoint.node().role());
        let until = lease.map(|lease| {
            host.clock.when(Time::from_nanos(host.epoch.as_nanos().saturating_add(lease.valid_until.as_nanos())))
        });
        let (role_before, until_before) = core::mem::replace(&mut host.shown, (role, until));
        if let Some(role) = role
            && role_before != Some(role)
        {
            self.engine.note(index, || Happening::Became(role));
        }
        if until_before != until {
            self.engine.note(index, || Happening::Holds(until));
        }
    }

    /// Plans the next timeout, where none is planned that comes early enough.
    pub(super) fn plan_wake(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let Some(endpoint) = &host.endpoint else { return };
        let deadline = endpoint.deadline();
        if deadline >= host.wake_for {
            return;
        }
        let machine = Time::from_nanos(host.epoch.as_nanos().saturating_add(deadline.as_nanos()));
        let at = host.clock.when_after(self.engine.now, machine).max(self.engine.now) + host.lag;
        if at < host.wake_at {
            (host.wake_for, host.wake_at) = (deadline, at);
            self.engine.queue.push(at, Job::Wake(short(index)));
        }
    }
}

/// What the application does about what it was told.
fn follow_up(
    engine: &mut Engine,
    scene: &Scene<'_>,
    incarnation: u16,
    notification: &Notification,
    work: Span,
    rng: &mut crate::rng::Rng,
) {
    let host = short(scene.host);
    match *notification {
        Notification::Elected { .. } => engine.queue.push(engine.now, Job::Write { host, incarnation }),
        Notification::Draining { .. } => {
            let pause = Span::from_nanos(rng.between(0, work.as_nanos()));
            engine.queue.push(engine.now + pause, Job::Drained { host, incarnation });
        }
        Notification::Lost { .. }
        | Notification::LeaderChanged { .. }
        | Notification::ConfigMismatch { .. }
        | Notification::StorageFailed
        | Notification::TwinSeen { .. }
        | Notification::Twin { .. }
        | Notification::Superseded { .. }
        | Notification::StepEstablished
        | Notification::StepTooEarly { .. }
        | Notification::WallClockOff { .. }
        | Notification::TooSlow(_)
        | Notification::Member(_)
        | Notification::Service(_)
        | Notification::Trust { .. } => {}
    }
}

pub(super) fn short(host: usize) -> u8 {
    u8::try_from(host).unwrap_or(u8::MAX)
}
