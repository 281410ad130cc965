//! Who owns what when nodes come and go.

use alloc::format;
use alloc::vec::Vec;

use super::owners_among;
use crate::id::{NodeId, NodeKey};

const KEYS: usize = 5_000;

fn nodes(count: usize) -> Vec<NodeKey> {
    (0..count).map(|index| NodeId::new(&format!("server_{index}")).unwrap().key()).collect()
}

fn owners(nodes: &[NodeKey], count: usize) -> Vec<Vec<NodeKey>> {
    let of = |key: usize| owners_among(nodes.iter().copied(), format!("key {key}").as_bytes(), count);
    (0..KEYS).map(of).collect()
}

#[test]
fn g11_when_a_node_goes_only_its_own_keys_move() {
    let all = nodes(7);
    for gone in &all {
        let left: Vec<NodeKey> = all.iter().copied().filter(|node| node != gone).collect();
        for (before, after) in owners(&all, 2).iter().zip(owners(&left, 2)) {
            let stay: Vec<NodeKey> = before.iter().copied().filter(|node| node != gone).collect();
            // Who was second is first now, and a third one comes in behind.
            assert_eq!(after[..stay.len()], stay[..], "{before:?} became {after:?} without {gone:?}");
        }
    }
}

#[test]
fn g11_the_order_in_which_nodes_are_known_does_not_matter() {
    let all = nodes(7);
    let other: Vec<NodeKey> = all.iter().rev().copied().collect();
    assert_eq!(owners(&all, 3), owners(&other, 3));
}

#[test]
fn g11_every_node_has_about_its_share() {
    let all = nodes(5);
    for (place, node) in all.iter().enumerate() {
        let owned = owners(&all, 1).iter().filter(|owners| owners[0] == *node).count();
        assert!((KEYS / 5 - KEYS / 25..=KEYS / 5 + KEYS / 25).contains(&owned), "node {place} owns {owned} of {KEYS}");
    }
}

#[test]
fn g11_no_key_has_more_owners_than_there_are_nodes_nor_one_twice() {
    for count in [0, 1, 3, 9] {
        for mut owners in owners(&nodes(3), count) {
            assert_eq!(owners.len(), count.min(3));
            owners.sort_unstable();
            owners.dedup();
            assert_eq!(owners.len(), count.min(3));
        }
    }
    assert!(owners_among(core::iter::empty(), b"key", 2).is_empty());
}

/// Nodes of different releases work side by side while a cluster is upgraded: the owners are part of what they agree on.
#[test]
fn g11_the_owners_of_a_key_are_the_same_in_every_release() {
    let nodes = nodes(4);
    let place = |owner: NodeKey| nodes.iter().position(|node| *node == owner).unwrap();
    for (key, owners) in [("", [0, 2]), ("orders", [1, 2]), ("billing", [3, 1]), ("user 42", [2, 0])] {
        let named: Vec<usize> = owners_among(nodes.iter().copied(), key.as_bytes(), 2).into_iter().map(place).collect();
        assert_eq!(named, owners, "{key:?}");
    }
}
