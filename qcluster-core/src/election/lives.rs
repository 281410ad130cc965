//! What a voter knows of lives (E24), and with whom it shares that.
//!
//! Who counts a vote or a promise has to know all that its giver knows: else the word of a life that was replaced could count
//! beside that of somebody who has met the later one. So what counts carries a [`LivesDigest`], and where two voters know
//! different things, they tell each other first.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Context, Effect, Election, KnownLife, Role, Sender};
use crate::config::VoterIndex;
use crate::id::{Incarnation, LivesDigest};
use crate::quorum::{Support, Weight};
use crate::reason::DropReason;
use crate::time::Time;

/// Votes, or pre-votes, of voters that knew of lives which this one was not told of yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Held(Vec<HeldWord>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct HeldWord {
    of: VoterIndex,
    weight: Weight,
    lives: LivesDigest,
}

impl Held {
    /// The last word of a voter stands.
    pub(super) fn add(&mut self, of: VoterIndex, weight: Weight, lives: LivesDigest) {
        self.forget(of);
        self.0.push(HeldWord { of, weight, lives });
    }

    pub(super) fn forget(&mut self, voter: VoterIndex) {
        self.0.retain(|word| word.of != voter);
    }

    /// The weight of the word of a voter that has told all that it knew when it gave it.
    pub(super) fn take(&mut self, voter: VoterIndex, lives: LivesDigest) -> Option<Weight> {
        let at = self.0.iter().position(|word| word.of == voter && word.lives == lives)?;
        Some(self.0.swap_remove(at).weight)
    }
}

impl Election {
    /// All that this voter knows of lives that have taken part, its own included.
    pub(crate) fn known_lives(&self) -> Vec<KnownLife> {
        let mut known = self.storage.hard_state().lives.clone();
        known.extend(self.own_life());
        known
    }

    fn own_life(&self) -> Option<KnownLife> {
        (!self.is_booting()).then_some(KnownLife { node: self.rules.key, life: self.incarnation })
    }

    /// What its word carries (E24).
    pub(crate) fn lives(&self) -> LivesDigest {
        self.lives
    }

    pub(super) fn note_lives(&mut self) {
        let known = self.storage.hard_state().lives.iter().copied().chain(self.own_life());
        self.lives = known.fold(LivesDigest::default(), |digest, known| digest.with(known.node, known.life));
    }

    /// A life of another voter takes part: none before it does from now on.
    pub(crate) fn takes_part(&mut self, voter: VoterIndex, life: Incarnation) {
        self.storage.meet(self.rules.at(voter).key, life);
        self.note_lives();
    }

    /// Another life of a voter is established, or known to take part: a vote that waits for the disk was for the one before (E6), and
    /// what that one has said counts for nothing more from now on. A lease that stands on it already is as long as its promise.
    pub(crate) fn meet(&mut self, voter: VoterIndex, incarnation: Incarnation) {
        self.grant.take_if(|grant| grant.is_for_another_life(voter, incarnation));
        match &mut self.role {
            Role::Follower => {}
            Role::PreCandidate(round) => round.forget(voter),
            Role::Candidate(candidate) => candidate.forget(voter),
            Role::Leader(_) => {
                self.acked[voter.position()] = Time::ZERO;
                self.acked_by.remove(voter);
                self.newcomers.forget(voter);
                self.healthy_since[voter.position()] = Time::NEVER;
            }
        }
        if let Some(sounding) = &mut self.sounding {
            sounding.grants.remove(voter);
        }
    }

    /// Whether this voter knows all that the sender knew when it gave its word. If not, the two are to tell each other, and
    /// the word does not count before they have.
    pub(super) fn knows_all_of(&self, cx: &mut Context<'_>, from: Sender, digest: LivesDigest) -> bool {
        let knows = digest == self.lives || digest == self.learned[from.index.position()];
        if !knows {
            cx.drop(DropReason::UnsharedLives);
            cx.effects.push(Effect::TellLives { to: from.index });
        }
        knows
    }

    /// All that another voter knows has been taken in. If it knew that when it gave a vote or pre-vote, that one counts now.
    pub(crate) fn has_learned(&mut self, cx: &mut Context<'_>, voter: VoterIndex, digest: LivesDigest) {
        self.learned[voter.position()] = digest;
        match &mut self.role {
            Role::PreCandidate(round) => {
                round.count_held(voter, digest);
                self.campaign_if_encouraged(cx);
            }
            Role::Candidate(candidate) => {
                candidate.count_held(voter, digest);
                self.lead_if_elected(cx);
            }
            // A leader's next heartbeat asks for a promise anew.
            Role::Leader(_) | Role::Follower => {}
        }
    }

    /// Whether this voter would know the present life of that one after a crash as well: one that forgets a life that it has counted
    /// could count an earlier one.
    pub(super) fn remembers(&self, voter: VoterIndex) -> bool {
        self.storage.has_saved_life_of(self.rules.at(voter).key)
    }

    /// Those of `support` that it remembers.
    pub(super) fn remembered(&self, mut support: Support) -> Support {
        for voter in self.rules.others().filter(|voter| !self.remembers(*voter)) {
            support.remove(voter);
        }
        support
    }
}
