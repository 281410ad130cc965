//! The five numbers that set the pace of an election, and what may be chosen for them.

use alloc::format;
use serde::{Deserialize, Serialize};

use super::problem::Findings;
use crate::time::Span;

/// The pace of elections. All voters of a cluster must have the same (rule E14: the leases and the drift bound are in
/// the digest).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// h: the leader sends a heartbeat this often. At most a quarter of the lease.
    pub heartbeat: Span,
    /// L: how long a voter that heard a heartbeat promises not to help anybody else.
    pub lease: Span,
    /// Lmax: the longest promise that a leader asks for while machines or the network are slow (E23). At least the lease; equal
    /// to it, the lease never changes.
    pub max_lease: Span,
    /// Candidates spread their timers over slots of this length, one slot a rank (E8). About a round trip.
    pub slot: Span,
    /// ρ: the largest rate error of any node's clock, in parts per million. 10 000 is 1 %.
    pub drift_ppm: u32,
}

/// Named timings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// One rack, or one host: heartbeat 10 ms, lease 50 ms, slot 5 ms.
    Fast,
    /// One region, the default: heartbeat 25 ms, lease 150 ms, slot 10 ms.
    Lan,
    /// Across regions: heartbeat 250 ms, lease 1 500 ms, slot 100 ms.
    Wan,
}

impl From<Preset> for Timing {
    fn from(preset: Preset) -> Self {
        let (heartbeat, lease, slot) = match preset {
            Preset::Fast => (10, 50, 5),
            Preset::Lan => (25, 150, 10),
            Preset::Wan => (250, 1_500, 100),
        };
        let lease = Span::from_millis(lease);
        Self {
            heartbeat: Span::from_millis(heartbeat),
            lease,
            max_lease: Self::max_lease_default(lease),
            slot: Span::from_millis(slot),
            drift_ppm: 10_000,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Preset::Lan.into()
    }
}

impl Timing {
    /// The longest lease: an hour.
    pub const LEASE_MAX: Span = Span::from_millis(3_600_000);
    /// The shortest heartbeat interval: a millisecond.
    pub const HEARTBEAT_MIN: Span = Span::from_millis(1);
    /// The largest drift bound: 20 %.
    pub const DRIFT_PPM_MAX: u32 = 200_000;

    /// The longest lease where nothing else is configured: eight times the shortest.
    pub fn max_lease_default(lease: Span) -> Span {
        lease.times(8).min(Self::LEASE_MAX).max(lease)
    }

    /// Whether leases may become longer (E23).
    pub(crate) fn adapts(&self) -> bool {
        self.max_lease > self.lease
    }

    /// Ll, how long a leader may trust a promise of L: see [`trusted`](Self::trusted).
    pub fn trusted_lease(&self) -> Span {
        self.trusted(self.lease)
    }

    /// P·(1−ρ)/(1+ρ), rounded down: how long a leader may trust a promise of P, counted from before it was asked for (E3). A
    /// clock at most ρ slow shows this long at most P/(1+ρ) of real time, which a promise of P on a clock at most ρ fast
    /// outlasts.
    pub fn trusted(&self, promise: Span) -> Span {
        let million = 1_000_000_u128;
        let drift = u128::from(self.drift_ppm).min(million);
        let nanos = u128::from(promise.as_nanos()) * (million - drift) / (million + drift);
        Span::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        let Self { heartbeat, lease, max_lease, slot, drift_ppm } = *self;
        findings.require(heartbeat >= Self::HEARTBEAT_MIN, "timing.heartbeat_ms", || "must be at least 1".into());
        findings.require(lease >= heartbeat.times(4), "timing.lease_ms", || {
            format!("{lease} is under four heartbeats of {heartbeat}: one lost datagram could cost the leadership")
        });
        findings
            .require(lease <= Self::LEASE_MAX, "timing.lease_ms", || format!("must be at most {}", Self::LEASE_MAX));
        findings.require(max_lease >= lease, "timing.max_lease_ms", || {
            format!("{max_lease} is under the lease of {lease}")
        });
        // One that follows from the lease is told as that.
        findings.require(max_lease <= Self::LEASE_MAX.max(lease), "timing.max_lease_ms", || {
            format!("must be at most {}", Self::LEASE_MAX)
        });
        findings.require(slot > Span::ZERO && slot <= lease, "timing.slot_ms", || {
            format!("{slot} must be more than zero and at most the lease of {lease}")
        });
        findings.require(drift_ppm <= Self::DRIFT_PPM_MAX, "timing.drift_ppm", || {
            format!("must be at most {}", Self::DRIFT_PPM_MAX)
        });
    }
}
