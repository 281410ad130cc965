//! A clock that never goes back, made of one that may (E15): what the embedder's clock has lost is added to all that it shows.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Time};

/// How far the node's own time is ahead of the clock that it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Offset(Span);

impl Offset {
    /// The node's own time.
    pub(super) fn inner(self, given: Time) -> Time {
        given + self.0
    }

    /// When the embedder's clock will show, or has shown, what was the node's own time.
    pub(super) fn given(self, inner: Time) -> Time {
        if inner == Time::NEVER { inner } else { inner.before(self.0) }
    }

    /// The clock went back by so much.
    pub(super) fn make_up(&mut self, lost: Span) {
        self.0 = self.0 + lost;
    }
}

#[cfg(test)]
mod tests;
