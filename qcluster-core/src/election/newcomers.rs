//! Voters that begin to acknowledge, or begin again (E24): one that was silent for as long as a lease may stand still since before its
//! replacement began, and what the others acknowledged before it came back they said without knowing that it would count. So it
//! counts with what a quorum has acknowledged since.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::VoterIndex;
use crate::quorum::VoterSet;
use crate::time::{Rebase, Span, Time};

/// Of one leadership.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Newcomers {
    /// By voter: the latest moment after which it is known to have spoken.
    present: Vec<Time>,
    voters: VoterSet,
    /// When the last of them came.
    since: Time,
}

impl Newcomers {
    pub(super) fn new(voters: usize) -> Self {
        Self { present: alloc::vec![Time::ZERO; voters], voters: VoterSet::EMPTY, since: Time::ZERO }
    }

    /// A leadership begins; `elected_by` have voted for it since `asked_at`.
    pub(super) fn begin(&mut self, elected_by: VoterSet, asked_at: Time) {
        for (voter, present) in (0..).map(VoterIndex).zip(&mut self.present) {
            *present = if elected_by.contains(voter) { asked_at } else { Time::ZERO };
        }
        (self.voters, self.since) = (VoterSet::EMPTY, Time::ZERO);
    }

    /// A voter acknowledges at `now` what was sent at `sent_at`. After a silence of `patience` it is a newcomer.
    pub(super) fn acknowledged(&mut self, voter: VoterIndex, now: Time, sent_at: Time, patience: Span) {
        let present = core::mem::replace(&mut self.present[voter.position()], sent_at);
        if now.since(present) >= patience {
            self.voters.insert(voter);
            self.since = now;
        }
    }

    /// Another life of a voter is there.
    pub(super) fn forget(&mut self, voter: VoterIndex) {
        self.present[voter.position()] = Time::ZERO;
    }

    /// Those that do not count with everybody yet, and the moment since which the others have to have acknowledged.
    pub(super) fn waiting(&self) -> Option<(VoterSet, Time)> {
        (!self.voters.is_empty()).then_some((self.voters, self.since))
    }

    /// A quorum has acknowledged since.
    pub(super) fn settle(&mut self) {
        self.voters = VoterSet::EMPTY;
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>, leads: bool) {
        let Self { present, voters, since } = self;
        for time in present {
            *time = if leads { by.time(*time) } else { Time::ZERO };
        }
        *since = if leads && !voters.is_empty() { by.time(*since) } else { Time::ZERO };
        if !leads {
            *voters = VoterSet::EMPTY;
        }
    }
}

#[cfg(test)]
mod tests;
