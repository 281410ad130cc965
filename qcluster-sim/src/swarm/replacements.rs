//! Runs about one thing: a node stands still for longer than any lease, is replaced under its name, and goes on at any time, on
//! either side of any cut (E24). By then the replacement is known to somebody in every quorum that the other one could be part of, which
//! is all that is assumed.

use qcluster_core::{Span, Time};

use super::{bound, changes, draw_rate};
use crate::disk::DiskQuality;
use crate::engine::LinkQuality;
use crate::fault::{Fault, Memory, Place};
use crate::rng::Rng;
use crate::schedule::{Convergence, Schedule};
use crate::setup::{HostSet, Setup};

/// What may happen once the replacement is known.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Split,
    CutOne,
    Mute,
    Mend,
    Freeze,
    Lag,
    Rate,
    Transfer,
    StepDown,
    Restart,
}

const KINDS: [Kind; 10] = [
    Kind::Split,
    Kind::CutOne,
    Kind::Mute,
    Kind::Mend,
    Kind::Freeze,
    Kind::Lag,
    Kind::Rate,
    Kind::Transfer,
    Kind::StepDown,
    Kind::Restart,
];

/// The schedule of a run with a setup that was drawn for any run.
pub(super) fn draw(rng: &mut Rng, mut setup: Setup) -> Schedule {
    let spare = setup.hosts.min(HostSet::CAPACITY - 1);
    setup.hosts = spare + 1;
    let clock = setup.clocks.get(1).copied().unwrap_or_default();
    setup.clocks.resize(setup.hosts, clock);
    // Who knows the replacement is to have met it: so the network is sound between them until then, and a disk that cannot save does not
    // lose what its voter knows.
    let LinkQuality { delay_min, delay_max, .. } = LinkQuality::default();
    setup.link = LinkQuality { delay_min, delay_max, ..LinkQuality::default() };
    setup.disk = DiskQuality::default();
    let (lease, max_lease) = (setup.plans[0].lease, setup.plans[0].max_lease);
    let voters: Vec<usize> = setup.plans[0].voters.iter().collect();
    let of = rng.pick(&voters).unwrap_or(0);
    // It takes part after the longest lease (E9), on the slowest clocks a while later.
    let freeze = Time::ZERO + max_lease + lease.times(rng.between(1, 11));
    let replace = freeze + Span::from_nanos(rng.below(lease.times(3).as_nanos()));
    // The boot wait, the slowest clocks, and a leader who hears of it.
    let known = replace + max_lease + lease.times(8);
    let end_of_trouble = known + lease.times(rng.between(10, 60));
    let mut faults = vec![(replace, Fault::Twin { host: spare, of })];
    let unmet = draw_unmet(rng, &voters, of);
    if !unmet.is_empty() {
        faults.push((freeze, Fault::Split { group: unmet.into_iter().collect() }));
        faults.push((known, Fault::MendAll));
    }
    faults.push((freeze, Fault::Freeze { host: of }));
    // Mostly when all is settled, and sometimes while the replacement still boots: then it is the one that stops.
    let earliest = if rng.one_in(8) { replace } else { known };
    let back = earliest + Span::from_nanos(rng.below(end_of_trouble.since(earliest).as_nanos()));
    faults.push((back, Fault::Thaw { host: of }));
    let stays = earliest == known;
    let mut trouble = Trouble { rng, setup: &setup, faults: &mut faults, of, spare, stays };
    trouble.between(known, end_of_trouble);
    // The chance is of its own, so that the other runs are what they were.
    let chance = &mut Rng::for_part(setup.seed, u64::MAX - 4);
    draw_change(chance, &mut setup, (of, stays), (known, end_of_trouble), &mut faults);
    faults.retain(|(at, _)| *at < end_of_trouble);
    faults.sort_by_key(|(at, _)| *at);
    changes::settle_plans(chance, &setup, &mut faults);
    let converge = if stays { Some(heal(&setup, of, spare, end_of_trouble, &mut faults)) } else { None };
    let end = converge.map_or(end_of_trouble, |converge| converge.from + converge.within);
    Schedule { setup, faults, end, converge, changes_max: None }
}

/// Now and then the voters change at the same time, the replacement being one of them or not. Only where all have disks: a host that
/// takes a step without one forgets whom it has met.
fn draw_change(
    rng: &mut Rng,
    setup: &mut Setup,
    (of, stays): (usize, bool),
    (from, until): (Time, Time),
    faults: &mut Vec<(Time, Fault)>,
) {
    let spare = setup.hosts - 1;
    let all_durable = HostSet::first(spare) == setup.durable.and(HostSet::first(spare));
    if !all_durable || !rng.one_in(2) || !changes::draw_voters(rng, setup, spare) {
        return;
    }
    let hosts: Vec<usize> = (0..setup.hosts).filter(|host| *host != of && (*host != spare || stays)).collect();
    let pause = changes::pause(setup, until.since(from));
    changes::roll(rng, setup.plans.len(), &hosts, from + pause, pause, faults);
}

/// Voters that are cut off until everybody else knows the replacement: so few that they are not a quorum together with the one that
/// was replaced.
fn draw_unmet(rng: &mut Rng, voters: &[usize], of: usize) -> Vec<usize> {
    let majority = voters.len() / 2 + 1;
    let count = usize::try_from(rng.below(majority as u64)).unwrap_or(0).saturating_sub(1);
    let mut others: Vec<usize> = voters.iter().copied().filter(|voter| *voter != of).collect();
    let mut unmet = Vec::new();
    while unmet.len() < count.min(majority.saturating_sub(2)) {
        let Some(voter) = rng.pick(&others) else { break };
        others.retain(|other| *other != voter);
        unmet.push(voter);
    }
    unmet
}

/// The others and the replacement work together again; the one that was replaced may still say what it likes.
fn heal(setup: &Setup, of: usize, spare: usize, at: Time, faults: &mut Vec<(Time, Fault)>) -> Convergence {
    let voters = setup.plans.iter().fold(HostSet::default(), |hosts, plan| hosts.or(plan.all_voters()));
    let mut hosts = voters.without(of);
    hosts.insert(spare);
    faults.push((at, Fault::Heal { hosts }));
    let plan = &setup.plans[setup.plans.len() - 1];
    Convergence { hosts, from: at, within: bound(setup, plan, voters) }
}

struct Trouble<'a> {
    rng: &'a mut Rng,
    setup: &'a Setup,
    faults: &'a mut Vec<(Time, Fault)>,
    of: usize,
    spare: usize,
    /// Whether the replacement is the one that goes on. Where it has stopped for the other one, nobody starts it again.
    stays: bool,
}

impl Trouble<'_> {
    fn between(&mut self, from: Time, to: Time) {
        let lease = self.setup.plans[0].lease;
        let gap = lease.split(4).times(self.rng.pick(&[2, 4, 8, 16]).unwrap_or(4));
        let mut at = from;
        loop {
            at = at + Span::from_nanos(self.rng.below(gap.times(2).as_nanos()));
            if at >= to {
                return;
            }
            let length = Span::from_nanos(self.rng.below(lease.times(8).as_nanos()));
            if let Some(kind) = self.rng.pick(&KINDS) {
                self.begin(kind, at, at + length);
            }
        }
    }

    /// Anybody but the one that was replaced: what happens to that one is drawn already.
    fn host(&mut self) -> usize {
        let hosts: Vec<usize> = (0..self.setup.hosts).filter(|host| *host != self.of).collect();
        self.rng.pick(&hosts).unwrap_or(self.spare)
    }

    fn begin(&mut self, kind: Kind, at: Time, end: Time) {
        let all = self.setup.hosts;
        match kind {
            Kind::Split => {
                let group = (0..all).filter(|_| self.rng.one_in(2)).collect();
                self.faults.push((at, Fault::Split { group }));
                self.faults.push((end, Fault::MendAll));
            }
            Kind::CutOne => {
                let (from, to) = (self.host(), self.host());
                self.faults.push((at, Fault::Cut { from, to }));
                self.faults.push((end, Fault::Mend { from, to }));
            }
            Kind::Mute => {
                let from = self.host();
                for to in (0..all).filter(|to| *to != from) {
                    self.faults.push((at, Fault::Cut { from, to }));
                    self.faults.push((end, Fault::Mend { from, to }));
                }
            }
            Kind::Mend => self.faults.push((at, Fault::MendAll)),
            Kind::Freeze => {
                let host = self.host();
                self.faults.push((at, Fault::Freeze { host }));
                self.faults.push((end, Fault::Thaw { host }));
            }
            Kind::Lag => {
                let lag = Span::from_nanos(self.rng.below(self.setup.plans[0].lease.as_nanos()));
                let host = self.host();
                self.faults.push((at, Fault::Lag { host, lag }));
                self.faults.push((end, Fault::Lag { host, lag: Span::ZERO }));
            }
            Kind::Rate => {
                let ppb = draw_rate(self.rng, self.setup.plans[0].drift_ppm);
                let host = self.host();
                self.faults.push((at, Fault::Rate { host, ppb }));
            }
            Kind::Transfer => {
                let to = if self.rng.one_in(2) { Some(self.host()) } else { None };
                self.faults.push((at, Fault::Transfer { to }));
            }
            Kind::StepDown => self.faults.push((at, Fault::StepDown)),
            // Without a disk a voter forgets whom it has met, and so does the assumption. The replacement itself may come back as
            // it likes.
            Kind::Restart => {
                let host = self.host();
                let may = if host == self.spare { self.stays } else { self.setup.durable.contains(host) };
                if may {
                    let restart = Fault::Restart { host, memory: Memory::Kept, place: Place::Same, plan: 0 };
                    self.faults.push((at, Fault::Crash { host }));
                    self.faults.push((end, restart));
                }
            }
        }
    }
}
