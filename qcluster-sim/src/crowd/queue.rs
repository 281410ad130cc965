//! What is going to happen in a crowd, in order, and the datagrams that are under way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use qcluster_core::Time;

/// Something that will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Job {
    /// That datagram arrives.
    Deliver(u32),
    /// The deadline of a host may have come.
    Wake(u32),
    /// A host that stood still goes on, in that incarnation.
    GoOn(u32, u32),
}

/// A datagram under way.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(u64, u64, Job)>>,
    pushed: u64,
    packets: Vec<Packet>,
    free: Vec<u32>,
}

impl Queue {
    /// Of two events at one time, the one that was planned first comes first.
    pub(super) fn push(&mut self, at: Time, job: Job) {
        self.pushed += 1;
        self.heap.push(Reverse((at.as_nanos(), self.pushed, job)));
    }

    /// The next event, unless it lies beyond `end`.
    pub(super) fn pop_until(&mut self, end: Time) -> Option<(Time, Job)> {
        let Reverse((at, _, _)) = self.heap.peek()?;
        if *at > end.as_nanos() {
            return None;
        }
        self.heap.pop().map(|Reverse((at, _, job))| (Time::from_nanos(at), job))
    }

    /// A datagram will arrive, in memory that is used again.
    pub(super) fn deliver(&mut self, at: Time, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.packets.push(Packet { from, to, bytes: Vec::new() });
            u32::try_from(self.packets.len() - 1).unwrap_or(u32::MAX)
        });
        let packet = &mut self.packets[slot as usize];
        (packet.from, packet.to) = (from, to);
        packet.bytes.clear();
        packet.bytes.extend_from_slice(bytes);
        self.push(at, Job::Deliver(slot));
    }

    /// Takes a datagram out; give its memory back by [`Self::recycle`].
    pub(super) fn take(&mut self, slot: u32) -> Packet {
        let packet = &mut self.packets[slot as usize];
        Packet { from: packet.from, to: packet.to, bytes: std::mem::take(&mut packet.bytes) }
    }

    pub(super) fn recycle(&mut self, slot: u32, bytes: Vec<u8>) {
        self.packets[slot as usize].bytes = bytes;
        self.free.push(slot);
    }
}
