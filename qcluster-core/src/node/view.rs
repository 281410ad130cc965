//! What can be read of a node: who leads, its part in that, and members and services as it sees them.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{Node, Part, Stage};
use crate::config::{Metadata, Rules, Voter};
use crate::election::{self, HeldLease, Slow};
use crate::id::{Incarnation, IncarnationsDigest, NodeId, NodeKey, Term, VoterIndex};
use crate::membership::{Hint, MemberView};
use crate::metrics::Counters;
use crate::reason::TransferRefused;
use crate::registry::{Counts, Instance};
use crate::time::{Span, Time};

/// What a node is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It is in a cluster without election.
    Member,
    /// It has no vote.
    Observer,
    /// It has a vote, and takes no part yet: it sits out its boot wait (E9), or is among others for too short a time (E17).
    Booting,
    /// It follows a leader, or waits for one.
    Follower,
    /// It asks whether it could win (E5).
    PreCandidate,
    /// It asks for votes (E6).
    Candidate,
    /// It has won, and leads as soon and as long as it has the [`HeldLease`](crate::HeldLease) (E3, E7).
    Leader,
    /// It takes part in nothing any more.
    Stopped,
}

impl Role {
    /// A short name that never changes, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Observer => "observer",
            Self::Booting => "booting",
            Self::Follower => "follower",
            Self::PreCandidate => "pre_candidate",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
            Self::Stopped => "stopped",
        }
    }
}

impl Node {
    /// The lease, if this node holds one at `now`.
    pub fn lease(&self, now: Time) -> Option<HeldLease> {
        match (&self.part, self.stage) {
            (Part::Voter(election), Stage::Running) => {
                let HeldLease { token, valid_until } = election.lease(self.offset.inner(now))?;
                Some(HeldLease { token, valid_until: self.offset.given(valid_until) })
            }
            (Part::Voter(_), Stage::New | Stage::Stopped) | (Part::Observer(_) | Part::Member, _) => None,
        }
    }

    /// Whether this node holds the lease at `now`.
    pub fn is_leader(&self, now: Time) -> bool {
        self.lease(now).is_some()
    }

    /// Who leads as far as this node knows, itself included. For display: it is not a lease, and it may be out of date.
    pub fn leader(&self) -> Option<&Voter> {
        let index = match &self.part {
            Part::Voter(election) => election.shown_leader(),
            Part::Observer(watch) => watch.leader().map(|(leader, _)| leader),
            Part::Member => None,
        };
        index.map(|index| self.rules.at(index))
    }

    /// The highest term that this node knows.
    pub fn term(&self) -> Term {
        match &self.part {
            Part::Voter(election) => election.term(),
            Part::Observer(watch) => watch.term(),
            Part::Member => Term(0),
        }
    }

    /// What it is at the moment.
    pub fn role(&self) -> Role {
        if self.is_stopped() {
            return Role::Stopped;
        }
        match &self.part {
            Part::Observer(_) => Role::Observer,
            Part::Member => Role::Member,
            Part::Voter(election) if election.is_booting() && !election.has_met_nobody() => Role::Booting,
            Part::Voter(election) => match election.role() {
                election::Role::Follower => Role::Follower,
                election::Role::PreCandidate(_) => Role::PreCandidate,
                election::Role::Candidate(_) => Role::Candidate,
                election::Role::Leader(_) => Role::Leader,
            },
        }
    }

    /// How long a promise this voter asks for, or the leader that it follows (E23); `None` for a node without a vote.
    pub fn lease_length(&self) -> Option<Span> {
        match &self.part {
            Part::Voter(election) => Some(election.lease_length()),
            Part::Observer(_) | Part::Member => None,
        }
    }

    /// Whether this incarnation has a vote that counts: a voter whose boot wait is over (E9), and who has been among others for
    /// long enough to be told if its identifier is taken (E17).
    pub fn takes_part(&self) -> bool {
        matches!(&self.part, Part::Voter(election) if !election.is_booting()) && !self.is_stopped()
    }

    /// This incarnation of the node.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Whether a transfer to `target`, or to the voter best placed, could begin at `now`.
    ///
    /// # Errors
    /// Why not.
    pub fn can_transfer(&self, now: Time, target: Option<&NodeId>) -> Result<(), TransferRefused> {
        let Part::Voter(election) = &self.part else { return Err(TransferRefused::NotLeader) };
        let index = target.map(|id| self.voter_named(id)).transpose()?;
        election.can_transfer(self.offset.inner(now), index)
    }

    /// Whether the node has stopped for good: a node of this identifier was there first (E17), or a shutdown is complete.
    pub fn is_stopped(&self) -> bool {
        if self.stage == Stage::Stopped {
            return true;
        }
        match &self.part {
            Part::Voter(election) if election.is_retiring() => !matches!(election.role(), election::Role::Leader(_)),
            Part::Voter(_) | Part::Observer(_) | Part::Member => false,
        }
    }

    /// Whether state could not be saved, so that the node neither votes nor campaigns (E16).
    pub fn abstains(&self) -> bool {
        matches!(&self.part, Part::Voter(election) if election.abstains())
    }

    /// What was too slow for an election the last time that it was measured, if anything was (E5, E7).
    pub fn slow(&self) -> Option<Slow> {
        match &self.part {
            Part::Voter(election) => election.slow(),
            Part::Observer(_) | Part::Member => None,
        }
    }

    /// What this voter knows of incarnations that have taken part, as its votes and promises carry it (E24); `None` without a vote.
    pub fn incarnations(&self) -> Option<IncarnationsDigest> {
        match &self.part {
            Part::Voter(election) => Some(election.incarnations()),
            Part::Observer(_) | Part::Member => None,
        }
    }

    /// When the established incarnation of a voter was last heard, if ever.
    pub fn last_heard(&self, voter: VoterIndex) -> Option<Time> {
        let link = self.links.at(voter);
        (link.incarnation != Incarnation::UNKNOWN).then(|| self.offset.given(link.heard))
    }

    /// As a leader: the newest of its own times of sending that a voter has echoed (E3). What has passed since is the round
    /// trip, in the step that hears the echo.
    pub fn last_echo(&self, voter: VoterIndex) -> Option<Time> {
        match &self.part {
            Part::Voter(election) => election.last_echo(voter).map(|echo| self.offset.given(echo)),
            Part::Observer(_) | Part::Member => None,
        }
    }

    /// What it has done and refused so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What it goes by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// All members that this node knows, by key, itself among them; those that are down or have left for as long as they are
    /// remembered.
    pub fn members(&self) -> impl Iterator<Item = MemberView> + '_ {
        self.gossip.iter().flat_map(|gossip| gossip.membership.members(self.now))
    }

    /// One member, if this node knows it.
    pub fn member(&self, key: NodeKey) -> Option<MemberView> {
        self.gossip.as_ref()?.membership.member(key, self.now)
    }

    /// What a member says about itself, whether it is there or not.
    pub fn metadata_of(&self, key: NodeKey) -> Option<&Metadata> {
        self.gossip.as_ref()?.registry.metadata_of(key)
    }

    /// The instances of that service, or of all, whose nodes are there: by name, node and identifier. After most members
    /// vanished at once, theirs too (G9): see [`Self::view_is_trusted`].
    pub fn services(&self, name: Option<&str>) -> impl Iterator<Item = Instance> + '_ {
        let name = name.map(String::from);
        let found = self.gossip.iter().map(move |gossip| gossip.registry.services(name.as_deref()).collect::<Vec<_>>());
        found.flatten()
    }

    /// One instance, if its node is there.
    pub fn service(&self, owner: NodeKey, id: &str) -> Option<Instance> {
        self.gossip.as_ref()?.registry.get(owner, id)
    }

    /// The `count` members that own `key`, the first owner first (G11): all nodes with equal views name the same, and when a
    /// member goes, only its own keys move. Fewer, if there are fewer members.
    pub fn owners(&self, key: &[u8], count: usize) -> Vec<NodeId> {
        self.gossip.as_ref().map(|gossip| gossip.membership.owners(key, count)).unwrap_or_default()
    }

    /// Whether what this node sees of the others can be relied on: not, after most members vanished at once (G9).
    pub fn view_is_trusted(&self) -> bool {
        self.gossip.as_ref().is_none_or(|gossip| gossip.membership.is_trusted())
    }

    /// A hash over everything about members that nodes should agree on: equal hashes, equal views.
    pub fn members_hash(&self) -> u64 {
        self.gossip.as_ref().map_or(0, |gossip| gossip.membership.root())
    }

    /// A hash over everything about services that nodes should agree on.
    pub fn records_hash(&self) -> u64 {
        self.gossip.as_ref().map_or(0, |gossip| gossip.registry.root())
    }

    /// How much there is in the registry, for gauges; `None` without one.
    pub fn registry_counts(&self) -> Option<Counts> {
        Some(self.gossip.as_ref()?.registry.counts())
    }

    /// How much slower than usual this node judges others, because it seems to be slow or cut off itself: 0 is healthy, 8
    /// the worst (G2).
    pub fn local_health(&self) -> u8 {
        self.gossip.as_ref().map_or(0, |gossip| gossip.membership.health())
    }

    /// Who leads according to other members, where this node does not hear it itself. For display only (E19).
    pub fn reported_leader(&self) -> Option<Hint> {
        if self.heard_leader().is_some() || self.role() == Role::Stopped {
            return None;
        }
        let (hint, until) = self.gossip.as_ref()?.hint?;
        // Who has left or is down leads no more, even if it was said to before.
        let is_there = self.member(hint.leader).is_some_and(|leader| leader.state.is_present());
        (is_there && self.now < until).then_some(hint)
    }

    /// Where a member said that it is.
    pub(crate) fn member_address(&self, key: NodeKey) -> Option<SocketAddr> {
        self.gossip.as_ref()?.membership.address_of(key)
    }

    /// Whether this node speaks to that one at that address of its own accord: its owner has named the address, or the node there.
    pub(crate) fn speaks_to(&self, key: NodeKey, address: SocketAddr) -> bool {
        self.gossip.as_ref().is_some_and(|gossip| gossip.membership.speaks_to(key, address))
    }
}

#[cfg(test)]
mod tests;
