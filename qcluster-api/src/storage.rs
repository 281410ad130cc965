//! How a node's disk is.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

/// How saving state goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StorageStatus {
    /// Without `data_dir` nothing is saved (E12).
    #[default]
    Diskless,
    /// State is saved.
    Durable,
    /// It could not be saved, and is tried again: until then the node does not vote (E16).
    Failing {
        /// What the system said.
        error: String,
    },
    /// It cannot be saved any more: the node neither votes nor campaigns until it is restarted (E16).
    Failed {
        /// What the system said.
        error: String,
    },
}

impl StorageStatus {
    /// What the system said, while state cannot be saved.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Diskless | Self::Durable => None,
            Self::Failing { error } | Self::Failed { error } => Some(error),
        }
    }
}

impl fmt::Display for StorageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Diskless => f.write_str("diskless"),
            Self::Durable => f.write_str("durable"),
            Self::Failing { error } => write!(f, "failing, and tried again: {error}"),
            Self::Failed { error } => write!(f, "failed: {error}"),
        }
    }
}
