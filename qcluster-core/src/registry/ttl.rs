//! Services that have to be heard of: kept by their owner alone, whose clock is the only one that counts.

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
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Stage {
    Heard,
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
    leases: BTreeMap<u64, Lease>,
    due: Due,
}

impl Leases {
    /// The service was heard, and says that of itself.
    pub(super) fn heard(&mut self, now: Time, item: u64, ttl: Span, claimed: Health) {
        self.leases.insert(item, Lease { ttl, claimed, stage: Stage::Heard });
        self.due.set(item, now + ttl);
    }

    /// It is gone, or has no time to live any more.
    pub(super) fn forget(&mut self, item: u64) {
        self.leases.remove(&item);
        self.due.cancel(item);
    }

    /// What it said last of its own health.
    pub(super) fn claimed(&self, item: u64) -> Option<Health> {
        self.leases.get(&item).map(|lease| lease.claimed)
    }

    pub(super) fn deadline(&self) -> Time {
        self.due.deadline()
    }

    /// Takes one that is due. The time until it is gone counts from now, not from when it was due: a node that was stalled
    /// could not have heard it.
    pub(super) fn pop(&mut self, now: Time) -> Option<(u64, Lapse)> {
        let item = self.due.pop(now)?;
        let lease = self.leases.get_mut(&item)?;
        match lease.stage {
            Stage::Heard => {
                lease.stage = Stage::Silent;
                self.due.set(item, now + Service::grace(lease.ttl));
                Some((item, Lapse::Critical))
            }
            Stage::Silent => {
                self.leases.remove(&item);
                Some((item, Lapse::Gone))
            }
        }
    }
}
