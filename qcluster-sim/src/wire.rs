//! Reads datagrams for the oracles: they judge what nodes *say*, and so must not ask the nodes.
//!
//! Written against the table in the core's `wire`, apart from its reader: a mistake there would hide itself.

use qcluster_core::config::Digests;
use qcluster_core::{ElectionMessage, Incarnation, Message, NodeKey, ObserverMessage, Session};

/// Version, cluster tag and key id, which say nothing to an oracle.
const PREFIX_LEN: usize = 6;

/// What an oracle wants to know of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who sends.
    pub from: NodeKey,
    /// In which life.
    pub from_incarnation: Incarnation,
    /// The receiver's life, as the sender knows it.
    pub to_incarnation: Incarnation,
    /// Its first message: what is added to fill a datagram is about members and services alone.
    pub message: Said,
}

/// What a message says, as far as it concerns oracles of the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Between lives of nodes.
    Session(Session),
    /// Between voters.
    Election(ElectionMessage),
    /// Between voters and observers.
    Observer(ObserverMessage),
    /// Between members, about members and services.
    Gossip,
}

impl From<&Message> for Said {
    fn from(message: &Message) -> Self {
        match message {
            Message::Session(session) => Self::Session(*session),
            Message::Election(message) => Self::Election(*message),
            Message::Observer(message) => Self::Observer(*message),
            Message::Membership(_) | Message::Registry(_) => Self::Gossip,
        }
    }
}

/// Reads a datagram that a node has just given out; `None` if it is none.
pub fn read(bytes: &[u8]) -> Option<Heard> {
    type Header = (NodeKey, Incarnation, Incarnation, Digests);
    let (header, rest) = postcard::take_from_bytes::<Header>(bytes.get(PREFIX_LEN..)?).ok()?;
    let (message, _) = postcard::take_from_bytes::<Message>(rest).ok()?;
    let (from, from_incarnation, to_incarnation, _) = header;
    Some(Heard { from, from_incarnation, to_incarnation, message: Said::from(&message) })
}
