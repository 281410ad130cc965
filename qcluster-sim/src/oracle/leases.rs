//! At most one valid lease at any real instant (E3).
//!
//! A node's claim runs, on real time, from the step after which it holds a lease to the instant at which its clock shows
//! the lease's end: frozen, slow or cut off, its application may rely on it until then. Claims begin only at steps, so
//! two of them overlap if and only if one is live when another begins or grows.

use qcluster_core::{HeldLease, Time};

use super::{Breach, Rule, Scene};
use crate::engine::Clock;

#[derive(Clone, Copy, Debug)]
struct Claim {
    host: usize,
    token: u64,
    /// On the node's own clock, as it was computed from.
    valid_until: Time,
    /// On real time.
    until: Time,
}

/// The claims that may be live: one, where the rule holds.
#[derive(Debug, Default)]
pub(super) struct Leases {
    current: Option<Claim>,
    /// The claim before, if it was live when the current one began: the breach itself, or a world that may break it.
    stale: Option<Claim>,
}

impl Leases {
    /// Notes what a host holds; gives the end on real time if the claim is new or longer.
    pub(super) fn renewed(&mut self, scene: &Scene<'_>, lease: HeldLease) -> Result<Option<Time>, Breach> {
        let same = |claim: &Claim| {
            claim.host == scene.host && claim.token == lease.token.0 && claim.valid_until == lease.valid_until
        };
        if self.current.as_ref().is_some_and(same) {
            return Ok(None);
        }
        let is_over = |claim: &Claim| {
            claim.host == scene.host && claim.token == lease.token.0 && claim.valid_until <= scene.local
        };
        if let Some(over) = self.current.filter(is_over) {
            let detail =
                format!("its lease of token {} ran out at {} and is taken up again", over.token, over.valid_until);
            return Err(Breach::new(Rule::LeaseEnds, detail));
        }
        let until = scene.clock.when_after(scene.at, machine(scene.epoch, lease.valid_until));
        let claim = Claim { host: scene.host, token: lease.token.0, valid_until: lease.valid_until, until };
        let before = self.current.replace(claim);
        self.stale = before.filter(|before| before.host != scene.host && scene.at < before.until);
        Ok(Some(until))
    }

    pub(super) fn check(&self, scene: &Scene<'_>, until: Time) -> Result<(), Breach> {
        let (Some(current), Some(stale)) = (self.current, self.stale) else { return Ok(()) };
        let overlap = stale.until.min(until).since(scene.at);
        let detail = format!(
            "its lease of token {} begins while that of host {} (token {}) has {overlap} to go",
            current.token, stale.host, stale.token
        );
        Err(Breach::new(Rule::LeaseExclusive, detail))
    }

    /// The host holds nothing any more.
    pub(super) fn gone(&mut self, host: usize) {
        self.current.take_if(|claim| claim.host == host);
    }

    /// A clock has changed, and with it the end of a claim on real time.
    pub(super) fn clock_changed(&mut self, host: usize, clock: &Clock, epoch: Time, at: Time) {
        if let Some(claim) = self.current.as_mut().filter(|claim| claim.host == host && at < claim.until) {
            claim.until = clock.when(machine(epoch, claim.valid_until));
        }
    }

    pub(super) fn holder(&self, at: Time) -> Option<usize> {
        self.current.filter(|claim| at < claim.until).map(|claim| claim.host)
    }

    pub(super) fn token_of(&self, host: usize, at: Time) -> Option<u64> {
        self.current.filter(|claim| claim.host == host && at < claim.until).map(|claim| claim.token)
    }
}

/// A time of a process on the clock of its machine.
fn machine(epoch: Time, local: Time) -> Time {
    Time::from_nanos(epoch.as_nanos().saturating_add(local.as_nanos()))
}
