//! What a search says, on worlds small enough for every run of the unit tests; the large ones are tests of the package.

use super::{Change, Operator, SmallWorld, Start, explore_all};

fn world(named: &str, states_max: usize) -> SmallWorld {
    let found = SmallWorld::usual(states_max).into_iter().find(|(name, _)| *name == named);
    found.unwrap_or_else(|| panic!("no world is called `{named}`")).1
}

#[test]
fn a_search_says_the_same_every_time_and_on_any_thread() {
    let worlds: Vec<_> = SmallWorld::usual(3_000).into_iter().skip(2).take(3).collect();
    let one = explore_all(&worlds, 1);
    assert_eq!(one, explore_all(&worlds, 3));
    for (name, result) in one {
        let explored = result.unwrap_or_else(|example| panic!("{name}: {example}"));
        assert!(explored.states >= 3_000 && explored.depth > 3, "{name}: {explored:?}");
    }
}

/// What comes round is the same state again, so that a world of two can be seen whole, however long it lasts.
#[test]
fn two_voters_are_seen_whole() {
    let led = SmallWorld { voters: 2, terms: 0, ..world("3 voters, a leader", 100_000) };
    let explored = led.explore().unwrap_or_else(|example| panic!("{example}"));
    assert!(explored.complete && explored.with_lease > 0, "{explored:?}");
    let mute = SmallWorld { start: Start::Fresh, ..led };
    let explored = mute.explore().unwrap_or_else(|example| panic!("{example}"));
    assert!(explored.complete && explored.with_lease == 0, "no term may rise: {explored:?}");
}

#[test]
fn a_world_that_is_none_is_refused() {
    let nine = SmallWorld { voters: 9, ..world("4 voters, a leader", 10) };
    assert!(nine.explore().is_err_and(|example| example.to_string().contains("2 to 5 voters")));
    let odd = SmallWorld { rates_ppm: &[123], ..world("4 voters, a leader", 10) };
    assert!(odd.explore().is_err_and(|example| example.to_string().contains("tenths")));
}

/// The voters are told that clocks are perfect; they are not.
#[test]
fn a_clock_beyond_the_bound_gives_the_shortest_way_to_a_lease_that_stands_on_nothing() {
    let believed = SmallWorld { drift_ppm: 0, ..world("3 voters, a leader with a slow clock", 10_000) };
    let example = believed.explore().expect_err("clocks that are 20 % off, and a bound of 0, must break a lease");
    assert!(example.broken.contains("stands on promises of [0] alone"), "{example}");
    assert!((1..=4).contains(&example.steps.len()), "{example}");
    assert!(example.to_string().contains("time goes on"), "{example}");
}

/// Why the last step of a change waits: c and d elect one of them by the new list, and b one with the help of a, which comes back
/// with the old one.
#[test]
fn a_last_step_that_comes_too_early_gives_two_leaders() {
    let world = world("{a,b,c} becomes {b,c,d}, a dead and back, cut off with b, disks", 2_000_000);
    let change = world.change.clone().map(|change| Change { operator: Operator::Hurries, ..change });
    let example = SmallWorld { change, ..world }.explore().expect_err("nobody waits for the middle step");
    assert!(example.broken.contains("(E1)") || example.broken.contains("(E3)"), "{example}");
    let steps = example.to_string();
    assert!(steps.contains("host 0 starts with the old list"), "{example}");
    assert!(steps.contains("starts with the new list"), "{example}");
}

/// Both lists are needed for a quorum, and each counts who knew of it (E20).
#[test]
fn a_quorum_of_a_change_is_one_of_the_lists_of_its_step() {
    use super::Stage::{Both, New, Old};
    let world = world("{a,b,c} becomes {b,c,d}, a dead and back", 10);
    let (b_c, c_d) = (|stage| [(1, stage), (2, stage)], |c, d| [(2, c), (3, d)]);
    assert!(world.is_quorum(Old, &b_c(Old)) && !world.is_quorum(Old, &b_c(Both)), "the old list, and nobody else's");
    assert!(world.is_quorum(Both, &b_c(Both)) && !world.is_quorum(Both, &c_d(Both, Both)), "a majority of each list");
    assert!(!world.is_quorum(Both, &[(1, Old), (2, Both), (3, Both)]), "b does not know of the new list");
    assert!(!world.is_quorum(Both, &[(1, Both), (2, New), (3, New)]), "c and d have left the old list");
    assert!(world.is_quorum(New, &c_d(Both, New)) && !world.is_quorum(New, &[(0, Both), (3, New)]), "a is gone");
}
