//! The hard state as bytes: versioned, checksummed, and tied to one node of one cluster, so that a damaged or mixed-up file
//! is noticed rather than believed.
//!
//! A record is `"QCHS"`, a version byte, the cluster's tag and the node's key (little-endian), the state in postcard, and
//! a CRC-32 of all before it.

use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;

use crate::config::Rules;
use crate::election::{HardState, KnownIncarnation, Vote};
use crate::id::{Incarnation, Term};
use crate::time::Span;

const MAGIC: &[u8; 4] = b"QCHS";
const VERSION: u8 = 2;
/// Without incarnations and steps: the end of the record of an earlier release.
const VERSION_WITHOUT_LIVES: u8 = 1;
const HEADER_LEN: usize = MAGIC.len() + 1 + 4 + 8;
const CHECKSUM_LEN: usize = 4;

/// Why a saved record cannot be used. Nothing was started: a voter that forgot what it voted must not guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// It is not a record, or not a whole one, or its checksum is wrong.
    Damaged,
    /// It was written by a newer version of this library.
    Version(u8),
    /// It belongs to a node of another cluster.
    OtherCluster,
    /// It belongs to another node of this cluster.
    OtherNode,
}

impl RecordError {
    /// What to do about it, as one sentence without a full stop.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::OtherNode => {
                "Point `data_dir` at this node's own directory, or correct `identifier`; leave this file where it is"
            }
            Self::OtherCluster => {
                "Point `data_dir` at this node's own directory, or correct `cluster`; leave this file where it is"
            }
            Self::Version(_) => {
                "Start a release that can read it, at least the one that wrote it; leave this file where it is"
            }
            Self::Damaged => {
                "This voter cannot know what it has promised. If the file is lost for good, move it away: the node then \
                 starts without memory, as one without data_dir does"
            }
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the saved state is damaged"),
            Self::Version(version) => {
                write!(f, "the saved state has version {version}, which this release cannot read")
            }
            Self::OtherCluster => f.write_str("the saved state belongs to another cluster"),
            Self::OtherNode => f.write_str("the saved state belongs to another node"),
        }
    }
}

impl core::error::Error for RecordError {}

/// Writes a record over what `buffer` held.
pub fn encode(hard_state: &HardState, rules: &Rules, buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.extend_from_slice(MAGIC);
    buffer.push(VERSION);
    buffer.extend_from_slice(&rules.cluster_tag.to_le_bytes());
    buffer.extend_from_slice(&rules.key.0.to_le_bytes());
    crate::wire::append(hard_state, buffer);
    let checksum = crc32fast::hash(buffer);
    buffer.extend_from_slice(&checksum.to_le_bytes());
}

/// Reads a record.
///
/// # Errors
/// It is damaged, of another version, or somebody else's.
pub fn decode(record: &[u8], rules: &Rules) -> Result<HardState, RecordError> {
    let (body, checksum) = record.split_last_chunk::<CHECKSUM_LEN>().ok_or(RecordError::Damaged)?;
    if !body.starts_with(MAGIC) || body.len() < HEADER_LEN || crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(RecordError::Damaged);
    }
    let (header, state) = body.split_at(HEADER_LEN);
    let version = header[MAGIC.len()];
    let owner = &header[MAGIC.len() + 1..];
    if version != VERSION && version != VERSION_WITHOUT_LIVES {
        Err(RecordError::Version(version))
    } else if owner[..4] != rules.cluster_tag.to_le_bytes() {
        Err(RecordError::OtherCluster)
    } else if owner[4..] != rules.key.0.to_le_bytes() {
        Err(RecordError::OtherNode)
    } else {
        let read: Option<HardState> =
            if version == VERSION { read(state) } else { read(state).map(|earlier: Earlier| earlier.into()) };
        read.filter(|state| state.term < Term::MAX && state.stamp < Term::MAX && is_in_order(&state.incarnations))
            .ok_or(RecordError::Damaged)
    }
}

/// A value that takes all of `bytes`.
fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        Ok((_, [_, ..])) | Err(_) => None,
    }
}

fn is_in_order(incarnations: &[KnownIncarnation]) -> bool {
    incarnations.windows(2).all(|pair| pair[0].node < pair[1].node)
}

/// What version 1 held.
#[derive(Deserialize)]
struct Earlier {
    term: Term,
    vote: Option<Vote>,
    stamp: Term,
    lease: Span,
    incarnation: Incarnation,
}

impl From<Earlier> for HardState {
    fn from(Earlier { term, vote, stamp, lease, incarnation }: Earlier) -> Self {
        Self { term, vote, stamp, lease, incarnation, incarnations: Vec::new(), step: None }
    }
}

#[cfg(test)]
mod tests;
