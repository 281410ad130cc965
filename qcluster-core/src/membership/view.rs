//! The members as an application sees them, and what changed, told exactly once.

use core::net::SocketAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::Membership;
use super::standing::{Standing, State};
use super::table::{Member, Told};
use crate::id::{Incarnation, NodeId, NodeKey};
use crate::time::{self, Time};

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberView {
    /// Its identifier.
    pub id: NodeId,
    /// Where it says that it is, once it knows.
    pub address: Option<SocketAddr>,
    /// Which incarnation of it (G1).
    pub standing: Standing,
    /// What it is thought to be.
    pub state: State,
    /// For how long it has been that, as far as this node has seen it.
    #[serde(with = "time::as_span")]
    pub state_age: Duration,
}

impl MemberView {
    /// A member that has been in that state for no time yet, and whose address is not known.
    pub fn new(id: NodeId, standing: Standing, state: State) -> Self {
        Self { id, address: None, standing, state, state_age: Duration::ZERO }
    }
}

/// What happened to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is there, for the first time or again.
    Joined,
    /// It is there in another incarnation or at another address than before.
    Changed,
    /// It is gone, and nobody knows why.
    Down,
    /// It said goodbye.
    Left,
}

impl What {
    /// A short name that never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Changed => "changed",
            Self::Down => "down",
            Self::Left => "left",
        }
    }
}

/// A member to which something happened, and what.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemberChange {
    /// What happened.
    pub what: What,
    /// The member as it is now.
    pub member: MemberView,
}

impl Membership {
    /// The next thing to tell, if there is one. Suspicions are not told: they take nothing away.
    pub(crate) fn next_change(&mut self, now: Time) -> Option<MemberChange> {
        while let Some(key) = self.dirty.pop_first() {
            let Some(member) = self.members.get_mut(&key).filter(|_| key != self.me.0) else { continue };
            // A suspect is told of as the member that it was.
            let state = if member.state == State::Suspect { State::Alive } else { member.state };
            let tell = Told { incarnation: member.standing.incarnation, state, address: member.address };
            let what = match (member.told.replace(tell), state) {
                (Some(told), _) if told == tell => continue,
                (None, State::Down | State::Left) => continue,
                (Some(told), State::Down | State::Left) if !told.state.is_present() => continue,
                (_, State::Down) => What::Down,
                (_, State::Left) => What::Left,
                (Some(told), State::Alive | State::Suspect) if told.state.is_present() => What::Changed,
                (_, State::Alive | State::Suspect) => What::Joined,
            };
            return Some(MemberChange { what, member: view(member, now) });
        }
        None
    }

    /// A member says something else about itself: a change, if it is there and was told of.
    pub(crate) fn changed_its_word(&self, key: NodeKey, now: Time) -> Option<MemberChange> {
        let member = self.members.get(&key.0).filter(|_| key != self.me)?;
        let is_told = member.told.is_some_and(|told| told.state.is_present());
        is_told.then(|| MemberChange { what: What::Changed, member: view(member, now) })
    }

    /// All members by key, this node among them.
    pub(crate) fn members(&self, now: Time) -> impl Iterator<Item = MemberView> + '_ {
        self.members.values().map(move |member| view(member, now))
    }

    pub(crate) fn member(&self, key: NodeKey, now: Time) -> Option<MemberView> {
        self.members.get(&key.0).map(|member| view(member, now))
    }

    /// The incarnation to speak to, where that member is known.
    pub(crate) fn incarnation_of(&self, key: NodeKey) -> Option<Incarnation> {
        self.members.get(&key.0).map(Member::incarnation)
    }

    /// Where that incarnation of a member said that it is.
    pub(crate) fn address_of(&self, key: NodeKey) -> Option<SocketAddr> {
        self.members.get(&key.0)?.address
    }

    /// Whether this node speaks to that one at that address of its own accord.
    pub(crate) fn speaks_to(&self, key: NodeKey, address: SocketAddr) -> bool {
        self.address_of(key) == Some(address) || self.book.tries(key.0, address)
    }

    /// How many others are there.
    pub(crate) fn present_others(&self) -> usize {
        self.probing.len()
    }

    /// Whether the view can be relied on (G9).
    pub(crate) fn is_trusted(&self) -> bool {
        self.trust.is_given()
    }

    /// A hash over everything that two nodes should agree on: equal hashes, equal views.
    pub(crate) fn root(&self) -> u64 {
        self.reconciler.root()
    }

    /// How much slower than usual this node judges others: 0 is healthy, 8 the worst.
    pub(crate) fn health(&self) -> u8 {
        self.health.score()
    }

    pub(super) fn has_left(&self) -> bool {
        self.members.get(&self.me.0).is_some_and(|me| me.state == State::Left)
    }
}

fn view(member: &Member, now: Time) -> MemberView {
    MemberView {
        id: member.id.clone(),
        address: member.address,
        standing: member.standing,
        state: member.state,
        state_age: now.since(member.since).into(),
    }
}
