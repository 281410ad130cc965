//! What members say to each other.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::standing::{Introduction, Standing, State, StateUpdate};
use crate::id::{NodeKey, Term};
use crate::reconcile;

/// A message between members.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Asks to become a member. Sent to an address, without knowing which node is there.
    Join {
        /// That address; `None` where it is known who is there.
        at: Option<SocketAddr>,
        /// The sender: a quiet cluster has nothing else to tell of it.
        me: Introduction,
    },
    /// The answer to [`Message::Join`]: the sender is a member from now on, and tables are compared.
    Welcome {
        /// The sender.
        me: Introduction,
        /// Where the newcomer was heard from, which it may not know itself.
        seen_at: Option<SocketAddr>,
        /// What is piggybacked.
        word: Piggyback,
    },
    /// Asks for an [`Message::Ack`]: the sender's probe of this round (SWIM).
    Ping {
        /// Ties the answer to the question.
        seq: u32,
        /// What is piggybacked.
        word: Piggyback,
    },
    /// The answer to a [`Message::Ping`], or to a [`Message::PingReq`] whose target has answered.
    Ack {
        /// That of the ping.
        seq: u32,
        /// What is piggybacked.
        word: Piggyback,
    },
    /// Asks the receiver to ping a target that has not answered the sender in time (SWIM).
    PingReq {
        /// Ties the answer to the question.
        seq: u32,
        /// Who is to be pinged.
        target: NodeKey,
    },
    /// The answer to a [`Message::PingReq`] whose target has not answered (Lifeguard): the sender at least is there.
    Nack {
        /// That of the request.
        seq: u32,
    },
    /// All about a member, present or past.
    Introduce(Introduction),
    /// The state of a member that the receiver knows.
    Update(StateUpdate),
    /// Anti-entropy: what differs between the two tables? (G6)
    Compare(reconcile::Message),
}

impl Message {
    /// Whether it says something of members, and asks nothing.
    pub(crate) fn is_filling(&self) -> bool {
        match self {
            Self::Introduce(_) | Self::Update(_) | Self::Compare(_) => true,
            Self::Join { .. }
            | Self::Welcome { .. }
            | Self::Ping { .. }
            | Self::Ack { .. }
            | Self::PingReq { .. }
            | Self::Nack { .. } => false,
        }
    }

    /// Whether it has its receiver speak to somebody else, or to its sender later on.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Join { .. } | Self::Welcome { .. } | Self::Introduce(_) | Self::Compare(_) | Self::PingReq { .. } => {
                true
            }
            Self::Ping { .. } | Self::Ack { .. } | Self::Nack { .. } | Self::Update(_) => false,
        }
    }

    /// Of which incarnation of a member it speaks, if it does.
    pub(super) fn standing(&self) -> Option<Standing> {
        match self {
            Self::Join { me, .. } | Self::Welcome { me, .. } | Self::Introduce(me) => Some(me.standing),
            Self::Update(update) => Some(update.standing),
            Self::Ping { .. } | Self::Ack { .. } | Self::PingReq { .. } | Self::Nack { .. } | Self::Compare(_) => None,
        }
    }

    /// The member that it is news of, if it is.
    pub(crate) fn subject(&self) -> Option<NodeKey> {
        match self {
            Self::Introduce(introduction) => Some(introduction.id.key()),
            Self::Update(update) => Some(update.member),
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
            | Self::Update(_)
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
