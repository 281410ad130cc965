//! What members say to each other.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::standing::{Introduction, Standing, State, Verdict};
use crate::id::{NodeKey, Term};
use crate::reconcile;

/// A message between members.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Let me in. Sent to an address, without knowing which node is there.
    Join {
        /// That address; `None` where it is known who is there.
        at: Option<SocketAddr>,
        /// The sender: a quiet cluster has nothing else to tell of it.
        me: Introduction,
    },
    /// Welcome; the tables are compared from here on.
    Welcome {
        /// The sender.
        me: Introduction,
        /// Where the newcomer was heard from, which it may not know itself.
        seen_at: Option<SocketAddr>,
        /// What the sender knows, in short.
        word: Piggyback,
    },
    /// Are you there?
    Ping {
        /// Ties the answer to the question.
        seq: u32,
        /// What the sender knows, in short.
        word: Piggyback,
    },
    /// I am.
    Ack {
        /// That of the ping.
        seq: u32,
        /// What the sender knows, in short.
        word: Piggyback,
    },
    /// Ask that one for me; it does not answer me.
    PingReq {
        /// Ties the answer to the question.
        seq: u32,
        /// Whom.
        target: NodeKey,
    },
    /// It did not answer me either.
    Nack {
        /// That of the request.
        seq: u32,
    },
    /// This one is, or was, a member.
    Introduce(Introduction),
    /// This is thought of a member that you know.
    Judge(Verdict),
    /// Let us find out what differs (G6).
    Compare(reconcile::Message),
}

impl Message {
    /// Whether it says something of members, and asks nothing.
    pub(crate) fn is_filling(&self) -> bool {
        match self {
            Self::Introduce(_) | Self::Judge(_) | Self::Compare(_) => true,
            Self::Join { .. }
            | Self::Welcome { .. }
            | Self::Ping { .. }
            | Self::Ack { .. }
            | Self::PingReq { .. }
            | Self::Nack { .. } => false,
        }
    }

    /// Of which incarnation of a member it speaks, if it does.
    pub(super) fn standing(&self) -> Option<Standing> {
        match self {
            Self::Join { me, .. } | Self::Welcome { me, .. } | Self::Introduce(me) => Some(me.standing),
            Self::Judge(verdict) => Some(verdict.standing),
            Self::Ping { .. } | Self::Ack { .. } | Self::PingReq { .. } | Self::Nack { .. } | Self::Compare(_) => None,
        }
    }

    /// The member that it is news of, if it is.
    pub(crate) fn subject(&self) -> Option<NodeKey> {
        match self {
            Self::Introduce(introduction) => Some(introduction.id.key()),
            Self::Judge(verdict) => Some(verdict.member),
            Self::Join { .. }
            | Self::Welcome { .. }
            | Self::Ping { .. }
            | Self::Ack { .. }
            | Self::PingReq { .. }
            | Self::Nack { .. }
            | Self::Compare(_) => None,
        }
    }

    /// What it tells in passing, if it does.
    pub(crate) fn word(&self) -> Option<&Piggyback> {
        match self {
            Self::Welcome { word, .. } | Self::Ping { word, .. } | Self::Ack { word, .. } => Some(word),
            Self::Join { .. }
            | Self::PingReq { .. }
            | Self::Nack { .. }
            | Self::Introduce(_)
            | Self::Judge(_)
            | Self::Compare(_) => None,
        }
    }
}

/// What every probe and every answer tells in passing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Piggyback {
    /// What is thought of the receiver, where it should contradict (G3).
    pub about_you: Option<(Standing, State)>,
    /// A hash of all members that the sender knows (G6).
    pub members: u64,
    /// A hash of all records that the sender knows (G6).
    pub records: u64,
    /// Who leads, if the sender hears it: for display where it is not heard, and never a vote (E19).
    pub leader: Option<Hint>,
}

/// Who is said to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hint {
    /// Who.
    pub leader: NodeKey,
    /// In which term.
    pub term: Term,
}
