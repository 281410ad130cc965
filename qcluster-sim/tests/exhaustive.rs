//! Small worlds, every order of events: at least a million states in every run of the tests.

use qcluster_sim::exhaustive::SmallWorld;

/// For each world.
const STATES: usize = 250_000;

#[test]
fn no_order_of_events_breaks_a_rule() {
    let mut states = 0;
    for (name, world) in SmallWorld::usual(STATES) {
        let explored = world.explore().unwrap_or_else(|example| panic!("{name}: {example}"));
        println!("{name}: {explored:?}");
        states += explored.states;
    }
    assert!(states >= 1_000_000, "only {states} states");
}

#[test]
fn a_clock_beyond_the_bound_gives_the_shortest_way_to_two_leases() {
    let (_, led) = SmallWorld::usual(2_000_000).remove(3);
    let world = SmallWorld { drift_ppm: 0, rates_ppm: vec![-200_000, 200_000, 200_000], calm: 8, ticks: 12, ..led };
    let example = world.explore().expect_err("clocks that are 20 % off, and a bound of 0, must break a lease");
    assert!(example.broken.contains("hold leases at once"), "{example}");
    assert!(example.steps.len() <= 12, "{example}");
}
