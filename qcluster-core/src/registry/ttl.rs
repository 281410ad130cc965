//! Services that have to be heard of: kept by their owner alone, whose clock is the only one that counts, and of that only the
//! time in which it ran (G5).

use alloc::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::due::Due;
use super::service::{Health, Service};
use crate::time::{Span, Time};

/// One service's time to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Lease {
    ttl: Span,
    /// What it said last of its own health: where it stands again after the next heartbeat.
    claimed: Health,
    /// When it was heard last.
    heard: Time,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Stage {
    Heard,
    /// It was due, and has what the node may have missed of its time before that.
    Spared,
    Silent,
}

/// What has become of a service without a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// It counts as critical now.
    Critical,
    /// It was silent for so long that it is gone.
    Gone,
}

/// The times to live of this node's services, by item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Leases {
    by_item: BTreeMap<u64, Lease>,
    /// In the time that the node has run: what its clock shows, less what it stood still.
    due: Due,
    stood_still: Span,
    /// The last that was no mere lateness of a timer, with the most that was missed in any.
    last_stall: Stall,
    last_lateness: Stall,
}

/// This node stood still, or its timer was late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Stall {
    /// When it went on.
    pub(crate) ended: Time,
    /// How much too late that was for what was due.
    pub(crate) late: Span,
    /// What it may have stood still before that, while nothing was due.
    pub(crate) missed: Span,
}

impl Leases {
    /// The service was heard, and says that of itself.
    pub(super) fn heard(&mut self, now: Time, item: u64, ttl: Span, claimed: Health) {
        self.by_item.insert(item, Lease { ttl, claimed, heard: now, stage: Stage::Heard });
        self.due.set(item, self.ran(now) + ttl);
    }

    /// It is gone, or has no time to live any more.
    pub(super) fn forget(&mut self, item: u64) {
        self.by_item.remove(&item);
        self.due.cancel(item);
    }

    /// What it said last of its own health.
    pub(super) fn claimed(&self, item: u64) -> Option<Health> {
        self.by_item.get(&item).map(|lease| lease.claimed)
    }

    pub(super) fn deadline(&self) -> Time {
        self.due.deadline() + self.stood_still
    }

    /// Nothing could be heard meanwhile, so that it is no silence of anybody.
    pub(super) fn outlast(&mut self, stall: Stall, heartbeat: Span) {
        self.stood_still = self.stood_still + stall.late;
        self.last_lateness = Stall { missed: stall.missed.min(heartbeat), ..stall };
        if stall.late >= heartbeat {
            self.last_stall = Stall { missed: stall.missed.max(self.last_stall.missed), ..stall };
        }
    }

    /// What the node may have stood still, since a service was heard then, beyond what its timers show.
    fn missed_since(&self, heard: Time, now: Time) -> Span {
        if heard < self.last_stall.ended {
            // Nothing can have been missed of a service for longer than from its last word to the end of the stall.
            self.last_stall.missed.min(self.last_stall.ended.since(heard))
        } else if now == self.last_lateness.ended {
            // A stall may end just then; what waits needs no more than a moment.
            self.last_lateness.missed
        } else {
            Span::ZERO
        }
    }

    /// The moment on the clock of the time that the node has run.
    fn ran(&self, now: Time) -> Time {
        now.before(self.stood_still)
    }

    /// Takes one that is due. The time until it is gone counts from now, not from when it was due: a timer may be late.
    pub(super) fn pop(&mut self, now: Time) -> Option<(u64, Lapse)> {
        let ran = self.ran(now);
        loop {
            let item = self.due.pop(ran)?;
            let missed = self.by_item.get(&item).map_or(Span::ZERO, |lease| self.missed_since(lease.heard, now));
            let lease = self.by_item.get_mut(&item)?;
            match lease.stage {
                // Once: a node that stands still again and again would keep it for good.
                Stage::Heard if missed > Span::ZERO => {
                    lease.stage = Stage::Spared;
                    self.due.set(item, ran + missed);
                }
                Stage::Heard | Stage::Spared => {
                    lease.stage = Stage::Silent;
                    self.due.set(item, ran + Service::grace(lease.ttl));
                    return Some((item, Lapse::Critical));
                }
                Stage::Silent => {
                    self.by_item.remove(&item);
                    return Some((item, Lapse::Gone));
                }
            }
        }
    }
}
