//! Whether answers and disks are quick enough for anybody to be elected (E5, E7): where they are not, nothing is wrong with any
//! rule, and there is never a leader. So it is measured, and said.

use serde::{Deserialize, Serialize};

use super::{Change, Context, Election, Role};
use crate::id::VoterIndex;
use crate::quorum::VoterSet;
use crate::reason::LeaseLengthReason;
use crate::time::{Span, Time};

/// What an election has to wait for, with what it may take at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Slow {
    /// The round trip to a voter takes half a lease or more: its answer to a pre-vote comes too late (E5).
    RoundTrip {
        /// The voter.
        voter: VoterIndex,
        /// What it took.
        took: Span,
        /// What it has to be under.
        limit: Span,
    },
    /// Saving a state takes as long as a leader trusts a promise, or longer: a candidacy has ended before its own vote is safe
    /// (E6, E7).
    Save {
        /// What it took.
        took: Span,
        /// What it has to be under.
        limit: Span,
    },
}

/// What is measured. It decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Pace {
    /// The latest rounds of pre-votes, and when each began.
    rounds: [(u64, Time); Self::ROUNDS],
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
            rounds: [(0, Time::ZERO); Self::ROUNDS],
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

    pub(super) fn round_began(&mut self, round: u64, now: Time) {
        self.rounds.rotate_right(1);
        self.rounds[0] = (round, now);
    }

    pub(super) fn save_began(&mut self, now: Time, limit: Span) {
        self.saving_since = now;
        self.save_is_due_at = now + limit;
    }

    pub(super) fn save_failed(&mut self) {
        self.save_is_due_at = Time::NEVER;
    }

    pub(super) fn save_is_due_at(&self) -> Time {
        self.save_is_due_at
    }

    fn began(&self, round: u64) -> Option<Time> {
        self.rounds.iter().find(|(known, _)| *known == round).map(|(_, at)| *at)
    }
}

impl Election {
    /// What is too slow for an election, as far as was measured last.
    pub(crate) fn slow(&self) -> Option<Slow> {
        self.pace.last
    }

    /// A voter has answered a pre-vote, in time or not.
    pub(super) fn note_round_trip(&mut self, cx: &mut Context<'_>, voter: VoterIndex, round: u64) {
        let Some(began) = self.pace.began(round) else { return };
        let (took, limit) = (cx.now.since(began), self.rules.timing.max_lease.split(2));
        // Within its round it may answer one of the later times that it was asked.
        if matches!(self.role, Role::PreCandidate(_) | Role::Candidate(_)) && took >= self.round_length() {
            self.note_delay(cx, took, LeaseLengthReason::SlowAnswers);
        }
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
            self.note_save(cx);
        }
    }

    /// A save is done, or its end was waited for in vain.
    pub(super) fn note_save(&mut self, cx: &mut Context<'_>) {
        self.pace.save_is_due_at = Time::NEVER;
        let (took, limit) = (cx.now.since(self.pace.saving_since), self.trusted(self.rules.timing.max_lease));
        // Half of a candidacy may go into its voters' saves.
        self.note_delay(cx, took.split(2), LeaseLengthReason::SlowSave);
        if took >= limit {
            let slow = Slow::Save { took, limit };
            self.pace.last = Some(slow);
            if !core::mem::replace(&mut self.pace.slow_save, true) {
                cx.tell(Change::TooSlow(slow));
            }
        } else if core::mem::take(&mut self.pace.slow_save) {
            self.pace.last.take_if(|slow| matches!(slow, Slow::Save { .. }));
        }
    }
}
