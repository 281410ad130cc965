//! Voters that begin to acknowledge, or begin again (E24): one that was silent for as long as a lease may stand still
//! since before its replacement began, and what the others acknowledged before it came back they said without knowing
//! that it would count. So it counts with what a quorum has acknowledged since.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::VoterIndex;
use crate::quorum::{Support, VoterSet};
use crate::time::{Rebase, Time};

/// Of one leadership.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Newcomers {
    /// By voter: until when what it said last may be trusted. A replacement sits out what its disk knows of that (E9).
    present_until: Vec<Time>,
    /// By voter: when it came back, until a quorum has acknowledged since; else zero.
    came: Vec<Time>,
}

impl Newcomers {
    /// A leadership begins; the votes of `elected_by` may be trusted until then.
    pub(super) fn new(voters: usize, elected_by: VoterSet, trusted_until: Time) -> Self {
        let of = |voter| if elected_by.contains(voter) { trusted_until } else { Time::ZERO };
        let present_until = (0..).map(VoterIndex).map(of).take(voters).collect();
        Self { present_until, came: alloc::vec![Time::ZERO; voters] }
    }

    /// A voter is heard to promise at `now`, and may be trusted until then. If what it said before ended meanwhile, it is a newcomer.
    pub(super) fn acknowledged(&mut self, voter: VoterIndex, now: Time, trusted_until: Time) {
        let until = &mut self.present_until[voter.position()];
        if now >= *until {
            self.came[voter.position()] = now;
        }
        *until = (*until).max(trusted_until);
    }

    /// Another incarnation of a voter is there.
    pub(super) fn forget(&mut self, voter: VoterIndex) {
        self.present_until[voter.position()] = Time::ZERO;
    }

    /// Whether everybody counts with everybody.
    pub(super) fn are_settled(&self) -> bool {
        self.came.iter().all(|came| *came == Time::ZERO)
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

    pub(super) fn rebase(&mut self, by: &Rebase<'_>) {
        let Self { present_until, came } = self;
        for time in present_until.iter_mut().chain(came) {
            *time = by.time(*time);
        }
    }
}

#[cfg(test)]
mod tests;
