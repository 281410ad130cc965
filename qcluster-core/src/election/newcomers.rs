//! Voters that begin to acknowledge, or begin again (E24): one that was silent for as long as a lease may stand still
//! since before its replacement began, and what the others acknowledged before it came back they said without knowing
//! that it would count. So it counts with what a quorum has acknowledged since.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::VoterIndex;
use crate::quorum::{Support, VoterSet};
use crate::time::{Rebase, Span, Time};

/// Of one leadership.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Newcomers {
    /// By voter: the latest moment after which it is known to have spoken.
    present: Vec<Time>,
    /// By voter: when it came back, until a quorum has acknowledged since; else zero.
    came: Vec<Time>,
}

impl Newcomers {
    pub(super) fn new(voters: usize) -> Self {
        Self { present: alloc::vec![Time::ZERO; voters], came: alloc::vec![Time::ZERO; voters] }
    }

    /// A leadership begins; `elected_by` have voted for it since `asked_at`.
    pub(super) fn begin(&mut self, elected_by: VoterSet, asked_at: Time) {
        for (voter, present) in (0..).map(VoterIndex).zip(&mut self.present) {
            *present = if elected_by.contains(voter) { asked_at } else { Time::ZERO };
        }
        self.came.fill(Time::ZERO);
    }

    /// A voter acknowledges at `now` what was sent at `sent_at`. After a silence of `patience` it is a newcomer.
    pub(super) fn acknowledged(&mut self, voter: VoterIndex, now: Time, sent_at: Time, patience: Span) {
        let present = core::mem::replace(&mut self.present[voter.position()], sent_at);
        if now.since(present) >= patience {
            self.came[voter.position()] = now;
        }
    }

    /// Another incarnation of a voter is there.
    pub(super) fn forget(&mut self, voter: VoterIndex) {
        self.present[voter.position()] = Time::ZERO;
    }

    /// The moments at which those came back that do not count with everybody yet.
    pub(super) fn moments(&self) -> impl Iterator<Item = Time> + '_ {
        self.came.iter().copied().filter(|came| *came > Time::ZERO)
    }

    /// Those of `support` that count with what was acknowledged since that moment: not who came back later.
    pub(super) fn back_by(&self, moment: Time, mut support: Support) -> Support {
        for (voter, came) in (0..).map(VoterIndex).zip(&self.came) {
            if *came > moment {
                support.remove(voter);
            }
        }
        support
    }

    /// A quorum has acknowledged since that moment: who came back by then counts with everybody.
    pub(super) fn settle(&mut self, moment: Time) {
        for came in &mut self.came {
            if *came <= moment {
                *came = Time::ZERO;
            }
        }
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>, leads: bool) {
        let Self { present, came } = self;
        for time in present.iter_mut().chain(came) {
            *time = if leads { by.time(*time) } else { Time::ZERO };
        }
    }
}

#[cfg(test)]
mod tests;
