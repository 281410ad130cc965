//! What is where: the services of all nodes, and what nodes say about themselves (rules G5, G6, G8, G10).
//!
//! Each node writes records about itself and its services, and nobody else's. They spread as rumors, newest first, and two
//! nodes that compare their tables send each other what differs; of two versions of a record the later one holds
//! everywhere. A deletion is a record too, the tombstone; when it goes, a number stays that keeps the deleted from coming
//! back.
//!
//! A [`Registry`] is told what happened and when, and is asked for what it has to say: it holds no queue of messages, only
//! the names of records that still have to be told. Envelopes and peers are the node's business, and so is who is there:
//! that comes in as [`Presence`], and only the services of nodes that are there are visible.
//!
//! [`table`] keeps everything that follows from the records in step with them; [`own`] is what this node writes, [`ttl`]
//! when it must, [`receive`] what it believes of others; [`watch`] tells each change once.

mod configured;
mod due;
mod error;
mod form;
mod instance;
mod listing;
mod own;
mod owners;
mod receive;
mod record;
mod service;
mod table;
mod ttl;
mod watch;

use serde::{Deserialize, Serialize};

pub use error::RegistryError;
pub use instance::{Instance, ServiceChange};
pub(crate) use owners::Presence;
pub use record::{Message, Record, RecordBody, ServiceFacts};
pub use service::{Health, Service, ServiceError, ServiceField, ServiceKey};
pub(crate) use watch::Change;

use crate::config::Metadata;
use crate::id::{Incarnation, NodeKey};
use crate::metrics::Counters;
use crate::reason::DropReason;
use crate::reconcile::Next;
use crate::rumors::Place;
use crate::time::{Span, Time};
use record::{Contents, OWN_ID, item_of};
use table::Table;
use ttl::Leases;
pub(crate) use ttl::Stall;

/// How much a registry holds (G10), and for how long it remembers deletions (G8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Services of one node.
    pub(crate) services_max: usize,
    /// Records of all nodes, tombstones included. At this many the oldest tombstones make room.
    pub(crate) records_max: usize,
    /// Owners of whom something is known, be it only what they deleted.
    pub(crate) owners_max: usize,
    /// How long tombstones stay, and records of nodes of which nothing else was ever heard.
    pub(crate) retention: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self { services_max: 16_384, records_max: 131_072, owners_max: 16_384, retention: Span::from_millis(3_600_000) }
    }
}

/// What every step works with: the time, and what is counted.
pub(crate) struct Context<'a> {
    pub(crate) now: Time,
    pub(crate) counters: &'a mut Counters,
}

impl Context<'_> {
    fn drop(&mut self, reason: DropReason) {
        self.counters.drop(reason);
    }
}

/// How much there is, for gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Instances that queries show.
    pub visible: usize,
    /// Services of this node.
    pub own: usize,
    /// Records of all nodes, tombstones included.
    pub records: usize,
    /// What is left of deleted services.
    pub tombstones: usize,
    /// Records that are still being told.
    pub rumors: usize,
    /// What was owed to peers and given up for want of room, since the start; the next comparisons find it again.
    pub given_up: u64,
}

/// One node's view of what is where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Registry {
    me: NodeKey,
    incarnation: Incarnation,
    /// The last version written in this incarnation.
    version: u64,
    /// An orderly leave has begun: nothing is registered any more.
    has_left: bool,
    table: Table,
    leases: Leases,
}

impl Registry {
    /// The empty registry of a node in that incarnation.
    pub(crate) fn new(me: NodeKey, incarnation: Incarnation, limits: Limits) -> Self {
        let mut table = Table::new(limits);
        table.set_presence(me, Presence::Here(incarnation));
        Self { me, incarnation, version: 0, has_left: false, table, leases: Leases::default() }
    }

    /// The one time at which to call [`Self::timeout`].
    pub(crate) fn deadline(&self) -> Time {
        self.table.deadline().min(self.leases.deadline())
    }

    /// Does what is due. Calls too early or too often do nothing.
    pub(crate) fn timeout(&mut self, cx: &mut Context<'_>) {
        self.expire_leases(cx);
        self.table.timeout(cx.now);
    }

    /// This node stood still, and heard of no service meanwhile (G5). A timer may be late by less than a heartbeat without that.
    pub(crate) fn outlast(&mut self, stall: Stall, heartbeat: Span) {
        self.leases.outlast(stall, heartbeat);
    }

    /// Another node was there in that incarnation: what it wrote in earlier ones is over, wherever it is now.
    pub(crate) fn hear_of_incarnation(&mut self, owner: NodeKey, incarnation: Incarnation) {
        if owner != self.me {
            self.table.hear_of_incarnation(owner, incarnation);
        }
    }

    /// The membership sees another node come, go, or begin another incarnation.
    pub(crate) fn set_presence(&mut self, owner: NodeKey, presence: Presence) {
        if owner != self.me {
            self.table.set_presence(owner, presence);
        }
    }

    /// The membership gives another node up: its records go. They come back only from itself, or after it has come back.
    pub(crate) fn forget_owner(&mut self, owner: NodeKey) {
        if owner != self.me {
            self.table.forget_owner(owner);
            self.table.reconciler.forget(owner);
        }
    }

    /// The next change that was not told yet. Each is told once; what happened since the last asking is told as one.
    pub(crate) fn next_change(&mut self) -> Option<Change> {
        loop {
            let item = self.table.watch.next()?;
            let fact = self.table.fact(item);
            if let Some(change) = self.table.watch.tell(item, fact) {
                return Some(change);
            }
        }
    }

    /// The first record to tell others, or the one after `last` within one datagram.
    pub(crate) fn rumor(&self, last: Option<Place>) -> Option<(Place, Message)> {
        let place = self.table.rumors.next(last)?;
        // Rumors are of records in the table only: a record that goes takes its rumor with it.
        let entry = self.table.get(place.subject())?;
        Some((place, Message::Record(entry.record())))
    }

    /// Whether there is something to tell.
    pub(crate) fn has_news(&self) -> bool {
        !self.table.rumors.is_empty()
    }

    /// A rumor was put into a datagram. After `limit` times it is news no more.
    pub(crate) fn told(&mut self, place: Place, limit: u16) {
        self.table.rumors.told(place.subject(), limit);
    }

    /// News of that record went to nobody.
    pub(crate) fn untold(&mut self, record: u64) {
        self.table.rumors.untold(record);
    }

    /// One hash over all records, to travel with every probe (G6).
    pub(crate) fn root(&self) -> u64 {
        self.table.reconciler.root()
    }

    /// A peer told its root: where it differs, the tables are compared.
    pub(crate) fn compare(&mut self, peer: NodeKey, root: u64) {
        self.table.reconciler.compare(peer, root);
    }

    /// The peers that something is owed to because of comparisons.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = NodeKey> + '_ {
        self.table.reconciler.waiting()
    }

    /// What to send to that peer next, if something is owed to it.
    pub(crate) fn next_owed(&mut self, peer: NodeKey) -> Option<Message> {
        self.table.next_owed(peer)
    }

    /// What [`Self::next_owed`] gave last does not fit: it comes first next time.
    pub(crate) fn put_back(&mut self, peer: NodeKey, message: Message) {
        let next = match message {
            Message::Compare(message) => Next::Say(message),
            Message::Record(record) | Message::Owed(record) => Next::Item(record.item()),
        };
        self.table.reconciler.put_back(peer, next);
    }

    /// The visible instances of that name, or of all, ordered by name, owner and identifier.
    pub(crate) fn services(&self, name: Option<&str>) -> impl Iterator<Item = Instance> + '_ {
        self.table.listing.items(name).filter_map(|item| self.table.instance(item))
    }

    /// One visible instance.
    pub(crate) fn get(&self, owner: NodeKey, id: &str) -> Option<Instance> {
        let item = item_of(owner, id);
        self.table.find(item, owner, id)?;
        self.table.instance(item)
    }

    /// What a node says about itself, whether it is there or not.
    pub(crate) fn metadata_of(&self, owner: NodeKey) -> Option<&Metadata> {
        match &self.table.find(item_of(owner, OWN_ID), owner, OWN_ID)?.contents {
            Contents::Metadata { metadata, .. } => Some(metadata),
            Contents::Deleted | Contents::Service { .. } => None,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            visible: self.table.listing.len(),
            own: self.table.owners.get(self.me).map_or(0, |me| me.services),
            records: self.table.len(),
            tombstones: self.table.tombstones(),
            rumors: self.table.rumors.len(),
            given_up: self.table.reconciler.given_up,
        }
    }
}

#[cfg(test)]
mod tests;
