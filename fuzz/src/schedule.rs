//! Any text as a schedule of the simulator: refused with the line of the mistake, or it prints, reads back as the same, and
//! runs for a while without a panic and without blame for nodes that are right.

use qcluster_core::{Span, Time};
use qcluster_sim::{Fault, Rule, Schedule, World};

/// Runs end after that many events.
const EVENTS_MAX: u64 = 2_500;
/// Of more faults only the first are carried out.
const FAULTS_MAX: usize = 256;
/// A run in which nothing happens ends too.
const PIECES_MAX: usize = 2_000;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Schedule>() {
        Err(bad) => {
            assert!((1..=text.lines().count().max(1)).contains(&bad.line), "there is no line {}", bad.line);
            assert!(!bad.reason.is_empty(), "refused without a reason");
        }
        Ok(schedule) => {
            let printed = schedule.to_string();
            assert_eq!(printed.parse::<Schedule>(), Ok(schedule.clone()), "printed as\n{printed}");
            go(&schedule);
        }
    }
}

fn go(schedule: &Schedule) {
    let mut world = World::new(schedule.setup.clone()).expect("a schedule was checked when it was read");
    for (at, fault) in schedule.faults.iter().take(FAULTS_MAX) {
        world.plan_fault(*at, *fault);
    }
    let piece = schedule.setup.plans.iter().map(|plan| plan.heartbeat).min().unwrap_or(Span::ZERO);
    let mut pieces = 0;
    while world.now() < schedule.end && world.stats().events < EVENTS_MAX && pieces < PIECES_MAX {
        pieces += 1;
        let until: Time = schedule.end.min(world.now() + piece);
        if let Err(violation) = world.run_until(until) {
            assert!(!is_to_blame(schedule, violation.rule), "{violation}\n{schedule}");
            return;
        }
    }
}

/// Whether nodes have to keep that rule under that schedule. A schedule with twins, or in which configurations change, may break
/// what safety rests on without saying so: the reader cannot tell.
fn is_to_blame(schedule: &Schedule, rule: Rule) -> bool {
    let keeps_assumptions = schedule.setup.plans.len() == 1
        && !schedule.faults.iter().any(|(_, fault)| matches!(fault, Fault::Twin { .. }));
    keeps_assumptions || matches!(rule, Rule::NoPanic | Rule::Readable | Rule::DeadlineMoves | Rule::NoticesAlternate)
}
