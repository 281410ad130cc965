//! What is news and still has to be told: least told first, and the newest first among equals, so that bulk never starves
//! what has just happened (G10).

use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;

use serde::{Deserialize, Serialize};

/// The subjects of rumors and how often each was told. What is told is looked up at the time of telling, so that it is never
/// out of date, and a subject stands here once however often it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Rumors {
    order: BTreeSet<Place>,
    places: BTreeMap<u64, (u16, u64)>,
    spread: u64,
}

/// Where a subject stands in the order of telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    told: u16,
    since: Reverse<u64>,
    subject: u64,
}

impl Place {
    pub(crate) fn subject(self) -> u64 {
        self.subject
    }

    /// How often it was told.
    pub(crate) fn told(self) -> u16 {
        self.told
    }
}

impl Rumors {
    /// How many rumors wait at most. When there are more, the one told most often and longest ago is given up: a node that has
    /// missed it finds it in a comparison, which is cheaper for bulk than telling everybody everything many times over.
    const WAITING_MAX: usize = 1_024;

    /// There is news of that subject: it is told from the beginning.
    pub(crate) fn spread(&mut self, subject: u64) {
        self.forget(subject);
        self.spread += 1;
        self.places.insert(subject, (0, self.spread));
        self.order.insert(Place { told: 0, since: Reverse(self.spread), subject });
        if self.order.len() > Self::WAITING_MAX
            && let Some(last) = self.order.pop_last()
        {
            self.places.remove(&last.subject);
        }
    }

    /// Nothing more is to be told of that subject.
    pub(crate) fn forget(&mut self, subject: u64) {
        if let Some((told, since)) = self.places.remove(&subject) {
            self.order.remove(&Place { told, since: Reverse(since), subject });
        }
    }

    /// The first to be told, or the one after `last` within one datagram.
    pub(crate) fn next(&self, last: Option<Place>) -> Option<Place> {
        match last {
            None => self.order.first().copied(),
            Some(last) => {
                self.order.range((core::ops::Bound::Excluded(last), core::ops::Bound::Unbounded)).next().copied()
            }
        }
    }

    /// It was put into a datagram. After `limit` times it is news no more.
    pub(crate) fn told(&mut self, subject: u64, limit: u16) {
        let Some((told, since)) = self.places.get(&subject).copied() else { return };
        self.order.remove(&Place { told, since: Reverse(since), subject });
        let told = told.saturating_add(1);
        if told >= limit {
            self.places.remove(&subject);
        } else {
            self.places.insert(subject, (told, since));
            self.order.insert(Place { told, since: Reverse(since), subject });
        }
    }

    /// It was not sent after all.
    pub(crate) fn untold(&mut self, subject: u64) {
        let Some((told, since)) = self.places.get(&subject).copied() else { return };
        self.order.remove(&Place { told, since: Reverse(since), subject });
        let told = told.saturating_sub(1);
        self.places.insert(subject, (told, since));
        self.order.insert(Place { told, since: Reverse(since), subject });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests;
