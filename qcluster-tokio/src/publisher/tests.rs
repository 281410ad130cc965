//! What is published wakes nobody for nothing.

use qcluster_core::{Notification, Term};

use crate::testing::Puppet;

const HOUR_MS: u64 = 3_600_000;

#[test]
fn whoever_watches_leadership_is_woken_by_changes_alone() {
    let mut puppet = Puppet::new();
    let mut leadership = puppet.view.leadership();
    assert!(leadership.has_changed().unwrap(), "the first change is the present state");
    leadership.mark_unchanged();
    puppet.notify(Notification::LeaderChanged { leader: None, term: Term(2) });
    puppet.lose(1);
    assert!(!leadership.has_changed().unwrap(), "it was vacant before");
    puppet.elect(2, HOUR_MS);
    assert!(leadership.has_changed().unwrap());
    let Puppet { publisher, view, .. } = puppet;
    drop(publisher);
    assert_eq!(view.shown_leader(false), None);
}
