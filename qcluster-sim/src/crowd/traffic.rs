//! What nodes send, as counted at their sockets.

use qcluster_core::{Message, Rules, read_datagram};

/// Datagrams and bytes of UDP payload that one node has sent, or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams of membership and registry; all, where they are not told apart.
    pub datagrams: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Datagrams of the election, greetings and subscriptions, whatever rides on them.
    pub others: u64,
    /// Bytes of these.
    pub others_bytes: u64,
}

impl Traffic {
    pub(super) fn count(&mut self, bytes: &[u8], read_as: Option<&Rules>) {
        let is_gossip = |rules: &Rules| match read_datagram(rules, bytes).as_deref() {
            Ok([first, ..]) => matches!(first.message, Message::Membership(_)),
            Ok([]) | Err(_) => false,
        };
        if read_as.is_none_or(is_gossip) {
            self.datagrams += 1;
            self.bytes += bytes.len() as u64;
        } else {
            self.others += 1;
            self.others_bytes += bytes.len() as u64;
        }
    }

    /// What was sent since.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            datagrams: self.datagrams - earlier.datagrams,
            bytes: self.bytes - earlier.bytes,
            others: self.others - earlier.others,
            others_bytes: self.others_bytes - earlier.others_bytes,
        }
    }
}

impl std::iter::Sum for Traffic {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            datagrams: sum.datagrams + one.datagrams,
            bytes: sum.bytes + one.bytes,
            others: sum.others + one.others,
            others_bytes: sum.others_bytes + one.others_bytes,
        })
    }
}
