//! What is known of each owner of records beyond its records: its latest incarnation, what it has deleted, whether it is there.
//! This stays when its records are gone, so that what was deleted does not come back (G8), and is bounded (G10).

use alloc::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, NodeKey};

/// Whether a node is there, as the membership sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Presence {
    /// In that incarnation.
    Here(Incarnation),
    /// It is down, or has left.
    Gone,
}

/// What is known of one owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Owner {
    /// The latest incarnation heard of. Records of earlier ones are no more.
    pub(super) incarnation: Incarnation,
    /// The highest version of a tombstone of that incarnation that was given up: whatever is missing at or below it was
    /// deleted, or its owner says otherwise itself (G8).
    pub(super) floor: u64,
    pub(super) presence: Presence,
    /// Its records in the table, tombstones included.
    pub(super) records: usize,
    /// Its services in the table.
    pub(super) services: usize,
    /// The membership has given it up: its records of this incarnation are no more, or it says otherwise itself.
    pub(super) is_forgotten: bool,
    touched: u64,
}

impl Owner {
    fn is_idle(&self) -> bool {
        self.records == 0 && self.presence == Presence::Gone
    }

    /// Whether what it wrote in its latest incarnation holds now.
    pub(super) fn is_here(&self) -> bool {
        self.presence == Presence::Here(self.incarnation)
    }
}

/// All owners heard of lately: those with records or presence, and of the others the last ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Owners {
    known: BTreeMap<NodeKey, Owner>,
    /// Those that may make room, the one touched longest ago first.
    idle: BTreeSet<(u64, NodeKey)>,
    touched: u64,
}

impl Owners {
    pub(super) fn get(&self, key: NodeKey) -> Option<&Owner> {
        self.known.get(&key)
    }

    /// Changes what is known of an owner, who is known from then on. `None` where there is no room for one more.
    pub(super) fn update<R>(
        &mut self,
        key: NodeKey,
        incarnation: Incarnation,
        owners_max: usize,
        change: impl FnOnce(&mut Owner) -> R,
    ) -> Option<R> {
        if !self.known.contains_key(&key) {
            if self.known.len() >= owners_max {
                let (_, oldest) = self.idle.pop_first()?;
                self.known.remove(&oldest);
            }
            let (presence, floor, is_forgotten) = (Presence::Gone, 0, false);
            let owner =
                Owner { incarnation, floor, presence, records: 0, services: 0, is_forgotten, touched: self.touched };
            self.known.insert(key, owner);
        }
        self.change(key, change)
    }

    /// Changes what is known of an owner who is known.
    pub(super) fn change<R>(&mut self, key: NodeKey, change: impl FnOnce(&mut Owner) -> R) -> Option<R> {
        let owner = self.known.get_mut(&key)?;
        self.idle.remove(&(owner.touched, key));
        self.touched += 1;
        owner.touched = self.touched;
        let result = change(owner);
        if owner.is_idle() {
            self.idle.insert((owner.touched, key));
        }
        Some(result)
    }
}
