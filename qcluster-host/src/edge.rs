//! The edge between lease and application: one atomic deadline against a fresh clock reading, so that the answer is right
//! even while the loop that renews the lease is stalled.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::Duration;

use qcluster_core::{FencingToken, HeldLease, Span, Time};

use crate::clock::Clock;

/// What stands in place of a deadline while the node does not lead.
const NOT_LEADING: u64 = 0;

/// Written by the loop alone, read by everybody.
#[derive(Debug)]
pub struct LeaseEdge {
    clock: Clock,
    /// The end of the lease in nanoseconds of the clock.
    until: AtomicU64,
    /// Of the leadership that `until` belongs to. Changes only while `until` is [`NOT_LEADING`].
    token: AtomicU64,
    /// The leadership is being handed over: it still holds, and no work is to run under it (E10).
    draining: AtomicBool,
}

impl LeaseEdge {
    /// The edge of a node that does not lead.
    pub fn new(clock: Clock) -> Self {
        Self { clock, until: AtomicU64::new(NOT_LEADING), token: AtomicU64::new(0), draining: AtomicBool::new(false) }
    }

    /// Makes known what the node holds after a step. Comes before anything of that step is sent: what lets others lead
    /// must not be on its way while this node still says that it does.
    pub fn publish(&self, lease: Option<HeldLease>) {
        match lease {
            None => self.until.store(NOT_LEADING, Ordering::SeqCst),
            Some(HeldLease { token, valid_until }) => {
                if self.token.load(Ordering::Relaxed) != token.0 {
                    self.until.store(NOT_LEADING, Ordering::SeqCst);
                    self.draining.store(false, Ordering::SeqCst);
                    self.token.store(token.0, Ordering::SeqCst);
                }
                self.until.store(valid_until.as_nanos(), Ordering::SeqCst);
            }
        }
        // The stores are to be seen before the next system call sends anything.
        fence(Ordering::SeqCst);
    }

    /// Forbids work under the present leadership.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether work is forbidden, if the node leads at all.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Whether the lease holds at this instant.
    pub fn is_leader(&self) -> bool {
        self.remaining().is_some()
    }

    /// The lease at this instant.
    pub fn lease(&self) -> Option<HeldLease> {
        // The token is the same before and after, so the deadline in between belongs to it. It changes at most once an
        // election: who is overtaken twice has no lease worth the name.
        for _ in 0..2 {
            let token = self.token.load(Ordering::SeqCst);
            let until = self.until.load(Ordering::SeqCst);
            if self.token.load(Ordering::SeqCst) == token {
                let valid_until = Time::from_nanos(until);
                let left = positive(valid_until.since(self.clock.now()));
                return left.map(|_| HeldLease { token: FencingToken(token), valid_until });
            }
        }
        None
    }

    /// How long the leadership with that token may last unless it is renewed; `None` if it is over.
    pub fn remaining_of(&self, token: FencingToken) -> Option<Duration> {
        let lease = self.lease().filter(|lease| lease.token == token)?;
        positive(lease.valid_until.since(self.clock.now()))
    }

    /// How long work under the leadership with that token may go on, if it is to end `guard` before the lease can.
    pub fn work_left(&self, token: FencingToken, guard: Span) -> Option<Duration> {
        if self.draining.load(Ordering::SeqCst) {
            return None;
        }
        let lease = self.lease().filter(|lease| lease.token == token)?;
        positive(lease.valid_until.since(self.clock.now() + guard))
    }

    fn remaining(&self) -> Option<Duration> {
        // The deadline first, the clock second: a thread that is frozen between the two sees an old deadline and a new
        // time, and says no. The other way round it would say yes.
        let until = self.until.load(Ordering::SeqCst);
        positive(Time::from_nanos(until).since(self.clock.now()))
    }
}

fn positive(span: Span) -> Option<Duration> {
    (span > Span::ZERO).then(|| span.into())
}

#[cfg(test)]
mod tests;
