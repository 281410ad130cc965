//! How long a promise a leader asks for (E23): L where everything is quick; longer, up to Lmax, where this process, the network or
//! a quorum of voters is late. A promise has one length, the same for its giver and for who counts on it.
//!
//! All of it is a function of delays that this node noticed. A follower takes over the length of the leader that it follows, so
//! that the next leader begins where the last one was.

use serde::{Deserialize, Serialize};

use super::{Change, Context, Election, Role};
use crate::config::Timing;
use crate::reason::LeaseLengthReason;
use crate::time::{Rebase, Span, Time};

/// The length, and what was noticed since it last changed. Where the configuration fixes the length, nothing is ever noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct LeaseLength {
    current: Span,
    /// The longest delay since then.
    longest_delay: Span,
    since: Time,
}

impl LeaseLength {
    /// A delay may take this part of a lease, and no more: twice as much, a lost datagram beside it, and the lease is gone.
    const DELAY_PART: u64 = 3;
    /// What has to have passed without a longer delay than the shorter lease bears twice over.
    const QUIET_LEASES: u64 = 200;
    const QUIET_MAX: Span = Span::from_millis(30_000);

    pub(super) fn new(timing: &Timing) -> Self {
        Self { current: timing.lease, longest_delay: Span::ZERO, since: Time::ZERO }
    }

    pub(super) fn current(&self) -> Span {
        self.current
    }

    /// The heartbeat interval, in proportion.
    pub(super) fn heartbeat(&self, timing: &Timing) -> Span {
        heartbeat_of(timing, self.current)
    }

    /// What was noticed before it led says nothing of how quick everything is now.
    pub(super) fn begin(&mut self, timing: &Timing, now: Time) {
        if self.current > timing.lease {
            (self.longest_delay, self.since) = (Span::ZERO, now);
        }
    }

    /// A leader that is followed asks for that long.
    fn hear(&mut self, timing: &Timing, lease: Span) {
        *self = Self { current: within(timing, lease), ..Self::new(timing) };
    }

    /// Something was late by so much. Gives whether the lease is longer from now on. What no lease could have borne is no reason for
    /// a longer one: a machine that was suspended comes back as quick as it was.
    #[inline]
    fn delayed(&mut self, timing: &Timing, now: Time, delay: Span) -> bool {
        // What the shortest lease bears needs no longer one, and is not remembered.
        if self.current <= timing.lease && delay.times(Self::DELAY_PART) <= self.current {
            return false;
        }
        self.was_late(timing, now, delay)
    }

    #[cold]
    #[inline(never)]
    fn was_late(&mut self, timing: &Timing, now: Time, delay: Span) -> bool {
        if delay >= timing.max_lease || !timing.adapts() {
            return false;
        }
        let mut wanted = self.current;
        while wanted < timing.max_lease && delay.times(Self::DELAY_PART) > wanted {
            wanted = wanted.times(2).min(timing.max_lease);
        }
        if wanted > self.current {
            *self = Self { current: wanted, longest_delay: Span::ZERO, since: now };
            return true;
        }
        if self.current > timing.lease {
            self.longest_delay = self.longest_delay.max(delay);
        }
        false
    }

    /// Gives whether the lease is shorter from now on, by a quarter.
    fn rest(&mut self, timing: &Timing, now: Time) -> bool {
        let quiet = timing.lease.times(Self::QUIET_LEASES).min(Self::QUIET_MAX);
        if self.current <= timing.lease || now < self.since + quiet {
            return false;
        }
        let shorter = self.current.split(4).times(3).max(timing.lease);
        let bears = self.longest_delay.times(2 * Self::DELAY_PART) <= shorter;
        *self = Self { current: if bears { shorter } else { self.current }, longest_delay: Span::ZERO, since: now };
        if self.current == timing.lease {
            self.since = Time::ZERO;
        }
        bears
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>) {
        let Self { current: _, longest_delay: _, since } = self;
        // Zero where nothing is remembered.
        *since = if *since == Time::ZERO { Time::ZERO } else { by.time(*since) };
    }
}

/// What another voter names, as far as the configuration allows it.
pub(super) fn within(timing: &Timing, lease: Span) -> Span {
    lease.min(timing.max_lease).max(timing.lease)
}

/// How often a leader that asks for so long is heard.
pub(super) fn heartbeat_of(timing: &Timing, lease: Span) -> Span {
    if lease == timing.lease {
        return timing.heartbeat;
    }
    let nanos = u128::from(timing.heartbeat.as_nanos()) * u128::from(lease.as_nanos())
        / u128::from(timing.lease.as_nanos().max(1));
    Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Election {
    /// How long a promise is asked for at the moment, by this node or by the leader that it follows.
    pub(crate) fn lease_length(&self) -> Span {
        self.length.current()
    }

    /// How long a leader may trust a promise of that length (E3).
    pub(super) fn trusted(&self, promise: Span) -> Span {
        if promise == self.rules.timing.lease { self.rules.trusted_lease } else { self.rules.timing.trusted(promise) }
    }

    /// Follows a leader that asks for that long; gives what that is within the configuration.
    pub(super) fn hear_lease_length(&mut self, lease: Span) -> Span {
        if lease != self.length.current() {
            self.length.hear(&self.rules.timing, lease);
        }
        self.length.current()
    }

    /// Something took so much longer than it should: the next promise is asked for longer if it has to be.
    #[inline]
    pub(super) fn note_delay(&mut self, cx: &mut Context<'_>, delay: Span, reason: LeaseLengthReason) {
        if self.length.delayed(&self.rules.timing, cx.now, delay) {
            cx.counters.lease_lengthened += 1;
            self.tell_lease_length(cx, reason);
        }
    }

    /// Voters said yes, and what they said next did not come within `term`: that may never be long enough.
    pub(super) fn note_fruitless_term(&mut self, cx: &mut Context<'_>, term: Span) {
        self.note_delay(cx, term.split(2), LeaseLengthReason::SlowAnswers);
    }

    /// A leader whose promises were renewed in good time for a while asks for a little less.
    pub(super) fn rest_lease_length(&mut self, cx: &mut Context<'_>) {
        let before = self.length.current();
        if self.length.rest(&self.rules.timing, cx.now) {
            let less = self.trusted(before).less(self.trusted(self.length.current()));
            if let Role::Leader(leader) = &mut self.role {
                leader.expects_less(less);
            }
            self.tell_lease_length(cx, LeaseLengthReason::Quiet);
        }
    }

    fn tell_lease_length(&self, cx: &mut Context<'_>, reason: LeaseLengthReason) {
        if matches!(self.role, Role::Leader(_)) {
            cx.tell(Change::LeaseLength { lease: self.length.current(), reason });
        }
    }
}

#[cfg(test)]
mod tests;
