//! Small worlds, every order of events: at least a million states in every run of the tests.

use qcluster_sim::exhaustive::{SmallWorld, explore_all};

/// For each world that is too large to be seen whole.
const STATES: usize = 300_000;
/// At a time: as many as the smallest machine that this is to be quick on has cores.
const JOBS: usize = 2;

#[test]
fn no_order_of_events_breaks_a_rule() {
    let mut worlds = SmallWorld::usual(STATES);
    for (name, whole) in SmallWorld::whole() {
        worlds.retain(|(other, _)| *other != name);
        worlds.push((name, whole));
    }
    let mut states = 0;
    for (name, result) in explore_all(&worlds, JOBS) {
        let explored = result.unwrap_or_else(|example| panic!("{name}: {example}"));
        println!("{name}: {explored:?}");
        assert!(explored.with_lease > 0, "{name}: nobody ever leads, so nothing was shown");
        assert!(explored.complete || explored.states >= STATES, "{name}: {explored:?}");
        states += explored.states;
    }
    assert!(states >= 1_000_000, "only {states} states");
}

#[test]
fn some_worlds_are_seen_whole() {
    assert!(SmallWorld::whole().iter().all(|(_, world)| world.states_max == usize::MAX));
}
