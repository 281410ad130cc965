//! The status of a node: what an operator asks first, as a value and as JSON.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::counters::named;
use super::difference::DifferenceStatus;
use super::keys::KeysStatus;
use super::storage::StorageStatus;
use super::view::{LostLeadership, PeerSnapshot, View};
use qcluster_core::{Mode, Peer, Role, Seat, Slow, Span, State, Step};

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
    /// What it listens on, for UDP, and for TCP unless that is served elsewhere.
    pub listen: Vec<SocketAddr>,
    /// What it serves HTTP on, where that is elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_listen: Vec<SocketAddr>,
    /// Whether the cluster has a leader.
    #[serde(default)]
    pub mode: Mode,
    /// `starting`, `member`, `observer`, `booting`, `follower`, `pre_candidate`, `candidate`, `leader` or `stopped`. A
    /// `leader` without [`is_leader`](Self::is_leader) has won, and not yet been given its lease.
    pub role: String,
    /// Whether it holds the lease.
    pub is_leader: bool,
    /// The token of its leadership, if it holds the lease.
    pub token: Option<u64>,
    /// How long the lease lasts unless renewed, in milliseconds, if it holds it.
    pub lease_remaining_ms: Option<u64>,
    /// How long a promise is asked for, by this node or the leader that it follows, in milliseconds: longer than configured where
    /// something was late lately (E23). `None` without a vote.
    #[serde(default)]
    pub lease_ms: Option<u64>,
    /// While it holds the lease: how many voters have been heard within one lease, itself included.
    pub voters_answering: Option<usize>,
    /// How the last leadership of this node ended, since it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_lost: Option<LostStatus>,
    /// The identifier of the leader, as far as this node knows.
    pub leader: Option<String>,
    /// Whether the node does not hear that leader itself, and passes on what others say (E19).
    #[serde(default)]
    pub is_reported: bool,
    /// The highest term that it knows.
    pub term: u64,
    /// Its incarnation, in hexadecimal.
    pub incarnation: String,
    /// Since its start, in milliseconds.
    pub uptime_ms: u64,
    /// How its disk is.
    pub storage: StorageStatus,
    /// How far a change of voters has come, if this node is in its middle step (E20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voters_change: Option<ChangeStatus>,
    /// Two voters that are in the middle steps of different changes of voters, by identifier (E20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differing_changes: Option<[String; 2]>,
    /// What is too slow for anybody to be elected, with what was measured last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_slow: Option<SlowStatus>,
    /// The other voters, by identifier.
    pub peers: Vec<PeerStatus>,
    /// What it seals and opens with, and what it hears, if it has a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<KeysStatus>,
    /// Members and services, as it sees them.
    #[serde(default)]
    pub registry: RegistryStatus,
    /// What it has done and refused since its start, by name.
    pub counters: BTreeMap<String, u64>,
}

/// How a leadership ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LostStatus {
    /// Its token.
    pub token: u64,
    /// Why it ended, as events and metrics name it: `no_quorum`, `stalled`, `higher_term`, `transferred` and others.
    pub reason: String,
    /// Milliseconds since the node noticed.
    pub ms_ago: u64,
    /// Of a lease that ran out: how late that was noticed, in milliseconds. The node or its machine stood still for about so long.
    pub late_ms: u64,
    /// Of a lease that ran out: the voters of whose promises none was left, by identifier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<String>,
}

/// The middle step of a change of voters, as a node in it sees it (E20).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChangeStatus {
    /// Whether a leader was elected in this step: only then may the last step be taken.
    pub joint_established: bool,
    /// Voters that were last heard with the old list alone, by identifier.
    pub behind: Vec<String>,
    /// Voters that have taken the last step, by identifier.
    pub ahead: Vec<String>,
}

/// Something that takes longer than an election can wait for (E5, E7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SlowStatus {
    /// `round_trip` or `save`.
    pub what: String,
    /// The voter that answers so late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// What it took, in milliseconds.
    pub took_ms: u64,
    /// What it has to be under, in milliseconds.
    pub limit_ms: u64,
}

/// Members and services, as a node sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RegistryStatus {
    /// Whether what it sees of the others can be relied on: not, after most members vanished at once (G9).
    pub is_trusted: bool,
    /// Members by state, itself among them: `alive`, `suspect`, `down`, `left`.
    pub members: BTreeMap<String, usize>,
    /// Instances of services on nodes that are there.
    pub services: usize,
    /// Of those, its own.
    pub own_services: usize,
    /// How much slower than usual it judges others, because it seems to be slow or cut off itself: 0 is healthy, 8 the worst
    /// (G2).
    pub local_health: u8,
    /// The index of what happened last, to watch from.
    pub index: u64,
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
    /// Whether it had other voters, priorities, another lease or drift bound when it was last heard: neither of the two listens to the
    /// other (E14).
    #[serde(default)]
    pub is_mismatched: bool,
    /// What is different, if it has said what it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<DifferenceStatus>,
}

impl From<&View<'_>> for Status {
    fn from(view: &View<'_>) -> Self {
        let View { subject, snapshot, now, .. } = *view;
        let rules = &subject.rules;
        let (lease, leader, shown) = (view.held(), view.leader(), view.shown_leader());
        let age = |peer: &PeerSnapshot| peer.heard.map(|heard| now.since(heard));
        let length = snapshot.lease_length.unwrap_or(rules.timing().lease);
        let answering = || snapshot.peers.iter().filter_map(age).filter(|age| *age <= length).count() + 1;
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
                is_mismatched: peer.is_mismatched(),
                differences: peer.differences(rules).into_iter().map(DifferenceStatus::from).collect(),
            }
        };
        Self {
            identifier: rules.id().as_str().to_owned(),
            cluster: subject.cluster.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            listen: subject.listen.clone(),
            api_listen: subject.api_listen.clone(),
            mode: if subject.is_masterless() { Mode::Masterless } else { Mode::Leader },
            role: match view.stopped {
                Some(_) => Role::Stopped.name(),
                None => snapshot.role.map_or("starting", Role::name),
            }
            .to_owned(),
            is_leader: lease.is_some(),
            token: lease.map(|lease| lease.token.0),
            lease_remaining_ms: lease.map(|lease| lease.valid_until.since(now).as_millis()),
            lease_ms: snapshot.lease_length.map(Span::as_millis),
            voters_answering: lease.map(|_| answering()),
            last_lost: snapshot.last_lost.map(|lost| view.lost_status(&lost)),
            is_reported: shown.as_ref().is_some_and(|leader| leader.is_reported),
            leader: shown.map(|leader| leader.peer.identifier),
            term: snapshot.term,
            incarnation: format!("{:016x}", snapshot.incarnation),
            uptime_ms: now.since(qcluster_core::Time::ZERO).as_millis(),
            storage: snapshot.storage.clone(),
            voters_change: view.change_status(),
            sealing: KeysStatus::of(view),
            differing_changes: snapshot.differing_steps.map(|two| two.map(|position| subject.name_of(position))),
            too_slow: snapshot.slow.map(|slow| view.slow_status(slow)),
            peers: snapshot.peers.iter().map(peer).collect(),
            registry: RegistryStatus::from(view),
            counters: named(snapshot),
        }
    }
}

impl View<'_> {
    fn lost_status(&self, lost: &LostLeadership) -> LostStatus {
        let LostLeadership { token, at, reason, lapse } = lost;
        LostStatus {
            token: token.0,
            reason: reason.name().to_owned(),
            ms_ago: self.now.since(*at).as_millis(),
            late_ms: lapse.late_by().as_millis(),
            silent: lapse.silent().map(|voter| self.subject.name_of(voter.position())).collect(),
        }
    }

    fn change_status(&self) -> Option<ChangeStatus> {
        let Self { subject, snapshot, .. } = self;
        snapshot.is_in_middle_step.then(|| ChangeStatus {
            joint_established: snapshot.step_is_established == Some(true),
            behind: snapshot.heard_in(Step::Earlier, subject),
            ahead: snapshot.heard_in(Step::Later, subject),
        })
    }

    fn slow_status(&self, slow: Slow) -> SlowStatus {
        let (what, peer, took, limit) = match slow {
            Slow::RoundTrip { voter, took, limit } => ("round_trip", Some(voter), took, limit),
            Slow::Save { took, limit } => ("save", None, took, limit),
        };
        SlowStatus {
            what: what.into(),
            peer: peer.map(|voter| self.subject.name_of(voter.position())),
            took_ms: took.as_millis(),
            limit_ms: limit.as_millis(),
        }
    }
}

impl From<&View<'_>> for RegistryStatus {
    fn from(view: &View<'_>) -> Self {
        let directory = view.directory;
        let count = |(state, count): (State, usize)| (state.name().to_owned(), count);
        Self {
            is_trusted: directory.is_trusted(),
            members: directory.member_counts().map(count).into(),
            services: directory.service_count(),
            own_services: view.snapshot.registry.map_or(0, |counts| counts.own),
            local_health: view.snapshot.local_health,
            index: directory.index(),
        }
    }
}
