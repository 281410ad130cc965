//! The table of records with all that follows from it: whatever adds, replaces or removes a record goes through here, so
//! that counts, hashes, rumors, the listing and the watch never disagree with it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Limits;
use super::due::Due;
use super::instance::Instance;
use super::listing::Listing;
use super::owners::{Owner, Owners, Presence};
use super::record::{Contents, Entry, Message};
use super::watch::{Fact, Watch};
use crate::id::{Incarnation, NodeKey, stable_hash};
use crate::reconcile::{self, Next, Reconciler, Stamped};
use crate::rumors::Rumors;
use crate::time::Time;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) limits: Limits,
    entries: BTreeMap<u64, Entry>,
    by_owner: BTreeSet<(NodeKey, u64)>,
    pub(super) owners: Owners,
    pub(super) listing: Listing,
    pub(super) watch: Watch,
    pub(super) rumors: Rumors,
    pub(super) reconciler: Reconciler,
    /// When each tombstone goes (G8).
    tombstones: Due,
    /// When owners go whose records are here, and of whom the membership has not said a word.
    unclaimed: Due,
}

/// Why a record finds no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// Its owner has as many services as it may have.
    Owner,
    /// The table, or what is known of owners, is full.
    Table,
    /// Another record has its item: their names have one hash.
    Collision,
}

/// Whether a record that comes in is told further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// It is news.
    Always,
    /// Others know it, most likely: it is told if there is little else to tell, since after a cut it is news on this side.
    /// A node that joins has all records from comparisons, and would else tell everybody what everybody knows.
    WhileFew,
}

impl Table {
    /// Up to how many rumors are few.
    const RUMORS_FEW: usize = 32;

    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: BTreeMap::new(),
            by_owner: BTreeSet::new(),
            owners: Owners::default(),
            listing: Listing::default(),
            watch: Watch::default(),
            rumors: Rumors::default(),
            reconciler: Reconciler::new(),
            tombstones: Due::default(),
            unclaimed: Due::default(),
        }
    }

    pub(super) fn get(&self, item: u64) -> Option<&Entry> {
        self.entries.get(&item)
    }

    /// The entry of exactly that record, and of no other with the same hash.
    pub(super) fn find(&self, item: u64, owner: NodeKey, id: &str) -> Option<&Entry> {
        self.get(item).filter(|entry| entry.owner == owner && entry.id == id)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn items_of(&self, owner: NodeKey) -> impl Iterator<Item = u64> + '_ {
        self.by_owner.range((owner, 0)..=(owner, u64::MAX)).map(|(_, item)| *item)
    }

    pub(super) fn tombstones(&self) -> usize {
        self.tombstones.len()
    }

    /// Puts a record in, in place of an older one of its item.
    pub(super) fn put(&mut self, now: Time, item: u64, entry: Entry, spread: Spread) -> Result<(), NoPlace> {
        self.find_place(item, &entry)?;
        let (owner, incarnation) = (entry.owner, entry.incarnation);
        self.hear_of_incarnation(owner, incarnation);
        self.remove(item);
        let is_service = usize::from(entry.service().is_some());
        let room = self.owners.update(owner, incarnation, self.limits.owners_max, |known| {
            known.records += 1;
            known.services += is_service;
        });
        // Its place as an owner was there before, or was found.
        debug_assert!(room.is_some(), "an owner of records has a place");
        if entry.is_deleted() {
            self.tombstones.set(item, now + self.limits.retention);
        }
        self.by_owner.insert((owner, item));
        self.reconciler.changed(item, None, Some(entry.stamp()));
        self.entries.insert(item, entry);
        match spread {
            Spread::WhileFew if self.rumors.len() >= Self::RUMORS_FEW => {}
            Spread::Always | Spread::WhileFew => self.rumors.spread(item),
        }
        self.watch.touch(item);
        self.list(item);
        Ok(())
    }

    /// Makes sure that there is room, and gives up the oldest tombstone for it where that helps (G10).
    fn find_place(&mut self, item: u64, entry: &Entry) -> Result<(), NoPlace> {
        let present = self.entries.get(&item);
        if present.is_some_and(|present| present.owner != entry.owner || present.id != entry.id) {
            return Err(NoPlace::Collision);
        }
        let is_one_more = entry.service().is_some() && present.is_none_or(|present| present.service().is_none());
        let (earlier, same): (Option<&Owner>, Option<&Owner>) = match self.owners.get(entry.owner) {
            Some(owner) if owner.incarnation < entry.incarnation => (Some(owner), None),
            owner => (None, owner),
        };
        if is_one_more && same.map_or(0, |owner| owner.services) >= self.limits.services_max {
            return Err(NoPlace::Owner);
        }
        // The records of an earlier incarnation make room for the first of a later one.
        let makes_room = present.is_some() || earlier.is_some_and(|owner| owner.records > 0);
        if !makes_room && self.entries.len() >= self.limits.records_max {
            let oldest = self.tombstones.first().ok_or(NoPlace::Table)?;
            self.give_up_tombstone(oldest);
        }
        let known = self.owners.update(entry.owner, entry.incarnation, self.limits.owners_max, |_| ());
        known.ok_or(NoPlace::Table)
    }

    /// Takes a record out, as if it had never been; what is known of its owner stays.
    pub(super) fn remove(&mut self, item: u64) {
        self.unlist(item);
        let Some(entry) = self.entries.remove(&item) else { return };
        let is_service = usize::from(entry.service().is_some());
        self.owners.change(entry.owner, |owner| {
            owner.records -= 1;
            owner.services -= is_service;
        });
        self.tombstones.cancel(item);
        self.by_owner.remove(&(entry.owner, item));
        self.reconciler.changed(item, Some(entry.stamp()), None);
        self.rumors.forget(item);
        self.watch.gone(item);
    }

    pub(super) fn remove_all(&mut self, owner: NodeKey) {
        for item in self.items_of(owner).collect::<Vec<_>>() {
            self.remove(item);
        }
    }

    /// A tombstone goes, and its version stays as the floor of its owner (G8).
    fn give_up_tombstone(&mut self, item: u64) {
        let Some((owner, version)) = self.get(item).map(|entry| (entry.owner, entry.version)) else { return };
        self.owners.change(owner, |owner| owner.floor = owner.floor.max(version));
        self.remove(item);
    }

    /// An incarnation of an owner that was heard of: a later one than before begins with an empty list. It is remembered of an
    /// owner without records too, or those of an earlier one would be taken from who has not heard of it yet, and kept by
    /// this node alone (G8).
    pub(super) fn hear_of_incarnation(&mut self, owner: NodeKey, incarnation: Incarnation) {
        let known = self.owners.update(owner, incarnation, self.limits.owners_max, |known| known.incarnation);
        if known.is_some_and(|known| known < incarnation) {
            self.remove_all(owner);
            self.owners.change(owner, |known| {
                known.incarnation = incarnation;
                known.floor = 0;
                known.is_forgotten = false;
            });
        }
    }

    /// The membership sees an owner come or go.
    pub(super) fn set_presence(&mut self, owner: NodeKey, presence: Presence) {
        self.unclaimed.cancel(owner.0);
        match presence {
            Presence::Here(incarnation) => {
                let known = self.owners.update(owner, incarnation, self.limits.owners_max, |_| ());
                // Reports about nodes that may not exist must not keep one out that does.
                if let (None, Some(reported)) = (known, self.unclaimed.first()) {
                    self.forget_owner(NodeKey(reported));
                    self.owners.update(owner, incarnation, self.limits.owners_max, |_| ());
                }
                self.hear_of_incarnation(owner, incarnation);
                // It was given up, and has come back with a clock that went back: nobody is left who would tell it of the
                // later incarnation, so it would never rise above that, and its services would be seen by nobody.
                self.owners.change(owner, |known| {
                    if known.is_forgotten && incarnation < known.incarnation {
                        (known.incarnation, known.floor) = (incarnation, 0);
                    }
                });
            }
            Presence::Gone => {}
        }
        if self.owners.get(owner).is_none_or(|known| known.presence == presence && !known.is_forgotten) {
            return;
        }
        let items: Vec<u64> = self.items_of(owner).collect();
        for item in &items {
            self.unlist(*item);
        }
        self.owners.change(owner, |known| {
            known.presence = presence;
            known.is_forgotten &= presence == Presence::Gone;
        });
        for item in items {
            self.list(item);
            self.watch.touch(item);
        }
    }

    /// The membership gives an owner up: its records go, and come back only from itself, or after it has come back.
    pub(super) fn forget_owner(&mut self, owner: NodeKey) {
        self.unclaimed.cancel(owner.0);
        self.remove_all(owner);
        self.owners.change(owner, |known| {
            known.presence = Presence::Gone;
            known.is_forgotten = true;
        });
    }

    /// Records of that owner are here, and the membership may never have heard of it: it has so long to do so.
    pub(super) fn await_claim(&mut self, now: Time, owner: NodeKey) {
        self.owners.change(owner, |known| known.is_forgotten = false);
        if self.unclaimed.len() >= self.limits.owners_max
            && let Some(oldest) = self.unclaimed.first()
        {
            self.forget_owner(NodeKey(oldest));
        }
        self.unclaimed.set(owner.0, now + self.limits.retention);
    }

    /// Takes a peer's part of a comparison (G6).
    pub(super) fn compare(&mut self, peer: NodeKey, message: &reconcile::Message) {
        self.reconciler.receive(peer, message, &self.entries);
    }

    /// What to send to a peer next because of a comparison.
    pub(super) fn next_owed(&mut self, peer: NodeKey) -> Option<Message> {
        loop {
            match self.reconciler.next(peer, &self.entries)? {
                Next::Say(message) => return Some(Message::Compare(message)),
                Next::Item(item) => {
                    if let Some(entry) = self.get(item) {
                        return Some(Message::Owed(entry.record()));
                    }
                }
            }
        }
    }

    pub(super) fn deadline(&self) -> Time {
        self.tombstones.deadline().min(self.unclaimed.deadline())
    }

    pub(super) fn timeout(&mut self, now: Time) {
        while let Some(item) = self.tombstones.pop(now) {
            self.give_up_tombstone(item);
        }
        while let Some(owner) = self.unclaimed.pop(now) {
            self.forget_owner(NodeKey(owner));
        }
    }

    /// What is to be told of an item.
    pub(super) fn fact(&self, item: u64) -> Option<Fact> {
        let entry = self.get(item)?;
        match &entry.contents {
            Contents::Deleted => None,
            Contents::Metadata { metadata: _, text } => {
                Some(Fact::Metadata { owner: entry.owner, hash: stable_hash(&[text.as_bytes()]) })
            }
            Contents::Service { .. } => self.instance(item).map(Fact::Service),
        }
    }

    /// The instance behind an item, if it is visible: its owner is there, in the incarnation in which it wrote the record.
    pub(super) fn instance(&self, item: u64) -> Option<Instance> {
        let entry = self.get(item)?;
        let service = entry.service()?.clone();
        let is_here =
            self.owners.get(entry.owner).is_some_and(|owner| owner.is_here() && owner.incarnation == entry.incarnation);
        is_here.then_some(Instance { owner: entry.owner, service })
    }

    fn list(&mut self, item: u64) {
        if let Some(Instance { owner, service }) = self.instance(item) {
            self.listing.insert(&service.name, owner, &service.id, item);
        }
    }

    fn unlist(&mut self, item: u64) {
        if let Some(Instance { owner, service }) = self.instance(item) {
            self.listing.remove(&service.name, owner, &service.id);
        }
    }
}
