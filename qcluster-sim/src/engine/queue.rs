//! What is going to happen, in order.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

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
    /// What was planned long ahead, in order: it would only make the heap deeper.
    ahead: VecDeque<Entry<E>>,
    sequence: u64,
}

impl<E: Copy> Queue<E> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::with_capacity(1_024), ahead: VecDeque::new(), sequence: 0 }
    }

    pub(super) fn push(&mut self, at: Time, event: E) {
        let entry = self.entry(at, event);
        self.heap.push(Reverse(entry));
    }

    /// The same, quick where events are planned in order.
    pub(super) fn push_ahead(&mut self, at: Time, event: E) {
        let entry = self.entry(at, event);
        let place = self.ahead.iter().rposition(|earlier| earlier.key < entry.key).map_or(0, |before| before + 1);
        self.ahead.insert(place, entry);
    }

    fn entry(&mut self, at: Time, event: E) -> Entry<E> {
        self.sequence += 1;
        Entry { key: u128::from(at.as_nanos()) << 64 | u128::from(self.sequence), event }
    }

    /// The next event, unless it lies beyond `end`.
    pub(super) fn pop_until(&mut self, end: Time) -> Option<(Time, E)> {
        let near = self.heap.peek().map_or(u128::MAX, |Reverse(entry)| entry.key);
        let ahead = self.ahead.front().map_or(u128::MAX, |entry| entry.key);
        if (near.min(ahead) >> 64) > u128::from(end.as_nanos()) {
            return None;
        }
        let next = if near <= ahead { self.heap.pop().map(|Reverse(entry)| entry) } else { self.ahead.pop_front() };
        next.map(|entry| (Time::from_nanos(entry.at()), entry.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_those_of_one_time_as_they_were_planned() {
        let mut queue = Queue::new();
        queue.push_ahead(Time::from_nanos(7), "ahead of 7");
        queue.push(Time::from_nanos(7), "after it");
        queue.push(Time::from_nanos(3), "at 3");
        queue.push_ahead(Time::from_nanos(3), "planned after that");
        queue.push_ahead(Time::from_nanos(9), "too late");
        let order: Vec<_> = core::iter::from_fn(|| queue.pop_until(Time::from_nanos(8))).map(|(_, it)| it).collect();
        assert_eq!(order, ["at 3", "planned after that", "ahead of 7", "after it"]);
        assert_eq!(queue.pop_until(Time::NEVER), Some((Time::from_nanos(9), "too late")));
        assert_eq!(queue.pop_until(Time::NEVER), None);
    }
}
