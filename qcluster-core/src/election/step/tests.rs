//! What a voter remembers of changes of voters, step by step (E20 (c)).

use super::ChangeStep;
use crate::config::{Digests, Settings, VoterSettings};
use crate::id::NodeId;
use alloc::format;
use alloc::vec::Vec;

/// The list of voters number `n`: two that all lists share, and one of its own.
fn list(n: usize) -> Vec<VoterSettings> {
    let voter = |name: &str| VoterSettings::new(NodeId::new(name).unwrap());
    [voter("a"), voter("b"), voter(&format!("v{n}"))].to_vec()
}

fn single(n: usize) -> Digests {
    digests(n, None)
}

fn joint(n: usize, next: usize) -> Digests {
    digests(n, Some(next))
}

fn digests(n: usize, next: Option<usize>) -> Digests {
    let settings = Settings { next_voters: next.map(list), ..Settings::voter(NodeId::new("a").unwrap(), list(n)) };
    settings.check().unwrap().digests
}

fn after(steps: &[Digests]) -> ChangeStep {
    let mut step = ChangeStep::taken(None, &steps[0]);
    for next in &steps[1..] {
        step = ChangeStep::taken(Some(&step), next);
    }
    step
}

#[test]
fn a_list_is_left_by_the_last_step_of_its_change_alone() {
    assert!(after(&[single(0), joint(0, 1), single(1)]).is_behind(&single(0)));
    // A change that begins with the coming list of another one leaves the old one too.
    assert!(after(&[joint(0, 1), joint(1, 2)]).is_behind(&single(0)));
    // To another list without a middle step is not a change of voters: both know nothing of each other.
    assert!(!after(&[single(0), single(1)]).is_behind(&single(0)));
    assert!(!after(&[joint(0, 1), single(2)]).is_behind(&single(0)));
}

#[test]
fn as_many_lists_are_remembered_as_there_is_room_for_and_the_latest_of_them() {
    let mut steps = Vec::from([single(0)]);
    for n in 0..=ChangeStep::PASSED_MAX {
        steps.extend([joint(n, n + 1), single(n + 1)]);
    }
    let step = after(&steps);
    assert!(!step.is_behind(&single(0)), "the oldest is forgotten");
    assert!((1..=ChangeStep::PASSED_MAX).all(|n| step.is_behind(&single(n))));
}

#[test]
fn what_was_established_goes_along_into_the_last_step_and_no_further() {
    let mut middle = after(&[single(0), joint(0, 1)]);
    assert!(!middle.established);
    middle.established = true;
    let last = ChangeStep::taken(Some(&middle), &single(1));
    assert!(last.established);
    assert!(!ChangeStep::taken(Some(&last), &joint(1, 2)).established, "the next change has to be established again");
    assert!(!ChangeStep::taken(Some(&middle), &single(0)).established, "a change that is taken back is void");
    assert!(ChangeStep::taken(Some(&middle), &joint(0, 1)).established, "a restart in the same step changes nothing");
}
