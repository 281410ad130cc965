//! Rendezvous hashing (Thaler and Ravishankar, 1998): who of some nodes owns a key (G11). When one goes, only its own keys
//! move.

use alloc::vec::Vec;

use crate::id::{NodeKey, stable_hash};
use crate::rng::mix;

/// The `count` of those nodes that own `key`, the first owner first.
pub fn owners_among(present: impl Iterator<Item = NodeKey>, key: &[u8], count: usize) -> Vec<NodeKey> {
    let key = stable_hash(&[key]);
    let mut weights: Vec<(u64, NodeKey)> = present.map(|node| (mix(key ^ mix(node.0)), node)).collect();
    let count = count.min(weights.len());
    if count == 0 {
        return Vec::new();
    }
    let by_weight = |one: &(u64, NodeKey), other: &(u64, NodeKey)| other.cmp(one);
    weights.select_nth_unstable_by(count - 1, by_weight);
    weights.truncate(count);
    weights.sort_unstable_by(by_weight);
    weights.into_iter().map(|(_, node)| node).collect()
}

#[cfg(test)]
mod tests;
