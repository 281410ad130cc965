//! What was told to watchers, so that each change is told exactly once however often it is asked for.

use alloc::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::instance::{Instance, ServiceChange};
use crate::id::NodeKey;

/// A change that the node is to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Service(ServiceChange),
    /// That node says something else about itself, or its word is no more.
    Metadata(NodeKey),
}

/// What can be told of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Fact {
    Service(Instance),
    /// A node's metadata, by its hash: it is looked up where it is needed.
    Metadata {
        owner: NodeKey,
        hash: u64,
    },
}

/// What was told of each item, and the items of which that may no longer be true. Both are bounded by the table: an item
/// that was told and is gone stays until its removal was told, and no further one can be told before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Watch {
    told: BTreeMap<u64, Fact>,
    dirty: BTreeSet<u64>,
}

impl Watch {
    /// Something about that item may have changed.
    pub(super) fn touch(&mut self, item: u64) {
        self.dirty.insert(item);
    }

    /// That item is gone. What was never told needs no further word.
    pub(super) fn gone(&mut self, item: u64) {
        if self.told.contains_key(&item) {
            self.dirty.insert(item);
        } else {
            self.dirty.remove(&item);
        }
    }

    /// An item to look at, if there is one.
    pub(super) fn next(&self) -> Option<u64> {
        self.dirty.first().copied()
    }

    /// The fact about that item as it is now: the change that it makes, if it makes one.
    pub(super) fn tell(&mut self, item: u64, fact: Option<Fact>) -> Option<Change> {
        let told = self.told.remove(&item);
        // Another record has taken the item: the end of the old one comes first, and the item stays to be looked at.
        if let (Some(old), Some(new)) = (&told, &fact)
            && !old.is_about_the_same(new)
        {
            return told.map(Fact::removed);
        }
        self.dirty.remove(&item);
        let change = match (told, &fact) {
            (told, Some(fact)) if told.as_ref() == Some(fact) => None,
            (Some(_), Some(Fact::Service(instance))) => Some(Change::Service(ServiceChange::Changed(instance.clone()))),
            (None, Some(Fact::Service(instance))) => Some(Change::Service(ServiceChange::Added(instance.clone()))),
            (_, Some(Fact::Metadata { owner, .. })) => Some(Change::Metadata(*owner)),
            (told, None) => told.map(Fact::removed),
        };
        if let Some(fact) = fact {
            self.told.insert(item, fact);
        }
        change
    }
}

impl Fact {
    fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Service(one), Self::Service(other)) => {
                one.owner == other.owner && one.service.id == other.service.id
            }
            (Self::Metadata { owner: one, .. }, Self::Metadata { owner: other, .. }) => one == other,
            (Self::Service(_), Self::Metadata { .. }) | (Self::Metadata { .. }, Self::Service(_)) => false,
        }
    }

    fn removed(self) -> Change {
        match self {
            Self::Service(instance) => Change::Service(ServiceChange::Removed(instance)),
            Self::Metadata { owner, .. } => Change::Metadata(owner),
        }
    }
}
