//! Who owns a key (G11).

use alloc::vec::Vec;

use super::Membership;
use crate::id::{NodeId, NodeKey};
use crate::rendezvous::owners_among;

impl Membership {
    /// The `count` members that own `key`, the first owner first; fewer, if there are fewer members. All nodes with equal views
    /// name the same.
    pub(crate) fn owners(&self, key: &[u8], count: usize) -> Vec<NodeId> {
        let present = self.members.iter().filter(|(_, member)| member.state.is_present()).map(|(key, _)| NodeKey(*key));
        let owners = owners_among(present, key, count);
        owners.iter().filter_map(|owner| self.members.get(&owner.0)).map(|member| member.id.clone()).collect()
    }
}
