//! Plain counters: what a node has done and what it has refused, by reason.

use serde::{Deserialize, Serialize};

use crate::reason::{DropCounts, DropReason, LostCounts, MessageCounts, RefusalCounts};

/// Counts since the start of a node. All of them only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counters {
    /// Messages given in.
    pub received: u64,
    /// Messages given out.
    pub sent: u64,
    /// Of those given in, by [`MessageKind`](crate::MessageKind).
    pub received_by_kind: MessageCounts,
    /// Of those given out, by [`MessageKind`](crate::MessageKind).
    pub sent_by_kind: MessageCounts,
    /// Messages dropped, by [`DropReason`](crate::DropReason).
    pub dropped: DropCounts,
    /// Pre-vote rounds begun.
    pub pre_votes: u64,
    /// Candidacies begun.
    pub candidacies: u64,
    /// Candidacies and leaderships that ended by E7.
    pub expired_candidacies: u64,
    /// Leaderships begun.
    pub elected: u64,
    /// Leaderships ended, by [`LostReason`](crate::LostReason).
    pub lost: LostCounts,
    /// Times that a longer promise was asked for because something was late (E23).
    pub lease_lengthened: u64,
    /// Votes granted.
    pub votes_granted: u64,
    /// Votes and pre-votes refused, by [`Refusal`](crate::Refusal).
    pub votes_refused: RefusalCounts,
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
    /// Signs of a second live node of one identifier (E17).
    pub duplicates: u64,
    /// Observers refused because there are too many.
    pub observers_refused: u64,
    /// Sends given up because the embedder did not take its actions.
    pub overflowed: u64,
    /// Probes of members begun (G2).
    pub probes: u64,
    /// Probes that nobody answered, directly or for others.
    pub probes_failed: u64,
    /// Times that this node stood still for so long that it took back what it waited for (G2).
    pub late_probes: u64,
    /// Suspicions begun, one's own and those of others.
    pub suspicions: u64,
    /// Times that this node contradicted what was said of it (G3).
    pub refutations: u64,
    /// Members met for the first time, or again after they were forgotten.
    pub members_met: u64,
    /// Members that this node itself found down, after a suspicion had aged.
    pub members_down: u64,
    /// Members that were not taken in: there are too many, or two names share a hash (G10).
    pub members_refused: u64,
    /// Times that most members vanished at once (G9).
    pub distrusts: u64,
    /// Comparisons of tables begun (G6).
    pub comparisons: u64,
    /// Records of services and nodes received, whatever became of them.
    pub records_received: u64,
    /// Records received that were news, and are passed on.
    pub records_news: u64,
    /// Records received that were known already, or overtaken by a newer version or incarnation.
    pub records_known: u64,
    /// Records of this node's own that others had otherwise, and that were put right (G5).
    pub own_claims: u64,
    /// Services of this node that became critical because no heartbeat came in time.
    pub services_lapsed: u64,
    /// Services of this node that were deregistered because none came for long.
    pub services_expired: u64,
    /// Calls to register or change a service, or metadata, that were refused.
    pub services_refused: u64,
}

impl Counters {
    pub(crate) fn drop(&mut self, reason: DropReason) {
        self.dropped.add(reason);
    }
}
