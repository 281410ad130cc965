//! Which incarnation of each voter is there: incarnations are learned by a handshake, so that a recording of yesterday
//! opens nothing today, and a second node of the same name is noticed (E17). Incarnations only go forward: once one has
//! taken part, nothing that an earlier one says counts (E24).
//!
//! A message is believed to come from an incarnation if it names the receiver's own present incarnation, which only
//! somebody who has heard from that can know. A *new* incarnation of a voter that was heard lately is not believed at
//! once: the old one is probed first, and only its silence establishes the new one.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::{Digests, Step};
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
    /// The lists that it had when it was last heard in another step than this node.
    digests: Option<Digests>,
    contender: Option<Contender>,
    /// The incarnation that was last heard with another configuration (E14).
    mismatch: Mismatch,
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

/// A node that was heard with another configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Mismatch {
    incarnation: Incarnation,
    heard: HeardOfMismatch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum HeardOfMismatch {
    Nothing,
    /// That there is one: the node was asked what it has.
    Asked,
    /// It was heard again and has not said: the application was told what is known.
    Unexplained,
    /// What it has, and the application was told.
    Explained,
}

/// What there is to do about a node that is heard with another configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MismatchNews {
    /// The application is to be told.
    pub(super) is_to_be_told: bool,
    /// Nothing was heard of it before.
    pub(super) is_first: bool,
    /// What it has is known.
    pub(super) is_explained: bool,
}

impl Mismatch {
    const NONE: Self = Self { incarnation: Incarnation::UNKNOWN, heard: HeardOfMismatch::Nothing };

    /// An incarnation is heard, which says what it has or not.
    fn hear(&mut self, incarnation: Incarnation, explains: bool) -> MismatchNews {
        // Of two that go by one name, or of an old word, nothing is news once the later one was heard.
        if incarnation > self.incarnation {
            (self.incarnation, self.heard) = (incarnation, HeardOfMismatch::Nothing);
        }
        let before = self.heard;
        self.heard = match (before, explains) {
            (HeardOfMismatch::Explained, _) | (_, true) => HeardOfMismatch::Explained,
            (HeardOfMismatch::Nothing, false) => HeardOfMismatch::Asked,
            (HeardOfMismatch::Asked | HeardOfMismatch::Unexplained, false) => HeardOfMismatch::Unexplained,
        };
        let is_explained = self.heard == HeardOfMismatch::Explained;
        MismatchNews {
            is_to_be_told: self.heard != before && self.heard != HeardOfMismatch::Asked,
            is_first: before == HeardOfMismatch::Nothing,
            is_explained,
        }
    }
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
    /// Nodes that are no voters, with another configuration.
    mismatched_strangers: Vec<(NodeKey, Mismatch)>,
    /// Whether it was told that two voters are in different changes.
    is_warned_of_steps: bool,
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
            digests: None,
            contender: None,
            mismatch: Mismatch::NONE,
            duplicate_told: Incarnation::UNKNOWN,
            wall_told: Incarnation::UNKNOWN,
        };
        let voters = floors.map(link).collect();
        Self { voters, greet_at: now, mismatched_strangers: Vec::new(), is_warned_of_steps: false }
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>) {
        let Self { voters, greet_at, mismatched_strangers: _, is_warned_of_steps: _ } = self;
        *greet_at = by.due(*greet_at);
        for Link {
            incarnation: _,
            floor: _,
            heard,
            step: _,
            digests: _,
            contender,
            mismatch: _,
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

    /// In another step than this node, with those lists.
    pub(super) fn is_in_step_of(&mut self, voter: VoterIndex, digests: Digests) {
        self.voters[voter.position()].digests = Some(digests);
    }

    /// Two voters in the middle steps of different changes, as each was last heard.
    pub(super) fn differing_steps(&self) -> Option<[VoterIndex; 2]> {
        let middle = |(index, link): (u8, &Link)| {
            let digests = link.digests.filter(|digests| link.step != Step::Same && digests.is_joint())?;
            Some((VoterIndex(index), digests))
        };
        let mut all = (0..).zip(&self.voters).filter_map(middle);
        let (one, first) = all.next()?;
        all.find(|(_, digests)| *digests != first).map(|(other, _)| [one, other])
    }

    /// The same, the first time that there are two.
    pub(super) fn differing_steps_are_news(&mut self) -> Option<[VoterIndex; 2]> {
        let differing = self.differing_steps();
        let was_warned = core::mem::replace(&mut self.is_warned_of_steps, differing.is_some());
        differing.filter(|_| !was_warned)
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

    /// A node is heard with another configuration: it is told of once for each incarnation of a voter, and for each stranger as far
    /// as memory allows.
    pub(super) fn hear_mismatch(
        &mut self,
        voter: Option<VoterIndex>,
        key: NodeKey,
        incarnation: Incarnation,
        explains: bool,
    ) -> MismatchNews {
        if let Some(voter) = voter {
            return self.voters[voter.position()].mismatch.hear(incarnation, explains);
        }
        if let Some((_, known)) = self.mismatched_strangers.iter_mut().find(|(known, _)| *known == key) {
            // The same name again and again with other incarnations is no news.
            return known.hear(known.incarnation, explains);
        }
        if self.mismatched_strangers.len() >= Self::STRANGERS_MAX {
            return MismatchNews { is_to_be_told: false, is_first: false, is_explained: true };
        }
        let mut mismatch = Mismatch::NONE;
        let news = mismatch.hear(incarnation, explains);
        self.mismatched_strangers.push((key, mismatch));
        news
    }
}

#[cfg(test)]
mod tests;
