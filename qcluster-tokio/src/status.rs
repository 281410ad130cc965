//! The status of a node: what an operator asks first, as a value and as JSON.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use qcluster_core::{Counters, DropReason, LostReason, Peer, Refusal, Role, Rules, Seat, Time};
use serde::Serialize;

use crate::names::Whereabouts;
use crate::sockets::SocketCounters;
use crate::view::View;

/// How a node is, as of its loop's last look (about a heartbeat interval ago); whether it leads, as of the asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// This node.
    pub identifier: String,
    /// The name of its cluster.
    pub cluster: String,
    /// Of this library.
    pub version: &'static str,
    /// What it listens on, for UDP and TCP alike.
    pub listen: Vec<SocketAddr>,
    /// `starting`, `observer`, `booting`, `follower`, `pre_candidate`, `candidate`, `leader` or `stopped`. A `leader`
    /// without [`is_leader`](Self::is_leader) has won, and not yet been given its lease.
    pub role: &'static str,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// What the loop writes down now and then, in place: nothing is allocated for it in steady state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) role: Option<Role>,
    pub(crate) term: u64,
    pub(crate) incarnation: u64,
    pub(crate) storage: StorageStatus,
    pub(crate) peers: Vec<PeerSnapshot>,
    pub(crate) counters: Counters,
    pub(crate) sockets: SocketCounters,
    pub(crate) unaddressed: u64,
    pub(crate) lookup_failures: u64,
}

/// A voter by its place in the rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerSnapshot {
    pub(crate) position: usize,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) heard: Option<Time>,
    pub(crate) whereabouts: Whereabouts,
}

impl Status {
    pub(crate) fn new(view: &View, snapshot: &Snapshot, rules: &Rules, now: Time) -> Self {
        let lease = view.lease();
        let lease_remaining = lease.as_ref().and_then(crate::Lease::remaining);
        let leader = view.leader();
        let age = |peer: &PeerSnapshot| peer.heard.map(|heard| now.since(heard));
        let answering = || snapshot.peers.iter().filter_map(age).filter(|age| *age <= rules.timing().lease).count() + 1;
        let listens_to_all = |peer: &str| {
            let follows = |leader: &Peer| leader.identifier != rules.id().as_str() && leader.identifier != peer;
            rules.seat() == Seat::Observer || !leader.as_deref().is_some_and(follows)
        };
        let peer = |peer: &PeerSnapshot| {
            let identifier = rules.voters().get(peer.position).map_or("", |voter| voter.id.as_str());
            let heard = age(peer).filter(|_| listens_to_all(identifier));
            PeerStatus {
                identifier: identifier.to_owned(),
                address: peer.address,
                heard_ms_ago: heard.map(qcluster_core::Span::as_millis),
            }
        };
        Self {
            identifier: rules.id().as_str().to_owned(),
            cluster: view.cluster().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            listen: view.listen().to_vec(),
            role: match view.stopped() {
                Some(_) => role_name(Role::Stopped),
                None => snapshot.role.map_or("starting", role_name),
            },
            is_leader: lease_remaining.is_some(),
            token: lease_remaining.and(lease).map(|lease| lease.token.0),
            lease_remaining_ms: lease_remaining.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            voters_answering: lease_remaining.map(|_| answering()),
            leader: leader.as_ref().map(|leader| leader.identifier.clone()),
            term: snapshot.term,
            incarnation: format!("{:016x}", snapshot.incarnation),
            uptime_ms: now.since(Time::ZERO).as_millis(),
            storage: snapshot.storage.clone(),
            peers: snapshot.peers.iter().map(peer).collect(),
            counters: named(snapshot),
        }
    }
}

/// The name of a role in status and logs.
fn role_name(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Observer => "observer",
        Role::Booting => "booting",
        Role::Follower => "follower",
        Role::PreCandidate => "pre_candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
        Role::Stopped => "stopped",
    }
}

/// Every counter under its name; those by reason only where they are not zero.
fn named(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let Snapshot { counters, sockets, unaddressed, lookup_failures, .. } = snapshot;
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
        ("unaddressed", *unaddressed),
        ("lookup_failures", *lookup_failures),
        ("udp_sent", sockets.sent),
        ("udp_received", sockets.received),
        ("udp_sent_bytes", sockets.sent_bytes),
        ("udp_received_bytes", sockets.received_bytes),
        ("udp_not_sent", sockets.not_sent),
        ("udp_send_errors", sockets.send_errors),
        ("udp_receive_errors", sockets.receive_errors),
    ];
    let dropped = DropReason::ALL.iter().map(|reason| ("dropped", reason.name(), counters.dropped_for(*reason)));
    let refused = Refusal::ALL.iter().map(|reason| ("votes_refused", reason.name(), counters.refused_for(*reason)));
    let lost = LostReason::ALL.iter().map(|reason| ("lost", reason.name(), counters.lost[reason.index()]));
    let by_reason = dropped.chain(refused).chain(lost).filter(|(_, _, count)| *count > 0);
    let by_reason = by_reason.map(|(what, reason, count)| (format!("{what}.{reason}"), count));
    plain.into_iter().map(|(name, count)| (name.to_owned(), count)).chain(by_reason).collect()
}

#[cfg(test)]
mod tests;
