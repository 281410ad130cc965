//! The configuration as users write it, usually in JSON: addresses, peers, and everything optional with its default.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::api::ApiConfig;
use super::choice::TimingChoice;
use super::metadata::{self, Metadata};
use super::peer::Peer;
use super::port;
use super::record::RecordTo;
use super::seal::{self, SealMode, Secret};
use crate::host::host_and_port;

/// The configuration of one node. Unknown fields are errors that name the field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// This node's name: 1 to 64 printable ASCII characters, unique in the cluster.
    pub identifier: String,
    /// Where to listen, a name or an address; `localhost` means every loopback address of the machine.
    #[serde(default = "localhost")]
    pub listen_host: String,
    /// UDP (cluster) and TCP (HTTP) port; 0 lets the system choose, which only makes sense without peers.
    #[serde(deserialize_with = "port::deserialize")]
    pub listen_port: u16,
    /// What others should connect to, where it differs from `listen_host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise_host: Option<String>,
    /// What others should connect to, where it differs from `listen_port`.
    #[serde(default, deserialize_with = "port::deserialize_some", skip_serializing_if = "Option::is_none")]
    pub advertise_port: Option<u16>,
    /// What this node says about itself.
    #[serde(default, deserialize_with = "metadata::deserialize")]
    pub metadata: Metadata,
    /// This node's priority; its peers must list the same (E8, E14).
    #[serde(default)]
    pub priority: u32,
    /// Services of this node, registered at the start: see [`Config::services`](Config::services) for their form.
    #[serde(default, deserialize_with = "metadata::deserialize_list", skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<serde_json::Value>,
    /// Whether the cluster has a leader.
    #[serde(default)]
    pub mode: Mode,
    /// The other voters; without a leader, nodes to join.
    #[serde(default)]
    pub peers: Vec<Peer>,
    /// Addresses of nodes to join, as `host:port`: tried until one answers, and again whenever they are not members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub join: Vec<String>,
    /// While the voters change: the other voters of the coming list (E20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_peers: Option<Vec<Peer>>,
    /// While the voters change: which of the two lists this node itself belongs to. A node that joins or leaves has to say so, since
    /// neither list names it.
    #[serde(default)]
    pub voter_in: VoterIn,
    /// Watch the voters without being one (E13).
    #[serde(default)]
    pub observer: bool,
    /// The cluster's name.
    #[serde(default = "default_cluster")]
    pub cluster: String,
    /// The pace, the same on all voters.
    #[serde(default)]
    pub timing: TimingChoice,
    /// Where to keep what must survive a crash. Without it a voter is diskless (E12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<String>,
    /// The longest lease that an earlier configuration had, if it was longer: for nodes that cannot remember it, because they are
    /// diskless or lose their disk (E9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_lease_ms: Option<u64>,
    /// Take a change of voters back, on all nodes (E20): a node with a `data_dir` starts although it has taken a later step. Take it out
    /// again once all nodes run with the old list.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub rollback: bool,
    /// How long a voluntary hand-over waits for the leader's work to end; ten leases unless set (E10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_ms: Option<u64>,
    /// How long a voter of higher priority must be healthy before it gets the leadership; twenty leases unless set (E11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle_ms: Option<u64>,
    /// Write down what goes into the node, to be replayed elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordTo>,
    /// Who may change something over HTTP.
    #[serde(default)]
    pub api: ApiConfig,
    /// Listen beyond loopback although datagrams without a seal are let in, or there is no secret at all.
    #[serde(default)]
    pub insecure: bool,
    /// What all nodes of the cluster share, and nobody else knows: datagrams are sealed with it (S1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// A file with secrets instead, one on each line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<String>,
    /// Several secrets instead, while one takes the place of another: the first one seals, all of them open.
    #[serde(default, deserialize_with = "seal::deserialize_list", skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
    /// What is sealed, and what is let in without a seal: `require` unless given.
    #[serde(default, deserialize_with = "seal::deserialize_mode", skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealMode>,
}

/// Whether a cluster has a leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The voters elect one.
    #[default]
    Leader,
    /// It has none: members and services only.
    Masterless,
}

/// The lists of voters that a node belongs to while they change (E20).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoterIn {
    /// It was a voter and stays one.
    #[default]
    Both,
    /// It leaves: it is in the old list only.
    Peers,
    /// It joins: it is in the new list only.
    NextPeers,
}

fn localhost() -> String {
    "localhost".into()
}

fn default_cluster() -> String {
    "default".into()
}

impl Config {
    /// Reads a configuration from JSON text. What it says is checked by [`Config::settings`].
    ///
    /// # Errors
    /// It is no JSON, or has an unknown field, or one of another type; the error names field, line and column.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The most addresses to join.
    pub const JOIN_MAX: usize = 64;

    /// The addresses to join as host and port; those that are none are left out, and reported by [`Config::settings`].
    pub fn join_addresses(&self) -> impl Iterator<Item = (&str, u16)> {
        self.join.iter().filter_map(|address| host_and_port(address))
    }

    /// The most metadata of one node, in bytes of compact JSON.
    pub const METADATA_LEN_MAX: usize = 512;

    /// A node with default timing, no peers and no data directory.
    pub fn new(identifier: impl Into<String>, listen_host: impl Into<String>, listen_port: u16) -> Self {
        Self {
            identifier: identifier.into(),
            listen_host: listen_host.into(),
            listen_port,
            advertise_host: None,
            advertise_port: None,
            metadata: Metadata::new(),
            priority: 0,
            mode: Mode::Leader,
            peers: Vec::new(),
            join: Vec::new(),
            services: Vec::new(),
            next_peers: None,
            voter_in: VoterIn::Both,
            observer: false,
            cluster: default_cluster(),
            timing: TimingChoice::default(),
            data_dir: None,
            previous_lease_ms: None,
            rollback: false,
            drain_ms: None,
            settle_ms: None,
            record: None,
            api: ApiConfig::default(),
            insecure: false,
            secret: None,
            secret_file: None,
            secrets: Vec::new(),
            seal: None,
        }
    }

    /// This node as others should see it: the advertised address, or the one that it listens on.
    pub fn as_peer(&self) -> Peer {
        Peer {
            identifier: self.identifier.clone(),
            host: self.advertise_host.clone().unwrap_or_else(|| self.listen_host.clone()),
            port: self.advertise_port.unwrap_or(self.listen_port),
            priority: self.priority,
            metadata: self.metadata.clone(),
        }
    }

    /// All peers, those of a coming list too, each once.
    pub fn all_peers(&self) -> impl Iterator<Item = &Peer> {
        let next = self.next_peers.as_deref().unwrap_or_default();
        let is_new = |peer: &&Peer| self.peers.iter().all(|other| other.identifier != peer.identifier);
        self.peers.iter().chain(next.iter().filter(is_new))
    }
}
