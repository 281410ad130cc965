//! What is going to happen, in order: the heap of events and the datagrams that are under way.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use qcluster_core::Time;

use crate::wire::Heard;

/// Something that will happen to one host, or to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// A datagram arrives.
    Deliver(u32),
    /// The deadline of a host may have come.
    Wake(u8),
    /// A write is done, for that incarnation of the host.
    DiskDone { host: u8, incarnation: u16 },
    /// The work of a leader has ended.
    Drained { host: u8, incarnation: u16 },
    /// A fault of the schedule is due.
    Fault(u32),
    /// A host looks up where a peer is.
    Resolve { host: u8, peer: u8 },
    /// The application of a host writes to the guarded resource, if it leads.
    Write { host: u8, incarnation: u16 },
    /// A write arrives there.
    WriteArrives(u32),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The time above, and below it how many were planned before: of two events at one time, the one that was planned first
    /// comes first. One number, since the heap does little else than compare.
    key: u128,
    job: Job,
}

impl Entry {
    const fn at(&self) -> u64 {
        (self.key >> 64) as u64
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Entry {}

/// Events by time.
#[derive(Debug)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::with_capacity(1_024), sequence: 0 }
    }

    pub(crate) fn push(&mut self, at: Time, job: Job) {
        self.sequence += 1;
        let key = u128::from(at.as_nanos()) << 64 | u128::from(self.sequence);
        self.heap.push(Reverse(Entry { key, job }));
    }

    /// The next event, unless it lies beyond `end`.
    pub(crate) fn pop_until(&mut self, end: Time) -> Option<(Time, Job)> {
        let Reverse(next) = self.heap.peek()?;
        if next.at() > end.as_nanos() {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (Time::from_nanos(entry.at()), entry.job))
    }
}

/// What is known of a datagram beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    pub(crate) from: SocketAddr,
    pub(crate) from_host: u8,
    pub(crate) to_host: u8,
    /// The address of the receiver when it was sent: it may have moved.
    pub(crate) to_generation: u16,
    /// What the simulator read in it, where it is whole.
    pub(crate) heard: Option<Heard>,
}

/// A datagram under way. Its bytes keep their memory when the slot is used again.
#[derive(Debug)]
struct Packet {
    label: Label,
    bytes: Vec<u8>,
}

/// The datagrams under way, in memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    slots: Vec<Packet>,
    free: Vec<u32>,
}

impl Packets {
    pub(crate) fn put(&mut self, label: Label, bytes: &[u8]) -> u32 {
        if let Some(slot) = self.free.pop() {
            let packet = &mut self.slots[slot as usize];
            packet.label = label;
            packet.bytes.clear();
            packet.bytes.extend_from_slice(bytes);
            return slot;
        }
        let mut memory = Vec::with_capacity(bytes.len().max(128));
        memory.extend_from_slice(bytes);
        self.slots.push(Packet { label, bytes: memory });
        u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn label(&self, slot: u32) -> &Label {
        &self.slots[slot as usize].label
    }

    /// Lends the bytes of a datagram, until [`Packets::give_back`].
    pub(crate) fn lend(&mut self, slot: u32) -> Vec<u8> {
        core::mem::take(&mut self.slots[slot as usize].bytes)
    }

    /// The datagram has arrived: its slot and the memory of its bytes may be used again.
    pub(crate) fn give_back(&mut self, slot: u32, bytes: Vec<u8>) {
        self.slots[slot as usize].bytes = bytes;
        self.release(slot);
    }

    pub(crate) fn release(&mut self, slot: u32) {
        self.free.push(slot);
    }
}
