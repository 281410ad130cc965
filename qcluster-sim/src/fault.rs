//! What can go wrong, and what operators do at bad moments: plain data, one line of text each (see `schedule`).

use qcluster_core::{SealMode, Span};
use serde::{Deserialize, Serialize};

use crate::disk::DiskQuality;
use crate::engine::LinkQuality;
use crate::setup::{HostSet, KeyChange};

/// What a restarted host remembers, where it has a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    /// What was synced.
    Kept,
    /// Nothing: a new disk. Only where the setup gives up the assumption on walls is that within the rules (E12).
    Lost,
}

/// Where a restarted host is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Where it was.
    Same,
    /// At a new address.
    Moved,
}

/// What a stranger sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hostility {
    /// Random bytes.
    Noise,
    /// A datagram that was sent to some host a while ago, as it was.
    Replay,
    /// The same with a few bytes changed.
    Mutant,
    /// A copy of the next datagram that is sent there, with one bit changed, which arrives before it.
    Forged,
    /// The last datagram that was sent there, without a seal.
    Plain,
    /// The same from a cluster with another name, another secret or both.
    Foreign,
    /// The same, sealed with a key that has the id of one that the receiver has, and is another one.
    Rekeyed,
}

impl Hostility {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Noise, Self::Replay, Self::Mutant, Self::Forged, Self::Plain, Self::Foreign, Self::Rekeyed];

    /// What a stranger is said to send.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Replay => "replay",
            Self::Mutant => "mutant",
            Self::Forged => "forged",
            Self::Plain => "plain",
            Self::Foreign => "foreign",
            Self::Rekeyed => "rekeyed",
        }
    }

    /// Whether it is about seals, and so needs a world that has them.
    pub(crate) const fn is_about_seals(self) -> bool {
        match self {
            Self::Noise | Self::Replay | Self::Mutant => false,
            Self::Forged | Self::Plain | Self::Foreign | Self::Rekeyed => true,
        }
    }
}

/// Something done to the world at one moment. Hosts that do not exist, or are in no state for it, are left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are hosts, spans and settings that the variants explain")]
pub enum Fault {
    /// The process ends without a word.
    Crash { host: usize },
    /// It ends so in the middle of the next step that does anything, after that many of its outputs.
    CrashDuring { host: usize, outputs: u8 },
    /// A crashed or stopped process starts again, with a plan of the setup.
    Restart { host: usize, memory: Memory, place: Place, plan: usize },
    /// The process stands still; what arrives waits in its socket.
    Freeze { host: usize },
    /// It goes on.
    Thaw { host: usize },
    /// One direction of one link carries nothing.
    Cut { from: usize, to: usize },
    /// It does again.
    Mend { from: usize, to: usize },
    /// Nothing passes between these hosts and the others.
    Split { group: HostSet },
    /// Every link carries again, as in the setup.
    MendAll,
    /// One direction treats datagrams otherwise.
    Link { from: usize, to: usize, quality: LinkQuality },
    /// A clock runs at another rate, in parts in 10⁹.
    Rate { host: usize, ppb: i64 },
    /// A monotonic clock jumps, which breaks the assumption on rates.
    ClockJump { host: usize, nanos: i64 },
    /// A wall clock jumps.
    WallJump { host: usize, ms: i64 },
    /// Timers of a host fire so much late.
    Lag { host: usize, lag: Span },
    /// A disk behaves otherwise.
    Disk { host: usize, quality: DiskQuality },
    /// The leader is asked to hand over, to that host or to the best placed.
    Transfer { to: Option<usize> },
    /// The leader is asked to step down.
    StepDown,
    /// An orderly shutdown.
    Shutdown { host: usize },
    /// A stranger sends something.
    Hostile { to: usize, hostility: Hostility },
    /// A spare host starts under the name of another (E17).
    Twin { host: usize, of: usize },
    /// A key of a host changes in its file, and in its process as soon as that makes progress (S5).
    Keys { host: usize, change: KeyChange, key: u8 },
    /// The configuration of a host says so from now on; it goes by that from its next start (S4).
    Seal { host: usize, mode: Option<SealMode> },
    /// The end of trouble for these hosts: they run, reach one another and write to disk. All else stays as it is.
    Heal { hosts: HostSet },
}

impl Fault {
    /// The kind, for counting and reports.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::CrashDuring { .. } => "crash-during",
            Self::Restart { .. } => "restart",
            Self::Freeze { .. } => "freeze",
            Self::Thaw { .. } => "thaw",
            Self::Cut { .. } => "cut",
            Self::Mend { .. } => "mend",
            Self::Split { .. } => "split",
            Self::MendAll => "mend-all",
            Self::Link { .. } => "link",
            Self::Rate { .. } => "rate",
            Self::ClockJump { .. } => "clock-jump",
            Self::WallJump { .. } => "wall-jump",
            Self::Lag { .. } => "lag",
            Self::Disk { .. } => "disk",
            Self::Transfer { .. } => "transfer",
            Self::StepDown => "step-down",
            Self::Shutdown { .. } => "shutdown",
            Self::Hostile { .. } => "hostile",
            Self::Twin { .. } => "twin",
            Self::Keys { .. } => "keys",
            Self::Seal { .. } => "seal",
            Self::Heal { .. } => "heal",
        }
    }

    /// All kinds, for tables.
    pub const KINDS: [&'static str; 23] = [
        "crash",
        "crash-during",
        "restart",
        "freeze",
        "thaw",
        "cut",
        "mend",
        "split",
        "mend-all",
        "link",
        "rate",
        "clock-jump",
        "wall-jump",
        "lag",
        "disk",
        "transfer",
        "step-down",
        "shutdown",
        "hostile",
        "twin",
        "keys",
        "seal",
        "heal",
    ];
}
