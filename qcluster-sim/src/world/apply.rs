//! Faults done to the world, and the incarnation and death of processes.

use std::sync::Arc;

use qcluster_core::{BootError, Command, Endpoint, EndpointBoot, Input, Span, Time};

use super::host::Host;
use super::{Job, World};
use crate::disk::DiskQuality;
use crate::engine::{Carrier, Clock, Event, LinkQuality, Progress, short};
use crate::fault::{Fault, Memory, Place};
use crate::marks::Mark;
use crate::oracle::Rule;
use crate::setup::{HostSet, id_of};
use crate::trace::Happening;

impl World {
    /// Does something to the world, now. What makes no sense at the moment does nothing.
    pub fn apply(&mut self, fault: Fault) {
        self.monitor.stats.events += 1;
        self.monitor.hash.add(self.engine.now.as_nanos() ^ u64::MAX);
        self.monitor.note(0, || Happening::Fault(fault));
        match fault {
            Fault::Crash { host } => self.end(host),
            Fault::CrashDuring { host, outputs } => self.if_there(host, |host| host.crash_after = Some(outputs)),
            Fault::Restart { host, memory, place, plan } => self.restart(host, memory, place, plan),
            Fault::Freeze { host } => self.freeze(host),
            Fault::Thaw { host } => self.thaw(host),
            Fault::Cut { from, to } => self.engine.links.set_carrier(from, to, Carrier::Cut),
            Fault::Mend { from, to } => self.engine.links.set_carrier(from, to, Carrier::Up),
            Fault::Split { group } => self.split(group),
            Fault::MendAll => {
                let quality = self.setup.link;
                self.connect(HostSet::first(self.hosts.len()), quality);
            }
            Fault::Link { from, to, quality } => self.engine.links.set_quality(from, to, quality),
            Fault::Rate { host, ppb } => self.change_clock(host, |clock, at| clock.set_rate(at, ppb)),
            Fault::ClockJump { host, nanos } => self.change_clock(host, |clock, at| clock.jump(at, nanos)),
            Fault::WallJump { host, ms } => {
                self.if_there(host, |host| host.machine.wall_ms = host.machine.wall_ms.saturating_add(ms));
            }
            Fault::Lag { host, lag } => self.if_there(host, |host| host.machine.lag = lag),
            Fault::Disk { host, quality } => self.if_there(host, |host| host.disk.quality = quality),
            Fault::Transfer { to } => {
                let target = to.and_then(|host| id_of(host).ok());
                self.command_leader(Input::Command(Command::Transfer(target)));
            }
            Fault::StepDown => self.command_leader(Input::Command(Command::StepDown)),
            Fault::Shutdown { host } => {
                if self.is_running(host) {
                    self.hosts[host].machine.progress = Progress::Stopping;
                    self.step(host, Input::Command(Command::Shutdown));
                    if self.node(host).is_some() {
                        let verdict = self.monitor.oracles.shut_down(host);
                        self.monitor.judge(host, verdict);
                    }
                }
            }
            Fault::Hostile { to, hostility } => self.attack(to, hostility),
            Fault::Twin { host, of } => self.start_twin(host, of),
            Fault::Keys { host, change, key } => self.change_keys(host, change, key),
            Fault::Seal { host, mode } => self.change_mode(host, mode),
            Fault::Heal { hosts } => self.heal(hosts),
        }
    }

    fn if_there(&mut self, host: usize, change: impl FnOnce(&mut Host)) {
        if let Some(host) = self.hosts.get_mut(host) {
            change(host);
        }
    }

    /// The process of a host begins, under a plan.
    pub(super) fn start(&mut self, index: usize, plan: usize) {
        let now = self.engine.now;
        let Some(rules) = self.rules_of(index, plan) else { return };
        let plan_before = self.hosts[index].plan;
        (self.hosts[index].rules, self.hosts[index].plan) = (Arc::clone(&rules), plan);
        let settings = self.hosts[index].tape.as_ref().and_then(|_| self.settings_of(index));
        let Host { machine, disk, durable, rng, tape, .. } = &mut self.hosts[index];
        machine.epoch = machine.clock.read(now);
        machine.progress = Progress::Running;
        if !*durable {
            disk.wipe();
        }
        let boot = EndpointBoot { seed: rng.next(), stamp_ms: machine.unix_ms(now), saved: disk.synced() };
        if let (Some(tape), Some(settings)) = (tape, settings) {
            tape.starts(settings, boot);
        }
        match Endpoint::new(rules, boot, Time::ZERO) {
            Ok(endpoint) => machine.endpoint = Some(endpoint),
            Err(BootError::StepBack) => {
                self.hosts[index].plan = plan_before;
                return self.monitor.marks.reach(Mark::StepBackRefused);
            }
            Err(error) => return self.monitor.breach(index, Rule::Restartable, error.to_string()),
        }
        self.hosts[index].read_disk();
        self.start_seal(index);
        self.monitor.oracles.started(index);
        self.monitor.note(index, || Happening::Started);
        for peer in self.setup.plans[plan].all_voters().iter() {
            self.resolve(index, peer);
        }
        self.engine.stepped(index, &mut self.hosts[index].machine);
    }

    /// The process of a host is gone, with all that it had not saved.
    pub(super) fn end(&mut self, index: usize) {
        let Some(host) = self.hosts.get_mut(index) else { return };
        let Some(endpoint) = self.engine.end(&mut host.machine) else { return };
        self.monitor.marks.learn(endpoint.node().counters());
        if host.disk.crash() {
            self.monitor.marks.reach(Mark::CrashWhileSaving);
        }
        host.read_disk();
        if let Some(keys) = &mut host.keys {
            keys.end();
        }
        (host.spins, host.crash_after, host.in_hand, host.shown) = (0, None, None, (None, None));
        self.monitor.oracles.ended(index);
        self.monitor.note(index, || Happening::Ended);
    }

    fn restart(&mut self, index: usize, memory: Memory, place: Place, plan: usize) {
        let Some(host) = self.hosts.get_mut(index) else { return };
        if host.machine.endpoint.is_some() || plan >= self.rules.len() {
            return;
        }
        // An operator takes no last step before a leader was elected in the middle one. Who has a disk is held by it to the step
        // that it took; anybody else never goes back (README, "Assumptions").
        let remembers = host.durable && memory == Memory::Kept;
        let plan = plan.min(self.established + 1).max(if remembers { 0 } else { host.plan });
        if memory == Memory::Lost {
            host.disk.wipe();
        }
        if memory == Memory::Lost || !host.durable {
            self.monitor.marks.reach(Mark::Amnesia);
        }
        if place == Place::Moved {
            self.monitor.marks.reach(Mark::Moved);
            self.hosts[index].machine.moves();
            let lease = self.setup.plans[plan].lease;
            for other in (0..self.hosts.len()).filter(|other| *other != index) {
                // The others look the name up when they miss the host.
                let pause = Span::from_nanos(self.rng.between(0, lease.times(4).as_nanos()));
                self.engine.plan_after(pause, Job::Resolve { host: short(other), peer: short(index) });
            }
        }
        self.start(index, plan);
    }

    fn start_twin(&mut self, index: usize, of: usize) {
        let Some(plan) = self.hosts.get(of).map(|host| host.plan) else { return };
        if index == of || index >= self.hosts.len() || self.setup.plans[plan].all_voters().contains(index) {
            return;
        }
        self.end(index);
        self.hosts[index].identity = of;
        self.hosts[index].disk.wipe();
        self.hosts[index].durable = self.setup.durable.contains(of);
        let files = self.hosts[of].keys.as_ref().map(|keys| keys.files.clone());
        if let (Some(files), Some(keys)) = (files, &mut self.hosts[index].keys) {
            keys.files = files;
        }
        self.start(index, plan);
    }

    fn freeze(&mut self, index: usize) {
        if !self.is_running(index) {
            return;
        }
        let token = self.monitor.oracles.token_held(index, self.engine.now);
        self.hosts[index].machine.progress = Progress::Frozen;
        // It was about to write: asked whether it leads, and not yet acted on the answer.
        self.hosts[index].in_hand = token;
        self.monitor.note(index, || Happening::Frozen);
    }

    fn thaw(&mut self, index: usize) {
        let is_frozen = |host: &&mut Host| host.machine.progress == Progress::Frozen;
        let Some(host) = self.hosts.get_mut(index).filter(is_frozen) else { return };
        let backlog = host.machine.thaw();
        let timer_first = host.rng.one_in(2);
        let in_hand = host.in_hand.take();
        self.monitor.note(index, || Happening::Thawed);
        self.read_files(index);
        if let Some(token) = in_hand {
            if self.monitor.oracles.token_held(index, self.engine.now) != Some(token) {
                self.monitor.marks.reach(Mark::WokeTooLate);
            }
            self.send_write(index, token, Span::from_nanos(1_000));
        }
        if timer_first {
            self.timeout(index);
        }
        for event in backlog.into_iter().filter(|event| !matches!(event, Event::Wake(_))) {
            self.perform(event);
        }
        self.engine.stepped(index, &mut self.hosts[index].machine);
    }

    fn split(&mut self, group: HostSet) {
        for from in 0..self.hosts.len() {
            for to in (0..self.hosts.len()).filter(|to| group.contains(from) != group.contains(*to)) {
                self.engine.links.set_carrier(from, to, Carrier::Cut);
            }
        }
    }

    /// Within `group` every link carries, with that quality.
    fn connect(&mut self, group: HostSet, quality: LinkQuality) {
        for from in group.iter() {
            for to in group.iter() {
                self.engine.links.set_carrier(from, to, Carrier::Up);
                self.engine.links.set_quality(from, to, quality);
            }
        }
    }

    fn change_clock(&mut self, index: usize, change: impl FnOnce(&mut Clock, Time)) {
        let Some(Host { machine, .. }) = self.hosts.get_mut(index) else { return };
        let now = self.engine.now;
        change(&mut machine.clock, now);
        machine.forget_wake();
        self.monitor.oracles.clock_changed(index, &machine.clock, machine.epoch, now);
        self.engine.stepped(index, machine);
    }

    fn command_leader(&mut self, input: Input<'_>) {
        if let Some(host) = self.leader().filter(|host| self.is_running(*host)) {
            self.step(host, input);
        }
    }

    /// A healed process has stopped for a later incarnation of its name. Where that one does not run, the operator starts the
    /// process again, once (docs/VOTERS.md, "Replace a node").
    pub(super) fn look_after(&mut self, index: usize) {
        let name = self.hosts[index].identity;
        let runs = self.hosts.iter().any(|host| host.identity == name && host.machine.endpoint.is_some());
        if !runs && self.healed.contains(index) && !self.looked_after.contains(index) {
            self.looked_after.insert(index);
            self.started_again = self.engine.now;
            let plan = self.hosts[index].plan;
            self.restart(index, Memory::Kept, Place::Same, plan);
        }
    }

    /// The end of trouble for these hosts.
    fn heal(&mut self, group: HostSet) {
        let group = group.and(HostSet::first(self.hosts.len()));
        (self.healed, self.looked_after) = (group, HostSet::default());
        let LinkQuality { delay_min, delay_max, .. } = self.setup.link;
        // A slot is meant to be about a round trip (E8): beyond that, how long an election takes has no bound.
        let quick = self.setup.plans.iter().map(|plan| plan.slot).min().unwrap_or(delay_max).split(2);
        self.connect(
            group,
            LinkQuality { delay_min: delay_min.min(quick), delay_max: delay_max.min(quick), ..LinkQuality::default() },
        );
        let newest = self.hosts.iter().map(|host| host.plan).max().unwrap_or(0);
        for index in group.iter() {
            self.hosts[index].machine.lag = Span::ZERO;
            self.hosts[index].crash_after = None;
            self.hosts[index].disk.quality = DiskQuality::default();
            self.thaw(index);
            let stopping = self.hosts[index].machine.progress == Progress::Stopping;
            if stopping || self.node(index).is_some_and(qcluster_core::Node::abstains) {
                // Only an operator can do something about a disk that failed (E16).
                self.end(index);
            }
            let is_outdated = self.hosts[index].keys.as_ref().is_some_and(|keys| keys.is_outdated());
            if self.hosts[index].plan != newest || is_outdated {
                // The operator ends what was begun.
                self.end(index);
            }
            self.restart(index, Memory::Kept, Place::Same, newest);
        }
        // Names lead to the replacements now.
        let names: HostSet = group.iter().map(|index| self.hosts[index].identity).collect();
        for (index, peer) in group.iter().flat_map(|index| names.iter().map(move |peer| (index, peer))) {
            if self.home(peer) != peer {
                self.resolve(index, peer);
            }
        }
    }
}
