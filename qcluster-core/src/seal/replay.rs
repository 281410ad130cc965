//! Which sealed datagrams were opened before (S3): a sliding window for each incarnation that was heard, as IP security has it (RFC 4303, section
//! 3.4.3).

use alloc::collections::BTreeMap;

use super::NONCE_PREFIX_LEN;
use crate::wire::SEAL_NONCE_LEN;

/// How far a datagram may be behind the newest of its sender, in datagrams.
const WINDOW: u64 = 1_024;
const WORD_BITS: u64 = 64;

/// Senders that are remembered. Only who has a key gets into this number; of more, the one that was not heard for longest is forgotten,
/// and what it sent to this incarnation could be repeated, as on a network that duplicates datagrams.
const SENDERS_MAX: usize = 4_096;

/// Who a counter is of: the random bytes of an incarnation, and whether a datagram outlives its node (W4).
type Channel = ([u8; NONCE_PREFIX_LEN], bool);

/// What has been opened.
#[derive(Debug, Default)]
pub(super) struct Replays {
    windows: BTreeMap<Channel, Window>,
    /// Datagrams noted, by which the senders are as old as they are.
    noted: u64,
}

#[derive(Debug)]
struct Window {
    newest: u64,
    /// A bit for each of the newest counters, by its remainder.
    seen: [u64; (WINDOW / WORD_BITS) as usize],
    last_noted: u64,
}

/// Whether a datagram may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It was not opened yet.
    New(Fresh),
    /// It was, or it is so old that nobody knows.
    Repeated,
}

/// One that was not opened when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fresh {
    channel: Channel,
    counter: u64,
}

impl Replays {
    /// Looks whether a datagram with that nonce was opened before.
    pub(super) fn look(&self, nonce: &[u8; SEAL_NONCE_LEN]) -> Freshness {
        let mut prefix = [0; NONCE_PREFIX_LEN];
        let mut counter = [0; SEAL_NONCE_LEN - NONCE_PREFIX_LEN];
        prefix.copy_from_slice(&nonce[..NONCE_PREFIX_LEN]);
        counter.copy_from_slice(&nonce[NONCE_PREFIX_LEN..]);
        let counter = u64::from_be_bytes(counter);
        let channel = (prefix, counter >> 63 == 1);
        if self.windows.get(&channel).is_some_and(|window| window.has_seen(counter)) {
            return Freshness::Repeated;
        }
        Freshness::New(Fresh { channel, counter })
    }

    /// It was opened.
    pub(super) fn note(&mut self, Fresh { channel, counter }: Fresh) {
        if self.windows.len() >= SENDERS_MAX && !self.windows.contains_key(&channel) {
            let oldest = self.windows.iter().min_by_key(|(_, window)| window.last_noted).map(|(channel, _)| *channel);
            oldest.map(|oldest| self.windows.remove(&oldest));
        }
        self.noted += 1;
        let window = self.windows.entry(channel).or_insert_with(|| Window::at(counter));
        window.note(counter);
        window.last_noted = self.noted;
    }
}

impl Window {
    /// One that has seen nothing.
    fn at(counter: u64) -> Self {
        Self { newest: counter, seen: [0; (WINDOW / WORD_BITS) as usize], last_noted: 0 }
    }

    fn has_seen(&self, counter: u64) -> bool {
        let (word, bit) = place(counter);
        let behind = self.newest.checked_sub(counter);
        behind.is_some_and(|behind| behind >= WINDOW || self.seen[word] & bit != 0)
    }

    fn note(&mut self, counter: u64) {
        // The places between the newest so far and this one were those of counters that fall out now.
        let passed = counter.saturating_sub(self.newest).min(WINDOW);
        for step in 0..passed {
            let (word, bit) = place(counter - step);
            self.seen[word] &= !bit;
        }
        self.newest = self.newest.max(counter);
        let (word, bit) = place(counter);
        self.seen[word] |= bit;
    }
}

fn place(counter: u64) -> (usize, u64) {
    let place = counter % WINDOW;
    ((place / WORD_BITS) as usize, 1 << (place % WORD_BITS))
}

#[cfg(test)]
mod tests;
