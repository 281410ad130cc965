//! Leave to work as the leader, for work that is no future: that of a thread, or of another language.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use qcluster_core::Span;

use crate::lease::Lease;
use crate::view::View;
use crate::work;
use crate::works::Running;

/// Leave to work under one leadership, as [`Handle::permit_work`](crate::handle::Handle::permit_work) gives it.
///
/// It cannot end the work: its owner asks [`time_left`](Self::time_left) again whenever the leadership changes, and after
/// [`look_again_in`](Self::look_again_in) at the latest, ends the work once there is none left, and drops this when the work has ended. A
/// hand-over waits for that, `drain_ms` at most.
#[must_use = "a hand-over waits for the work only while this is there"]
pub struct WorkPermit {
    view: Arc<View>,
    lease: Lease,
    guard: Span,
    _running: Running,
}

impl WorkPermit {
    /// Where this node leads, and there is time for work.
    pub(crate) fn new(view: &Arc<View>, guard: Duration) -> Option<Self> {
        let lease = view.lease()?;
        let running = view.works().begin();
        let permit = Self { view: Arc::clone(view), lease, guard: work::guard(view, guard), _running: running };
        // Only now is a hand-over sure to wait for this work; one that began just before has not.
        permit.time_left().map(|_| permit)
    }

    /// The lease that the work runs under.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// How long the work may go on unless the lease is renewed; `None` once it has to end: its lease is about to, has ended, or the
    /// leadership is being handed over. It never waits.
    pub fn time_left(&self) -> Option<Duration> {
        self.view.edge().work_left(self.lease.token, self.guard)
    }

    /// How long to wait until [`time_left`](Self::time_left) is asked again, at most: timers stand still in a suspended machine, and leases
    /// do not. `None` once the work has to end.
    pub fn look_again_in(&self) -> Option<Duration> {
        self.time_left().map(|left| left.min(self.view.heartbeat()))
    }
}

impl fmt::Debug for WorkPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkPermit")
            .field("lease", &self.lease)
            .field("time_left", &self.time_left())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
