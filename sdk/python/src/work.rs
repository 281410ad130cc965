//! Work of Python that runs while a node leads. Only Python can end it, so what is here tells when.

use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use qcluster::{Handle, Leadership, Stopped, WorkPermit};
use tokio::sync::{Mutex, watch};

use crate::kept::Kept;
use crate::lease::HeldLease;
use crate::operation::{Operation, Shared};

/// Work that runs again and again, whenever the node leads.
#[pyclass(frozen, module = "qcluster._qcluster")]
pub(crate) struct LeaderWork(Kept<Seeker>);

struct Seeker {
    node: Handle,
    guard: Option<Duration>,
    leadership: Shared<watch::Receiver<Leadership>>,
}

impl LeaderWork {
    pub(crate) fn new(node: Handle, guard: Option<Duration>) -> Self {
        let leadership = Arc::new(Mutex::new(node.leadership()));
        Self(Kept::new(Seeker { node, guard, leadership }))
    }

    fn seeker(&self, py: Python<'_>) -> PyResult<&Seeker> {
        self.0.get().map_err(|failure| failure.into_exception(py))
    }
}

#[pymethods]
impl LeaderWork {
    /// Leave to work, if the node leads and has time for it; or else for how many seconds a change is worth waiting for, where there is such
    /// a time.
    fn permit(&self, py: Python<'_>) -> PyResult<(Option<Permit>, Option<f64>)> {
        let seeker = self.seeker(py)?;
        // Looked at before the lease is, so that a change in between is waited for no more. A thread of earlier work may still wait for
        // one itself: then it is not known, and looked at again soon.
        let seen = seeker.leadership.try_lock().map(|mut leadership| leadership.borrow_and_update().clone());
        let permit = match seeker.guard {
            Some(guard) => seeker.node.permit_work_with(guard),
            None => seeker.node.permit_work(),
        };
        // A renewal is no change: a leader whose lease is about to run out looks again.
        let look_again = match seen {
            Ok(Leadership::Leading { .. }) | Err(_) => Some(seeker.node.heartbeat_interval().as_secs_f64()),
            Ok(Leadership::Unknown | Leadership::Following { .. } | Leadership::Draining { .. }) => None,
        };
        Ok((permit.map(Permit::new), look_again))
    }

    /// Waits until the leadership changes.
    fn changed(&self, py: Python<'_>) -> PyResult<Operation> {
        let seeker = self.seeker(py)?;
        let (node, leadership) = (seeker.node.clone(), Arc::clone(&seeker.leadership));
        Ok(Operation::new(async move {
            let changed = leadership.lock().await.changed().await;
            changed.map(|()| None).map_err(|_| node.why_stopped().unwrap_or(Stopped::Aborted).into())
        }))
    }
}

/// Leave to work under one leadership. A hand-over waits until it is given back.
#[pyclass(frozen, module = "qcluster._qcluster")]
pub(crate) struct Permit {
    lease: qcluster::Lease,
    permit: Kept<StdMutex<Option<WorkPermit>>>,
}

impl Permit {
    fn new(permit: WorkPermit) -> Self {
        Self { lease: permit.lease().clone(), permit: Kept::new(StdMutex::new(Some(permit))) }
    }

    fn permit(&self) -> Option<MutexGuard<'_, Option<WorkPermit>>> {
        // In a child process no work has leave.
        self.permit.get().ok().map(|permit| permit.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Permit {
    /// The lease that the work runs under.
    fn lease(&self) -> HeldLease {
        HeldLease(self.lease.clone())
    }

    /// For how many seconds the work may go on unless the lease is renewed; `None` once it has to end.
    fn time_left(&self) -> Option<f64> {
        Some(self.permit()?.as_ref()?.time_left()?.as_secs_f64())
    }

    /// After how many seconds to ask again at the latest; `None` once the work has to end.
    fn look_again_in(&self) -> Option<f64> {
        Some(self.permit()?.as_ref()?.look_again_in()?.as_secs_f64())
    }

    /// The work has ended.
    fn release(&self) {
        if let Some(mut permit) = self.permit() {
            *permit = None;
        }
    }
}
