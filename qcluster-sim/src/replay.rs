//! Replays recordings: what went into a node in production, given once more to the very same state machine, with words for
//! what it did and why.
//!
//! A node writes a recording where its configuration says so (`record`). The lines are those of
//! [`qcluster_core::recording`]; [`Lines`] reads them from the two files of a recording, and a [`Replay`] takes them one by
//! one and [tells](Told) what comes of each. Where a recording goes on with a snapshot, the replayed node is
//! compared with it: if they agree, every step so far was the one that was taken in production.
//!
//! ```
//! use qcluster_core::{Settings, EndpointBoot, NodeId, Time, VoterSettings};
//! use qcluster_core::recording::{Given, Line, Start, RecordedInput};
//! use qcluster_sim::replay::Replay;
//!
//! let id = NodeId::new("server_a")?;
//! let settings = Settings::voter(id.clone(), vec![VoterSettings::new(id)]);
//! let boot = EndpointBoot { seed: 7, stamp_ms: 1_764_000_000_000, saved: None };
//! let timeout = |ms| Line::Input(Given { at: Time::from_millis(ms), what: RecordedInput::Timeout });
//!
//! let mut replay = Replay::default();
//! for line in [Line::Start(Start::new(Time::ZERO, settings, boot)), timeout(1_201), timeout(1_220)] {
//!     println!("{}", replay.take(line));
//! }
//! assert!(replay.node().is_some_and(|node| node.is_leader(Time::from_millis(1_221))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod lines;
mod names;
mod view;
mod words;

pub use lines::{Damage, Lines, Numbered, Place, files};
pub use view::Change;

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use qcluster_core::recording::{Given, Line, Snapshot, Start, VERSION};
use qcluster_core::{Endpoint, Node, Notification, Output, Time};

use names::Names;
use view::View;

/// What came of one line.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The node begins, or is picked up in the middle of its incarnation.
    Begins {
        /// When, on its own clock.
        at: Time,
        /// In words: which node, what it was given, how it starts.
        about: String,
        /// The version that recorded it, where that is another one: it may have decided otherwise.
        other_version: Option<String>,
    },
    /// A snapshot in the middle of the replay, beside which the replayed node was held.
    Compared {
        /// When it was taken.
        at: Time,
        /// Whether it is the very state that the replay has come to.
        agrees: bool,
    },
    /// An input and what came of it.
    Step(Step),
    /// Inputs are missing: nothing is known until the next beginning.
    Gap {
        /// How many.
        lost: u64,
    },
    /// An input that nothing is known to be given to: it stands before the first beginning, or after a gap.
    Skipped,
    /// The line should begin something and cannot: in words, why.
    CannotBegin(String),
    /// The node panicked: its words. The replay goes on at the next beginning.
    Panicked(String),
}

/// One input, and what the node did about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When, on the node's own clock.
    pub at: Time,
    /// What it was given, in words.
    pub input: String,
    /// What was in it, if it was a datagram: one or more messages, or why it cannot be read.
    pub messages: Vec<String>,
    /// What it gave out, in order.
    pub outputs: Vec<Done>,
    /// What is different about the node: role, term, leader, lease; and what was refused or dropped, with the reason.
    pub changes: Vec<Change>,
}

/// Something that the node gave out, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// A datagram: to whom, and what is in it.
    Sent(String),
    /// Its state, to be saved.
    Saves(String),
    /// A word to the application.
    Tells(String),
}

impl Told {
    /// Whether it is more than a heartbeat that was answered: something changed, was refused, told or saved, or went wrong.
    pub fn is_notable(&self) -> bool {
        match self {
            Self::Step(step) => {
                step.changes.iter().any(Change::is_notable)
                    || step.outputs.iter().any(|done| !matches!(done, Done::Sent(_)))
            }
            Self::Compared { agrees, .. } => !agrees,
            Self::Skipped => false,
            Self::Begins { .. } | Self::Gap { .. } | Self::CannotBegin(_) | Self::Panicked(_) => true,
        }
    }

    /// Whether the recording, or the program that replays it, is not what it should be.
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::Compared { agrees, .. } => !agrees,
            Self::CannotBegin(_) | Self::Panicked(_) => true,
            Self::Begins { .. } | Self::Step(_) | Self::Gap { .. } | Self::Skipped => false,
        }
    }
}

/// A recording on its way through a node.
#[derive(Debug, Default)]
pub struct Replay {
    endpoint: Option<Endpoint>,
    names: Names,
    at: Time,
    /// Whether nothing was lost since the beginning, so that a snapshot must agree.
    whole: bool,
    /// What has come so far.
    pub totals: Totals,
}

/// What a replay has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Beginnings of incarnations.
    pub starts: u64,
    /// Snapshots that were picked up from.
    pub picked_up: u64,
    /// Snapshots that the replay has agreed with.
    pub agreed: u64,
    /// Snapshots that it has not.
    pub disagreed: u64,
    /// Inputs given.
    pub inputs: u64,
    /// Things given out.
    pub outputs: u64,
    /// Inputs that the recording says are missing.
    pub lost: u64,
    /// Lines that could not be given to anybody.
    pub skipped: u64,
    /// Lines that could not be read, or not be used.
    pub damaged: u64,
    /// The time from each beginning to its last input, together, in nanoseconds.
    pub span_ns: u64,
}

impl Replay {
    /// The node as it is at this point, if there is one.
    pub fn node(&self) -> Option<&Node> {
        self.endpoint.as_ref().map(Endpoint::node)
    }

    /// When the last input was given, on the node's own clock.
    pub fn at(&self) -> Time {
        self.at
    }

    /// Takes a line, and tells what comes of it.
    pub fn take(&mut self, line: Line) -> Told {
        match line {
            Line::Start(start) => self.start(&start),
            Line::Snapshot(snapshot) => self.snapshot(&snapshot),
            Line::Input(given) => self.input(&given),
            Line::Gap(gap) => {
                self.whole = false;
                self.endpoint = None;
                self.totals.lost = self.totals.lost.saturating_add(gap.lost);
                Told::Gap { lost: gap.lost }
            }
        }
    }

    /// A line could not be read: what follows is given to nobody until there is another beginning.
    pub fn damaged(&mut self) {
        self.totals.damaged += 1;
        self.whole = false;
        self.endpoint = None;
    }

    fn start(&mut self, start: &Start) -> Told {
        match start.endpoint() {
            Ok(endpoint) => {
                let about = words::start(start);
                self.totals.starts += 1;
                self.begin(endpoint, start.at, about, &start.version)
            }
            Err(error) => self.cannot_begin(error.to_string()),
        }
    }

    fn snapshot(&mut self, snapshot: &Snapshot) -> Told {
        if let Some(endpoint) = self.endpoint.as_ref().filter(|_| self.whole && snapshot.version == VERSION) {
            let agrees = endpoint.snapshot() == snapshot.state;
            self.totals.agreed += u64::from(agrees);
            self.totals.disagreed += u64::from(!agrees);
            if agrees {
                return Told::Compared { at: snapshot.at, agrees };
            }
            // What happened in production is what counts from here on.
            return match snapshot.endpoint() {
                Ok(endpoint) => {
                    self.endpoint = Some(endpoint);
                    Told::Compared { at: snapshot.at, agrees }
                }
                Err(error) => self.cannot_begin(error.to_string()),
            };
        }
        match snapshot.endpoint() {
            Ok(endpoint) => {
                self.totals.picked_up += 1;
                let about = words::snapshot(snapshot);
                self.begin(endpoint, snapshot.at, about, &snapshot.version)
            }
            Err(error) => self.cannot_begin(error.to_string()),
        }
    }

    fn begin(&mut self, endpoint: Endpoint, at: Time, about: String, version: &str) -> Told {
        self.names = Names::default();
        (self.endpoint, self.at, self.whole) = (Some(endpoint), at, true);
        let other_version = (version != VERSION).then(|| version.to_owned());
        Told::Begins { at, about, other_version }
    }

    fn cannot_begin(&mut self, why: String) -> Told {
        self.damaged();
        Told::CannotBegin(why)
    }

    fn input(&mut self, given: &Given) -> Told {
        let Some(endpoint) = &mut self.endpoint else {
            self.totals.skipped += 1;
            return Told::Skipped;
        };
        let names = &mut self.names;
        match catch_unwind(AssertUnwindSafe(|| step(endpoint, names, given))) {
            Ok(step) => {
                self.totals.inputs += 1;
                self.totals.outputs += step.outputs.len() as u64;
                self.totals.span_ns = self.totals.span_ns.saturating_add(given.at.since(self.at).as_nanos());
                self.at = given.at;
                Told::Step(step)
            }
            Err(panic) => {
                self.damaged();
                Told::Panicked(crate::schedule::words_of(panic.as_ref()))
            }
        }
    }
}

/// Gives the input, and puts what comes out into words. Names are looked up when all of it has come out, since outputs
/// borrow the endpoint.
fn step(endpoint: &mut Endpoint, names: &mut Names, given: &Given) -> Step {
    enum Out {
        Sent(SocketAddr, Vec<u8>),
        Saves(Vec<u8>),
        Tells(Notification),
    }
    let (input, messages) = names.input(endpoint, &given.what);
    let before = View::of(endpoint, given.at);
    let mut out = Vec::new();
    let mut outputs = endpoint.step(given.at, given.what.as_input());
    while let Some(output) = outputs.next() {
        out.push(match output {
            Output::Transmit { to, bytes } => Out::Sent(to, bytes.to_vec()),
            Output::Persist { record, .. } => Out::Saves(record.to_vec()),
            Output::Notify(notification) => Out::Tells(notification),
        });
    }
    let changes = before.changes(&View::of(endpoint, given.at));
    let in_words = |out: &Out| match out {
        Out::Sent(to, bytes) => Done::Sent(names.sent(endpoint, *to, bytes)),
        Out::Saves(record) => Done::Saves(Names::saved(endpoint, record)),
        Out::Tells(notification) => Done::Tells(Names::told(endpoint, notification)),
    };
    Step { at: given.at, input, messages, outputs: out.iter().map(in_words).collect(), changes }
}

#[cfg(test)]
mod tests;
