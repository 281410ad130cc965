//! When leases of this node end, for events to tell: that of the present leadership, and that of the one before.

use qcluster_core::{FencingToken, HeldLease, Time};

use crate::clock::Clock;

/// What was published, as far as events need it.
#[derive(Debug, Default)]
pub(crate) struct LeaseEnds {
    held: Option<HeldLease>,
    ended: Option<HeldLease>,
}

impl LeaseEnds {
    /// Takes what has just been published, and not sent yet. A leadership that it ends was seen until its deadline or until
    /// now, whichever is earlier.
    pub(super) fn published(&mut self, lease: Option<HeldLease>, clock: Clock) {
        if let Some(held) = self.held
            && lease.is_none_or(|lease| lease.token != held.token)
        {
            self.ended = Some(HeldLease { valid_until: held.valid_until.min(clock.now()), ..held });
        }
        self.held = lease;
    }

    /// The end of the last lease that was published with that token; `None` if there was none, or long ago.
    pub(super) fn of(&self, token: FencingToken) -> Option<Time> {
        let known = self.held.into_iter().chain(self.ended);
        known.filter(|lease| lease.token == token).map(|lease| lease.valid_until).next()
    }
}

#[cfg(test)]
mod tests;
