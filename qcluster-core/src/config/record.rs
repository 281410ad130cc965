//! Where to write down what goes into a node, so that what happened can be replayed elsewhere.

use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::problem::Findings;

/// A [recording](crate::recording) that the adapter keeps while the node runs: the present file, and the one before it
/// under the same name with `.1` behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecordTo {
    /// The present file. Its folder has to be there; no other node may write to it.
    pub path: String,
    /// How long both files together may get; [`RecordTo::BYTES_DEFAULT`] unless set.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: u64,
}

fn default_max_bytes() -> u64 {
    RecordTo::BYTES_DEFAULT
}

impl RecordTo {
    /// Sixteen million bytes: about a quarter of an hour of a leader of three at the usual pace.
    pub const BYTES_DEFAULT: u64 = 16_000_000;
    /// The least that makes sense: half of it holds the largest state that there can be, and some of what followed.
    pub const BYTES_MIN: u64 = 200_000;

    /// To that path, with the usual length.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), max_bytes: Self::BYTES_DEFAULT }
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        findings.require(!self.path.is_empty(), "record.path", || "cannot be empty".into());
        findings.require_expanded("record.path", &self.path);
        findings.require(self.max_bytes >= Self::BYTES_MIN, "record.max_bytes", || {
            format!("must be at least {}: less would hold little more than the state to begin with", Self::BYTES_MIN)
        });
    }
}
