//! Work that is no future has leave while the node leads, and a hand-over waits for its end.

use std::time::Duration;

use super::WorkPermit;
use crate::test_support::Puppet;

const HOUR_MS: u64 = 3_600_000;
const GUARD: Duration = Duration::from_secs(20);

#[test]
fn there_is_leave_to_work_while_the_node_leads() {
    let mut puppet = Puppet::new();
    assert!(WorkPermit::new(&puppet.view, GUARD).is_none(), "it does not lead");
    assert!(puppet.view.works().is_idle(), "what was not permitted is not waited for");
    puppet.elect(7, HOUR_MS);
    let permit = WorkPermit::new(&puppet.view, GUARD).unwrap();
    assert_eq!(permit.lease().token.0, 7);
    assert!(permit.time_left() > Some(GUARD), "{permit:?}");
    assert_eq!(permit.look_again_in(), Some(puppet.view.heartbeat()), "a renewal, or its absence, is no change");
    assert!(!puppet.view.works().is_idle());
    drop(permit);
    assert!(puppet.view.works().is_idle());
}

#[test]
fn there_is_none_within_the_guard_of_the_end() {
    let mut puppet = Puppet::new();
    puppet.elect(7, 15_000);
    assert!(WorkPermit::new(&puppet.view, GUARD).is_none(), "the lease is valid, and about to end");
    puppet.hold(7, HOUR_MS);
    let permit = WorkPermit::new(&puppet.view, GUARD).unwrap();
    puppet.hold(7, 15_000);
    assert_eq!((permit.time_left(), permit.look_again_in()), (None, None));
}

#[test]
fn a_hand_over_ends_work_and_waits_for_it() {
    let mut puppet = Puppet::new();
    puppet.elect(7, HOUR_MS);
    let permit = WorkPermit::new(&puppet.view, GUARD).unwrap();
    puppet.drain();
    assert_eq!(permit.time_left(), None);
    assert!(permit.lease().is_valid(), "the lease itself still holds");
    assert!(!puppet.view.works().is_idle());
    assert!(WorkPermit::new(&puppet.view, GUARD).is_none(), "nothing begins while it is handed over");
    drop(permit);
    assert!(puppet.view.works().is_idle());
}

#[test]
fn leave_ends_with_its_leadership_and_does_not_come_back_with_the_next() {
    let mut puppet = Puppet::new();
    puppet.elect(7, HOUR_MS);
    let permit = WorkPermit::new(&puppet.view, GUARD).unwrap();
    puppet.lose(7);
    puppet.elect(8, HOUR_MS);
    assert_eq!(permit.time_left(), None);
    assert_eq!(WorkPermit::new(&puppet.view, GUARD).unwrap().lease().token.0, 8);
}
