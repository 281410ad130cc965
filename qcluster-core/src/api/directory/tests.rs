//! What a directory remembers, and what it says when it does not.

use super::{Directory, News, Since};
use crate::config::Settings;
use crate::id::NodeId;
use crate::node::{Boot, Node};
use crate::time::Time;

fn node() -> Node {
    let rules = Settings::member(NodeId::new("a").unwrap()).check().unwrap();
    Node::new(rules, Boot { seed: 1, stamp_ms: 5, saved: None }, Time::ZERO).unwrap()
}

fn trust(is_given: bool) -> News {
    News::Trust { is_given }
}

fn indices(since: &Since) -> Option<alloc::vec::Vec<u64>> {
    match since {
        Since::Events(events) => Some(events.iter().map(|event| event.index).collect()),
        Since::Unknown(_) => None,
    }
}

#[test]
fn events_are_numbered_and_asked_for_by_number() {
    let node = node();
    let empty = Directory::empty(node.rules().key(), 100);
    assert_eq!(empty.since(100), Since::Events(alloc::vec![]), "nothing happened yet");
    let directory = empty.after(&node, Time::ZERO, 0, [trust(false), trust(true)]);
    assert_eq!(directory.index(), 102);
    assert_eq!(indices(&directory.since(100)), Some(alloc::vec![101, 102]));
    assert_eq!(indices(&directory.since(101)), Some(alloc::vec![102]));
    assert_eq!(indices(&directory.since(102)), Some(alloc::vec![]));
    assert_eq!(directory.since(99), Since::Unknown(102), "of an earlier life");
    assert_eq!(directory.since(103), Since::Unknown(102), "of another node");
}

#[test]
fn what_is_too_old_is_not_known_any_more() {
    let node = node();
    let many = (0..=Directory::EVENTS_MAX).map(|_| trust(true));
    let directory = Directory::empty(node.rules().key(), 0).after(&node, Time::ZERO, 0, many);
    assert_eq!(directory.since(0), Since::Unknown(1_025));
    assert_eq!(indices(&directory.since(1)).map(|events| events.len()), Some(Directory::EVENTS_MAX));
}

#[test]
fn events_that_nobody_wrote_down_are_missed_by_those_before_them_only() {
    // Given somebody who knows the first event, and somebody who knows nothing,
    let node = node();
    let first = Directory::empty(node.rules().key(), 0).after(&node, Time::ZERO, 0, [trust(false)]);
    // when three are missed and one is written down,
    let later = first.after(&node, Time::ZERO, 3, [trust(true)]);
    // then both are told to start anew, and whoever has seen the last that was missed goes on.
    assert_eq!((later.since(0), later.since(1)), (Since::Unknown(5), Since::Unknown(5)));
    assert_eq!(indices(&later.since(4)), Some(alloc::vec![5]));
}
