//! Self-preservation (G9): when most members vanish at once, the fault is probably here.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Time};

/// Whether what this node sees of the others can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Trust {
    /// The most others that were there at one time in the present window.
    peak: usize,
    peak_at: Time,
    distrust: Option<Distrust>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Distrust {
    /// How many had been there.
    of: usize,
    since: Time,
}

/// A change of trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Lost {
        /// Members that went down since then belong to the same incident.
        since: Time,
    },
    Regained,
}

impl Trust {
    /// What goes within it goes at once.
    pub(super) const WINDOW: Span = Span::from_millis(60_000);
    /// After that what is left is the cluster.
    const PATIENCE: Span = Span::from_millis(3_600_000);
    /// Fewer may well go at once.
    const LOSSES_MIN: usize = 3;

    pub(super) fn new(now: Time) -> Self {
        Self { peak: 0, peak_at: now, distrust: None }
    }

    pub(super) fn is_given(&self) -> bool {
        self.distrust.is_none()
    }

    /// One said goodbye, which is not a reason for distrust.
    pub(super) fn one_left(&mut self) {
        self.peak = self.peak.saturating_sub(1);
    }

    /// How many others are there now.
    pub(super) fn look(&mut self, now: Time, present: usize) -> Option<Turn> {
        if let Some(Distrust { of, since }) = self.distrust {
            let over = present * 2 >= of || now.since(since) >= Self::PATIENCE;
            if !over {
                return None;
            }
            *self = Self { peak: present, peak_at: now, distrust: None };
            return Some(Turn::Regained);
        }
        if present >= self.peak || now.since(self.peak_at) >= Self::WINDOW {
            (self.peak, self.peak_at) = (present, now);
            return None;
        }
        let lost = self.peak - present;
        if lost < Self::LOSSES_MIN || lost * 2 <= self.peak {
            return None;
        }
        self.distrust = Some(Distrust { of: self.peak, since: now });
        Some(Turn::Lost { since: now.before(Self::WINDOW) })
    }

    pub(super) fn deadline(&self) -> Time {
        self.distrust.map_or(Time::NEVER, |distrust| distrust.since + Self::PATIENCE)
    }
}

#[cfg(test)]
mod tests;
