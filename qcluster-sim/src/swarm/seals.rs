//! Seals in a share of the runs: keys that change while nodes run, the way from plain to sealed, and strangers who try to be heard
//! (S2 to S5). Each step is taken on all hosts before the next, which is what an operator has to keep to.

use qcluster_core::{SealMode, Span, Time};

use crate::fault::{Fault, Hostility, Memory, Place};
use crate::rng::Rng;
use crate::schedule::Schedule;
use crate::setup::{KeyChange, SealSetup};

/// One in this many runs has keys.
const SHARE: u64 = 8;
/// The plan of a restart that takes the one which its host has by then.
const PLAN_OF_ITS_TIME: usize = usize::MAX;

/// Gives keys to some of the runs. The chance is of its own, so that the other runs are what they were.
pub(super) fn draw(mut schedule: Schedule) -> Schedule {
    let mut rng = Rng::for_part(schedule.setup.seed, u64::MAX - 6);
    if !rng.one_in(SHARE) {
        return schedule;
    }
    schedule.setup.seal = Some(SealSetup::required());
    // Those runs are about who has met whom, and rest on a network that is sound.
    if schedule.faults.iter().any(|(_, fault)| matches!(fault, Fault::Twin { .. })) {
        return schedule;
    }
    let until = schedule.converge.map_or(schedule.end, |converge| converge.from);
    let mut story = Story { rng: &mut rng, hosts: schedule.setup.hosts, until, faults: Vec::new() };
    let mode = story.rng.pick(&[None, None, None, Some(SealMode::Accept), Some(SealMode::Send)]).unwrap_or(None);
    let passes = story.rng.one_in(3);
    let mode = if passes { mode } else { Some(SealMode::Require) };
    schedule.setup.seal = Some(SealSetup { mode, ..SealSetup::required() });
    if passes {
        story.pass(mode);
    }
    if story.rng.one_in(2) {
        story.rotate();
    }
    story.strangers(Time::ZERO, until, &HOSTILITIES);
    if mode == Some(SealMode::Require) && story.rng.one_in(2) {
        // What they make themselves does not even slow down those who agree.
        story.strangers(until, schedule.end, &MADE);
    }
    let added = story.faults;
    schedule.faults.extend(added);
    schedule.faults.sort_by_key(|(at, _)| *at);
    settle_plans(&mut schedule);
    schedule
}

const MADE: [Hostility; 4] = [Hostility::Forged, Hostility::Plain, Hostility::Foreign, Hostility::Rekeyed];

const HOSTILITIES: [Hostility; 8] = [
    Hostility::Replay,
    Hostility::Replay,
    Hostility::Replay,
    Hostility::Mutant,
    Hostility::Forged,
    Hostility::Plain,
    Hostility::Foreign,
    Hostility::Rekeyed,
];

struct Story<'a> {
    rng: &'a mut Rng,
    hosts: usize,
    /// When the trouble ends.
    until: Time,
    faults: Vec<(Time, Fault)>,
}

impl Story<'_> {
    /// One step after the other, to where nothing plain is let in: while the hosts run, or by rolling restarts.
    fn pass(&mut self, from: Option<SealMode>) {
        let restarts = self.rng.one_in(2);
        let modes = [SealMode::Accept, SealMode::Send, SealMode::Require].map(Some);
        let first = modes.iter().position(|mode| *mode == from).map_or(0, |place| place + 1);
        let pause = self.pause(modes.len() - first);
        let mut at = Time::ZERO + pause;
        for mode in &modes[first..] {
            for host in self.any_order() {
                self.faults.push((at, Fault::Seal { host, mode: *mode }));
                if restarts {
                    self.faults.push((at, Fault::Crash { host }));
                    let (memory, place) = (Memory::Kept, Place::Same);
                    self.faults.push((at, Fault::Restart { host, memory, place, plan: PLAN_OF_ITS_TIME }));
                }
                at = self.after(at, pause);
            }
        }
        self.faults.retain(|(at, _)| *at < self.until);
    }

    /// One key takes the place of another, maybe several times.
    fn rotate(&mut self) {
        let rotations = u8::try_from(self.rng.between(1, u64::from(SealSetup::KEYS_MAX) - 1)).unwrap_or(1).min(3);
        let pause = self.pause(3 * usize::from(rotations));
        let mut at = Time::ZERO + pause;
        for old in 0..rotations {
            let new = old + 1;
            for (change, key) in [(KeyChange::Add, new), (KeyChange::Use, new), (KeyChange::Remove, old)] {
                for host in self.any_order() {
                    self.faults.push((at, Fault::Keys { host, change, key }));
                    at = self.after(at, pause);
                }
            }
        }
        self.faults.retain(|(at, _)| *at < self.until);
    }

    fn strangers(&mut self, from: Time, to: Time, kinds: &[Hostility]) {
        for _ in 0..self.rng.pick(&[0, 4, 16, 64]).unwrap_or(0) {
            let at = from + Span::from_nanos(self.rng.below(to.since(from).as_nanos()));
            let to = usize::try_from(self.rng.below(self.hosts as u64)).unwrap_or(0);
            let Some(hostility) = self.rng.pick(kinds) else { return };
            self.faults.push((at, Fault::Hostile { to, hostility }));
        }
    }

    /// The longest pause after which all hosts have taken so many steps in time.
    fn pause(&self, steps: usize) -> Span {
        Span::from_nanos(self.until.since(Time::ZERO).as_nanos() / (steps * self.hosts + 2) as u64)
    }

    fn after(&mut self, at: Time, pause: Span) -> Time {
        at + Span::from_nanos(self.rng.below(pause.as_nanos()))
    }

    fn any_order(&mut self) -> Vec<usize> {
        let mut left: Vec<usize> = (0..self.hosts).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            order.push(left.swap_remove(usize::try_from(self.rng.below(left.len() as u64)).unwrap_or(0)));
        }
        order
    }
}

/// A host that is restarted into another mode goes on with the plan that it has.
fn settle_plans(schedule: &mut Schedule) {
    let mut plans = vec![0; schedule.setup.hosts];
    for (_, fault) in &mut schedule.faults {
        if let Fault::Restart { host, plan, .. } = fault {
            *plan = if *plan == PLAN_OF_ITS_TIME { plans[*host] } else { *plan };
            plans[*host] = plans[*host].max(*plan);
        }
    }
}
