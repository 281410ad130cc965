//! What goes into a node, and what comes out of it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::command::Command;
use crate::config::{Digests, SharedSettings};
use crate::election::{self, HardState, KnownIncarnation, Lapse, PersistId, Slow};
use crate::id::{FencingToken, Incarnation, NodeKey, Term, VoterIndex};
use crate::membership::{self, MemberChange};
use crate::observer;
use crate::reason::{LeaseLengthReason, LostReason, MessageKind};
use crate::registry::{self, ServiceChange};
use crate::time::{Span, Time};

/// Something that happened, given to [`Node::step`](super::Node::step).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeInput {
    /// The [`deadline`](super::Node::deadline) has come. At any other time it does nothing.
    Timeout,
    /// A message has arrived. Read the clock *after* receiving it (E15).
    Message(Envelope),
    /// The hard state of that [`Action::Persist`] is safe on disk.
    Persisted(PersistId),
    /// The hard state of that [`Action::Persist`] could not be saved. The node abstains from then on (E16).
    PersistFailed(PersistId),
    /// The node's owner wants something.
    Command(Command),
}

/// Something to do. Actions come in the order in which they must be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Send this, unreliably: it may be lost, late, repeated or reordered.
    Send(Envelope),
    /// Save this, replacing what was saved before, and report [`NodeInput::Persisted`] or [`NodeInput::PersistFailed`]. There is
    /// never more than one under way.
    Persist {
        /// Names this request in the report.
        id: PersistId,
        /// What to save. Boxed, so that actions stay small.
        hard_state: Box<HardState>,
    },
    /// Tell the application.
    Notify(Notification),
}

/// Something that an application or an operator wants to know.
///
/// `Elected` and `Lost` alternate strictly, starting with `Elected`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Notification {
    /// This node holds the lease.
    Elected {
        /// Larger than that of every earlier leadership.
        token: FencingToken,
    },
    /// This node no longer leads.
    Lost {
        /// Of the leadership that ended.
        token: FencingToken,
        /// Why it ended.
        reason: LostReason,
        /// Of a lease that ran out: what this node saw of that.
        lapse: Lapse,
    },
    /// A voluntary hand-over has begun: end the leader's work, then give [`Command::Drained`].
    Draining {
        /// When the node goes on without waiting.
        until: Time,
    },
    /// Another node leads, or nobody that this node can hear does. For display; it is not a lease.
    LeaderChanged {
        /// Who leads now, itself included.
        leader: Option<VoterIndex>,
        /// In which term.
        term: Term,
    },
    /// A node speaks with other voters, priorities, lease or drift bound, and is not listened to (E14). Once for each incarnation
    /// of a node, as far as memory allows.
    ConfigMismatch {
        /// Who, where it is a voter of this configuration.
        peer: Option<VoterIndex>,
        /// Its key.
        key: NodeKey,
        /// What it has, if it says so: [compare it](SharedSettings::differences) with [`Rules::shared`](crate::Rules::shared).
        theirs: Option<SharedSettings>,
    },
    /// Two voters are in the middle steps of different changes of voters, and this node works with both (E20): somebody has given
    /// nodes lists that do not belong together. Once until they agree.
    StepsDiffer {
        /// The one that was heard last.
        one: VoterIndex,
        /// The other one.
        other: VoterIndex,
    },
    /// State could not be saved: this node neither votes nor campaigns until it is restarted (E16).
    StorageFailed,
    /// Two live nodes go by the identifier of a voter, perhaps this one; the later is told to stop (E17). Once for each
    /// incarnation.
    DuplicateSeen {
        /// Whose identifier it is.
        voter: VoterIndex,
        /// The incarnation that was not known before.
        other: Incarnation,
    },
    /// Another live node goes by this node's identifier and was there first: this node has stopped for good (E17).
    DuplicateIdentifier {
        /// The other one.
        other: Incarnation,
    },
    /// Another node goes by this node's identifier and has taken its place, while this one stood still or was cut off: this
    /// node has stopped for good (E24). Started again, it would be a third one of that name.
    Superseded {
        /// The other one.
        by: Incarnation,
    },
    /// A leader was elected in the middle step of a change of voters: the last step may be taken (E20).
    StepEstablished,
    /// This node has taken the last step of a change of voters, and a voter in the middle step knows of no leader that was elected
    /// there: the old voters could still elect one of their own (E20). Once for each change.
    StepTooEarly {
        /// Who is in the middle step.
        voter: VoterIndex,
    },
    /// The wall clock of a voter that has just started is far from this node's: without `data_dir`, tokens rest on these clocks
    /// (E12). Once for each incarnation.
    WallClockOff {
        /// Whose clock it is.
        voter: VoterIndex,
        /// How far it is ahead of this node's, in milliseconds; negative if it is behind.
        ahead_ms: i64,
    },
    /// This node leads, and asks for longer or shorter promises from now on (E23).
    LeaseLengthChanged {
        /// How long they are.
        lease: Span,
        /// Why.
        reason: LeaseLengthReason,
    },
    /// Something takes longer than an election can wait for: as long as it does, this node elects nobody (E5, E7).
    TooSlow(Slow),
    /// A member came, went or moved. Each change is told once; what was overtaken before it was taken is not told at all.
    Member(MemberChange),
    /// A service came, went or says something else about itself; told as members are.
    Service(ServiceChange),
    /// Most members vanished at once, or are back: whether what this node sees of the others can be relied on (G9).
    Trust {
        /// Whether it can.
        is_given: bool,
    },
}

/// A message with all that a receiver checks before it looks inside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Envelope {
    /// Who sends.
    pub from: NodeKey,
    /// In which incarnation.
    pub from_incarnation: Incarnation,
    /// Whom it is for. Not sent: a receiver is told by the next field.
    pub to: NodeKey,
    /// The incarnation of the receiver that the sender knows. Anything but the present one opens nothing (so that a recording of
    /// yesterday does nothing today) and is answered with a [`Session::Hello`].
    pub to_incarnation: Incarnation,
    /// The sender's rules (E14).
    pub digests: Digests,
    /// The message itself.
    pub message: Message,
}

/// What is inside an envelope: one variant for each protocol that a node speaks. The large ones are boxed, so that the
/// small and frequent ones of the election move cheaply.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Between incarnations of nodes: who is there.
    Session(Session),
    /// Between voters: who leads.
    Election(election::Message),
    /// Between voters and observers: who leads, for those without a vote.
    Observer(observer::Message),
    /// Between members: who is there.
    Membership(Box<membership::Message>),
    /// Between members: what is where.
    Registry(Box<registry::Message>),
    /// Between voters: which incarnations have taken part.
    Incarnations(Box<IncarnationsReport>),
}

/// What a voter knows of incarnations that have taken part, its own included once it does (E24).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IncarnationsReport {
    /// An answer is never answered.
    pub answer: bool,
    /// At most one for each name.
    pub incarnations: Vec<KnownIncarnation>,
}

/// How nodes learn each other's incarnations, and notice duplicate identifiers (E17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Session {
    /// "Here I am, in this incarnation." Answered where the sender's idea of the receiver's incarnation is wrong.
    Hello {
        /// Whom it is meant for: a node that is not that drops it.
        to: NodeKey,
        /// An answer is never answered.
        answer: bool,
        /// Whether the sender takes no part yet (E9, E17).
        booting: bool,
        /// Whether the sender has begun so lately that its incarnation tells what its wall clock shows.
        is_new: bool,
        /// The largest incarnation of the *receiver* that the sender has known.
        known: Incarnation,
        /// The latest one of those that took part, which may be none.
        took_part: Incarnation,
    },
    /// Is this incarnation still there? Sent when another one claims the same identifier.
    Probe {
        /// Ties the answer to the question.
        nonce: u64,
    },
    /// It is.
    ProbeAck {
        /// That of the probe.
        nonce: u64,
        /// Whether the sender takes no part yet (E9, E17).
        booting: bool,
    },
    /// Another live node has the receiver's identifier.
    DuplicateIdentifier {
        /// The other one.
        other: Incarnation,
        /// Whether that one takes no part yet.
        booting: bool,
    },
    /// A later incarnation of the receiver has taken part, and nothing that the receiver says counts any more (E24 (a)).
    Superseded {
        /// The latest incarnation of it that the sender knows.
        by: Incarnation,
    },
    /// The sender is in the middle step of a change of voters (E20).
    Step {
        /// Whether it knows of a leader that was elected in that step.
        established: bool,
    },
    /// The receiver has another configuration, and this is the sender's (E14).
    Configuration {
        /// An answer is never answered.
        answer: bool,
        /// What has to be the same.
        shared: SharedSettings,
    },
}

impl Session {
    /// Whether nothing has to be said to it.
    const fn is_answer(&self) -> bool {
        match self {
            Self::Hello { answer, .. } | Self::Configuration { answer, .. } => *answer,
            Self::Probe { .. } => false,
            Self::ProbeAck { .. } | Self::DuplicateIdentifier { .. } | Self::Superseded { .. } | Self::Step { .. } => {
                true
            }
        }
    }
}

impl From<membership::Message> for Message {
    fn from(message: membership::Message) -> Self {
        Self::Membership(Box::new(message))
    }
}

impl From<registry::Message> for Message {
    fn from(message: registry::Message) -> Self {
        Self::Registry(Box::new(message))
    }
}

impl Message {
    /// Whether nothing has to be said to it, not even that it came to the wrong place.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Self::Session(session) => session.is_answer(),
            Self::Incarnations(told) => told.answer,
            Self::Election(_) | Self::Observer(_) | Self::Membership(_) | Self::Registry(_) => false,
        }
    }

    /// Whether it may fill up a datagram that another message was sent for: it says something and asks nothing.
    pub(crate) fn is_filling(&self) -> bool {
        match self {
            Self::Session(_) | Self::Election(_) | Self::Observer(_) | Self::Incarnations(_) => false,
            Self::Registry(_) => true,
            Self::Membership(message) => message.is_filling(),
        }
    }

    /// Whether it has its receiver speak to somebody else, or to its sender later on of its own accord.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Membership(message) => message.is_lasting(),
            Self::Registry(message) => matches!(**message, registry::Message::Compare(_)),
            Self::Observer(message) => matches!(message, observer::Message::Subscribe),
            Self::Session(_) | Self::Election(_) | Self::Incarnations(_) => false,
        }
    }

    /// The kind, for metrics.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Session(Session::Hello { .. }) => MessageKind::Hello,
            Self::Session(Session::Probe { .. }) => MessageKind::Probe,
            Self::Session(Session::ProbeAck { .. }) => MessageKind::ProbeAck,
            Self::Session(Session::DuplicateIdentifier { .. }) => MessageKind::DuplicateIdentifier,
            Self::Session(Session::Superseded { .. }) => MessageKind::Superseded,
            Self::Session(Session::Step { .. }) => MessageKind::Step,
            Self::Session(Session::Configuration { .. }) => MessageKind::Configuration,
            Self::Election(message) => message.kind(),
            Self::Observer(_) => MessageKind::Observer,
            Self::Membership(_) => MessageKind::Membership,
            Self::Registry(_) => MessageKind::Registry,
            Self::Incarnations(_) => MessageKind::Incarnations,
        }
    }
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elected { token } => write!(f, "elected with token {token}"),
            Self::Lost { token, reason, .. } => write!(f, "lost leadership of token {token}: {}", reason.name()),
            Self::Draining { until } => write!(f, "draining until {until}"),
            Self::LeaderChanged { leader: Some(leader), term } => write!(f, "leader is #{} in {term:?}", leader.0),
            Self::LeaderChanged { leader: None, term } => write!(f, "no leader in {term:?}"),
            Self::ConfigMismatch { key, .. } => write!(f, "{key:?} has another configuration"),
            Self::StorageFailed => f.write_str("state could not be saved, abstaining"),
            Self::DuplicateSeen { voter, other } => write!(f, "#{} has a duplicate (incarnation {other:?})", voter.0),
            Self::Member(MemberChange { what, member }) => write!(f, "member {} {}", member.id, what.name()),
            Self::Service(change) => {
                let instance = change.instance();
                write!(f, "service {} of {:?} {}", instance.service.id, instance.owner, change.name())
            }
            Self::Trust { is_given: true } => f.write_str("most members are back"),
            Self::Trust { is_given: false } => f.write_str("most members vanished at once"),
            Self::DuplicateIdentifier { other } => {
                write!(f, "another node has this identifier (incarnation {other:?}), stopped")
            }
            Self::Superseded { by } => {
                write!(f, "another node has taken this one's place (incarnation {by:?}), stopped")
            }
            Self::StepEstablished => f.write_str("a leader was elected in the middle step"),
            Self::StepsDiffer { one, other } => {
                write!(f, "#{} and #{} are in different changes of voters", one.0, other.0)
            }
            Self::StepTooEarly { voter } => write!(f, "#{} knows of no leader of the middle step", voter.0),
            Self::WallClockOff { voter, ahead_ms } => {
                write!(f, "the wall clock of #{} is {ahead_ms} ms ahead", voter.0)
            }
            Self::LeaseLengthChanged { lease, reason } => {
                write!(f, "asks for promises of {lease}: {}", reason.name())
            }
            Self::TooSlow(Slow::RoundTrip { voter, took, limit }) => {
                write!(f, "#{} answers after {took}, which has to be under {limit}", voter.0)
            }
            Self::TooSlow(Slow::Save { took, limit }) => write!(f, "saving took {took}, which has to be under {limit}"),
        }
    }
}
