//! Checks a configuration, and gives what the state machine needs of it: every mistake is found at once, with its field.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::file::{Config, Mode, VoterIn};
use super::gossip::Gossip;
use super::metadata::Metadata;
use super::peer::Peer;
use super::problem::{ConfigError, Findings};
use super::seal::SealMode;
use super::settings::{Durability, Seat, Settings, VoterSettings};
use super::timing::Timing;
use crate::host::{BadHost, Host, host_and_port, is_same_host};
use crate::id::NodeId;
use crate::time::Span;

impl Config {
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
            seal: self.sealing(),
        };
        if let Err(error) = settings.check() {
            findings.merge(error);
        }
        self.check_mode(&mut findings);
        findings.require_expanded("cluster", &self.cluster);
        if let Some(data_dir) = &self.data_dir {
            findings.require_expanded("data_dir", data_dir);
        }
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
        self.check_sealing(&mut findings);
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
            if !findings.require_expanded(&field, address) {
                continue;
            }
            match host_and_port(address) {
                Some((host, _)) => _ = check_host(Host::parse_reachable, &field, host, findings),
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
        let is_sealed = self.sealing() == Some(SealMode::Require);
        findings.require(local || self.insecure || is_sealed, "listen_host", || {
            let remedy = if self.sealing().is_some() {
                "until seal is \"require\", this takes"
            } else {
                "give all nodes a secret (`qcluster keygen` makes one), or, if this network is trusted, set"
            };
            format!(
                "`{}` can be reached from other machines, and datagrams without a seal are let in: {remedy} \"insecure\": true",
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
    if !findings.require_expanded(field, text) {
        return None;
    }
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
