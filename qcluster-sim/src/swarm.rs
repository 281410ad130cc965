//! Randomized runs: one number draws a cluster, a network, clocks, which faults there are and how often, and then the
//! schedule. Knobs are drawn again for each run, so that some are all crash and some all reordering (swarm testing: Groce
//! and others, 2012).

mod changes;
mod episodes;
mod replacements;
mod seals;
mod throttles;

use qcluster_core::{GossipPace, Preset, Span, Time, Timing};

use crate::disk::DiskQuality;
use crate::engine::LinkQuality;
use crate::fault::Fault;
use crate::rng::Rng;
use crate::schedule::{Convergence, Schedule};
use crate::setup::{Assumption, ClockSetup, HostSet, Plan, Setup};
use episodes::Knobs;

/// What the drawing of a schedule may be held to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The number of voters, instead of a drawn one of 1 to 9; at most [`Limits::VOTERS_MAX`], and at least 1.
    pub voters: Option<usize>,
}

impl Limits {
    /// The most voters: beside them there is room for observers and twins.
    pub const VOTERS_MAX: usize = HostSet::CAPACITY - 4;
}

/// The schedule that a seed stands for.
pub fn draw(seed: u64, limits: Limits) -> Schedule {
    seals::draw(draw_plain(seed, limits))
}

fn draw_plain(seed: u64, limits: Limits) -> Schedule {
    let mut rng = Rng::for_part(seed, 1);
    let mut setup = draw_setup(seed, &mut rng, limits);
    if setup.plans[0].voters.len() > 1 && rng.one_in(12) {
        return replacements::draw(&mut rng, setup);
    }
    let mut faults = Vec::new();
    let knobs = Knobs::draw(&mut rng, &mut setup);
    let lease = setup.plans[0].lease;
    let calm = lease.times(rng.between(0, 4));
    let trouble = lease.times(rng.between(10, 60));
    let end_of_trouble = Time::ZERO + calm + trouble;
    if !knobs.has_twins() {
        changes::draw(&mut rng, &mut setup, &mut faults, end_of_trouble, knobs.disks());
    }
    knobs.episodes(&mut rng, &setup, Time::ZERO + calm, end_of_trouble, &mut faults);
    throttles::draw(&setup, Time::ZERO + calm, end_of_trouble, &mut faults);
    faults.retain(|(at, _)| *at < end_of_trouble);
    faults.sort_by_key(|(at, _)| *at);
    changes::settle_plans(&mut rng, &setup, &mut faults);
    let judged = setup.rates == Assumption::Kept && !knobs.has_twins();
    let converge = if judged { heal(&mut rng, &setup, end_of_trouble, &mut faults) } else { None };
    let end = converge.map_or(end_of_trouble, |converge| converge.from + converge.within);
    Schedule { setup, faults, end, converge, changes_max: None }
}

fn draw_setup(seed: u64, rng: &mut Rng, limits: Limits) -> Setup {
    let usual = rng.pick(&[3, 3, 3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 5, 5, 4, 4, 2, 2, 1, 6, 7, 7, 8, 9]).unwrap_or(3);
    let voters = limits.voters.unwrap_or(usual).clamp(1, Limits::VOTERS_MAX);
    let observers = usize::try_from(rng.between(0, 2)).unwrap_or(0);
    let timing = draw_timing(rng);
    let mut plan = Plan::new(HostSet::first(voters), timing);
    plan.max_lease = timing.lease.times(draw_longest(seed));
    if rng.one_in(4) {
        plan.priorities = (0..voters).map(|_| u32::try_from(rng.below(3)).unwrap_or(0)).collect();
    }
    let hosts = voters + observers;
    let durable = match rng.below(3) {
        0 => HostSet::default(),
        1 => HostSet::first(hosts),
        _ => (0..hosts).filter(|_| rng.one_in(2)).collect(),
    };
    let all_durable = durable == HostSet::first(hosts);
    let mut setup = Setup::voters(voters).observers(observers).seed(seed);
    // Where everybody who may ever vote has a disk, no wall clock matters.
    let wild_walls = all_durable && rng.one_in(2);
    setup.clocks = (0..hosts).map(|_| draw_clock(rng, &timing, wild_walls)).collect();
    setup.durable = durable;
    setup.plans = vec![plan];
    setup.link = draw_link(rng, &timing);
    setup.disk = draw_disk(rng, &timing);
    setup.drain = timing.lease.times(rng.between(0, 6));
    setup.work = draw_work(seed, Span::from_nanos(rng.below(timing.lease.times(8).as_nanos())));
    setup.gossip = draw_gossip(seed, &timing);
    setup
}

/// Half of the runs have leases that may become longer (E23). The chance is of its own, so that the other runs are what they were.
fn draw_longest(seed: u64) -> u64 {
    Rng::for_part(seed, u64::MAX - 4).pick(&[1, 1, 1, 2, 4, 8]).unwrap_or(1)
}

/// Some applications never say that their work has ended.
fn draw_work(seed: u64, usual: Span) -> Span {
    let endless = Span::from_millis(3_600_000);
    if Rng::for_part(seed, u64::MAX - 2).one_in(8) { endless } else { usual }
}

/// A quarter of the runs have members and services beside the election, at a pace at which something happens to them within the
/// run. The chance is of its own, so that the other runs are what they were.
fn draw_gossip(seed: u64, timing: &Timing) -> Option<GossipPace> {
    let mut rng = Rng::for_part(seed, u64::MAX - 1);
    let probe = timing.lease.split(rng.between(1, 4)).max(GossipPace::SPAN_MIN.times(2));
    let pace = GossipPace {
        probe,
        ack: probe.split(rng.between(2, 4)).max(GossipPace::SPAN_MIN),
        tick: probe.split(rng.between(2, 8)).max(GossipPace::SPAN_MIN),
        contact: timing.lease.times(rng.between(1, 8)),
        suspicion_min: probe.times(rng.between(1, 3)),
        // So short that members are forgotten, now and then.
        retention: timing.lease.times(rng.pick(&[10, 100, 100_000]).unwrap_or(100)),
    };
    rng.one_in(4).then_some(pace)
}

fn draw_timing(rng: &mut Rng) -> Timing {
    let preset = rng.pick(&[Preset::Lan, Preset::Lan, Preset::Fast, Preset::Wan]).unwrap_or(Preset::Lan);
    let mut timing = Timing::from(preset);
    if rng.one_in(4) {
        let heartbeat = rng.between(2, 60);
        timing.heartbeat = Span::from_millis(heartbeat);
        timing.lease = Span::from_millis(heartbeat * rng.between(4, 12));
        timing.slot = Span::from_millis(rng.between(1, heartbeat));
    }
    if rng.one_in(3) {
        timing.drift_ppm = u32::try_from(rng.between(0, 200_000)).unwrap_or(0);
    }
    timing
}

/// Rates at the very ends of what ρ allows are the most telling.
pub(crate) fn draw_rate(rng: &mut Rng, drift_ppm: u32) -> i64 {
    let bound = i64::from(drift_ppm) * 1_000;
    match rng.below(4) {
        0 => -bound,
        1 => bound,
        2 => 0,
        _ => rng.between_signed(-bound, bound),
    }
}

fn draw_clock(rng: &mut Rng, timing: &Timing, wild_walls: bool) -> ClockSetup {
    // Apart by so little that no restart falls behind a term that was made before it (E12).
    let skew_ms = i64::try_from(timing.lease.as_millis() / 16).unwrap_or(0);
    let wall_ms =
        if wild_walls { rng.between_signed(-100_000_000, 100_000_000) } else { rng.between_signed(0, skew_ms) };
    let bits = rng.pick(&[1, 20, 30, 45]).unwrap_or(1);
    ClockSetup { rate_ppb: draw_rate(rng, timing.drift_ppm), wall_ms, local: Time::from_nanos(rng.below(1 << bits)) }
}

fn draw_link(rng: &mut Rng, timing: &Timing) -> LinkQuality {
    let lease = timing.lease.as_nanos();
    let delay_max = rng
        .pick(&[200_000, 1_000_000, lease / 40, lease / 16, lease / 10, lease * 6 / 25, lease / 2])
        .unwrap_or(200_000);
    let delay_min = rng.between(delay_max / 8, delay_max);
    let mut some = |choices: &[u32]| if rng.one_in(3) { rng.pick(choices).unwrap_or(0) } else { 0 };
    LinkQuality {
        loss_ppm: some(&[1_000, 20_000, 100_000, 300_000]),
        duplicate_ppm: some(&[1_000, 50_000, 500_000]),
        straggler_ppm: some(&[1_000, 20_000, 200_000]),
        corrupt_ppm: some(&[1_000, 50_000]),
        truncate_ppm: some(&[1_000, 50_000]),
        straggle: Span::from_nanos(rng.between(lease / 20, lease * 2)),
        delay_min: Span::from_nanos(delay_min),
        delay_max: Span::from_nanos(delay_max),
    }
}

fn draw_disk(rng: &mut Rng, timing: &Timing) -> DiskQuality {
    let lease = timing.lease.as_nanos();
    let delay_max = rng.pick(&[100_000, 2_000_000, lease / 10, lease]).unwrap_or(100_000);
    let fail_ppm = if rng.one_in(5) { rng.pick(&[1_000, 20_000, 200_000]).unwrap_or(0) } else { 0 };
    DiskQuality {
        delay_min: Span::from_nanos(rng.between(delay_max / 10, delay_max)),
        delay_max: Span::from_nanos(delay_max),
        fail_ppm,
    }
}

/// Ends the trouble for a majority. The others stay as they are, and no word passes both ways between them and it.
fn heal(rng: &mut Rng, setup: &Setup, at: Time, faults: &mut Vec<(Time, Fault)>) -> Option<Convergence> {
    let plan = setup.plans.last()?;
    let mut hosts = setup.plans.iter().fold(HostSet::default(), |hosts, plan| hosts.or(plan.all_voters()));
    // Voters go one by one, in random order, as long as a quorum is left.
    for _ in 0..rng.below(setup.hosts as u64 + 1) {
        let fewer = hosts.without(usize::try_from(rng.below(setup.hosts as u64)).unwrap_or(0));
        if setup.plans.iter().all(|plan| plan.is_quorum(fewer)) {
            hosts = fewer;
        }
    }
    faults.push((at, Fault::Heal { hosts }));
    for outside in (0..setup.hosts).filter(|host| !hosts.contains(*host)) {
        let (hears, speaks) = (rng.one_in(3), rng.one_in(3));
        for inside in hosts.iter() {
            if hears || !speaks {
                faults.push((at, Fault::Cut { from: outside, to: inside }));
            }
            if !hears {
                faults.push((at, Fault::Cut { from: inside, to: outside }));
            }
        }
    }
    Some(Convergence { hosts, from: at, within: bound(setup, plan, hosts) })
}

/// How many attempts a healed majority has: about twice what the slowest of 100,000 fresh runs took. Where each of four or more is needed,
/// one that is late or votes for another is a lost attempt, and one run of 700,000 took twelve of them.
fn attempts(setup: &Setup, plan: &Plan, hosts: HostSet) -> u64 {
    let lists = setup.plans.iter().chain([plan]).flat_map(|plan| [Some(plan.voters), plan.next]).flatten();
    let (spare, needed) = lists.fold((usize::MAX, 0), |(spare, needed), list| {
        let quorum = list.len() / 2 + 1;
        (spare.min(list.and(hosts).len().saturating_sub(quorum)), needed.max(quorum))
    });
    match (spare, needed) {
        (1.., _) => 2,
        (0, ..=3) => 4,
        (0, _) => 16,
    }
}

/// How long a healed majority has: promises and boot waits run out, then a number of attempts.
pub(crate) fn bound(setup: &Setup, plan: &Plan, hosts: HostSet) -> Span {
    let million = 1_000_000;
    // The slowest clock that ρ allows shows a lease after so long.
    let longest = setup.plans.iter().map(|plan| plan.max_lease).max().unwrap_or(plan.max_lease);
    let lease = longest.times(million).split(million - u64::from(plan.drift_ppm));
    let mut ranks = plan.priorities.clone();
    ranks.sort_unstable();
    ranks.dedup();
    let slots = plan.slot.times(ranks.len().max(1) as u64);
    let round_trip = setup.link.delay_max.times(2);
    let attempt = lease.split(2) + slots + plan.heartbeat;
    // A question and its answer both get through so rarely that as many more attempts are needed.
    let through = million - u64::from(setup.link.loss_ppm);
    let attempts = (attempts(setup, plan, hosts) * million * million).div_ceil(through * through);
    lease.times(3) + attempt.times(attempts) + round_trip.times(6)
}

#[cfg(test)]
mod tests;
