//! What is going to happen, in order: the heap of events and the datagrams that are under way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use qcluster_core::Time;

use crate::wire::Heard;

/// Something that will happen to one host, or to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    /// A datagram arrives.
    Deliver(u32),
    /// The deadline of a host may have come.
    Wake(u8),
    /// A write is done, for that life of the host.
    DiskDone { host: u8, life: u16 },
    /// The work of a leader has ended.
    Drained { host: u8, life: u16 },
    /// A fault of the schedule is due.
    Fault(u32),
    /// A host looks up where a peer is.
    Resolve { host: u8, peer: u8 },
    /// The application of a host writes to the guarded resource, if it leads.
    Write { host: u8, life: u16 },
    /// A write arrives there.
    WriteArrives(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: u64,
    /// Of two events at one time, the one that was planned first comes first.
    sequence: u32,
    job: Job,
}

/// Events by time.
#[derive(Debug)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u32,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::with_capacity(1_024), sequence: 0 }
    }

    pub(crate) fn push(&mut self, at: Time, job: Job) {
        self.sequence = self.sequence.wrapping_add(1);
        self.heap.push(Reverse(Entry { at: at.as_nanos(), sequence: self.sequence, job }));
    }

    /// The next event, unless it lies beyond `end`.
    pub(crate) fn pop_until(&mut self, end: Time) -> Option<(Time, Job)> {
        let Reverse(next) = self.heap.peek()?;
        if next.at > end.as_nanos() {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (Time::from_nanos(entry.at), entry.job))
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

/// The bytes of a datagram, in place unless there are unusually many.
#[derive(Clone, Debug)]
pub(crate) enum Bytes {
    Inline { len: u8, bytes: [u8; Self::INLINE] },
    Long(Box<[u8]>),
}

impl Bytes {
    const INLINE: usize = 120;

    fn new(bytes: &[u8]) -> Self {
        let mut inline = [0; Self::INLINE];
        match (inline.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(bytes);
                Self::Inline { len, bytes: inline }
            }
            (Some(_) | None, _) => Self::Long(bytes.into()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}

/// The datagrams under way, in memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    slots: Vec<(Label, Bytes)>,
    free: Vec<u32>,
}

impl Packets {
    pub(crate) fn put(&mut self, label: Label, bytes: &[u8]) -> u32 {
        let packet = (label, Bytes::new(bytes));
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = packet;
            return slot;
        }
        self.slots.push(packet);
        u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn label(&self, slot: u32) -> &Label {
        &self.slots[slot as usize].0
    }

    /// Takes a datagram out.
    pub(crate) fn take(&mut self, slot: u32) -> (Label, Bytes) {
        self.free.push(slot);
        self.slots[slot as usize].clone()
    }

    pub(crate) fn release(&mut self, slot: u32) {
        self.free.push(slot);
    }
}
