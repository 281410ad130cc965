//! What just changed: the present state for those who want the latest, and every event for those who want them all.

mod feed;
mod told;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use qcluster_api::QuorumStatus;
use qcluster_core::{
    FencingToken, Incarnation, LeaseLengthReason, LostReason, MemberChange, NodeKey, Peer, ServiceChange,
    SettingDifference, Term,
};

pub use feed::Events;

/// Who leads, as this node sees it. Only [`Leading`](Self::Leading) and [`Draining`](Self::Draining) are backed by a
/// lease, and whether it still holds is what `QCluster::is_leader` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// Nobody that this node can hear.
    Unknown,
    /// Another node, by what this one hears.
    Following {
        /// The leader as configured here.
        leader: Arc<Peer>,
        /// Its term.
        term: Term,
    },
    /// This node.
    Leading {
        /// Of this leadership.
        token: FencingToken,
    },
    /// This node, until its work has ended: leadership is being handed over (E10).
    Draining {
        /// Of this leadership.
        token: FencingToken,
    },
}

impl Leadership {
    /// The token of this node's own leadership, if it has one.
    pub fn token(&self) -> Option<FencingToken> {
        match self {
            Self::Leading { token } | Self::Draining { token } => Some(*token),
            Self::Unknown | Self::Following { .. } => None,
        }
    }
}

/// Something that changed, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// On the wall clock, when the node learned of it; with `Elected`, not after the application can see the lease.
    pub at: SystemTime,
    /// What it was.
    pub kind: EventKind,
    /// On the wall clock of `at`: the end of the lease of the leadership that the event speaks of, as far as this node knew it then.
    ///
    /// - Of `Elected`, `Draining` and a `Leader` that is this node: the end of the lease that it holds. The lease is renewed from
    ///   then on, and a renewal is no event.
    /// - Of `Lost`: when the last lease of that leadership ended, which may be long before `at` if the node stood still meanwhile.
    ///   One that was given up before its time ended then, and `at` is not before that.
    ///
    /// `None` where the event speaks of no lease of this node, or the lease was over before the application could see it.
    pub valid_until: Option<SystemTime>,
}

impl Event {
    /// An event of that kind at that time on the wall clock.
    pub const fn new(at: SystemTime, kind: EventKind) -> Self {
        Self { at, kind, valid_until: None }
    }

    /// The same, with the end of the lease on the wall clock.
    #[must_use]
    pub fn with_valid_until(self, valid_until: SystemTime) -> Self {
        Self { valid_until: Some(valid_until), ..self }
    }
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// This node holds the lease.
    Elected {
        /// Larger than that of every earlier leadership.
        token: FencingToken,
    },
    /// This node no longer leads. `Elected` and `Lost` alternate.
    Lost {
        /// Of the leadership that ended.
        token: FencingToken,
        /// Why it ended.
        reason: LostReason,
        /// Of a lease that ran out: how late this node noticed. It stood still for about so long, or its machine did.
        late_by: Duration,
        /// Of a lease that ran out: the voters that had not answered for the length of a lease.
        silent: Vec<Arc<Peer>>,
    },
    /// This node leads, and asks for longer or shorter promises from now on (E23): something was late, or nothing was for a while.
    LeaseLength {
        /// How long they are.
        lease: Duration,
        /// Why.
        reason: LeaseLengthReason,
    },
    /// A hand-over has begun: work of the leader is cancelled, and waited for this long at most (E10).
    Draining {
        /// Of the leadership that will end.
        token: FencingToken,
        /// The longest wait.
        grace: Duration,
    },
    /// Another leader is known, this node included, or none any more. For display: it is not a lease.
    Leader {
        /// Who leads.
        leader: Option<Arc<Peer>>,
        /// In which term.
        term: Term,
    },
    /// A node speaks with other voters, priorities, lease or drift bound: neither listens to the other (E14).
    ConfigMismatch {
        /// Which one, if it is configured here.
        peer: Option<Arc<Peer>>,
        /// Its key, where its identifier is not known.
        key: NodeKey,
        /// What is different, if the other node has said what it has.
        differences: Vec<SettingDifference>,
    },
    /// Two voters are in the middle steps of different changes of voters, and this node works with both (E20).
    StepsDiffer {
        /// One of them.
        one: Option<Arc<Peer>>,
        /// The other one.
        other: Option<Arc<Peer>>,
    },
    /// Nobody leads for ten leases or longer. Told again now and then, at most a minute apart.
    Leaderless {
        /// Which voters are heard, and what is known of the others and of this node: one line.
        facts: String,
        /// Which voters are heard, and which are not.
        quorum: QuorumStatus,
    },
    /// State cannot be saved, and is tried again: until then this node does not vote (E16).
    SaveFailing {
        /// What the system said.
        error: String,
    },
    /// State is saved again.
    SaveRecovered {
        /// How long that save took, with all attempts.
        after: Duration,
    },
    /// State cannot be saved any more: this node neither votes nor campaigns until it is restarted (E16).
    StorageFailed {
        /// What the system said.
        error: String,
    },
    /// Two live nodes go by one identifier; the one that started later is told to stop (E17).
    DuplicateSeen {
        /// Whose identifier it is.
        voter: Option<Arc<Peer>>,
        /// The incarnation that was not known before.
        other: Incarnation,
    },
    /// Another live node has this identifier and was there first: this one has stopped for good (E17).
    DuplicateIdentifier {
        /// The incarnation of the other.
        other: Incarnation,
    },
    /// Another node has this identifier and has taken this one's place, while it stood still or was cut off: this one
    /// has stopped for good (E24).
    Superseded {
        /// The incarnation of the other.
        by: Incarnation,
    },
    /// A leader was elected in the middle step of a change of voters: the last step may be taken (E20).
    StepEstablished,
    /// This node has taken the last step of a change of voters, and a voter in the middle step knows of no leader that was elected
    /// there (E20).
    StepTooEarly {
        /// The voter in the middle step.
        voter: Option<Arc<Peer>>,
    },
    /// The wall clock of a voter is far from this node's (E12).
    WallClockOff {
        /// Whose clock it is.
        voter: Option<Arc<Peer>>,
        /// How far it is ahead of this node's, in milliseconds; negative if it is behind.
        ahead_ms: i64,
    },
    /// Something takes longer than an election can wait for (E5, E7).
    TooSlow {
        /// The voter that answers so late; `None` if it is the own disk.
        voter: Option<Arc<Peer>>,
        /// What it took.
        took: Duration,
        /// What it has to be under.
        limit: Duration,
    },
    /// A member came, went or moved.
    Member(MemberChange),
    /// A service came, went or says something else about itself.
    Service(ServiceChange),
    /// Most members vanished at once, or are back (G9).
    Trust {
        /// Whether what this node sees of the others can be relied on.
        is_given: bool,
    },
    /// The receiver was too slow, and this many changes are gone.
    Missed {
        /// How many.
        count: u64,
    },
}

impl EventKind {
    /// The token of the leadership that it speaks of, which may be another node's.
    pub(crate) fn token(&self) -> Option<FencingToken> {
        match self {
            Self::Elected { token } | Self::Lost { token, .. } | Self::Draining { token, .. } => Some(*token),
            Self::Leader { leader: Some(_), term } => Some((*term).into()),
            Self::Leader { leader: None, .. }
            | Self::LeaseLength { .. }
            | Self::ConfigMismatch { .. }
            | Self::Leaderless { .. }
            | Self::SaveFailing { .. }
            | Self::SaveRecovered { .. }
            | Self::StorageFailed { .. }
            | Self::DuplicateSeen { .. }
            | Self::DuplicateIdentifier { .. }
            | Self::Superseded { .. }
            | Self::StepEstablished
            | Self::StepsDiffer { .. }
            | Self::StepTooEarly { .. }
            | Self::WallClockOff { .. }
            | Self::TooSlow { .. }
            | Self::Member(_)
            | Self::Service(_)
            | Self::Trust { .. }
            | Self::Missed { .. } => None,
        }
    }
}
