//! What a rebase keeps, and what it forgets.

use alloc::vec::Vec;

use crate::{Boot, Node, NodeId, NodeInput, Role, Settings, Span, Time, VoterSettings};

const PRESENT: Time = Time::from_millis(1_000);

fn lone_leader() -> (Node, Time) {
    let id = NodeId::new("alone").expect("a good name");
    let rules = Settings::voter(id.clone(), Vec::from([VoterSettings::new(id)])).check().expect("good settings");
    let mut now = Time::from_millis(5_000);
    let mut node = Node::new(rules, Boot { seed: 1, stamp_ms: 1, saved: None }, now).expect("good values");
    // A few heartbeats on, nothing of the election matters any more.
    while now < Time::from_millis(6_500) {
        now = beat(&mut node, now);
    }
    (node, now)
}

/// Goes on to the next heartbeat, which renews the lease; other timers may come before.
fn beat(node: &mut Node, now: Time) -> Time {
    let end = |node: &Node, at: Time| node.lease(at).map(|lease| lease.valid_until);
    let before = end(node, now);
    loop {
        let now = node.deadline();
        node.step(now, NodeInput::Timeout).for_each(drop);
        if end(node, now) != before {
            return now;
        }
    }
}

fn rebased(node: &Node, now: Time) -> Node {
    let mut node = node.clone();
    node.rebase(now, PRESENT, &|_| now);
    node
}

#[test]
fn a_leader_is_the_same_one_heartbeat_later() {
    let (mut node, now) = lone_leader();
    let earlier = node.clone();
    let later = beat(&mut node, now);
    assert_ne!(node, earlier);
    assert_eq!(rebased(&node, later), rebased(&earlier, now));
    // Half a heartbeat later it is not: the next one is nearer.
    let half = later + Span::from_nanos(1);
    assert_ne!(rebased(&node, half), rebased(&node, later));
}

#[test]
fn a_rebased_node_goes_on_as_before() {
    let (node, now) = lone_leader();
    let moved = rebased(&node, now);
    assert_eq!((moved.role(), moved.term()), (Role::Leader, node.term()));
    let next = |node: &Node, now: Time| beat(&mut node.clone(), now).since(now);
    assert_eq!(next(&moved, PRESENT), next(&node, now));
    let left = |node: &Node, now: Time| node.lease(now).map(|lease| lease.valid_until.since(now));
    assert_eq!(left(&moved, PRESENT), left(&node, now));
    let promised = moved.promise(PRESENT).map(|(to, until)| (to.term, until.since(PRESENT)));
    assert_eq!(promised, node.promise(now).map(|(to, until)| (to.term, until.since(now))));
    assert!(promised.is_some(), "a leader has promised itself to itself");
    assert_eq!(rebased(&moved, PRESENT), moved);
}
