//! The names of things: who a node is, which of its incarnations is meant, and the numbers that order leaderships.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::rng::mix;

/// The identifier that an operator gave a node: 1 to 64 printable ASCII characters without spaces.
///
/// Cloning is cheap. In messages and in the state machine a node goes by its [`NodeKey`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

/// Why a text cannot be an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadNodeId {
    /// It is empty.
    Empty,
    /// It is longer than [`NodeId::LEN_MAX`] bytes.
    TooLong,
    /// It has a space, a control character, or something outside ASCII.
    NotPrintable,
}

impl NodeId {
    /// The longest identifier, in bytes.
    pub const LEN_MAX: usize = 64;

    /// Checks and interns an identifier.
    ///
    /// # Errors
    /// The text is empty, too long, or not printable ASCII.
    pub fn new(text: &str) -> Result<Self, BadNodeId> {
        if text.is_empty() {
            Err(BadNodeId::Empty)
        } else if text.len() > Self::LEN_MAX {
            Err(BadNodeId::TooLong)
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(BadNodeId::NotPrintable)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// Takes the place of an identifier that was refused, so that the rest of a configuration can be checked.
    pub(crate) fn placeholder() -> Self {
        Self("?".into())
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The fixed-size stand-in that messages carry.
    pub fn key(&self) -> NodeKey {
        NodeKey(stable_hash(&[self.0.as_bytes()]))
    }
}

impl Serialize for NodeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::string::String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BadNodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an identifier cannot be empty"),
            Self::TooLong => write!(f, "an identifier has at most {} bytes", NodeId::LEN_MAX),
            Self::NotPrintable => f.write_str("an identifier is printable ASCII without spaces"),
        }
    }
}

impl core::error::Error for BadNodeId {}

/// The 64-bit hash of a [`NodeId`]. A configuration in which two identifiers share a key is refused, so that within a
/// cluster a key means one node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey(pub u64);

impl NodeKey {
    /// Stands for any node at an address.
    pub const NOBODY: Self = Self(0);
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:016x}", self.0)
    }
}

/// One incarnation of a node, from a start of its process to its end: 44 bits of Unix milliseconds, then 20 random bits.
///
/// Larger is later as far as wall clocks tell. Two incarnations of one node share a value only if they start in the same
/// millisecond *of the wall clock* and draw the same of a million numbers; a saved hard state rules even that out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

impl Incarnation {
    /// Stands for an incarnation that was not heard of yet.
    pub const UNKNOWN: Self = Self(0);
    /// The latest incarnation that is believed (E18): one that starts in the year 2248.
    pub(crate) const MAX: Self = Self(1 << 63);

    const RANDOM_BITS: u32 = 20;

    /// The incarnation of a node that starts at `stamp_ms` (Unix milliseconds), with any 64 random bits.
    pub(crate) const fn new(stamp_ms: u64, random: u64) -> Self {
        let low = random & ((1 << Self::RANDOM_BITS) - 1);
        // Never UNKNOWN, whatever the clock and the dice say.
        Self((stamp_ms << Self::RANDOM_BITS) | low | 1)
    }

    /// When it began, by the wall clock of its machine.
    pub(crate) const fn stamp_ms(self) -> u64 {
        self.0 >> Self::RANDOM_BITS
    }

    /// A fresh incarnation above this one (E12, E17: the wall clock went back).
    pub(crate) const fn above(self, random: u64) -> Self {
        Self::new((self.0 >> Self::RANDOM_BITS).saturating_add(1), random)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// The place of a voter in [`Rules::voters`](crate::Rules::voters): by identifier, both lists of a change together. Nodes of one configuration
/// agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VoterIndex(pub(crate) u8);

impl VoterIndex {
    /// The index as a position in [`Rules::voters`](crate::Rules::voters).
    pub const fn position(self) -> usize {
        self.0 as usize
    }
}

/// Stands for all that a voter knows of incarnations that have taken part (E24): equal for two that know the same, in
/// whatever order they came to know it. Of nothing it is zero.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct IncarnationsDigest(pub u32);

impl IncarnationsDigest {
    /// Of one incarnation more.
    pub(crate) const fn with(self, node: NodeKey, incarnation: Incarnation) -> Self {
        let [a, b, c, d, ..] = mix(mix(node.0) ^ incarnation.0).to_le_bytes();
        Self(self.0.wrapping_add(u32::from_le_bytes([a, b, c, d])))
    }
}

impl fmt::Debug for IncarnationsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// A term of the election: at most one leader each (E1). Zero is before the first.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Term(pub u64);

impl Term {
    /// The largest term that is believed: what lies above leaves no room to grow and is dropped (E18).
    pub const MAX: Self = Self(1 << 62);

    /// The term after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Grows with every leadership. A guarded resource remembers the largest it has seen and refuses smaller ones, which
/// covers what no lease can: a process frozen between asking and acting (Kleppmann, 2016).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FencingToken(pub u64);

impl From<Term> for FencingToken {
    fn from(term: Term) -> Self {
        Self(term.0)
    }
}

impl From<FencingToken> for u64 {
    fn from(token: FencingToken) -> Self {
        token.0
    }
}

impl fmt::Debug for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FencingToken({})", self.0)
    }
}

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Keys, incarnations and digests are evenly spread over their bits, where a variable-length integer would cost more bytes: on the
/// wire they are as long as they are, little-endian.
macro_rules! whole_on_the_wire {
    ($($name:ident($number:ty)),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.to_le_bytes().serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <[u8; size_of::<$number>()]>::deserialize(deserializer).map(|bytes| Self(<$number>::from_le_bytes(bytes)))
            }
        }
    )*};
}

whole_on_the_wire!(NodeKey(u64), Incarnation(u64), IncarnationsDigest(u32));

/// What stands in the header of a datagram, which is not postcard's.
macro_rules! in_the_header {
    ($($name:ident),*) => {$(
        impl $name {
            /// Writes itself behind what a datagram holds so far.
            pub(crate) fn append_to(self, buffer: &mut Vec<u8>) {
                buffer.extend_from_slice(&self.0.to_le_bytes());
            }

            /// Reads itself from the start of `bytes`; the second value is what follows.
            pub(crate) fn take_from(bytes: &[u8]) -> Option<(Self, &[u8])> {
                bytes.split_first_chunk().map(|(own, rest)| (Self(u64::from_le_bytes(*own)), rest))
            }
        }
    )*};
}

in_the_header!(NodeKey, Incarnation);

/// FNV-1a over the parts, each ended by a byte that no identifier has, and mixed: the same value on every machine and in
/// every version. It tells names apart; it does not resist an attacker.
pub(crate) fn stable_hash(parts: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for &byte in part.iter().chain(&[0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    mix(hash)
}

#[cfg(test)]
mod tests;
