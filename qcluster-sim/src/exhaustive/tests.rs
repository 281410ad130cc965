//! Searches small enough for every run of the unit tests; the large ones are tests of the package.

use super::{Repetition, SmallWorld};
use qcluster_core::Durability;

fn three() -> SmallWorld {
    SmallWorld {
        voters: 3,
        durability: Durability::Diskless,
        drift_ppm: 100_000,
        rates_ppm: vec![100_000, -100_000, 0],
        calm: 4,
        ticks: 6,
        delay: 1,
        repetition: Repetition::Any,
        crashes: 0,
        states_max: 20_000,
    }
}

#[test]
fn a_search_says_the_same_every_time() {
    let explored = three().explore().unwrap_or_else(|example| panic!("{example}"));
    assert_eq!(three().explore(), Ok(explored.clone()));
    assert!(explored.states >= 20_000 || explored.complete, "{explored:?}");
}

#[test]
fn one_voter_is_seen_whole() {
    let world = SmallWorld { voters: 1, rates_ppm: Vec::new(), ticks: 10, states_max: 100_000, ..three() };
    let explored = world.explore().unwrap_or_else(|example| panic!("{example}"));
    assert!(explored.complete && explored.with_lease > 0, "{explored:?}");
}

#[test]
fn a_world_that_is_none_is_refused() {
    let world = SmallWorld { voters: 9, ..three() };
    assert!(world.explore().is_err_and(|example| example.to_string().contains("1 to 5 voters")));
}
