//! The status of a node: what an operator asks first, as a value and as JSON.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::view::{PeerSnapshot, Snapshot, View};
use crate::config::{Peer, Seat};
use crate::node::Role;
use crate::reason::{DropReason, LostReason, MessageKind, Refusal};
use crate::time::Span;

/// How a node is, as of its loop's last look (about a heartbeat interval ago); whether it leads, as of the asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// This node.
    pub identifier: String,
    /// The name of its cluster.
    pub cluster: String,
    /// Of this library.
    pub version: String,
    /// What it listens on, for UDP and TCP alike.
    pub listen: Vec<SocketAddr>,
    /// `starting`, `observer`, `booting`, `follower`, `pre_candidate`, `candidate`, `leader` or `stopped`. A `leader`
    /// without [`is_leader`](Self::is_leader) has won, and not yet been given its lease.
    pub role: String,
    /// Whether it holds the lease.
    pub is_leader: bool,
    /// The token of its leadership, if it holds the lease.
    pub token: Option<u64>,
    /// How long the lease lasts unless renewed, in milliseconds, if it holds it.
    pub lease_remaining_ms: Option<u64>,
    /// While it holds the lease: how many voters have been heard within one lease, itself included.
    pub voters_answering: Option<usize>,
    /// The identifier of the leader, as far as this node knows.
    pub leader: Option<String>,
    /// The highest term that it knows.
    pub term: u64,
    /// Its life, in hexadecimal.
    pub incarnation: String,
    /// Since its start, in milliseconds.
    pub uptime_ms: u64,
    /// How its disk is.
    pub storage: StorageStatus,
    /// The other voters, by identifier.
    pub peers: Vec<PeerStatus>,
    /// What it has done and refused since its start, by name.
    pub counters: BTreeMap<String, u64>,
}

/// How saving state goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StorageStatus {
    /// Without `data_dir` nothing is saved (E12).
    #[default]
    Diskless,
    /// State is saved.
    Durable,
    /// It could not be saved: the node neither votes nor campaigns (E16).
    Failed {
        /// What the system said.
        error: String,
    },
}

/// Another voter, as seen from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PeerStatus {
    /// Its identifier.
    pub identifier: String,
    /// Where datagrams to it go.
    pub address: Option<SocketAddr>,
    /// Milliseconds since it was last heard. `None` if it never was, and between two voters that follow a third one: they
    /// have nothing to say to each other, and silence means nothing.
    pub heard_ms_ago: Option<u64>,
}

impl From<&View<'_>> for Status {
    fn from(view: &View<'_>) -> Self {
        let View { subject, snapshot, now, .. } = *view;
        let rules = &subject.rules;
        let (lease, leader) = (view.held(), view.leader());
        let age = |peer: &PeerSnapshot| peer.heard.map(|heard| now.since(heard));
        let answering = || snapshot.peers.iter().filter_map(age).filter(|age| *age <= rules.timing().lease).count() + 1;
        let listens_to_all = |peer: &str| {
            let follows = |leader: &Peer| leader.identifier != rules.id().as_str() && leader.identifier != peer;
            rules.seat() == Seat::Observer || !leader.is_some_and(follows)
        };
        let peer = |peer: &PeerSnapshot| {
            let identifier = rules.voters().get(peer.position).map_or("", |voter| voter.id.as_str());
            let heard = age(peer).filter(|_| listens_to_all(identifier));
            PeerStatus {
                identifier: identifier.to_owned(),
                address: peer.address,
                heard_ms_ago: heard.map(Span::as_millis),
            }
        };
        Self {
            identifier: rules.id().as_str().to_owned(),
            cluster: subject.cluster.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            listen: subject.listen.clone(),
            role: match view.stopped {
                Some(_) => Role::Stopped.name(),
                None => snapshot.role.map_or("starting", Role::name),
            }
            .to_owned(),
            is_leader: lease.is_some(),
            token: lease.map(|lease| lease.token.0),
            lease_remaining_ms: lease.map(|lease| lease.valid_until.since(now).as_millis()),
            voters_answering: lease.map(|_| answering()),
            leader: leader.map(|leader| leader.identifier.clone()),
            term: snapshot.term,
            incarnation: format!("{:016x}", snapshot.incarnation),
            uptime_ms: now.since(crate::time::Time::ZERO).as_millis(),
            storage: snapshot.storage.clone(),
            peers: snapshot.peers.iter().map(peer).collect(),
            counters: named(snapshot),
        }
    }
}

/// Every counter under its name; those by reason or kind only where they are not zero.
fn named(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let Snapshot { counters, transport, .. } = snapshot;
    let plain = [
        ("received", counters.received),
        ("sent", counters.sent),
        ("pre_votes", counters.pre_votes),
        ("candidacies", counters.candidacies),
        ("expired_candidacies", counters.expired_candidacies),
        ("elected", counters.elected),
        ("votes_granted", counters.votes_granted),
        ("releases_honoured", counters.releases_honoured),
        ("yielded", counters.yielded),
        ("late_timers", counters.late_timers),
        ("transfers", counters.transfers),
        ("transfers_refused", counters.transfers_refused),
        ("preferred_attempts", counters.preferred_attempts),
        ("persists", counters.persists),
        ("persist_failures", counters.persist_failures),
        ("clock_regressions", counters.clock_regressions),
        ("twins", counters.twins),
        ("observers_refused", counters.observers_refused),
        ("overflowed", counters.overflowed),
        ("unaddressed", transport.unaddressed),
        ("lookup_failures", transport.lookup_failures),
        ("udp_sent", transport.sent),
        ("udp_received", transport.received),
        ("udp_sent_bytes", transport.sent_bytes),
        ("udp_received_bytes", transport.received_bytes),
        ("udp_not_sent", transport.not_sent),
        ("udp_send_errors", transport.send_errors),
        ("udp_receive_errors", transport.receive_errors),
    ];
    let dropped = DropReason::ALL.iter().map(|reason| ("dropped", reason.name(), counters.dropped_for(*reason)));
    let refused = Refusal::ALL.iter().map(|reason| ("votes_refused", reason.name(), counters.refused_for(*reason)));
    let lost = LostReason::ALL.iter().map(|reason| ("lost", reason.name(), counters.lost[reason.index()]));
    let kinds = MessageKind::ALL.iter();
    let sent = kinds.clone().map(|kind| ("sent", kind.name(), counters.sent_by_kind[kind.index()]));
    let received = kinds.map(|kind| ("received", kind.name(), counters.received_by_kind[kind.index()]));
    let by_reason = dropped.chain(refused).chain(lost).chain(sent).chain(received).filter(|(_, _, count)| *count > 0);
    let by_reason = by_reason.map(|(what, reason, count)| (format!("{what}.{reason}"), count));
    plain.into_iter().map(|(name, count)| (name.to_owned(), count)).chain(by_reason).collect()
}
