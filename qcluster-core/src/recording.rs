//! Recordings: what went into an endpoint, line by line, so that an incident in production becomes a trace on a desk.
//!
//! A recording is text, one [`Line`] of JSON after the other. It begins where an incarnation does, with a [`Start`], or with a
//! [`Snapshot`] where the beginning was given up for room. Replayed into the endpoint that either of them makes, the inputs
//! give the same outputs, byte for byte.
//!
//! ```
//! use qcluster_core::recording::{Given, Line};
//! use qcluster_core::{Settings, Time};
//!
//! let recorded = [
//!     r#"{"start":{"format":2,"version":"0.1.0","at":0,"seed":7,"stamp_ms":1764000000000,"saved":null,"settings":{"cluster":"default","id":"server_a","seat":"voter","voters":[{"id":"server_a","priority":0}],"next_voters":null,"timing":{"heartbeat":25000000,"lease":150000000,"max_lease":1200000000,"slot":10000000,"drift_ppm":10000},"durability":"diskless","previous_lease":0,"drain":1500000000,"settle":3000000000}}}"#,
//!     r#"{"input":{"at":1201000000,"what":"timeout"}}"#,
//!     r#"{"input":{"at":1220000000,"what":"timeout"}}"#,
//! ];
//! let mut endpoint = None;
//! for line in recorded {
//!     match Line::from_json(line)? {
//!         Line::Start(start) => endpoint = Some(start.endpoint()?),
//!         Line::Snapshot(snapshot) => endpoint = Some(snapshot.endpoint()?),
//!         Line::Gap(gap) => println!("{} inputs were lost", gap.lost),
//!         Line::Input(Given { at, what }) => {
//!             let Some(endpoint) = &mut endpoint else { continue };
//!             let mut outputs = endpoint.step(at, what.as_input());
//!             while let Some(output) = outputs.next() {
//!                 println!("{at}: {output:?}");
//!             }
//!         }
//!     }
//! }
//! assert!(endpoint.is_some_and(|endpoint| endpoint.node().is_leader(Time::from_millis(1_221))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod hex;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, SealMode, Settings};
use crate::election::PersistId;
use crate::endpoint::{Endpoint, EndpointBoot, Input, SnapshotError};
use crate::id::NodeKey;
use crate::node::{BootError, Command};
use crate::reason::DropReason;
use crate::time::Time;

/// The version of the lines. Of another one, nothing is read.
pub const FORMAT: u32 = 2;

/// The version of this crate. Another one reads the same lines, and may decide otherwise.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One line of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// An incarnation begins here; what came before is of another one.
    Start(Start),
    /// All that the endpoint knows at this point: reading may begin here.
    Snapshot(Snapshot),
    /// Something was given to the endpoint.
    Input(Given),
    /// Here inputs are missing, and reading goes on at the next snapshot or start.
    Gap(Gap),
}

/// What an incarnation starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// [`FORMAT`].
    pub format: u32,
    /// [`VERSION`].
    pub version: String,
    /// When it starts, on the node's own clock, in nanoseconds like all times here.
    pub at: Time,
    /// [`EndpointBoot::seed`].
    pub seed: u64,
    /// [`EndpointBoot::stamp_ms`].
    pub stamp_ms: u64,
    /// [`EndpointBoot::saved`].
    #[serde(with = "hex::option")]
    pub saved: Option<Vec<u8>>,
    /// How the node behaves.
    pub settings: Settings,
}

/// An endpoint in the middle of its incarnation. Only the version that wrote it can read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// [`FORMAT`].
    pub format: u32,
    /// [`VERSION`].
    pub version: String,
    /// When it was taken.
    pub at: Time,
    /// How the node behaves.
    pub settings: Settings,
    /// [`Endpoint::snapshot`].
    #[serde(with = "hex")]
    pub state: Vec<u8>,
}

/// An input and when it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The `now` of [`Endpoint::step`].
    pub at: Time,
    /// The input.
    pub what: RecordedInput,
}

/// Where inputs are missing: the recorder could not keep up, or could not write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// How many.
    pub lost: u64,
}

/// An [`Input`] that owns what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedInput {
    /// [`Input::Timeout`].
    Timeout,
    /// [`Input::Datagram`].
    Datagram {
        /// Where it came from.
        from: SocketAddr,
        /// What it holds.
        #[serde(with = "hex")]
        bytes: Vec<u8>,
    },
    /// [`Input::Refused`].
    Refused(DropReason),
    /// [`Input::SealChanged`].
    SealChanged(SealMode),
    /// [`Input::Resolved`].
    Resolved {
        /// Which peer.
        #[serde(with = "hex::key")]
        peer: NodeKey,
        /// Its address.
        address: SocketAddr,
    },
    /// [`Input::Persisted`].
    Persisted(PersistId),
    /// [`Input::PersistFailed`].
    PersistFailed(PersistId),
    /// [`Input::Command`].
    Command(Command),
}

/// Why a recording cannot be read from a line on that should begin it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginError {
    /// Its lines are of another [`FORMAT`].
    Format(u32),
    /// Its settings cannot be used.
    Settings(ConfigError),
    /// Its boot values cannot be used.
    Boot(BootError),
    /// Its snapshot cannot be used.
    Snapshot(SnapshotError),
}

impl Line {
    /// Reads a line, with or without its end.
    ///
    /// # Errors
    /// It is not a line of a recording, or damaged.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The line as text, without its end.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string(self);
        debug_assert!(text.is_ok(), "plain data always serializes");
        text.unwrap_or_default()
    }
}

impl Start {
    /// The line for an endpoint that is made at `at` with `settings`.
    pub fn new(at: Time, settings: Settings, boot: EndpointBoot<'_>) -> Self {
        let EndpointBoot { seed, stamp_ms, saved } = boot;
        Self { format: FORMAT, version: VERSION.into(), at, seed, stamp_ms, saved: saved.map(<[u8]>::to_vec), settings }
    }

    /// The endpoint as it was when it started.
    ///
    /// # Errors
    /// The line is of another format, or holds what no endpoint can be made of.
    pub fn endpoint(&self) -> Result<Endpoint, BeginError> {
        check_format(self.format)?;
        let rules = self.settings.check().map_err(BeginError::Settings)?;
        let boot = EndpointBoot { seed: self.seed, stamp_ms: self.stamp_ms, saved: self.saved.as_deref() };
        Endpoint::new(rules, boot, self.at).map_err(BeginError::Boot)
    }
}

impl Snapshot {
    /// The line for an endpoint with `settings` whose [`Endpoint::snapshot`] is `state`.
    pub fn new(at: Time, settings: Settings, state: Vec<u8>) -> Self {
        Self { format: FORMAT, version: VERSION.into(), at, settings, state }
    }

    /// The endpoint as it was.
    ///
    /// # Errors
    /// The line is of another format or version, or damaged.
    pub fn endpoint(&self) -> Result<Endpoint, BeginError> {
        check_format(self.format)?;
        let rules = self.settings.check().map_err(BeginError::Settings)?;
        Endpoint::restore(rules, &self.state).map_err(BeginError::Snapshot)
    }
}

fn check_format(format: u32) -> Result<(), BeginError> {
    if format == FORMAT { Ok(()) } else { Err(BeginError::Format(format)) }
}

impl RecordedInput {
    /// To give to [`Endpoint::step`].
    pub fn as_input(&self) -> Input<'_> {
        match self {
            Self::Timeout => Input::Timeout,
            Self::Datagram { from, bytes } => Input::Datagram { from: *from, bytes },
            Self::Refused(reason) => Input::Refused(*reason),
            Self::SealChanged(mode) => Input::SealChanged(*mode),
            Self::Resolved { peer, address } => Input::Resolved { peer: *peer, address: *address },
            Self::Persisted(id) => Input::Persisted(*id),
            Self::PersistFailed(id) => Input::PersistFailed(*id),
            Self::Command(command) => Input::Command(command.clone()),
        }
    }
}

impl From<&Input<'_>> for RecordedInput {
    fn from(input: &Input<'_>) -> Self {
        match input {
            Input::Timeout => Self::Timeout,
            Input::Datagram { from, bytes } => Self::Datagram { from: *from, bytes: bytes.to_vec() },
            Input::Refused(reason) => Self::Refused(*reason),
            Input::SealChanged(mode) => Self::SealChanged(*mode),
            Input::Resolved { peer, address } => Self::Resolved { peer: *peer, address: *address },
            Input::Persisted(id) => Self::Persisted(*id),
            Input::PersistFailed(id) => Self::PersistFailed(*id),
            Input::Command(command) => Self::Command(command.clone()),
        }
    }
}

impl fmt::Display for BeginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(format) => {
                write!(f, "the recording has format {format}, and this release reads format {FORMAT} only")
            }
            Self::Settings(error) => write!(f, "the recorded settings cannot be used: {error}"),
            Self::Boot(error) => write!(f, "the recorded start cannot be repeated: {error}"),
            Self::Snapshot(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for BeginError {}

#[cfg(test)]
mod tests;
