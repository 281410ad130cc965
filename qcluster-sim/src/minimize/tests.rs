//! A schedule that fails for one reason is reduced to that reason.

use super::{first_hosts, minimize};
use crate::fault::Fault;
use crate::oracle::Rule;
use crate::schedule::Schedule;
use crate::setup::{Assumption, ClockSetup, HostSet, Setup};
use crate::swarm::{Limits, draw};
use crate::world::Recording;
use qcluster_core::{Span, Time};

/// A clock beyond ρ, under the assumption that there is none: the oracle must see two leases, where the leader is the one that is
/// left behind and cut off.
fn too_fast() -> Schedule {
    let breaks = |schedule: &Schedule| schedule.run(Recording::Off).unwrap().violation.is_some();
    (1..100).map(too_fast_with).find(breaks).expect("clocks beyond the bound break leases")
}

fn too_fast_with(seed: u64) -> Schedule {
    let mut schedule = Schedule::quiet(Setup::voters(3).seed(seed), Span::from_millis(4_000));
    for (at, fault) in draw(3, Limits { voters: Some(3) }).faults {
        let harmless = matches!(fault, Fault::Lag { .. } | Fault::Hostile { .. } | Fault::StepDown);
        if harmless {
            schedule.faults.push((at, fault));
        }
    }
    for host in 1..3 {
        schedule.faults.push((Time::from_millis(1_000), Fault::Rate { host, ppb: 800_000_000 }));
    }
    for (from, to) in [(1, 0), (2, 0)] {
        schedule.faults.push((Time::from_millis(2_000), Fault::Cut { from, to }));
        schedule.faults.push((Time::from_millis(2_000), Fault::Cut { from: to, to: from }));
    }
    schedule.faults.sort_by_key(|(at, _)| *at);
    schedule
}

#[test]
fn what_a_failure_does_not_need_is_taken_out() {
    let schedule = too_fast();
    let violation = schedule.run(Recording::Off).unwrap().violation.expect("it breaks a rule");
    assert!(matches!(violation.rule, Rule::LeaseExclusive | Rule::LeaseWitnessed), "{violation}");
    let small = minimize(&schedule, violation.rule, 500).schedule;
    assert!(small.faults.len() <= 4, "{small}");
    assert_eq!(small.run(Recording::Off).unwrap().violation.map(|violation| violation.rule), Some(violation.rule));
}

#[test]
fn a_world_that_gives_up_the_assumption_is_not_judged_by_it() {
    let mut schedule = too_fast();
    schedule.setup.rates = Assumption::Broken;
    assert_eq!(schedule.run(Recording::Off).unwrap().violation, None);
}

/// Everybody has a disk, and so wall clocks may be wild; and more than the rule that breaks needs.
fn wild_walls() -> Schedule {
    let mut setup = Setup::voters(3).observers(2).seed(1).durable();
    setup.clocks = [50_000_000, -50_000_000, 0].map(|wall_ms| ClockSetup { wall_ms, ..ClockSetup::default() }).to_vec();
    setup.gossip = Some(qcluster_core::GossipPace::default());
    let mut schedule = Schedule::quiet(setup, Span::from_millis(4_000));
    let ms = Time::from_millis;
    schedule.faults = vec![
        (ms(1_000), Fault::WallJump { host: 0, ms: -90_000_000 }),
        (ms(2_000), Fault::Crash { host: 4 }),
        (ms(3_999), Fault::StepDown),
    ];
    schedule
}

#[test]
fn a_minimized_schedule_keeps_the_assumptions_and_reads_back() {
    // Given a rule that breaks whatever else there is.
    let schedule = Schedule { changes_max: Some(0), ..wild_walls() };
    assert_eq!(schedule.check(), Ok(()));
    let violation = schedule.run(Recording::Off).unwrap().violation.expect("a first leader is a change");
    // When it is minimized, then what is left makes sense, and has nothing of hosts and members that it does not need.
    let small = minimize(&schedule, violation.rule, 500).schedule;
    assert_eq!(small.to_string().parse(), Ok(small.clone()));
    assert_eq!((small.setup.hosts, small.setup.gossip, small.faults.len()), (3, None, 0), "{small}");
}

#[test]
fn disks_stay_where_wall_clocks_are_wild() {
    let mut without = wild_walls();
    assert!(without.check_assumptions().is_ok());
    without.setup.durable = HostSet::default();
    assert!(without.check_assumptions().is_err(), "no candidate of a search");
}

#[test]
fn fewer_hosts_take_what_is_done_to_them_along() {
    let small = first_hosts(&wild_walls(), 3);
    assert_eq!(small.setup.durable, HostSet::first(3));
    assert!(small.faults.iter().all(|(_, fault)| *fault != Fault::Crash { host: 4 }));
    assert_eq!(small.check(), Ok(()));
}
