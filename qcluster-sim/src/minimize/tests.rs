//! A schedule that fails for one reason is reduced to that reason.

use super::minimize;
use crate::fault::Fault;
use crate::oracle::Rule;
use crate::schedule::Schedule;
use crate::setup::{Assumption, Setup};
use crate::swarm::{Limits, draw};
use crate::world::Recording;
use qcluster_core::{Span, Time};

/// A clock beyond ρ, under the assumption that there is none: the oracle must see two leases.
fn too_fast() -> Schedule {
    let mut schedule = Schedule::quiet(Setup::voters(3).seed(1), Span::from_millis(4_000));
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
    let violation = schedule.run(Recording::Off).unwrap().violation.expect("clocks beyond the bound break leases");
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
