//! What the state machine has to know, typed and without addresses: for embedders that bring their own transport.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::gossip::{Gossip, GossipPace};
use super::problem::{ConfigError, Findings};
use super::seal::SealMode;
use super::timing::Timing;
use crate::id::NodeId;
use crate::quorum::VoterSet;
use crate::time::Span;

/// One voter as all nodes must list it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VoterSettings {
    /// Its identifier.
    pub id: NodeId,
    /// Its priority: among voters that are able to lead, higher goes first (E8, E11).
    pub priority: u32,
}

impl VoterSettings {
    /// A voter of priority 0.
    pub fn new(id: NodeId) -> Self {
        Self { id, priority: 0 }
    }

    /// The same voter with that priority.
    #[must_use]
    pub fn with_priority(self, priority: u32) -> Self {
        Self { priority, ..self }
    }
}

/// Whether this node votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seat {
    /// It votes, and must stand in a list of voters.
    Voter,
    /// It only watches (E13), and must stand in none.
    Observer,
    /// There are not voters: the cluster has members and services, and no leader.
    Member,
}

/// What a voter has to stand on after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Nothing is saved. Exclusivity of the lease does not need it; growth of the token then leans on wall clocks (E12).
    Diskless,
    /// The embedder saves each [`HardState`](crate::HardState) before it reports `Persisted`.
    Durable,
}

/// Everything that decides how a node behaves. [`Settings::check`] checks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The name of the cluster: datagrams of another one are dropped.
    pub cluster: String,
    /// This node's identifier.
    pub id: NodeId,
    /// Whether it votes.
    pub seat: Seat,
    /// All voters, this node among them if it is one.
    pub voters: Vec<VoterSettings>,
    /// While the voters change (E20): those that come next, all of them.
    pub next_voters: Option<Vec<VoterSettings>>,
    /// The pace.
    pub timing: Timing,
    /// Whether state is saved.
    pub durability: Durability,
    /// The longest lease that an earlier incarnation of this node may have promised with, should nothing saved be found (E9).
    pub previous_lease: Span,
    /// How long work is given to end before a voluntary hand-over goes on without it (E10).
    pub drain: Span,
    /// How long a voter of higher priority must be healthy before leadership moves to it (E11).
    pub settle: Span,
    /// A change of voters is taken back on all nodes (E20 (c)): a node with a disk starts although it has taken a later step. It
    /// is for the whole cluster, and has to be complete before another change begins.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub rollback: bool,
    /// How it takes part in membership and registry; `None` for the election alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gossip: Option<Gossip>,
    /// Whether what it sends and takes is sealed; `None` where there is no secret. The secrets themselves are the embedder's, who has to
    /// put a `seal::Seal` of the same mode between the endpoint and the network: a datagram that names a key counts as opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealMode>,
}

impl Settings {
    /// The most voters, both lists of a change together.
    pub const VOTERS_MAX: usize = VoterSet::CAPACITY;
    /// The longest name of a cluster, in bytes.
    pub const CLUSTER_LEN_MAX: usize = 64;

    /// A diskless voter with default timing in the cluster `default`.
    pub fn voter(id: NodeId, voters: Vec<VoterSettings>) -> Self {
        let timing = Timing::default();
        Self {
            cluster: "default".into(),
            id,
            seat: Seat::Voter,
            voters,
            next_voters: None,
            timing,
            durability: Durability::Diskless,
            previous_lease: Span::ZERO,
            drain: Self::drain_default(&timing),
            settle: Self::settle_default(&timing),
            rollback: false,
            gossip: None,
            seal: None,
        }
    }

    /// An observer of those voters with default timing in the cluster `default`.
    pub fn observer(id: NodeId, voters: Vec<VoterSettings>) -> Self {
        Self { seat: Seat::Observer, ..Self::voter(id, voters) }
    }

    /// A node of a cluster without voters, in the cluster `default`.
    pub fn member(id: NodeId) -> Self {
        Self { seat: Seat::Member, gossip: Some(GossipPace::default().into()), ..Self::voter(id, Vec::new()) }
    }

    /// The same, and it takes part in membership and registry at that pace.
    #[must_use]
    pub fn with_gossip(self, gossip: impl Into<Gossip>) -> Self {
        Self { gossip: Some(gossip.into()), ..self }
    }

    /// Ten leases.
    pub fn drain_default(timing: &Timing) -> Span {
        timing.lease.times(10)
    }

    /// Twenty leases.
    pub fn settle_default(timing: &Timing) -> Span {
        timing.lease.times(20)
    }

    /// Looks for every mistake that there is.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let mut findings = Findings::default();
        findings.require(!self.cluster.is_empty() && self.cluster.len() <= Self::CLUSTER_LEN_MAX, "cluster", || {
            format!("a cluster's name has 1 to {} bytes", Self::CLUSTER_LEN_MAX)
        });
        self.timing.check(&mut findings);
        findings.require(self.previous_lease <= Timing::LEASE_MAX, "previous_lease_ms", || {
            format!("must be at most {}", Timing::LEASE_MAX)
        });
        if let Some(Gossip { pace, .. }) = &self.gossip {
            pace.check(&mut findings);
        }
        match self.seat {
            Seat::Voter | Seat::Observer => self.check_voters(&mut findings),
            Seat::Member => {
                findings.require(self.voters.is_empty() && self.next_voters.is_none(), "peers", || {
                    "a cluster without a leader has no voters".into()
                });
                findings.require(self.gossip.is_some(), "mode", || {
                    "without election and without membership there is nothing to do".into()
                });
            }
        }
        findings.finish()
    }

    fn check_voters(&self, findings: &mut Findings) {
        let next = self.next_voters.as_deref();
        for (field, list) in [("peers", Some(self.voters.as_slice())), ("next_peers", next)] {
            let Some(list) = list else { continue };
            findings.require(!list.is_empty(), field, || "a cluster needs at least one voter".into());
            for (index, voter) in list.iter().enumerate() {
                let earlier = &list[..index];
                if earlier.iter().any(|other| other.id == voter.id) {
                    findings.add(field, format!("`{}` is listed twice", voter.id));
                } else if earlier.iter().any(|other| other.id.key() == voter.id.key()) {
                    findings.add(field, format!("`{}` has the hash of another identifier: rename one", voter.id));
                }
            }
        }
        for voter in next.unwrap_or_default() {
            if self.voters.iter().any(|other| other.id == voter.id && other.priority != voter.priority) {
                findings.add("next_peers", format!("`{}` has another priority than in peers", voter.id));
            }
        }
        if let Some(next) = next {
            let same = next.len() == self.voters.len()
                && next.iter().all(|voter| self.voters.iter().any(|other| other.id == voter.id));
            findings.require(!same, "next_peers", || {
                "lists the same voters as peers, so there is nothing to change: leave it out".into()
            });
        }
        let all = self.voters.len()
            + next.map_or(0, |next| {
                next.iter().filter(|voter| self.voters.iter().all(|other| other.id != voter.id)).count()
            });
        findings.require(all <= Self::VOTERS_MAX, "peers", || {
            format!("{all} voters are too many: at most {}, five are plenty", Self::VOTERS_MAX)
        });
        let listed = self.voters.iter().chain(next.unwrap_or_default()).any(|voter| voter.id == self.id);
        match self.seat {
            Seat::Voter => findings.require(listed, "identifier", || format!("`{}` is not among the voters", self.id)),
            Seat::Observer | Seat::Member => findings.require(!listed, "observer", || {
                format!("`{}` is listed as a voter, so it cannot be an observer", self.id)
            }),
        }
    }
}
