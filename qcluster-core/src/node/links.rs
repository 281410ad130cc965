//! Which incarnation of each voter is there: incarnations are learned by a handshake, so that a recording of yesterday
//! opens nothing today, and a second node of the same name is noticed (E17). Incarnations only go forward: once one has
//! taken part, nothing that an earlier one says counts (E24).
//!
//! A message is believed to come from an incarnation if it names the receiver's own present incarnation, which only
//! somebody who has heard from that can know. A *new* incarnation of a voter that was heard lately is not believed at
//! once: the old one is probed first, and only its silence establishes the new one.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::Step;
use crate::id::{Incarnation, NodeKey, VoterIndex};
use crate::time::{Rebase, Span, Time};

/// What is known of the node behind one voter's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Link {
    /// The established incarnation; `UNKNOWN` before the first.
    pub(super) incarnation: Incarnation,
    /// The latest incarnation that is known to have taken part: earlier ones count for nothing any more (E24 (a)).
    floor: Incarnation,
    /// When the established incarnation was last heard.
    pub(super) heard: Time,
    /// In which step of a change of voters it was then.
    pub(super) step: Step,
    contender: Option<Contender>,
    /// The incarnation whose other configuration was reported last (E14).
    mismatch_told: Incarnation,
    /// The incarnation that was reported last as a duplicate (E17).
    duplicate_told: Incarnation,
    /// The incarnation whose wall clock was reported last (E12).
    wall_told: Incarnation,
}

/// An incarnation that says it is a certain voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Claimant {
    pub(super) incarnation: Incarnation,
    /// Whether it says that it takes no part yet.
    pub(super) booting: bool,
}

/// Another incarnation than the established one, while both are probed: what was said by either may have been under way for long,
/// and only an answer shows who is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Contender {
    incarnation: Incarnation,
    since: Time,
    nonce: u64,
    probed_at: Time,
    /// What the two have answered since.
    answer: Option<Claimant>,
    answer_of_established: Option<Claimant>,
}

/// What a proven message means for the link that it came in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// This incarnation is established from now on.
    Established,
    /// Another incarnation was heard lately: probe both, and do not listen to this one yet.
    Probe {
        /// The other one.
        established: Incarnation,
        /// Ties the answers to the question.
        nonce: u64,
    },
    /// Both were probed a moment ago.
    Wait,
    /// Another incarnation has taken part after this one: nothing that it says counts (E24 (a)).
    Superseded {
        /// The later one.
        by: Incarnation,
    },
}

/// The links to all voters, and the schedule of greetings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Links {
    voters: Vec<Link>,
    pub(super) greet_at: Time,
    strangers_told: Vec<NodeKey>,
}

impl Links {
    /// How many strangers are remembered as reported.
    const STRANGERS_MAX: usize = 64;

    /// `floors` are the incarnations that an earlier incarnation of this node knew.
    pub(super) fn new(floors: impl Iterator<Item = Incarnation>, now: Time) -> Self {
        let link = |floor| Link {
            incarnation: Incarnation::UNKNOWN,
            floor,
            heard: Time::ZERO,
            step: Step::Same,
            contender: None,
            mismatch_told: Incarnation::UNKNOWN,
            duplicate_told: Incarnation::UNKNOWN,
            wall_told: Incarnation::UNKNOWN,
        };
        Self { voters: floors.map(link).collect(), greet_at: now, strangers_told: Vec::new() }
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>) {
        let Self { voters, greet_at, strangers_told: _ } = self;
        *greet_at = by.due(*greet_at);
        for Link {
            incarnation: _,
            floor: _,
            heard,
            step: _,
            contender,
            mismatch_told: _,
            duplicate_told: _,
            wall_told: _,
        } in voters
        {
            // For display alone.
            *heard = Time::ZERO;
            if let Some(contender) = contender {
                contender.since = by.time(contender.since);
                contender.probed_at = by.time(contender.probed_at);
            }
        }
    }

    pub(super) fn at(&self, voter: VoterIndex) -> &Link {
        &self.voters[voter.position()]
    }

    /// Takes note of a proven message, if it is of the established incarnation and no later one has taken part.
    #[inline]
    pub(super) fn hear_established(
        &mut self,
        voter: VoterIndex,
        incarnation: Incarnation,
        step: Step,
        now: Time,
    ) -> bool {
        let link = &mut self.voters[voter.position()];
        let is_established = link.incarnation == incarnation && incarnation >= link.floor;
        if is_established {
            link.heard = now;
            link.step = step;
        }
        is_established
    }

    /// Takes note of a proven message of another `incarnation` than the established one. `patience` is how long the established incarnation may take to
    /// answer a probe, however long it has said nothing: a follower has nothing to say to another one.
    pub(super) fn hear(
        &mut self,
        voter: VoterIndex,
        incarnation: Incarnation,
        now: Time,
        patience: Span,
        nonce: u64,
    ) -> Admission {
        let link = &mut self.voters[voter.position()];
        if incarnation < link.floor {
            return Admission::Superseded { by: link.floor };
        }
        let asked = link.contender.filter(|contender| contender.incarnation == incarnation);
        let waiting = asked.filter(|contender| now.since(contender.since) < patience);
        let answered = asked.is_some_and(|contender| contender.answer.is_some());
        // Nobody is there yet, or somebody whose word counts no more.
        let is_free = link.incarnation == Incarnation::UNKNOWN || link.incarnation < link.floor;
        if is_free || (answered && waiting.is_none()) {
            link.incarnation = incarnation;
            link.heard = now;
            link.contender = None;
            return Admission::Established;
        }
        if waiting.is_some_and(|contender| now.since(contender.probed_at) < patience.split(4)) {
            return Admission::Wait;
        }
        let fresh =
            Contender { incarnation, since: now, nonce, probed_at: now, answer: None, answer_of_established: None };
        let contender = link.contender.insert(waiting.unwrap_or(fresh));
        contender.probed_at = now;
        Admission::Probe { established: link.incarnation, nonce: contender.nonce }
    }

    /// The largest incarnation of the voter that is known: one that begins has to be above it.
    pub(super) fn largest(&self, voter: VoterIndex) -> Incarnation {
        let link = self.at(voter);
        link.incarnation.max(link.floor)
    }

    /// The latest incarnation of the voter that is known to have taken part.
    pub(super) fn latest_that_took_part(&self, voter: VoterIndex) -> Incarnation {
        self.at(voter).floor
    }

    pub(super) fn is_in(&mut self, voter: VoterIndex, step: Step) {
        self.voters[voter.position()].step = step;
    }

    /// Whether that incarnation, or a later one, is known to have taken part.
    #[inline]
    pub(super) fn took_part(&self, voter: VoterIndex, incarnation: Incarnation) -> bool {
        incarnation <= self.at(voter).floor
    }

    /// That incarnation takes part: it says something that only one that takes part does, or another
    /// voter says so. Tells whether that is news.
    #[inline]
    pub(super) fn takes_part(&mut self, voter: VoterIndex, incarnation: Incarnation) -> bool {
        let link = &mut self.voters[voter.position()];
        let is_news = incarnation > link.floor;
        link.floor = link.floor.max(incarnation);
        is_news
    }

    /// Whether two incarnations are probed with that nonce.
    pub(super) fn is_probing(&self, voter: VoterIndex, nonce: u64) -> bool {
        self.at(voter).contender.is_some_and(|contender| contender.nonce == nonce)
    }

    /// An incarnation has answered the probe that is under way. Gives the two once both have: the identifier is a duplicate.
    pub(super) fn probe_answered(&mut self, voter: VoterIndex, claim: Claimant) -> Option<[Claimant; 2]> {
        let link = &mut self.voters[voter.position()];
        let contender = link.contender.as_mut()?;
        if claim.incarnation == link.incarnation {
            contender.answer_of_established = Some(claim);
        } else if claim.incarnation == contender.incarnation {
            contender.answer = Some(claim);
        }
        let duplicates = [contender.answer_of_established?, contender.answer?];
        link.contender = None;
        Some(duplicates)
    }

    /// Whether the wall clock of an incarnation is to be reported: once for each.
    pub(super) fn wall_is_news(&mut self, voter: VoterIndex, incarnation: Incarnation) -> bool {
        core::mem::replace(&mut self.voters[voter.position()].wall_told, incarnation) != incarnation
    }

    /// Whether a duplicate is to be reported: once for each incarnation.
    pub(super) fn duplicate_is_news(&mut self, voter: VoterIndex, incarnation: Incarnation) -> bool {
        core::mem::replace(&mut self.voters[voter.position()].duplicate_told, incarnation) != incarnation
    }

    /// Whether a node with another configuration is to be reported: once for each incarnation of a voter, and once for each
    /// stranger as far as memory allows.
    pub(super) fn mismatch_is_news(
        &mut self,
        voter: Option<VoterIndex>,
        key: NodeKey,
        incarnation: Incarnation,
    ) -> bool {
        if let Some(voter) = voter {
            return core::mem::replace(&mut self.voters[voter.position()].mismatch_told, incarnation) != incarnation;
        }
        let news = !self.strangers_told.contains(&key) && self.strangers_told.len() < Self::STRANGERS_MAX;
        if news {
            self.strangers_told.push(key);
        }
        news
    }
}

#[cfg(test)]
mod tests;
