//! What applications read of members and services, and of what others say of the leader.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::Node;
use super::role::Role;
use crate::config::Metadata;
use crate::id::{NodeId, NodeKey};
use crate::membership::{Hint, MemberView};
use crate::registry::{Counts, Instance};

impl Node {
    /// All members that this node knows, by key, itself among them; those that are down or have left for as long as they are
    /// remembered.
    pub fn members(&self) -> impl Iterator<Item = MemberView> + '_ {
        self.gossip.iter().flat_map(|gossip| gossip.membership.members(self.now))
    }

    /// One member, if this node knows it.
    pub fn member(&self, key: NodeKey) -> Option<MemberView> {
        self.gossip.as_ref()?.membership.member(key, self.now)
    }

    /// What a member says about itself, whether it is there or not.
    pub fn metadata_of(&self, key: NodeKey) -> Option<&Metadata> {
        self.gossip.as_ref()?.registry.metadata_of(key)
    }

    /// The instances of that service, or of all, whose nodes are there: by name, node and identifier. After most members
    /// vanished at once, theirs too (G9): see [`Self::view_is_trusted`].
    pub fn services(&self, name: Option<&str>) -> impl Iterator<Item = Instance> + '_ {
        let name = name.map(String::from);
        let found = self.gossip.iter().map(move |gossip| gossip.registry.services(name.as_deref()).collect::<Vec<_>>());
        found.flatten()
    }

    /// One instance, if its node is there.
    pub fn service(&self, owner: NodeKey, id: &str) -> Option<Instance> {
        self.gossip.as_ref()?.registry.get(owner, id)
    }

    /// The `count` members that own `key`, the first owner first (G11): all nodes with equal views name the same, and when a
    /// member goes, only its own keys move. Fewer, if there are not so many.
    pub fn owners(&self, key: &[u8], count: usize) -> Vec<NodeId> {
        self.gossip.as_ref().map(|gossip| gossip.membership.owners(key, count)).unwrap_or_default()
    }

    /// Whether what this node sees of the others can be relied on: not, after most members vanished at once (G9).
    pub fn view_is_trusted(&self) -> bool {
        self.gossip.as_ref().is_none_or(|gossip| gossip.membership.is_trusted())
    }

    /// A hash over everything about members that nodes should agree on: equal hashes, equal views.
    pub fn members_hash(&self) -> u64 {
        self.gossip.as_ref().map_or(0, |gossip| gossip.membership.root())
    }

    /// A hash over everything about services that nodes should agree on.
    pub fn records_hash(&self) -> u64 {
        self.gossip.as_ref().map_or(0, |gossip| gossip.registry.root())
    }

    /// How much there is in the registry, for gauges; `None` without one.
    pub fn registry_counts(&self) -> Option<Counts> {
        Some(self.gossip.as_ref()?.registry.counts())
    }

    /// How much slower than usual this node judges others, because it seems to be slow or cut off itself: 0 is healthy, 8
    /// the worst (G2).
    pub fn local_health(&self) -> u8 {
        self.gossip.as_ref().map_or(0, |gossip| gossip.membership.health())
    }

    /// Who leads according to other members, where this node does not hear it itself. Hearsay, for display only (E19).
    pub fn leader_by_hearsay(&self) -> Option<Hint> {
        if self.heard_leader().is_some() || self.role() == Role::Stopped {
            return None;
        }
        let (hint, until) = self.gossip.as_ref()?.hint?;
        (self.now < until).then_some(hint)
    }

    /// Where a member said that it is.
    pub(crate) fn member_address(&self, key: NodeKey) -> Option<SocketAddr> {
        self.gossip.as_ref()?.membership.address_of(key)
    }
}
