//! Reads datagrams for the oracles: they judge what nodes *say*, and so must not ask the nodes.
//!
//! Written against the table in the core's `wire`, apart from its reader: a mistake there would hide itself.

use qcluster_core::{ElectionMessage, Incarnation, Message, NodeKey, ObserverMessage, Session};

/// Version, cluster tag and key id, which say nothing to an oracle.
const PREFIX_LEN: usize = 6;
/// One digest of a voter list, which says nothing either.
const DIGEST_LEN: usize = 8;

/// What a message about members or services begins with: the number of its variant of [`Message`].
const GOSSIP: [u8; 2] = [3, 4];

/// What an oracle wants to know of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who sends.
    pub from: NodeKey,
    /// In which incarnation.
    pub from_incarnation: Incarnation,
    /// The receiver's incarnation, as the sender knows it.
    pub to_incarnation: Incarnation,
    /// Its first message: what is added to fill a datagram is about members and services alone.
    pub message: Said,
}

/// What a message says, as far as it concerns oracles of the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Between incarnations of nodes.
    Session(Session),
    /// Between voters.
    Election(ElectionMessage),
    /// Between voters and observers.
    Observer(ObserverMessage),
    /// Between voters, about incarnations.
    Incarnations,
    /// Between members, about members and services.
    Gossip,
}

impl From<&Message> for Said {
    fn from(message: &Message) -> Self {
        match message {
            Message::Session(session) => Self::Session(*session),
            Message::Election(message) => Self::Election(*message),
            Message::Observer(message) => Self::Observer(*message),
            Message::Incarnations(_) => Self::Incarnations,
            Message::Membership(_) | Message::Registry(_) => Self::Gossip,
        }
    }
}

/// Reads datagrams that nodes have just given out. Who speaks to several says the same to each: the last message is read once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    /// The bytes of that message, exactly: those that begin like this say this.
    bytes: Vec<u8>,
    said: Option<Said>,
}

impl Reader {
    /// What [`read`] gives.
    #[inline]
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Option<Heard> {
        let (ends, messages) = open(bytes)?;
        if let Some(said) = self.said
            && messages.starts_with(&self.bytes)
        {
            return Some(ends.with(said));
        }
        let (said, rest) = read_message(messages)?;
        self.bytes.clear();
        self.bytes.extend_from_slice(messages.get(..messages.len() - rest.len())?);
        self.said = Some(said);
        Some(ends.with(said))
    }
}

/// Reads a datagram that a node has given out; `None` if it is none.
pub fn read(bytes: &[u8]) -> Option<Heard> {
    let (ends, messages) = open(bytes)?;
    read_message(messages).map(|(said, _)| ends.with(said))
}

/// Between whom a datagram is.
#[derive(Clone, Copy, Debug)]
struct Ends {
    from: NodeKey,
    from_incarnation: Incarnation,
    to_incarnation: Incarnation,
}

impl Ends {
    fn with(self, message: Said) -> Heard {
        let Self { from, from_incarnation, to_incarnation } = self;
        Heard { from, from_incarnation, to_incarnation, message }
    }
}

/// Between whom a datagram is, and its messages.
#[inline]
fn open(bytes: &[u8]) -> Option<(Ends, &[u8])> {
    let (from, rest) = take_u64(bytes.get(PREFIX_LEN..)?)?;
    let (from_incarnation, rest) = take_u64(rest)?;
    let (to_incarnation, rest) = take_u64(rest)?;
    let messages = match rest.get(DIGEST_LEN..)?.split_first()? {
        (0, messages) => messages,
        // A second digest, of the list that is to come (E20).
        (1, rest) => rest.get(DIGEST_LEN..)?,
        _ => return None,
    };
    let ends = Ends {
        from: NodeKey(from),
        from_incarnation: Incarnation(from_incarnation),
        to_incarnation: Incarnation(to_incarnation),
    };
    Some((ends, messages))
}

/// The first message, and what follows on what was read of it.
fn read_message(messages: &[u8]) -> Option<(Said, &[u8])> {
    let (kind, rest) = messages.split_first()?;
    if GOSSIP.contains(kind) {
        // Who receives it tells whether it can be read.
        return Some((Said::Gossip, rest));
    }
    let (message, rest) = postcard::take_from_bytes::<Message>(messages).ok()?;
    Some((Said::from(&message), rest))
}

fn take_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    bytes.split_first_chunk().map(|(number, rest)| (u64::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests;
