//! The arithmetic of majorities against the definition.

use super::{Quorums, VoterSet};
use crate::config::VoterIndex;
use crate::time::Time;
use alloc::vec::Vec;

fn first(count: u8) -> VoterSet {
    (0..count).map(VoterIndex).collect()
}

#[test]
fn a_majority_is_more_than_half_of_distinct_voters() {
    for (voters, needed) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4), (63, 32)] {
        let quorums = Quorums::new(first(voters), None);
        assert!(quorums.reached_by(first(needed)), "{needed} of {voters}");
        assert!(!quorums.reached_by(first(needed - 1)), "{} of {voters}", needed - 1);
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
    assert!(!quorums.reached_by(first(3)));
    assert!(!quorums.reached_by(next));
    assert!(quorums.reached_by([0, 2, 3].map(VoterIndex).into_iter().collect()));
}

#[test]
fn the_newest_common_time_is_the_quorumth_newest() {
    let times: Vec<Time> = [50, 10, 30, 20, 40].map(Time::from_millis).to_vec();
    assert_eq!(Quorums::new(first(5), None).newest_common(&times), Time::from_millis(30));
    assert_eq!(Quorums::new(first(3), None).newest_common(&times), Time::from_millis(30));
    assert_eq!(Quorums::new(first(2), None).newest_common(&times), Time::from_millis(10));
    let joint = Quorums::new(first(3), Some([1, 3].map(VoterIndex).into_iter().collect()));
    assert_eq!(joint.newest_common(&times), Time::from_millis(10));
}
