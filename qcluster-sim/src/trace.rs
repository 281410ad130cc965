//! What has happened: a hash of it always, and all of it, in order and in words, where somebody wants to read it.

use std::fmt;

use qcluster_core::{DropReason, HardState, Message, Notification, ObserverMessage, Role, Session, Time};

use crate::fault::Fault;
use crate::wire::Said;

/// The hash of a run: equal if and only if, as far as 64 bits tell, the same things happened at the same times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceHash(u64);

impl TraceHash {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    #[inline]
    pub(crate) fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// Adds what tells datagrams apart: their length and last bytes, a checksum among them.
    #[inline]
    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        let tail = bytes.last_chunk::<8>().map_or(0, |tail| u64::from_le_bytes(*tail));
        self.add(tail ^ (bytes.len() as u64).rotate_right(8));
    }

    /// The hash as a number.
    pub fn value(self) -> u64 {
        crate::rng::mix(self.0)
    }
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.value())
    }
}

/// One thing that happened to one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Its process began.
    Started,
    /// Its process is gone.
    Ended,
    /// Its process stands still.
    Frozen,
    /// It goes on.
    Thawed,
    /// Its timer fired.
    Timer,
    /// It was given a datagram; `None` where that cannot be read.
    Received {
        /// From which host, if it was one.
        from: Option<usize>,
        /// What was in it.
        message: Option<Said>,
    },
    /// It was given a datagram that its seal refused.
    Refused {
        /// From which host, if it was one.
        from: Option<usize>,
        /// Why.
        reason: DropReason,
    },
    /// It sent a datagram.
    Sent {
        /// To which host.
        to: usize,
        /// What was in it.
        message: Option<Said>,
        /// When it will be there, if it will.
        arrives: Option<Time>,
    },
    /// It told its application.
    Told(Notification),
    /// It wants its state saved.
    Saves(Option<HardState>),
    /// The state is saved.
    Saved,
    /// The state could not be saved.
    SaveFailed,
    /// It is something else from now on.
    Became(Role),
    /// It holds a lease until then, or none any more.
    Holds(Option<Time>),
    /// Something was done to the world.
    Fault(Fault),
}

/// A happening with its place and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Real time.
    pub at: Time,
    /// Which host; for faults that concern several, the first.
    pub host: usize,
    /// What happened.
    pub what: Happening,
}

/// Everything that happened, if it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// In order.
    pub records: Vec<Record>,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, host, what } = self;
        write!(f, "{:>14}  ", at.to_string())?;
        if let Happening::Fault(fault) = what {
            return write!(f, "--  {fault}");
        }
        write!(f, "{host:>2}  ")?;
        match what {
            Happening::Started => f.write_str("starts"),
            Happening::Ended => f.write_str("is gone"),
            Happening::Frozen => f.write_str("freezes"),
            Happening::Thawed => f.write_str("thaws"),
            Happening::Timer => f.write_str("timer"),
            Happening::Received { from, message } => {
                write_sender(f, *from)?;
                write_message(f, message.as_ref())
            }
            Happening::Refused { from, reason } => {
                write_sender(f, *from)?;
                write!(f, "refused: {}", reason.name())
            }
            Happening::Sent { to, message, arrives } => {
                write!(f, "-> {to}  ")?;
                write_message(f, message.as_ref())?;
                if arrives.is_none() { f.write_str("  (lost)") } else { Ok(()) }
            }
            Happening::Told(notification) => write!(f, "tells: {notification}"),
            Happening::Saves(state) => write!(f, "saves {state:?}"),
            Happening::Saved => f.write_str("state is saved"),
            Happening::SaveFailed => f.write_str("state could not be saved"),
            Happening::Became(role) => write!(f, "is now {}", role.name()),
            Happening::Holds(Some(until)) => write!(f, "holds the lease until {until}"),
            Happening::Holds(None) => f.write_str("holds no lease any more"),
            Happening::Fault(_) => Ok(()),
        }
    }
}

/// A message in words.
pub(crate) fn message_in_words(message: &Message) -> String {
    struct InWords(Said);
    impl fmt::Display for InWords {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_message(f, Some(&self.0))
        }
    }
    match message {
        Message::Session(_) | Message::Election(_) | Message::Observer(_) => InWords(Said::from(message)).to_string(),
        Message::Membership(message) => format!("{message:?}"),
        Message::Registry(message) => format!("{message:?}"),
        Message::Incarnations(told) => format!("{told:?}"),
    }
}

fn write_sender(f: &mut fmt::Formatter<'_>, from: Option<usize>) -> fmt::Result {
    match from {
        Some(from) => write!(f, "<- {from}  "),
        None => f.write_str("<- stranger  "),
    }
}

fn write_message(f: &mut fmt::Formatter<'_>, message: Option<&Said>) -> fmt::Result {
    match message {
        None => f.write_str("something unreadable"),
        Some(Said::Election(message)) => write!(f, "{message:?}"),
        Some(Said::Observer(ObserverMessage::Subscribe)) => f.write_str("Subscribe"),
        Some(Said::Observer(ObserverMessage::Announce { leader, term })) => {
            write!(f, "Announce {{ leader: {leader:?}, term: {term:?} }}")
        }
        Some(Said::Session(session)) => write_session(f, session),
        Some(Said::Incarnations) => f.write_str("Incarnations"),
        Some(Said::Gossip) => f.write_str("gossip"),
    }
}

fn write_session(f: &mut fmt::Formatter<'_>, session: &Session) -> fmt::Result {
    match session {
        Session::Hello { answer, booting, known, took_part, .. } => {
            write!(f, "Hello {{ answer: {answer}, booting: {booting}, known: {known:?}, took_part: {took_part:?} }}")
        }
        Session::Probe { .. }
        | Session::ProbeAck { .. }
        | Session::DuplicateIdentifier { .. }
        | Session::Superseded { .. }
        | Session::Step { .. }
        | Session::Configuration { .. } => write!(f, "{session:?}"),
    }
}
