//! What is going to happen, in order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use qcluster_core::Time;

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    /// The time above, and below it how many were planned before: of two events at one time, the one that was planned first
    /// comes first. One number, since the heap does little else than compare.
    key: u128,
    event: E,
}

impl<E> Entry<E> {
    const fn at(&self) -> u64 {
        (self.key >> 64) as u64
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<E> Eq for Entry<E> {}

/// Events by time.
#[derive(Debug)]
pub(super) struct Queue<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    sequence: u64,
}

impl<E: Copy> Queue<E> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::with_capacity(1_024), sequence: 0 }
    }

    pub(super) fn push(&mut self, at: Time, event: E) {
        self.sequence += 1;
        let key = u128::from(at.as_nanos()) << 64 | u128::from(self.sequence);
        self.heap.push(Reverse(Entry { key, event }));
    }

    /// The next event, unless it lies beyond `end`.
    pub(super) fn pop_until(&mut self, end: Time) -> Option<(Time, E)> {
        let Reverse(next) = self.heap.peek()?;
        if next.at() > end.as_nanos() {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (Time::from_nanos(entry.at()), entry.event))
    }
}
