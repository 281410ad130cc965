//! What is due when: the earliest is known at once, however many wait.

use alloc::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// One moment for each subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Due {
    at: BTreeMap<u64, Time>,
    order: BTreeSet<(Time, u64)>,
}

impl Due {
    /// The subject is due then, and at no other time.
    pub(super) fn set(&mut self, subject: u64, at: Time) {
        self.cancel(subject);
        self.at.insert(subject, at);
        self.order.insert((at, subject));
    }

    pub(super) fn cancel(&mut self, subject: u64) {
        if let Some(at) = self.at.remove(&subject) {
            self.order.remove(&(at, subject));
        }
    }

    /// When the first is due.
    pub(super) fn deadline(&self) -> Time {
        self.order.first().map_or(Time::NEVER, |(at, _)| *at)
    }

    /// The first one, due or not. It stays.
    pub(super) fn first(&self) -> Option<u64> {
        self.order.first().map(|(_, subject)| *subject)
    }

    /// Takes one that is due.
    pub(super) fn pop(&mut self, now: Time) -> Option<u64> {
        let (_, subject) = self.order.first().copied().filter(|(at, _)| *at <= now)?;
        self.cancel(subject);
        Some(subject)
    }

    pub(super) fn len(&self) -> usize {
        self.at.len()
    }
}
