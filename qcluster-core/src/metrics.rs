//! Plain counters: what a node has done and what it has refused, by reason.

use serde::{Deserialize, Serialize};

use crate::reason::{DropReason, LostReason, MessageKind, Refusal};

/// Counts since the start of a node. All of them only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Messages given in.
    pub received: u64,
    /// Messages given out.
    pub sent: u64,
    /// Of those given in, by [`MessageKind`].
    pub received_by_kind: [u64; MessageKind::ALL.len()],
    /// Of those given out, by [`MessageKind`].
    pub sent_by_kind: [u64; MessageKind::ALL.len()],
    /// Messages dropped, by [`DropReason`].
    pub dropped: [u64; DropReason::ALL.len()],
    /// Pre-vote rounds begun.
    pub pre_votes: u64,
    /// Candidacies begun.
    pub candidacies: u64,
    /// Candidacies and leaderships that ended by E7.
    pub expired_candidacies: u64,
    /// Leaderships begun.
    pub elected: u64,
    /// Leaderships ended, by [`LostReason`].
    pub lost: [u64; LostReason::ALL.len()],
    /// Votes granted.
    pub votes_granted: u64,
    /// Votes and pre-votes refused, by [`Refusal`].
    pub votes_refused: [u64; Refusal::ALL.len()],
    /// Releases that cleared a promise before its time (E4, E10).
    pub releases_honoured: u64,
    /// Pre-candidates that yielded to one ahead of them (E5).
    pub yielded: u64,
    /// Timers that fired more than a heartbeat late, and waited for one (E15).
    pub late_timers: u64,
    /// Hand-overs begun (E10).
    pub transfers: u64,
    /// Hand-overs asked for and refused.
    pub transfers_refused: u64,
    /// Hand-overs to a preferred voter that were begun by asking it (E11).
    pub preferred_attempts: u64,
    /// Hard states given out to be saved.
    pub persists: u64,
    /// Hard states that could not be saved.
    pub persist_failures: u64,
    /// Times that the clock went back (E15).
    pub clock_regressions: u64,
    /// Signs of a live twin (E17).
    pub twins: u64,
    /// Observers refused because there are too many.
    pub observers_refused: u64,
    /// Sends given up because the embedder did not take its actions.
    pub overflowed: u64,
}

impl Counters {
    pub(crate) fn drop(&mut self, reason: DropReason) {
        self.dropped[reason.index()] += 1;
    }

    /// How many messages were dropped for `reason`.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason.index()]
    }

    /// How many votes and pre-votes were refused for `reason`.
    pub fn refused_for(&self, reason: Refusal) -> u64 {
        self.votes_refused[reason.index()]
    }
}
