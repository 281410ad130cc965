//! The address book (G7): whom to try as long as they are not among the members that are there, so that halves of any size
//! become one again however long they were apart. It outlives the table of members.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::id::NodeKey;
use crate::rng::Rng;
use crate::time::Time;

/// Somebody to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Contact {
    /// A node whose address others know.
    Node(NodeKey),
    /// Any node at that address.
    Address(SocketAddr),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Book {
    /// Never given up.
    seeds: Vec<Contact>,
    /// Where members were that are not there now.
    past: BTreeMap<u64, SocketAddr>,
    /// How many contacts were tried.
    tried: u64,
    pub(super) due: Time,
}

impl Book {
    /// The most seeds.
    pub(super) const SEEDS_MAX: usize = 128;
    /// The most past members; beyond it, others make room by chance.
    const PAST_MAX: usize = 1_024;

    pub(super) fn new(now: Time) -> Self {
        Self { seeds: Vec::new(), past: BTreeMap::new(), tried: 0, due: now }
    }

    /// Tells whether it is a new one for which there was room.
    pub(super) fn add_seed(&mut self, seed: Contact) -> bool {
        let fits = self.seeds.len() < Self::SEEDS_MAX && !self.seeds.contains(&seed);
        if fits {
            self.seeds.push(seed);
        }
        fits
    }

    pub(super) fn seeds(&self) -> usize {
        self.seeds.len()
    }

    /// A member is not there any more.
    pub(super) fn remember(&mut self, member: u64, address: SocketAddr, rng: &mut Rng) {
        if self.past.len() >= Self::PAST_MAX && !self.past.contains_key(&member) {
            let from = rng.next();
            let goes =
                self.past.range(from..).next().or_else(|| self.past.first_key_value()).map(|(member, _)| *member);
            goes.and_then(|member| self.past.remove(&member));
        }
        self.past.insert(member, address);
    }

    /// A member is there.
    pub(super) fn forget(&mut self, member: u64) {
        self.past.remove(&member);
    }

    /// The next one to try that `is_there` does not hold for: seeds and past members in turn.
    pub(super) fn next(&mut self, rng: &mut Rng, is_there: impl Fn(&Contact) -> bool) -> Option<Contact> {
        self.tried += 1;
        let seed = || {
            let count = self.seeds.len() as u64;
            let from = usize::try_from(self.tried / 2 % count.max(1)).unwrap_or(0);
            let (before, after) = self.seeds.split_at(from.min(self.seeds.len()));
            after.iter().chain(before).find(|seed| !is_there(seed)).copied()
        };
        if (self.tried.is_multiple_of(2) || self.past.is_empty())
            && let Some(seed) = seed()
        {
            return Some(seed);
        }
        let from = rng.next();
        let past = self.past.range(from..).next().or_else(|| self.past.first_key_value());
        past.map(|(_, address)| Contact::Address(*address)).or_else(seed)
    }

    /// Every seed that is not there, at the start.
    pub(super) fn all_seeds<'a>(
        &'a self,
        is_there: impl Fn(&Contact) -> bool + 'a,
    ) -> impl Iterator<Item = Contact> + 'a {
        self.seeds.iter().copied().filter(move |seed| !is_there(seed))
    }

    /// Whether that address is tried, to reach that node or any.
    pub(super) fn tries(&self, member: u64, address: SocketAddr) -> bool {
        self.seeds.contains(&Contact::Address(address)) || self.past.get(&member) == Some(&address)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seeds.is_empty() && self.past.is_empty()
    }
}

#[cfg(test)]
mod tests;
