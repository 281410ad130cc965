//! The configuration as users write it, usually in JSON: addresses, peers, and everything optional with its default.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::api::ApiConfig;
use super::choice::TimingChoice;
use super::gossip::Gossip;
use super::metadata::{self, Metadata};
use super::peer::Peer;
use super::port;
use super::problem::{ConfigError, Findings};
use super::record::RecordTo;
use super::settings::{Durability, Seat, Settings, VoterSettings};
use super::timing::Timing;
use crate::host::{BadHost, Host, host_and_port, is_same_host};
use crate::id::NodeId;
use crate::time::Span;

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
    /// While the voters change: which of the two lists this node itself belongs to.
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
    /// Listen beyond loopback although datagrams are neither secret nor authenticated.
    #[serde(default)]
    pub insecure: bool,
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

    /// Checks the configuration and gives what the state machine needs of it.
    ///
    /// # Errors
    /// Every mistake that there is but those in [`services`](Self::services), each with its field.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let mut findings = Findings::default();
        // A bad name is reported and stands in for itself, so that the other mistakes are found too.
        let id = parse_id(&self.identifier, "identifier", &mut findings).unwrap_or_else(NodeId::placeholder);
        self.check_addresses(&mut findings);
        check_metadata(&self.metadata, "metadata", &mut findings);
        let timing = Timing::from(self.timing);
        let pace = self.timing.pace(&mut findings);
        let mut voters = |field, peers: &[Peer], which| {
            let mut voters = self.check_peers(field, peers, &mut findings);
            if self.votes_in(which) {
                voters.push(VoterSettings { id: id.clone(), priority: self.priority });
            }
            match self.mode {
                Mode::Leader => voters,
                Mode::Masterless => Vec::new(),
            }
        };
        let settings = Settings {
            voters: voters("peers", &self.peers, VoterIn::Peers),
            next_voters: self.next_peers.as_deref().map(|peers| voters("next_peers", peers, VoterIn::NextPeers)),
            cluster: self.cluster.clone(),
            id,
            seat: self.seat(),
            timing,
            durability: if self.data_dir.is_some() { Durability::Durable } else { Durability::Diskless },
            previous_lease: self.previous_lease_ms.map_or(Span::ZERO, Span::from_millis),
            drain: self.drain_ms.map_or_else(|| Settings::drain_default(&timing), Span::from_millis),
            settle: self.settle_ms.map_or_else(|| Settings::settle_default(&timing), Span::from_millis),
            rollback: self.rollback,
            gossip: Some(Gossip { pace, advertise: None }),
        };
        if let Err(error) = settings.check() {
            findings.merge(error);
        }
        self.check_mode(&mut findings);
        findings.require(self.data_dir.as_deref() != Some(""), "data_dir", || {
            "cannot be empty: name a directory, or leave it out for a node without one".into()
        });
        findings.require(self.next_peers.is_some() || self.voter_in == VoterIn::Both, "voter_in", || {
            "only means something together with next_peers".into()
        });
        if let Some(record) = &self.record {
            record.check(&mut findings);
        }
        self.api.check(&mut findings);
        findings.finish().map(|()| settings)
    }

    fn seat(&self) -> Seat {
        match self.mode {
            Mode::Masterless => Seat::Member,
            Mode::Leader if self.observer => Seat::Observer,
            Mode::Leader => Seat::Voter,
        }
    }

    fn votes_in(&self, list: VoterIn) -> bool {
        self.seat() == Seat::Voter && (self.voter_in == VoterIn::Both || self.voter_in == list)
    }

    /// What only means something with an election.
    fn check_mode(&self, findings: &mut Findings) {
        if self.mode == Mode::Masterless {
            let unused = [
                ("next_peers", self.next_peers.is_some()),
                ("observer", self.observer),
                ("priority", self.priority != 0),
                ("data_dir", self.data_dir.is_some()),
                ("previous_lease_ms", self.previous_lease_ms.is_some()),
                ("rollback", self.rollback),
            ];
            for (field, _) in unused.into_iter().filter(|(_, is_set)| *is_set) {
                findings.add(field, "means nothing with \"mode\": \"masterless\": there is no election");
            }
        }
        findings.require(self.join.len() <= Self::JOIN_MAX, "join", || {
            format!("{} addresses are too many: at most {}, three are plenty", self.join.len(), Self::JOIN_MAX)
        });
        for (index, address) in self.join.iter().enumerate() {
            let field = format!("join[{index}]");
            match host_and_port(address).map(|(host, _)| Host::parse_reachable(host)) {
                Some(Ok(_)) => {}
                Some(Err(problem)) => findings.add(field, format!("`{address}`: the host {problem}")),
                None => {
                    findings.add(
                        field,
                        format!("`{address}` is not an address: it reads like `host:7001`, or `[::1]:7001`"),
                    );
                }
            }
        }
        let is_own = |(host, port): (&str, u16)| port == self.listen_port && is_same_host(host, &self.listen_host);
        let names_itself = |address: &String| host_and_port(address).is_some_and(is_own);
        findings.require(self.join.is_empty() || !self.join.iter().all(names_itself), "join", || {
            "names this node alone, which would never meet another: name at least one other node, or leave it out"
                .into()
        });
    }

    fn check_addresses(&self, findings: &mut Findings) {
        let listens = check_host(Host::parse, "listen_host", &self.listen_host, findings);
        if let Some(host) = &self.advertise_host {
            check_host(Host::parse_reachable, "advertise_host", host, findings);
        }
        findings.require(self.listen_port != 0 || self.peers.is_empty(), "listen_port", || {
            "0 lets the system choose a port, and then no peer can find this node".into()
        });
        findings.require(self.advertise_port != Some(0), "advertise_port", || "cannot be 0".into());
        // Where nobody knows what it is, that is all there is to say.
        let Some(listens) = listens else { return };
        let local = listens.is_loopback();
        findings.require(local || self.insecure, "listen_host", || {
            format!(
                "`{}` can be reached from other machines, and datagrams are not authenticated: \
                 set \"insecure\": true if this network is trusted",
                self.listen_host
            )
        });
        let elsewhere = |peer: &&Peer| Host::parse_reachable(&peer.host).is_ok_and(|host| !host.is_loopback());
        if let Some(remote) = self.all_peers().find(|peer| local && elsewhere(peer)) {
            findings.add(
                "listen_host",
                format!(
                    "`{}` is loopback, but peer `{}` is on `{}`: it could not reach this node",
                    self.listen_host, remote.identifier, remote.host
                ),
            );
        }
    }

    /// Checks the entries of one list, and gives those with a usable name as voters.
    fn check_peers(&self, field: &str, peers: &[Peer], findings: &mut Findings) -> Vec<VoterSettings> {
        let mut voters = Vec::new();
        for (index, peer) in peers.iter().enumerate() {
            let at = |name: &str| format!("{field}[{index}].{name}");
            check_host(Host::parse_reachable, &at("host"), &peer.host, findings);
            findings.require(peer.port != 0, &at("port"), || "cannot be 0: a peer has to be found".into());
            check_metadata(&peer.metadata, &at("metadata"), findings);
            let same = |host: &str, port: u16| port == peer.port && is_same_host(host, &peer.host);
            if same(&self.listen_host, self.listen_port) && self.listen_port != 0 {
                findings.add(at("port"), format!("{}:{} is where this node listens itself", peer.host, peer.port));
            } else if let Some(other) = peers[..index].iter().find(|other| same(&other.host, other.port)) {
                let reason = format!("{}:{} is the address of `{}` already", peer.host, peer.port, other.identifier);
                findings.add(at("port"), reason);
            }
            if peer.identifier == self.identifier {
                findings.add(at("identifier"), "is this node itself: list the other voters only");
            } else if let Some(id) = parse_id(&peer.identifier, &at("identifier"), findings) {
                voters.push(VoterSettings { id, priority: peer.priority });
            }
        }
        voters
    }
}

fn parse_id(text: &str, field: &str, findings: &mut Findings) -> Option<NodeId> {
    NodeId::new(text).map_err(|problem| findings.add(field, format!("{problem}"))).ok()
}

fn check_metadata(metadata: &Metadata, field: &str, findings: &mut Findings) {
    let len = serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len());
    findings.require(len <= Config::METADATA_LEN_MAX, field, || {
        format!("is {len} bytes as JSON, and at most {} fit", Config::METADATA_LEN_MAX)
    });
}

fn check_host<'a>(
    read: fn(&'a str) -> Result<Host<'a>, BadHost>,
    field: &str,
    text: &'a str,
    findings: &mut Findings,
) -> Option<Host<'a>> {
    let quoted = || if text.is_empty() { String::new() } else { format!("`{}` ", text.escape_debug()) };
    read(text).map_err(|problem| findings.add(field, format!("{}{problem}", quoted()))).ok()
}
