//! Configurations that a program makes: what is set often, one call each. Every other field is set as a field.

use alloc::string::String;

use super::choice::TimingChoice;
use super::file::{Config, Mode};
use super::metadata::to_metadata;
use super::peer::Peer;

impl Config {
    /// The same node with those other voters, in place of the ones that it had.
    ///
    /// ```
    /// use qcluster_core::{Config, Peer};
    ///
    /// let peers = [Peer::new("server_b", "localhost", 7002), Peer::new("server_c", "localhost", 7003)];
    /// let config = Config::new("server_a", "localhost", 7001).with_peers(peers);
    /// assert_eq!(config.peers[1].identifier, "server_c");
    /// ```
    #[must_use]
    pub fn with_peers(self, peers: impl IntoIterator<Item = Peer>) -> Self {
        Self { peers: peers.into_iter().collect(), ..self }
    }

    /// The same node with that priority. Its peers have to list the same (E8, E14).
    #[must_use]
    pub fn with_priority(self, priority: u32) -> Self {
        Self { priority, ..self }
    }

    /// The same node with that timing: a [`Preset`](super::Preset) or [`TimingValues`](super::TimingValues). It has to be the same
    /// on all voters.
    #[must_use]
    pub fn with_timing(self, timing: impl Into<TimingChoice>) -> Self {
        Self { timing: timing.into(), ..self }
    }

    /// The same node with that data directory, in which it saves its state.
    #[must_use]
    pub fn with_data_dir(self, data_dir: impl Into<String>) -> Self {
        Self { data_dir: Some(data_dir.into()), ..self }
    }

    /// The same node in the cluster of that name.
    #[must_use]
    pub fn with_cluster(self, cluster: impl Into<String>) -> Self {
        Self { cluster: cluster.into(), ..self }
    }

    /// The same node in a cluster of that mode.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The same node, which joins the nodes at those addresses, each written as `host:port`.
    ///
    /// ```
    /// use qcluster_core::{Config, Mode};
    ///
    /// let config = Config::new("server_a", "localhost", 7001).with_mode(Mode::Masterless).with_join(["localhost:7002"]);
    /// assert!(config.check().is_ok());
    /// ```
    #[must_use]
    pub fn with_join(self, join: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { join: join.into_iter().map(Into::into).collect(), ..self }
    }

    /// The same node with that metadata, in place of what it had.
    #[must_use]
    pub fn with_metadata(
        self,
        metadata: impl IntoIterator<Item = (impl Into<String>, impl Into<serde_json::Value>)>,
    ) -> Self {
        Self { metadata: to_metadata(metadata), ..self }
    }
}
