//! The datagrams that are under way, in memory that is used again.

use std::net::SocketAddr;

use crate::origin::Origin;
use crate::wire::Heard;

/// A host, at one of the addresses that it has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: u16,
    /// Which of its addresses that is: it may have moved since.
    pub(crate) generation: u16,
}

/// What is known of a datagram beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    pub(crate) from: SocketAddr,
    /// The host that has sent it, but for a stranger's.
    pub(crate) sender: Option<u16>,
    pub(crate) to: Place,
    /// What the simulator read in it, where it did and the datagram is whole.
    pub(crate) heard: Option<Heard>,
    /// Who has sealed it, in a world with seals, where it is as it was.
    pub(crate) origin: Option<Origin>,
}

/// A datagram under way. Its bytes keep their memory when the slot is used again.
#[derive(Debug)]
struct Packet {
    label: Label,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Packets {
    slots: Vec<Packet>,
    free: Vec<u32>,
}

impl Packets {
    pub(super) fn put(&mut self, label: &Label, bytes: &[u8]) -> u32 {
        if let Some(slot) = self.free.pop() {
            let packet = &mut self.slots[slot as usize];
            packet.label = *label;
            packet.bytes.clear();
            packet.bytes.extend_from_slice(bytes);
            return slot;
        }
        let mut memory = Vec::with_capacity(bytes.len().max(128));
        memory.extend_from_slice(bytes);
        self.slots.push(Packet { label: *label, bytes: memory });
        u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn label(&self, slot: u32) -> &Label {
        &self.slots[slot as usize].label
    }

    /// Lends the bytes of a datagram, until [`Packets::give_back`].
    pub(super) fn lend(&mut self, slot: u32) -> Vec<u8> {
        core::mem::take(&mut self.slots[slot as usize].bytes)
    }

    /// The datagram has arrived: its slot and the memory of its bytes may be used again.
    pub(super) fn give_back(&mut self, slot: u32, bytes: Vec<u8>) {
        self.slots[slot as usize].bytes = bytes;
        self.release(slot);
    }

    pub(super) fn release(&mut self, slot: u32) {
        self.free.push(slot);
    }
}
