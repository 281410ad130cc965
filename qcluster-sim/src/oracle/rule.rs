//! What the oracles hold nodes to, and how they object.

use std::fmt;

use qcluster_core::Time;
use serde::Serialize;

/// What an oracle holds nodes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// At most one valid lease at any real instant (E3).
    LeaseExclusive,
    /// A lease that has run out is over: its token is not taken up again (E4).
    LeaseEnds,
    /// A clock that goes back ends a lease (E15).
    ClockBack,
    /// A lease never outlives the promises of a quorum that it stands on (E3).
    LeaseWitnessed,
    /// At most one live promise a voter (E2′), over restarts too (E9).
    OnePromise,
    /// No vote and no pre-vote against a live promise (E5, E6).
    VoteKeepsPromise,
    /// A term has at most one leader (E1).
    OneLeaderPerTerm,
    /// Tokens strictly grow.
    TokensGrow,
    /// A voter grants one vote a term, over restarts too (E6).
    OneVotePerTerm,
    /// A leader speaks only with the votes of a quorum in its term (E6).
    VotesWitnessed,
    /// Nothing that depends on an unsynced write leaves a node: no vote (E6), and no promise that the next incarnation would not
    /// know the length of (E9).
    SyncedBeforeSent,
    /// The saved state never goes back (E1).
    HardStateMonotone,
    /// No candidacy without the pre-votes of a quorum, or a release (E5, E10).
    PreVoteFirst,
    /// `Elected` and `Lost` alternate, and agree with the lease after every step.
    NoticesAlternate,
    /// A hand-over does not wait for longer than it said (E10).
    DrainEnds,
    /// A heartbeat of a lower term puts nothing off, and one that was overtaken in its own is not acknowledged (E2).
    StaleIgnored,
    /// Observers never vote and never lead (E13).
    ObserversPassive,
    /// Queues, outputs and traffic stay under their bounds.
    Bounded,
    /// What a node gives out can be read, all of it.
    Readable,
    /// A deadline that has come is dealt with.
    DeadlineMoves,
    /// A write under a valid lease is never refused by the guarded resource.
    ResourceAgrees,
    /// What is said of members and services changes no term, and makes no candidate and no leader (E19).
    GossipNeverVotes,
    /// No nonce is used twice, whatever is started again and whichever keys change (S2).
    NonceOnce,
    /// What leaves a node is plain or sealed with its first key, as its mode and its keys say (S4, S5).
    SealedAsTold,
    /// What a node has sealed is let in once by each process that has its key, as it was; what was changed or sealed by nobody never is
    /// (S2, S3, S4).
    OpenedOnce,
    /// Nobody listens to a sealed datagram that was for another node or another incarnation (S3, E17).
    HeardByAddressee,
    /// What a seal refuses draws no answer (S2).
    RefusedUnanswered,
    /// What was saved can be used for the next start.
    Restartable,
    /// After the heal the cluster has a leader in time.
    Liveness,
    /// After the heal all who were healed agree on who leads.
    Agreement,
    /// No more changes of leader than the schedule allows.
    Stability,
    /// Nothing that arrives, no clock and no disk makes a node panic.
    NoPanic,
}

/// An oracle's objection, without its circumstances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) rule: Rule,
    pub(crate) detail: String,
}

impl Breach {
    pub(crate) fn new(rule: Rule, detail: String) -> Self {
        Self { rule, detail }
    }
}

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// When, in real time.
    pub at: Time,
    /// The host that did it.
    pub host: Option<usize>,
    /// How, in a sentence.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.rule, self.at)?;
        if let Some(host) = self.host {
            write!(f, ", host {host}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

impl std::error::Error for Violation {}
