//! Whether answers and disks are quick enough for anybody to be elected (E5, E7): where they are not, nothing is wrong with any
//! rule, and there is never a leader. So it is measured, and said.

use serde::{Deserialize, Serialize};

use super::{Change, Context, Election};
use crate::id::VoterIndex;
use crate::quorum::VoterSet;
use crate::reason::LeaseLengthReason;
use crate::time::{Span, Time};

/// What an election has to wait for, with what it may take at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Slow {
    /// The round trip to a voter takes half of the longest lease or more: its answer to a pre-vote comes too late (E5).
    RoundTrip {
        /// The voter.
        voter: VoterIndex,
        /// What it took.
        took: Span,
        /// What it has to be under.
        limit: Span,
    },
    /// Saving a state takes as long as a leader trusts the longest promise, or longer: a candidacy has ended before its own vote is safe
    /// (E6, E7).
    Save {
        /// What it took.
        took: Span,
        /// What it has to be under.
        limit: Span,
    },
}

/// A round of pre-votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Round {
    number: u64,
    began: Time,
    /// Who has answered: what they are asked again is answered later, and says nothing.
    answered: VoterSet,
}

/// What is measured. It decides nothing but the length of a lease (E23).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Pace {
    /// Rounds of pre-votes: the latest ones, and one before them that may still be answered.
    rounds: [Round; Self::ROUNDS],
    saving_since: Time,
    /// When a save that is under way will have taken too long; `NEVER` where none is, or that was told.
    save_is_due_at: Time,
    /// Voters whose last answer came too late; one alone says little: its sender may have stood still. So do several that it
    /// gives at once when it goes on.
    late_voters: VoterSet,
    /// When the last of them became one: only what was asked since then is another question.
    late_since: Time,
    /// Those of whom that was told, until they are quick again.
    slow_voters: VoterSet,
    slow_save: bool,
    /// What was too slow the last time that it was measured.
    last: Option<Slow>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            rounds: [Round::default(); Self::ROUNDS],
            saving_since: Time::ZERO,
            save_is_due_at: Time::NEVER,
            late_voters: VoterSet::EMPTY,
            late_since: Time::ZERO,
            slow_voters: VoterSet::EMPTY,
            slow_save: false,
            last: None,
        }
    }
}

impl Pace {
    const ROUNDS: usize = 4;

    /// The earliest round is remembered for `longest`, however many begin meanwhile: its answers say how slow they are where all
    /// come after a few more rounds.
    pub(super) fn round_began(&mut self, round: u64, now: Time, longest: Span) {
        let [latest @ .., earliest] = &mut self.rounds;
        if now < earliest.began + longest {
            latest.rotate_right(1);
        } else {
            self.rounds.rotate_right(1);
        }
        self.rounds[0] = Round { number: round, began: now, answered: VoterSet::EMPTY };
    }

    pub(super) fn save_began(&mut self, now: Time, limit: Span) {
        self.saving_since = now;
        self.save_is_due_at = now + limit;
    }

    pub(super) fn save_failed(&mut self) {
        self.save_is_due_at = Time::NEVER;
    }

    /// Somebody is elected: answers were quick enough for that.
    pub(super) fn elected(&mut self) {
        self.last.take_if(|slow| matches!(slow, Slow::RoundTrip { .. }));
    }

    pub(super) fn save_is_due_at(&self) -> Time {
        self.save_is_due_at
    }

    /// When a round began that a voter answers for the first time.
    fn answered(&mut self, round: u64, voter: VoterIndex) -> Option<Time> {
        let round = self.rounds.iter_mut().find(|known| known.number == round)?;
        if round.answered.contains(voter) {
            return None;
        }
        round.answered.insert(voter);
        Some(round.began)
    }
}

impl Election {
    /// What is too slow for an election, as far as was measured last.
    pub(crate) fn slow(&self) -> Option<Slow> {
        self.pace.last
    }

    /// A voter has answered a pre-vote, in time or not.
    pub(super) fn note_round_trip(&mut self, cx: &mut Context<'_>, voter: VoterIndex, round: u64) {
        let Some(began) = self.pace.answered(round, voter) else { return };
        let (took, limit) = (cx.now.since(began), self.rules.timing.max_lease.split(2));
        self.note_answer(voter, took);
        let (one, pace) = (VoterSet::EMPTY.with(voter), &mut self.pace);
        if took >= limit {
            let (was_late, was_slow) = (pace.late_voters.contains(voter), pace.slow_voters.contains(voter));
            pace.late_voters.insert(voter);
            if !was_late {
                pace.late_since = cx.now;
            } else if began >= pace.late_since {
                let slow = Slow::RoundTrip { voter, took, limit };
                pace.last = Some(slow);
                pace.slow_voters.insert(voter);
                if !was_slow {
                    cx.tell(Change::TooSlow(slow));
                }
            }
        } else if took < limit.split(2) {
            // In between, a link at the limit would be told of again and again.
            pace.late_voters = pace.late_voters.without(one);
            pace.slow_voters = pace.slow_voters.without(one);
            let of_it = |slow: &mut Slow| matches!(slow, Slow::RoundTrip { voter: of, .. } if *of == voter);
            pace.last.take_if(of_it);
        }
    }

    /// Tells of a save that does not end.
    pub(super) fn mind_save(&mut self, cx: &mut Context<'_>) {
        if cx.now >= self.pace.save_is_due_at {
            self.judge_save(cx);
        }
    }

    /// A save is done.
    pub(super) fn note_save(&mut self, cx: &mut Context<'_>) {
        let took = self.judge_save(cx);
        // Half of a candidacy may go into its voters' saves.
        self.note_delay(cx, took.split(2), LeaseLengthReason::SlowSave);
    }

    /// Tells of a save that takes too long; gives what it took up to now.
    fn judge_save(&mut self, cx: &mut Context<'_>) -> Span {
        self.pace.save_is_due_at = Time::NEVER;
        let (took, limit) = (cx.now.since(self.pace.saving_since), self.trusted(self.rules.timing.max_lease));
        if took >= limit {
            let slow = Slow::Save { took, limit };
            self.pace.last = Some(slow);
            if !core::mem::replace(&mut self.pace.slow_save, true) {
                cx.tell(Change::TooSlow(slow));
            }
        } else if core::mem::take(&mut self.pace.slow_save) {
            self.pace.last.take_if(|slow| matches!(slow, Slow::Save { .. }));
        }
        took
    }
}
