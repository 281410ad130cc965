//! What a voter knows of incarnations (E24), and with whom it shares that.
//!
//! Who counts a vote or a promise has to know all that its giver knows: else the word of an incarnation that was
//! replaced could count beside that of somebody who has met the later one. So what counts carries a
//! [`IncarnationsDigest`], and where two voters know different things, they tell each other first.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Context, Effect, Election, KnownIncarnation, Role, Sender};
use crate::id::{Incarnation, IncarnationsDigest, VoterIndex};
use crate::quorum::{Support, Weight};
use crate::reason::DropReason;
use crate::time::Time;

/// Votes, or pre-votes, as they come in: those that count, and those of voters that knew of incarnations which this one
/// was not told of yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Tally {
    counted: Support,
    held: Vec<HeldWord>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct HeldWord {
    of: VoterIndex,
    weight: Weight,
    incarnations: IncarnationsDigest,
}

impl Tally {
    /// Begins with what counts without a word.
    pub(super) fn new(counted: Support) -> Self {
        Self { counted, held: Vec::new() }
    }

    pub(super) fn counted(&self) -> Support {
        self.counted
    }

    pub(super) fn count(&mut self, voter: VoterIndex, weight: Weight) {
        self.counted.add(voter, weight);
    }

    /// Keeps a word until its giver has told all that it knew. The last word of a voter stands.
    fn hold(&mut self, word: HeldWord) {
        self.held.retain(|held| held.of != word.of);
        self.held.push(word);
    }

    /// A voter has told all that it knows: if it knew that when it gave a word that waits, that one counts.
    fn told(&mut self, voter: VoterIndex, incarnations: IncarnationsDigest) {
        let held = self.held.iter().position(|word| word.of == voter && word.incarnations == incarnations);
        if let Some(at) = held {
            let word = self.held.swap_remove(at);
            self.count(voter, word.weight);
        }
    }

    pub(super) fn forget(&mut self, voter: VoterIndex) {
        self.counted.remove(voter);
        self.held.retain(|word| word.of != voter);
    }
}

/// In whatever order.
impl FromIterator<KnownIncarnation> for IncarnationsDigest {
    fn from_iter<I: IntoIterator<Item = KnownIncarnation>>(incarnations: I) -> Self {
        incarnations.into_iter().fold(Self::default(), |digest, known| digest.with(known.node, known.incarnation))
    }
}

impl Role {
    /// What it has been given in the round or candidacy that it is in.
    fn tally(&mut self) -> Option<&mut Tally> {
        match self {
            Self::PreCandidate(round) => Some(&mut round.grants),
            Self::Candidate(candidate) => Some(&mut candidate.votes),
            Self::Follower | Self::Leader(_) => None,
        }
    }
}

impl Election {
    /// All that this voter knows of incarnations that have taken part, its own included.
    pub(crate) fn known_incarnations(&self) -> Vec<KnownIncarnation> {
        self.incarnations_that_take_part().collect()
    }

    fn incarnations_that_take_part(&self) -> impl Iterator<Item = KnownIncarnation> {
        self.storage.incarnations_of_others(self.rules.key).chain(self.own_incarnation())
    }

    fn own_incarnation(&self) -> Option<KnownIncarnation> {
        (!self.is_booting()).then_some(KnownIncarnation { node: self.rules.key, incarnation: self.incarnation })
    }

    /// What its word carries (E24).
    pub(crate) fn incarnations(&self) -> IncarnationsDigest {
        self.incarnations
    }

    pub(super) fn note_incarnations(&mut self) {
        self.incarnations = self.incarnations_that_take_part().collect();
    }

    /// An incarnation of another voter takes part: none before it does from now on. It is saved at once, since nothing
    /// else may have to be for a long time.
    pub(crate) fn takes_part(&mut self, cx: &mut Context<'_>, voter: VoterIndex, incarnation: Incarnation) {
        self.storage.meet(self.rules.at(voter).key, incarnation);
        self.note_incarnations();
        self.persist(cx);
    }

    /// The other voter to which this one is promised.
    pub(crate) fn promised_to(&self, now: Time) -> Option<VoterIndex> {
        let promise = self.promise.filter(|promise| now < promise.until)?;
        self.rules.index_of(promise.to.node).filter(|leader| *leader != self.me)
    }

    /// Another incarnation of a voter is established, or known to take part: a vote that waits for the disk was for the
    /// one before (E6), and what that one has said counts for nothing more from now on. A lease that stands on it
    /// already is as long as its promise.
    pub(crate) fn meet(&mut self, voter: VoterIndex, incarnation: Incarnation) {
        self.grant.take_if(|grant| grant.is_for_another_incarnation(voter, incarnation));
        match &mut self.role {
            Role::Follower => {}
            Role::PreCandidate(round) => round.grants.forget(voter),
            Role::Candidate(candidate) => candidate.forget(voter),
            Role::Leader(leader) => leader.forget(voter),
        }
        if let Some(win_check) = &mut self.win_check {
            win_check.grants.remove(voter);
        }
    }

    /// Whether this voter knows all that the sender knew when it gave its word. If not, the two are to tell each other, and
    /// the word does not count before they have.
    pub(super) fn knows_all_of(&mut self, cx: &mut Context<'_>, from: Sender, digest: IncarnationsDigest) -> bool {
        let learned = &mut self.learned[from.index.position()];
        if digest == self.incarnations {
            // What is known stays known: the same word counts when this voter has learned more.
            *learned = digest;
        }
        let knows = digest == *learned;
        if !knows {
            cx.drop(DropReason::UnsharedIncarnations);
            cx.effects.push(Effect::TellIncarnations { to: from.index });
        }
        knows
    }

    /// A voter says yes to what this one asks for in its role: that counts, or waits until the two know the same.
    pub(super) fn count_word(&mut self, cx: &mut Context<'_>, from: Sender, incarnations: IncarnationsDigest) {
        let Some(weight) = self.weight(from) else { return cx.drop(DropReason::Unexpected) };
        let knows_all = self.knows_all_of(cx, from, incarnations);
        if let Some(tally) = self.role.tally() {
            if knows_all {
                tally.count(from.index, weight);
            } else {
                tally.hold(HeldWord { of: from.index, weight, incarnations });
            }
        }
        self.go_on_if_reached(cx);
    }

    /// All that another voter knows has been taken in.
    pub(crate) fn has_learned(&mut self, cx: &mut Context<'_>, voter: VoterIndex, digest: IncarnationsDigest) {
        self.learned[voter.position()] = digest;
        // A leader's next heartbeat asks for a promise once more.
        if let Some(tally) = self.role.tally() {
            tally.told(voter, digest);
            self.go_on_if_reached(cx);
        }
    }

    fn go_on_if_reached(&mut self, cx: &mut Context<'_>) {
        match self.role {
            Role::PreCandidate(_) => self.campaign_if_encouraged(cx),
            Role::Candidate(_) => self.lead_if_elected(cx),
            Role::Leader(_) | Role::Follower => {}
        }
    }

    /// Whether this voter would know the present incarnation of that one after a crash as well: one that forgets an
    /// incarnation that it has counted could count an earlier one.
    #[inline]
    pub(super) fn remembers(&self, voter: VoterIndex) -> bool {
        self.storage.has_saved_incarnation_of(self.rules.at(voter).key)
    }

    /// Those of `support` that it remembers.
    pub(super) fn remembered(&self, mut support: Support) -> Support {
        for voter in self.rules.others().filter(|voter| !self.remembers(*voter)) {
            support.remove(voter);
        }
        support
    }
}
