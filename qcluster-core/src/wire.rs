//! Datagrams: how an envelope travels.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, now 1 |
//! | 4 | cluster tag: half of the hash of the cluster's name |
//! | 1 | key id; 0 is "not sealed". A datagram that was sealed and has been opened names the key here |
//! | 24 | sender, its incarnation, the receiver's incarnation as last heard: 8 bytes each |
//! | 9 or 17 | digests of the voter lists: 8 bytes, and 0, or 1 and 8 bytes of the second |
//! | … | one or more messages in postcard |
//! | … | bytes FF, where a datagram would be shorter than 72 bytes otherwise; with a secret, shorter than 108 while it goes out plain |
//! | 4 | CRC-32 of all before it |
//!
//! All integers outside postcard are little-endian. A change that an earlier version would misread needs a new version;
//! the golden vectors beside this file tell.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::{Digests, Rules, SealMode};
use crate::id::{Incarnation, NodeKey};
use crate::reason::DropReason;

/// The largest datagram that is sent or accepted, in bytes: it fits one frame on any usual path.
pub const DATAGRAM_MAX: usize = 1_400;

/// The smallest that is sent. An address that has not proven itself is sent no more than came from it (E18): so it can be asked
/// to, whatever it has sent.
pub(crate) const DATAGRAM_MIN: usize = 72;

pub(crate) const VERSION: u8 = 1;
#[cfg(feature = "seal")]
pub(crate) const SEALED_VERSION: u8 = 2;
pub(crate) const NOT_SEALED: u8 = 0;
pub(crate) const PREFIX_LEN: usize = 6;
pub(crate) const CHECKSUM_LEN: usize = 4;
pub(crate) const SEAL_NONCE_LEN: usize = 24;
pub(crate) const SEAL_TAG_LEN: usize = 16;
/// How much longer a datagram is once it is sealed.
const SEAL_OVERHEAD: usize = SEAL_NONCE_LEN + SEAL_TAG_LEN - CHECKSUM_LEN;
const _: () = assert!(RESERVED_LEN >= SEAL_NONCE_LEN + SEAL_TAG_LEN, "the longest datagram can be sealed");
/// Begins no message: the kinds of those are small numbers.
const PADDING: u8 = 0xFF;
/// What is left free behind the messages: for the checksum, or for a seal's nonce and tag.
const RESERVED_LEN: usize = 48;

/// What stands before the messages of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) from: NodeKey,
    pub(crate) from_incarnation: Incarnation,
    pub(crate) to_incarnation: Incarnation,
    pub(crate) digests: Digests,
}

impl Header {
    fn append_to(&self, buffer: &mut Vec<u8>) {
        self.from.append_to(buffer);
        self.from_incarnation.append_to(buffer);
        self.to_incarnation.append_to(buffer);
        self.digests.append_to(buffer);
    }

    /// Reads one from the start of `bytes`; the second value is what follows.
    fn take_from(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (from, bytes) = NodeKey::take_from(bytes)?;
        let (from_incarnation, bytes) = Incarnation::take_from(bytes)?;
        let (to_incarnation, bytes) = Incarnation::take_from(bytes)?;
        let (digests, bytes) = Digests::take_from(bytes)?;
        Some((Self { from, from_incarnation, to_incarnation, digests }, bytes))
    }
}

/// Writes a datagram with one message over what `buffer` held.
pub(crate) fn encode<M: Serialize>(rules: &Rules, header: &Header, message: &M, buffer: &mut Vec<u8>) {
    begin(rules, header, message, buffer);
    finish(rules.seal, buffer);
}

/// Begins a datagram, with its first message.
pub(crate) fn begin<M: Serialize>(rules: &Rules, header: &Header, message: &M, buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.push(VERSION);
    buffer.extend_from_slice(&rules.cluster_tag.to_le_bytes());
    buffer.push(NOT_SEALED);
    header.append_to(buffer);
    append(message, buffer);
}

/// Adds another message, if the datagram stays small enough.
pub(crate) fn add<M: Serialize>(message: &M, buffer: &mut Vec<u8>) -> Added {
    let before = buffer.len();
    append(message, buffer);
    if buffer.len() <= DATAGRAM_MAX - RESERVED_LEN {
        return Added::Yes;
    }
    buffer.truncate(before);
    Added::NoRoom
}

/// Whether there was room for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Yes,
    NoRoom,
}

/// Ends a datagram.
pub(crate) fn finish(seal: Option<SealMode>, buffer: &mut Vec<u8>) {
    finish_within(seal, buffer, DATAGRAM_MAX);
}

/// Ends a datagram that should not be longer than so many bytes, if it can be as short.
pub(crate) fn finish_within(seal: Option<SealMode>, buffer: &mut Vec<u8>, len: usize) {
    let len_min = match seal {
        // The answer of a node that seals has to fit into what was sent (E18); a node without a secret has sent less.
        Some(SealMode::Accept) => len.clamp(DATAGRAM_MIN, DATAGRAM_MIN + SEAL_OVERHEAD),
        Some(SealMode::Send | SealMode::Require) | None => DATAGRAM_MIN,
    };
    if buffer.len() < len_min - CHECKSUM_LEN {
        buffer.resize(len_min - CHECKSUM_LEN, PADDING);
    }
    let checksum = crc32fast::hash(buffer);
    buffer.extend_from_slice(&checksum.to_le_bytes());
}

/// How long a datagram of that length is on the network, where this node sends it.
pub(crate) fn sent_len(seal: Option<SealMode>, len: usize) -> usize {
    match seal {
        Some(SealMode::Send | SealMode::Require) => len + SEAL_OVERHEAD,
        Some(SealMode::Accept) | None => len,
    }
}

/// Puts the frame of a plain datagram around the body of one that was opened, behind room for the prefix. It names the key that it was
/// sealed with.
#[cfg(feature = "seal")]
pub(crate) fn reopened(sealed_prefix: [u8; PREFIX_LEN], buffer: &mut Vec<u8>) {
    let [version, rest @ ..] = sealed_prefix;
    debug_assert_eq!(version, SEALED_VERSION, "it was sealed");
    buffer[0] = VERSION;
    buffer[1..PREFIX_LEN].copy_from_slice(&rest);
    let checksum = crc32fast::hash(buffer);
    buffer.extend_from_slice(&checksum.to_le_bytes());
}

/// A datagram whose frame is sound; its messages are read one by one.
#[derive(Debug)]
pub(crate) struct Datagram<'a> {
    pub(crate) header: Header,
    /// How long it was on the network.
    pub(crate) received_len: usize,
    messages: &'a [u8],
}

/// Checks the frame of a datagram that reaches a node which seals like that.
pub(crate) fn open<'a>(rules: &Rules, seal: Option<SealMode>, bytes: &'a [u8]) -> Result<Datagram<'a>, DropReason> {
    if bytes.len() > DATAGRAM_MAX {
        return Err(DropReason::Malformed);
    }
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(DropReason::Malformed)?;
    let (prefix, sealed) = body.split_first_chunk::<PREFIX_LEN>().ok_or(DropReason::Malformed)?;
    let [version, tag @ .., key_id] = prefix;
    if *version != VERSION {
        return Err(DropReason::Version);
    }
    if *tag != rules.cluster_tag.to_le_bytes() {
        return Err(DropReason::ForeignCluster);
    }
    // What names a key was opened on the way here, which only a node with a secret does.
    if *key_id != NOT_SEALED && seal.is_none() {
        return Err(DropReason::UnknownKey);
    }
    if *key_id == NOT_SEALED && seal == Some(SealMode::Require) {
        return Err(DropReason::NotSealed);
    }
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(DropReason::Malformed);
    }
    let (header, messages) = Header::take_from(sealed).ok_or(DropReason::Malformed)?;
    if messages.first().is_none_or(|first| *first == PADDING) {
        return Err(DropReason::Malformed);
    }
    let received_len = if *key_id == NOT_SEALED { bytes.len() } else { bytes.len() + SEAL_OVERHEAD };
    Ok(Datagram { header, received_len, messages })
}

impl Datagram<'_> {
    /// The next message, if there is one more.
    pub(crate) fn next_message<M: for<'de> Deserialize<'de>>(&mut self) -> Option<Result<M, DropReason>> {
        if self.messages.iter().all(|byte| *byte == PADDING) {
            return None;
        }
        let taken = postcard::take_from_bytes(self.messages);
        // Behind a message that cannot be read nothing can be found.
        self.messages = taken.as_ref().map_or(&[], |(_, rest)| rest);
        Some(taken.map(|(message, _)| message).map_err(|_| DropReason::Malformed))
    }
}

/// Appends a value in postcard. It cannot fail: memory is the only limit, and lengths are known.
pub(crate) fn append<T: Serialize>(value: &T, buffer: &mut Vec<u8>) {
    let result = postcard::serialize_with_flavor(value, Appender(buffer));
    debug_assert!(result.is_ok(), "plain data always serializes");
}

/// Lets postcard write behind what a buffer holds, and reuse its memory.
struct Appender<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Appender<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
