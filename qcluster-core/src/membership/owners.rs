//! Who owns a key (G11): rendezvous hashing (Thaler and Ravishankar, 1998) over the members that are there. When one goes,
//! only its own keys move.

use alloc::vec::Vec;

use super::Membership;
use crate::id::{NodeId, stable_hash};
use crate::rng::mix;

impl Membership {
    /// The `count` members that own `key`, the first owner first; fewer, if there are not so many. All nodes with equal views
    /// name the same.
    pub(crate) fn owners(&self, key: &[u8], count: usize) -> Vec<NodeId> {
        let key = stable_hash(&[key]);
        let present = self.members.iter().filter(|(_, member)| member.state.is_present());
        let mut weights: Vec<(u64, u64)> = present.map(|(node, _)| (mix(key ^ mix(*node)), *node)).collect();
        let count = count.min(weights.len());
        if count == 0 {
            return Vec::new();
        }
        let by_weight = |one: &(u64, u64), other: &(u64, u64)| other.cmp(one);
        weights.select_nth_unstable_by(count - 1, by_weight);
        weights.truncate(count);
        weights.sort_unstable_by(by_weight);
        weights.iter().filter_map(|(_, node)| self.members.get(node)).map(|member| member.id.clone()).collect()
    }
}
