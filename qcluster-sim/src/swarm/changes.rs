//! Changes of configuration by rolling restart: other voters by way of joint quorums (E20), or another lease (E9).

use qcluster_core::{Span, Time};

use super::episodes::Disks;
use crate::fault::{Fault, Memory, Place};
use crate::rng::Rng;
use crate::setup::{HostSet, Plan, Setup};

/// Draws a change for some of the runs: adds the plans, and restarts every host into each in turn.
pub(super) fn draw(rng: &mut Rng, setup: &mut Setup, faults: &mut Vec<(Time, Fault)>, until: Time, disks: Disks) {
    if !rng.one_in(6) {
        return;
    }
    let old = setup.plans[0].clone();
    if rng.one_in(3) {
        let mut new = old.clone();
        new.lease = old.lease.split(2).max(old.heartbeat.times(4));
        new.max_lease = old.max_lease.split(2).max(new.lease);
        new.slot = new.slot.min(new.lease);
        // Where all disks last, they know it.
        let all_know = disks == Disks::Lasting && setup.durable == HostSet::first(setup.hosts);
        let is_told = !all_know || Rng::for_part(setup.seed, u64::MAX - 3).one_in(2);
        new.previous_lease = if is_told { old.max_lease } else { Span::ZERO };
        setup.plans.push(new);
    } else if !draw_voters(rng, setup, setup.hosts) {
        return;
    }
    let dead = draw_dead(rng, setup, until, faults);
    let hosts: Vec<usize> = (0..setup.hosts).filter(|host| Some(*host) != dead).collect();
    let pause = pause(setup, until.since(Time::ZERO));
    roll(rng, setup.plans.len(), &hosts, Time::ZERO + pause, pause, faults);
}

/// Adds the two steps to another list of voters, out of the first so many hosts, if the drawn list is another one.
pub(super) fn draw_voters(rng: &mut Rng, setup: &mut Setup, hosts: usize) -> bool {
    let old = setup.plans[0].clone();
    let all = hosts.min(HostSet::CAPACITY);
    let next: HostSet = (0..all).filter(|host| old.voters.contains(*host) != rng.one_in(3)).collect();
    if next.is_empty() || next == old.voters {
        return false;
    }
    setup.plans.push(Plan { next: Some(next), ..old.clone() });
    setup.plans.push(Plan { voters: next, ..old });
    true
}

/// The longest pause after which all hosts have taken all steps in this time.
pub(super) fn pause(setup: &Setup, time: Span) -> Span {
    let steps = setup.plans.len() as u64 - 1;
    Span::from_nanos(time.as_nanos() / (steps * setup.hosts as u64 + 2))
}

/// Restarts every one of these hosts into each plan after the first in turn.
pub(super) fn roll(
    rng: &mut Rng,
    plans: usize,
    hosts: &[usize],
    from: Time,
    pause: Span,
    faults: &mut Vec<(Time, Fault)>,
) {
    let mut at = from;
    for plan in 1..plans {
        let mut order = hosts.to_vec();
        while !order.is_empty() {
            let host = order.swap_remove(usize::try_from(rng.below(order.len() as u64)).unwrap_or(0));
            faults.push((at, Fault::Crash { host }));
            faults.push((at, Fault::Restart { host, memory: Memory::Kept, place: Place::Same, plan }));
            at = at + Span::from_nanos(rng.below(pause.as_nanos()));
        }
    }
}

/// The usual reason to change the voters is that one is dead: it takes no step, and comes back with the file that it had, at any
/// time, on either side of any cut.
fn draw_dead(rng: &mut Rng, setup: &Setup, until: Time, faults: &mut Vec<(Time, Fault)>) -> Option<usize> {
    let plan = &setup.plans[0];
    if setup.plans.len() < 3 || plan.voters.len() < 3 || rng.one_in(2) {
        return None;
    }
    let host = rng.pick(&plan.voters.iter().collect::<Vec<_>>())?;
    let first = Time::from_nanos(rng.below(until.as_nanos() / 4));
    let back = Time::from_nanos(rng.between(until.as_nanos() / 3, until.as_nanos()));
    faults.push((first, Fault::Crash { host }));
    faults.push((back, Fault::Restart { host, memory: Memory::Kept, place: Place::Same, plan: 0 }));
    if rng.one_in(2) {
        let beside = rng.pick(&plan.voters.without(host).iter().collect::<Vec<_>>())?;
        faults.push((back, Fault::Split { group: [host, beside].into_iter().collect() }));
        faults.push((back + plan.lease.times(rng.between(2, 20)), Fault::MendAll));
    }
    Some(host)
}

/// Has every restart take the plan that its host was last rolled to. Now and then somebody starts it with an old file by
/// accident: a disk remembers, and the node does not start (E20 (c)).
pub(super) fn settle_plans(rng: &mut Rng, setup: &Setup, faults: &mut [(Time, Fault)]) {
    let mut plans = vec![0; setup.hosts];
    for (_, fault) in faults {
        if let Fault::Restart { host, plan, .. } = fault {
            plans[*host] = plans[*host].max(*plan);
            let by_accident = setup.durable.contains(*host) && plans[*host] > 0 && rng.one_in(16);
            *plan = if by_accident { plans[*host] - 1 } else { plans[*host] };
        }
    }
}
