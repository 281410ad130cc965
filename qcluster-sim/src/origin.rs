//! Where a datagram comes from, which goes with it through a sealed world, for the oracles.

/// What is in clear before what a datagram says: version, cluster tag and key id.
const CLEAR_LEN: usize = 6;
const CHECKSUM_LEN: usize = 4;

/// Whom a datagram was sent to that went to an address which no host has: a stranger may take it to whom it names.
pub(crate) const NOBODY: u16 = u16::MAX;

/// Where a datagram comes from, as long as nobody has changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Which process gave it out, of all that there were in the world.
    pub(crate) process: u32,
    /// Its number among those of the process that were sealed.
    pub(crate) counter: u64,
    /// The id of its key, 0 where it is plain.
    pub(crate) key_id: u8,
    /// The host that it was sent to, or [`NOBODY`].
    pub(crate) to: u16,
    /// A fingerprint of what is in it, beside key and checksum.
    pub(crate) print: u64,
}

impl Origin {
    pub(crate) fn is_sealed(&self) -> bool {
        self.key_id != 0
    }
}

/// Where a datagram comes from that nobody has sealed.
pub(crate) fn unsealed(to: u16, plain: &[u8]) -> Origin {
    Origin { process: 0, counter: 0, key_id: 0, to, print: fingerprint(plain) }
}

/// Of all but what says whether it was sealed: the key id, and the checksum over that.
pub(crate) fn fingerprint(plain: &[u8]) -> u64 {
    let body = plain.get(CLEAR_LEN..plain.len().saturating_sub(CHECKSUM_LEN)).unwrap_or_default();
    let mut words = body.chunks_exact(8);
    let add = |print: u64, word: u64| (print.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let whole = |word: &[u8]| word.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
    let print = words.by_ref().fold(body.len() as u64, |print, word| add(print, whole(word)));
    words.remainder().iter().fold(print, |print, byte| add(print, u64::from(*byte)))
}
