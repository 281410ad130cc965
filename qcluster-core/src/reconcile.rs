//! Anti-entropy (G6): two nodes find out what differs between their tables, at a cost that grows with the difference and not
//! with the tables.
//!
//! Items have an identifier that is evenly spread over 64 bits, and a stamp that changes with their contents. A table is cut
//! into [`BUCKETS`] ranges of identifiers, each with a hash that is kept up to date as items change. One hash over all of them
//! travels with every probe. Where two differ:
//!
//! 1. the one that notices sends the hashes of its buckets;
//! 2. the other answers with what it has in each bucket that differs, as pairs of identifier and stamp;
//! 3. the first sends the items that differ, and asks for those that it does not have, or has otherwise.
//!
//! Which of two versions of an item wins is for the table to say when it receives one.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::id::NodeKey;
use crate::rng::mix;

/// How many ranges a table is cut into.
pub(crate) const BUCKETS: usize = 256;

/// What can be compared without being sent.
pub(crate) trait Stamped {
    /// Changes with everything that two nodes should agree on.
    fn stamp(&self) -> u32;
}

/// What two nodes say to each other to find out what differs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The hashes of all buckets of the sender.
    Buckets(Vec<u32>),
    /// All that the sender has between two identifiers, both included.
    Range {
        /// The first identifier of the range.
        from: u64,
        /// The last.
        to: u64,
        /// Identifiers and stamps, in order.
        items: Vec<(u64, u32)>,
    },
    /// Send these.
    Want(Vec<u64>),
}

/// What to do next for a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Say this.
    Say(Message),
    /// Send the item, if it is still there.
    Item(u64),
}

/// Something that is owed to a peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Relay {
    Buckets,
    /// What is there from one identifier to another.
    Range(u64, u64),
    Want(Vec<u64>),
    Item(u64),
}

/// The hashes of one table, and what is owed to peers because of differences.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Reconciler {
    buckets: Vec<u64>,
    /// One hash over all buckets, kept up to date with them.
    root: u64,
    relays: BTreeMap<NodeKey, VecDeque<Relay>>,
    /// Relays given up for want of room.
    pub(crate) given_up: u64,
}

impl Reconciler {
    /// With how many peers at most a comparison is under way.
    const PEERS_MAX: usize = 32;
    /// So much may be owed to one peer; the rest is found again by the next comparison.
    const ERRANDS_MAX: usize = 16_384;
    /// Pairs that fit one datagram beside its frame: up to 15 bytes each in postcard.
    const PAIRS_MAX: usize = 84;
    /// Identifiers that do: up to 10 bytes each.
    const WANTS_MAX: usize = 126;

    pub(crate) fn new() -> Self {
        Self { buckets: alloc::vec![0; BUCKETS], root: 0, relays: BTreeMap::new(), given_up: 0 }
    }

    /// An item was added, changed or removed: its stamps before and after.
    pub(crate) fn changed(&mut self, id: u64, before: Option<u32>, after: Option<u32>) {
        let at = bucket_of(id);
        let bucket = &mut self.buckets[at];
        self.root ^= in_root(at, *bucket);
        for stamp in [before, after].into_iter().flatten() {
            *bucket ^= mix(id ^ (u64::from(stamp) << 32) ^ u64::from(stamp));
        }
        self.root ^= in_root(at, *bucket);
    }

    /// One hash over everything: equal for equal tables, and as good as never for others.
    pub(crate) fn root(&self) -> u64 {
        self.root
    }

    /// A peer told its root: if it is another, the comparison begins, unless one with that peer is under way.
    pub(crate) fn compare(&mut self, peer: NodeKey, root: u64) {
        if root != self.root() && !self.relays.contains_key(&peer) {
            self.owe(peer, Relay::Buckets);
        }
    }

    /// Takes a peer's part of a comparison. What is not understood, or badly formed, is ignored.
    pub(crate) fn receive<T: Stamped>(&mut self, peer: NodeKey, message: &Message, table: &BTreeMap<u64, T>) {
        match message {
            Message::Buckets(theirs) => {
                for (at, (ours, theirs)) in self.buckets.clone().iter().zip(theirs).enumerate() {
                    if short(*ours) != *theirs {
                        let range = range_of(at);
                        self.owe(peer, Relay::Range(*range.start(), *range.end()));
                    }
                }
            }
            Message::Range { from, to, items } => self.compare_range(peer, *from..=*to, items, table),
            Message::Want(ids) => {
                for id in ids {
                    self.owe(peer, Relay::Item(*id));
                }
            }
        }
    }

    fn compare_range<T: Stamped>(
        &mut self,
        peer: NodeKey,
        range: RangeInclusive<u64>,
        theirs: &[(u64, u32)],
        table: &BTreeMap<u64, T>,
    ) {
        // A comparison goes bucket by bucket: a range over everything would be cheap to ask for and dear to answer.
        if range.is_empty() || bucket_of(*range.start()) != bucket_of(*range.end()) {
            return;
        }
        if theirs.iter().any(|(id, _)| !range.contains(id)) {
            return;
        }
        let theirs: BTreeMap<u64, u32> = theirs.iter().copied().collect();
        let differs = |id: &u64, stamp: u32| table.get(id).is_none_or(|item| item.stamp() != stamp);
        let wanted: Vec<u64> = theirs.iter().filter(|(id, stamp)| differs(id, **stamp)).map(|(id, _)| *id).collect();
        for some in wanted.chunks(Self::WANTS_MAX) {
            self.owe(peer, Relay::Want(some.to_vec()));
        }
        let unequal = |(id, item): (&u64, &T)| (theirs.get(id) != Some(&item.stamp())).then_some(*id);
        for id in table.range(range).filter_map(unequal) {
            self.owe(peer, Relay::Item(id));
        }
    }

    /// Questions go before items: the one thing that a peer has and this node has not must not wait for ten thousand.
    fn owe(&mut self, peer: NodeKey, relay: Relay) {
        if !self.relays.contains_key(&peer) && self.relays.len() >= Self::PEERS_MAX {
            self.given_up += 1;
            return;
        }
        let relays = self.relays.entry(peer).or_default();
        if relays.len() >= Self::ERRANDS_MAX {
            self.given_up += 1;
            return;
        }
        match relay {
            Relay::Want(_) | Relay::Buckets => relays.push_front(relay),
            Relay::Range(..) | Relay::Item(_) => relays.push_back(relay),
        }
    }

    /// What to send to that peer next, if anything is owed to it.
    pub(crate) fn next<T: Stamped>(&mut self, peer: NodeKey, table: &BTreeMap<u64, T>) -> Option<Next> {
        let relays = self.relays.get_mut(&peer)?;
        let next = match relays.pop_front()? {
            Relay::Buckets => Next::Say(Message::Buckets(self.buckets.iter().copied().map(short).collect())),
            Relay::Want(ids) => Next::Say(Message::Want(ids)),
            Relay::Item(id) => Next::Item(id),
            Relay::Range(from, to) => {
                let pairs = table.range(from..=to).map(|(id, item)| (*id, item.stamp()));
                let items: Vec<(u64, u32)> = pairs.take(Self::PAIRS_MAX).collect();
                let last = items.last().map(|(id, _)| *id);
                match last {
                    Some(last) if items.len() == Self::PAIRS_MAX && last < to => {
                        relays.push_front(Relay::Range(last + 1, to));
                        Next::Say(Message::Range { from, to: last, items })
                    }
                    Some(_) | None => Next::Say(Message::Range { from, to, items }),
                }
            }
        };
        if relays.is_empty() {
            self.relays.remove(&peer);
        }
        Some(next)
    }

    /// What was taken last does not fit where it was to go: it comes first next time.
    pub(crate) fn put_back(&mut self, peer: NodeKey, next: Next) {
        let relay = match next {
            Next::Item(id) => Relay::Item(id),
            Next::Say(Message::Buckets(_)) => Relay::Buckets,
            Next::Say(Message::Want(ids)) => Relay::Want(ids),
            Next::Say(Message::Range { from, to, .. }) => Relay::Range(from, to),
        };
        self.relays.entry(peer).or_default().push_front(relay);
    }

    /// The peers that something is owed to.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = NodeKey> + '_ {
        self.relays.keys().copied()
    }

    /// That peer is gone.
    pub(crate) fn forget(&mut self, peer: NodeKey) {
        self.relays.remove(&peer);
    }
}

fn bucket_of(id: u64) -> usize {
    (id >> 56) as usize
}

fn range_of(bucket: usize) -> RangeInclusive<u64> {
    let first = (bucket as u64) << 56;
    first..=first | (u64::MAX >> 8)
}

/// What a bucket adds to the root: nothing while it is empty.
fn in_root(bucket: usize, hash: u64) -> u64 {
    if hash == 0 { 0 } else { mix(hash.wrapping_add(bucket as u64)) }
}

/// What of a bucket's hash travels.
fn short(hash: u64) -> u32 {
    (mix(hash) >> 32) as u32
}

#[cfg(test)]
mod tests;
