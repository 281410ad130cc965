//! Another voter, as a configuration names it.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::metadata::{self, Metadata, to_metadata};
use super::port;

/// The address of another voter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Peer {
    /// Its identifier.
    pub identifier: String,
    /// A name or an address.
    pub host: String,
    /// UDP and TCP port.
    #[serde(deserialize_with = "port::deserialize")]
    pub port: u16,
    /// Its priority (E8).
    #[serde(default)]
    pub priority: u32,
    /// What is known about it.
    #[serde(default, deserialize_with = "metadata::deserialize")]
    pub metadata: Metadata,
}

impl Peer {
    /// A voter of priority 0, of which nothing else is known.
    pub fn new(identifier: impl Into<String>, host: impl Into<String>, port: u16) -> Self {
        Self { identifier: identifier.into(), host: host.into(), port, priority: 0, metadata: Metadata::new() }
    }

    /// The same voter with that priority.
    #[must_use]
    pub fn with_priority(self, priority: u32) -> Self {
        Self { priority, ..self }
    }

    /// The same voter with that metadata, in place of what it had.
    #[must_use]
    pub fn with_metadata(
        self,
        metadata: impl IntoIterator<Item = (impl Into<String>, impl Into<serde_json::Value>)>,
    ) -> Self {
        Self { metadata: to_metadata(metadata), ..self }
    }
}
