//! Observers (E13): nodes without a vote that hear who leads. They never vote, never count, never campaign.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, NodeKey, Term, VoterIndex};
use crate::time::{Rebase, Span, Time};

/// A message between a voter and an observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Tell me who leads, for the next few leases.
    Subscribe,
    /// This leads, as far as the sender knows.
    Announce {
        /// Who leads, if anybody.
        leader: Option<NodeKey>,
        /// The sender's term.
        term: Term,
    },
}

/// The observers that a voter tells of the leader: bounded, and each for as long as it keeps asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Audience {
    subscribers: Vec<Subscriber>,
}

/// An observer in one of its incarnations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Subscriber {
    pub(crate) key: NodeKey,
    pub(crate) incarnation: Incarnation,
    until: Time,
}

/// Whether there was room for a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subscribed {
    Yes,
    Full,
}

impl Audience {
    /// The most observers that one voter tells.
    pub(crate) const MAX: usize = 128;

    pub(crate) fn subscribe(&mut self, now: Time, key: NodeKey, incarnation: Incarnation, lasting: Span) -> Subscribed {
        self.subscribers.retain(|subscriber| now < subscriber.until && subscriber.key != key);
        if self.subscribers.len() >= Self::MAX {
            return Subscribed::Full;
        }
        self.subscribers.push(Subscriber { key, incarnation, until: now + lasting });
        Subscribed::Yes
    }

    pub(crate) fn rebase(&mut self, by: &Rebase<'_>) {
        self.subscribers.retain(|subscriber| by.is_to_come(subscriber.until));
        for subscriber in &mut self.subscribers {
            subscriber.until = by.time(subscriber.until);
        }
    }

    pub(crate) fn at(&self, now: Time) -> impl Iterator<Item = Subscriber> + '_ {
        self.subscribers.iter().copied().filter(move |subscriber| now < subscriber.until)
    }
}

/// What an observer has heard of each voter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Watch {
    opinions: Vec<Option<Opinion>>,
    ask_at: Time,
    shown: Option<(VoterIndex, Term)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Opinion {
    leader: Option<VoterIndex>,
    term: Term,
    until: Time,
}

impl Watch {
    /// Opinions and subscriptions last this many leases; they are renewed each lease.
    pub(crate) const LEASES: u64 = 4;

    pub(crate) fn new(voters: usize, now: Time) -> Self {
        Self { opinions: alloc::vec![None; voters], ask_at: now, shown: None }
    }

    pub(crate) fn rebase(&mut self, by: &Rebase<'_>) {
        let Self { opinions, ask_at, shown: _ } = self;
        *ask_at = by.due(*ask_at);
        for opinion in opinions.iter_mut().flatten() {
            opinion.until = by.due(opinion.until);
        }
    }

    pub(crate) fn deadline(&self) -> Time {
        let expiries = self.opinions.iter().flatten().map(|opinion| opinion.until);
        expiries.min().unwrap_or(Time::NEVER).min(self.ask_at)
    }

    /// Forgets what is too old, and tells whether it is time to subscribe again.
    pub(crate) fn timeout(&mut self, now: Time, lease: Span) -> bool {
        for opinion in &mut self.opinions {
            opinion.take_if(|opinion| now >= opinion.until);
        }
        let due = now >= self.ask_at;
        if due {
            self.ask_at = now + lease;
        }
        due
    }

    pub(crate) fn announced(&mut self, from: VoterIndex, leader: Option<VoterIndex>, term: Term, until: Time) {
        self.opinions[from.position()] = Some(Opinion { leader, term, until });
    }

    /// Who leads: what the voters of the highest term say, if any of them knows.
    pub(crate) fn leader(&self) -> Option<(VoterIndex, Term)> {
        let newest = self.opinions.iter().flatten().map(|opinion| opinion.term).max()?;
        let of_newest = self.opinions.iter().flatten().filter(|opinion| opinion.term == newest);
        of_newest.filter_map(|opinion| opinion.leader).min().map(|leader| (leader, newest))
    }

    /// The highest term that a voter has spoken of.
    pub(crate) fn term(&self) -> Term {
        self.opinions.iter().flatten().map(|opinion| opinion.term).max().unwrap_or_default()
    }

    /// Whether the leader is another one than at the last call.
    pub(crate) fn has_news(&mut self) -> bool {
        let leader = self.leader();
        core::mem::replace(&mut self.shown, leader) != leader
    }
}

#[cfg(test)]
mod tests;
