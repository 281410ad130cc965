//! What voters say to one another. Every message comes in an envelope that names the sender's incarnation, so a leadership is
//! (sender, its incarnation, term).

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, IncarnationsDigest, NodeKey, Term};
use crate::reason::{MessageKind, Refusal};
use crate::time::{Span, Time};

/// One reign: a node, in one of its incarnations, in one term. Promises and releases name all three, so that nothing meant for
/// one reign is ever honoured for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeadershipId {
    /// Who leads.
    pub node: NodeKey,
    /// In which incarnation.
    pub incarnation: Incarnation,
    /// In which term.
    pub term: Term,
}

/// What a heartbeat asks for, and what its acknowledgement names: a promise of that length, from that moment of the leader's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) sent_at: Time,
    pub(super) lease: Span,
}

/// A message of the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The leader is there, and asks for a promise (E2).
    Heartbeat {
        /// The leader's term.
        term: Term,
        /// When it was sent, on the leader's clock.
        sent_at: Time,
        /// How long a promise it asks for (E23).
        lease: Span,
        /// Whether the leader holds a lease already (E7).
        active: bool,
        /// The highest stamp that the leader knows of (E12), or zero where that is not above the term.
        stamp: Term,
    },
    /// The sender has promised itself to this leadership (E2).
    HeartbeatAck {
        /// The leader's term.
        term: Term,
        /// `sent_at` of the heartbeat.
        sent_at: Time,
        /// For how long it has promised, as far as it would remember that after a crash (E9, E23).
        lease: Span,
        /// The sender's stamp (E12), or zero where that is not above the term.
        stamp: Term,
        /// What the sender knows of incarnations (E24).
        incarnations: IncarnationsDigest,
    },
    /// The heartbeat was of a term that is over (E2).
    StaleTerm {
        /// The sender's term.
        term: Term,
    },
    /// Could the sender win an election? (E5)
    PreVoteRequest {
        /// Tells the rounds of one asker apart.
        round: u64,
        /// The term that it would ask for.
        term: Term,
        /// The leadership that has agreed to be replaced (E11).
        consent: Option<LeadershipId>,
    },
    /// The answer to a [`Message::PreVoteRequest`].
    PreVoteReply {
        /// The asker's round.
        round: u64,
        /// `None` is a yes.
        refusal: Option<Refusal>,
        /// The sender's term.
        term: Term,
        /// The sender's stamp (E12).
        stamp: Term,
        /// What the sender knows of incarnations (E24).
        incarnations: IncarnationsDigest,
    },
    /// Asks for a vote (E6).
    VoteRequest {
        /// The candidate's term.
        term: Term,
        /// What the vote may have to outlast (E7, E23).
        lease: Span,
        /// The leadership that has released its voters in favour of the sender (E10).
        released: Option<LeadershipId>,
    },
    /// The answer to a [`Message::VoteRequest`].
    VoteReply {
        /// The candidate's term.
        asked: Term,
        /// `None` is a yes.
        refusal: Option<Refusal>,
        /// The sender's term.
        term: Term,
        /// The sender's stamp (E12).
        stamp: Term,
        /// What the sender knows of incarnations (E24).
        incarnations: IncarnationsDigest,
    },
    /// The sender's leadership is over: promises to it no longer bind (E4).
    Release {
        /// Its term.
        term: Term,
        /// Who is to campaign at once (E10).
        successor: Option<NodeKey>,
    },
    /// The leader asks a preferred voter whether it could win (E11).
    CouldYouWin {
        /// The leader's term.
        term: Term,
    },
    /// The preferred voter could (E11).
    CouldWin {
        /// The leader's term.
        term: Term,
        /// A bit for each voter, in the order of their identifiers, that would vote for the sender.
        reached: u64,
    },
}

impl Message {
    /// The largest of the terms and stamps that the message names, for the check of E18.
    #[inline]
    pub(crate) fn largest_term(&self) -> Term {
        let of = |leadership: Option<LeadershipId>| leadership.map_or(Term(0), |leadership| leadership.term);
        match *self {
            // The `asked` of a vote's reply was the receiver's own: it matches, or the reply is dropped.
            Self::Heartbeat { term, stamp, .. }
            | Self::HeartbeatAck { term, stamp, .. }
            | Self::PreVoteReply { term, stamp, .. }
            | Self::VoteReply { term, stamp, .. } => term.max(stamp),
            Self::PreVoteRequest { term, consent, .. } => term.max(of(consent)),
            Self::VoteRequest { term, released, .. } => term.max(of(released)),
            Self::StaleTerm { term }
            | Self::Release { term, .. }
            | Self::CouldYouWin { term }
            | Self::CouldWin { term, .. } => term,
        }
    }

    /// Whether only an incarnation that takes part says such a thing (E9, E17, E24).
    #[inline]
    pub(crate) const fn is_of_one_that_takes_part(&self) -> bool {
        !matches!(
            self,
            Self::StaleTerm { .. }
                | Self::PreVoteReply { refusal: Some(_), .. }
                | Self::VoteReply { refusal: Some(_), .. }
        )
    }

    /// The kind, for logs and metrics.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Heartbeat { .. } => MessageKind::Heartbeat,
            Self::HeartbeatAck { .. } => MessageKind::HeartbeatAck,
            Self::StaleTerm { .. } => MessageKind::StaleTerm,
            Self::PreVoteRequest { .. } => MessageKind::PreVoteRequest,
            Self::PreVoteReply { .. } => MessageKind::PreVoteReply,
            Self::VoteRequest { .. } => MessageKind::VoteRequest,
            Self::VoteReply { .. } => MessageKind::VoteReply,
            Self::Release { .. } => MessageKind::Release,
            Self::CouldYouWin { .. } => MessageKind::CouldYouWin,
            Self::CouldWin { .. } => MessageKind::CouldWin,
        }
    }

    /// The name of the kind.
    pub const fn name(&self) -> &'static str {
        self.kind().name()
    }
}
