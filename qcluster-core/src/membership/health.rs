//! How healthy this node is itself (Lifeguard, 2017): a node that is slow accuses others last of all.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// Zero is healthy. All waiting for others is stretched by one more than it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Health(u8);

impl Health {
    const WORST: u8 = 8;

    /// A sign that this node is slow, or cut off: no answer, not even from those who were asked to help; a late timer; an
    /// accusation against itself.
    pub(super) fn worse(&mut self) {
        self.0 = (self.0 + 1).min(Self::WORST);
    }

    pub(super) fn worst(&mut self) {
        self.0 = Self::WORST;
    }

    /// A probe was answered in time.
    pub(super) fn better(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    pub(super) fn stretch(self, span: Span) -> Span {
        span.times(u64::from(self.0) + 1)
    }

    /// For what is long already.
    pub(super) fn stretch_a_little(self, span: Span) -> Span {
        span.times(u64::from(self.0 / 4) + 1)
    }

    pub(super) fn score(self) -> u8 {
        self.0
    }
}
