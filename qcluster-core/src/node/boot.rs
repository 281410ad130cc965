//! What a node starts with, and why it may not.

use core::fmt;

use crate::election::HardState;
use crate::hard_state::RecordError;

/// What a node needs to know when it starts, beside its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Boot {
    /// Sixty-four random bits that nobody else knows or can guess: all chance in this incarnation comes from them.
    pub seed: u64,
    /// The wall clock, in Unix milliseconds (E12).
    pub stamp_ms: u64,
    /// What the last incarnation saved, if there was one and it saves.
    pub saved: Option<HardState>,
}

impl Boot {
    /// Those random bits and that wall clock, in Unix milliseconds, with nothing saved.
    pub const fn new(seed: u64, stamp_ms: u64) -> Self {
        Self { seed, stamp_ms, saved: None }
    }

    /// The same with what the last incarnation saved: a [`HardState`] or `None`.
    #[must_use]
    pub fn with_saved(self, saved: impl Into<Option<HardState>>) -> Self {
        Self { saved: saved.into(), ..self }
    }
}

/// Why a node could not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootError {
    /// The wall clock is beyond any year that leaves terms room to grow.
    StampTooLarge(u64),
    /// There is a saved state, but the rules say that nothing is saved.
    SavedButDiskless,
    /// The saved state is of a later step of a change of voters than the configuration (E20 (c)).
    StepBack,
    /// The saved state cannot be used.
    Record(RecordError),
}

impl BootError {
    /// What to do about it, as one sentence without a full stop. Only a record that is beyond reading may be moved: any other is
    /// the only memory of what some voter has promised.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Record(error) => error.remedy(),
            // It says itself what to do.
            Self::StepBack => "Nothing was started",
            Self::SavedButDiskless => "Give it its `data_dir` again",
            Self::StampTooLarge(_) => "Check this machine's date",
        }
    }
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StampTooLarge(stamp) => {
                write!(f, "the wall clock is set far into the future ({stamp} ms since 1970)")
            }
            Self::SavedButDiskless => f.write_str("there is a saved state, but the configuration has no data_dir"),
            Self::StepBack => f.write_str(
                "this node has taken a later step of a change of voters than this configuration, and going back could make \
                 two leaders: use the configuration that it ran with last; to take the change back on all nodes, set \
                 \"rollback\": true on each",
            ),
            Self::Record(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for BootError {}
