//! A running endpoint as bytes, so that a recording can begin in the middle of an incarnation.
//!
//! A snapshot is the version of this crate, what the rules come to, the state in postcard, and a CRC-32 of all before it.
//! It is for tools of the same version. Nothing is started from it that speaks to others: what a node saves for its next
//! incarnation is the [hard state](crate::hard_state), and a node restored from a copy is what no lease can survive.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::Endpoint;
use super::addresses::Addresses;
use crate::config::{Digests, Durability, Gossip, Rules, SealMode, Seat, Timing};
use crate::id::{NodeKey, VoterIndex};
use crate::node::Node;
use crate::time::Span;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const CHECKSUM_LEN: usize = 4;

/// Why a snapshot cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// It is not a snapshot, or not a whole one, or its checksum is wrong.
    Damaged,
    /// It was taken by another version of this crate.
    Version,
    /// It is of an endpoint with other rules.
    OtherRules,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the snapshot is damaged"),
            Self::Version => {
                write!(f, "the snapshot was taken by another version than {VERSION}: only that one can read it")
            }
            Self::OtherRules => f.write_str("the snapshot is of a node with other settings"),
        }
    }
}

impl core::error::Error for SnapshotError {}

/// All of the rules that decides something: the digests stand for the voters.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    key: NodeKey,
    me: Option<VoterIndex>,
    cluster_tag: u32,
    digests: Digests,
    timing: Timing,
    durability: Durability,
    spans: [Span; 3],
    seat: Seat,
    gossip: Option<Gossip>,
}

impl Owner {
    fn of(rules: &Rules) -> Self {
        Self {
            key: rules.key,
            me: rules.me,
            cluster_tag: rules.cluster_tag,
            digests: rules.digests,
            timing: rules.timing,
            durability: rules.durability,
            spans: [rules.previous_lease, rules.drain, rules.settle],
            seat: rules.seat,
            gossip: rules.gossip,
        }
    }
}

/// What an endpoint is made of, but for its rules. It is written as a tuple of borrowed parts.
#[derive(Deserialize)]
struct State {
    seal: Option<SealMode>,
    node: Node,
    addresses: Addresses,
    unaddressed: u64,
}

impl Endpoint {
    /// The endpoint as it is, without its rules: given the same inputs, what [`Endpoint::restore`] makes of it does the same,
    /// byte for byte. Outputs that were not taken are part of it.
    pub fn snapshot(&self) -> Vec<u8> {
        let Self { node, rules, seal, addresses, buffer: _, unaddressed } = self;
        let mut bytes = Vec::with_capacity(1_024);
        crate::wire::append(&VERSION, &mut bytes);
        crate::wire::append(&Owner::of(rules), &mut bytes);
        crate::wire::append(&(seal, node, addresses, unaddressed), &mut bytes);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The endpoint of a snapshot, to be looked at or replayed. The checksum tells damage; what was forged on purpose is
    /// believed.
    ///
    /// # Errors
    /// It is damaged, of another version of this crate, or of a node with other rules.
    pub fn restore(rules: impl Into<Arc<Rules>>, snapshot: &[u8]) -> Result<Self, SnapshotError> {
        let rules = rules.into();
        let damaged = |_| SnapshotError::Damaged;
        let (body, checksum) = snapshot.split_last_chunk::<CHECKSUM_LEN>().ok_or(SnapshotError::Damaged)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
            return Err(SnapshotError::Damaged);
        }
        let (version, rest) = postcard::take_from_bytes::<&str>(body).map_err(damaged)?;
        if version != VERSION {
            return Err(SnapshotError::Version);
        }
        let (owner, rest) = postcard::take_from_bytes::<Owner>(rest).map_err(damaged)?;
        if owner != Owner::of(&rules) {
            return Err(SnapshotError::OtherRules);
        }
        match postcard::take_from_bytes::<State>(rest).map_err(damaged)? {
            (State { seal, mut node, addresses, unaddressed }, []) => {
                node.use_rules(&rules);
                Ok(Self { node, rules, seal, addresses, buffer: Vec::new(), unaddressed })
            }
            (_, [_, ..]) => Err(SnapshotError::Damaged),
        }
    }
}

#[cfg(test)]
mod tests;
