//! The arithmetic of majorities against the definition.

use super::{Quorums, Support, VoterSet, Weight};
use crate::id::VoterIndex;
use crate::time::Time;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

fn first(count: u8) -> VoterSet {
    (0..count).map(VoterIndex).collect()
}

fn full(voters: VoterSet) -> Support {
    Support::full(voters)
}

#[test]
fn a_majority_is_more_than_half_of_distinct_voters() {
    for (voters, needed) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4), (63, 32)] {
        let quorums = Quorums::new(first(voters), None);
        assert!(quorums.reached_by(full(first(needed))), "{needed} of {voters}");
        assert!(!quorums.reached_by(full(first(needed - 1))), "{} of {voters}", needed - 1);
    }
    let twice = VoterSet::EMPTY.with(VoterIndex(1)).with(VoterIndex(1));
    assert_eq!(twice.len(), 1);
}

#[test]
fn out_of_reach_once_the_rest_is_no_majority() {
    let quorums = Quorums::new(first(5), None);
    assert!(!quorums.out_of_reach(first(2)));
    assert!(quorums.out_of_reach(first(3)));
}

#[test]
fn while_voters_change_both_lists_must_agree() {
    // Given {0,1,2} turning into {2,3,4},
    let next: VoterSet = [2, 3, 4].map(VoterIndex).into_iter().collect();
    let quorums = Quorums::new(first(3), Some(next));
    // then a majority of one list alone is nothing, even if it is a majority of all five.
    assert!(!quorums.reached_by(full(first(3))));
    assert!(!quorums.reached_by(full(next)));
    assert!(quorums.reached_by(full([0, 2, 3].map(VoterIndex).into_iter().collect())));
}

#[test]
fn the_newest_common_time_is_the_quorumth_newest() {
    let times: Vec<Time> = [50, 10, 30, 20, 40].map(Time::from_millis).to_vec();
    assert_eq!(Quorums::new(first(5), None).newest_common(full(first(63)), &times), Time::from_millis(30));
    assert_eq!(Quorums::new(first(3), None).newest_common(full(first(63)), &times), Time::from_millis(30));
    assert_eq!(Quorums::new(first(2), None).newest_common(full(first(63)), &times), Time::from_millis(10));
    let joint = Quorums::new(first(3), Some([1, 3].map(VoterIndex).into_iter().collect()));
    assert_eq!(joint.newest_common(full(first(63)), &times), Time::from_millis(10));
}

#[test]
fn who_has_taken_the_last_step_counts_in_the_new_list_only() {
    // Given {0,1,2} turning into {1,2,3}, with 0 dead,
    let quorums = Quorums::new(first(3), Some([1, 2, 3].map(VoterIndex).into_iter().collect()));
    let mut support = Support::of(VoterIndex(1), Weight::Full);
    support.add(VoterIndex(3), Weight::Full);
    // then 2 makes a quorum of both lists from the middle step alone.
    support.add(VoterIndex(2), Weight::NextOnly);
    assert!(!quorums.reached_by(support));
    support.add(VoterIndex(2), Weight::Full);
    assert!(quorums.reached_by(support));
}

/// The model: lists as plain sets, majorities by counting, the newest common time by sorting.
#[derive(Clone, Debug)]
struct Model {
    lists: Vec<BTreeSet<u8>>,
}

impl Model {
    /// `late` have taken the last step of a change: they count in the second of two lists alone.
    fn reached_by(&self, set: &BTreeSet<u8>, late: &BTreeSet<u8>) -> bool {
        let counts = |list: &BTreeSet<u8>, set: BTreeSet<u8>| 2 * list.intersection(&set).count() > list.len();
        let whole = |at: usize| if at > 0 { set | late } else { set - late };
        self.lists.iter().enumerate().all(|(at, list)| counts(list, whole(at)))
    }

    fn out_of_reach(&self, lost: &BTreeSet<u8>) -> bool {
        self.lists.iter().any(|list| 2 * list.difference(lost).count() <= list.len())
    }

    fn newest_common(&self, times: &[u64], late: &BTreeSet<u8>) -> Option<u64> {
        let newest = |(at, list): (usize, &BTreeSet<u8>)| {
            let counts = |voter: &u8| at > 0 || !late.contains(voter);
            let time = |voter: &u8| if counts(voter) { times[usize::from(*voter)] } else { 0 };
            let mut reached: Vec<u64> = list.iter().map(time).collect();
            reached.sort_unstable_by(|a, b| b.cmp(a));
            reached[reached.len() / 2]
        };
        self.lists.iter().enumerate().map(newest).min()
    }
}

fn set_of(voters: &BTreeSet<u8>) -> VoterSet {
    voters.iter().copied().map(VoterIndex).collect()
}

/// Some voters, of whom those who are `late` have taken the last step.
fn support(voters: &BTreeSet<u8>, late: &BTreeSet<u8>) -> Support {
    let mut support = full(set_of(voters));
    for voter in late {
        support.add(VoterIndex(*voter), Weight::NextOnly);
    }
    support
}

/// One list or two, of one to nine voters somewhere among all that fit.
fn lists() -> impl Strategy<Value = (Quorums, Model)> {
    let list = || {
        let (few, all) = (btree_set(0..9_u8, 1..=9), btree_set(0..63_u8, 1..=63));
        prop_oneof![few, all]
    };
    (list(), option::of(list())).prop_map(|(current, next)| {
        let quorums = Quorums::new(set_of(&current), next.as_ref().map(set_of));
        (quorums, Model { lists: core::iter::once(current).chain(next).collect() })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quorums_are_those_of_counting(
        (quorums, model) in lists(),
        some in btree_set(0..63_u8, 0..=63),
        late in btree_set(0..63_u8, 0..=20),
    ) {
        prop_assert_eq!(quorums.reached_by(support(&some, &late)), model.reached_by(&some, &late));
        prop_assert_eq!(quorums.out_of_reach(set_of(&some)), model.out_of_reach(&some));
    }

    /// What every lease rests on: two quorums of the lists share a voter.
    #[test]
    fn two_quorums_share_a_voter(
        (quorums, _) in lists(),
        one in btree_set(0..63_u8, 0..=63),
        other in btree_set(0..63_u8, 0..=63),
    ) {
        let (one, other) = (set_of(&one), set_of(&other));
        let rest = quorums.all().without(one);
        prop_assert!(!(quorums.reached_by(full(one)) && quorums.reached_by(full(rest))));
        if quorums.reached_by(full(one)) && quorums.reached_by(full(other)) {
            prop_assert!(!one.intersection(other).is_empty());
        }
    }

    #[test]
    fn the_newest_common_time_is_that_of_sorting(
        (quorums, model) in lists(),
        times in vec(0..40_u64, 63),
        late in btree_set(0..63_u8, 0..=20),
        after in 0..40_u64,
    ) {
        let everybody = (0..63).collect();
        let at: Vec<Time> = times.iter().copied().map(Time::from_nanos).collect();
        let common = quorums.newest_common(support(&everybody, &late), &at);
        prop_assert_eq!(Some(common.as_nanos()), model.newest_common(&times, &late));
        let after = Time::from_nanos(after);
        let later = quorums.newest_common_after(after, support(&everybody, &late), &at);
        prop_assert_eq!(later, Some(common).filter(|common| *common > after));
    }
}
