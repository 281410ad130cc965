//! What a thread of Python reads in behalf of event loops: the numbers of operations that are worth asking again. A node puts them in without
//! the interpreter, so that nothing that holds that delays a node.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

use crate::failure::Failure;
use crate::kept::Kept;
use crate::wait::{seconds, without_interpreter};

/// The longest wait at a time: the interpreter may end meanwhile.
const SLICE: Duration = Duration::from_millis(500);

/// Numbers to be read. Each operation that an event loop waits for has one at most in here, so there are no more than those.
#[pyclass(frozen, module = "qcluster._qcluster")]
pub(crate) struct Mailbox(Kept<Arc<Letters>>);

#[derive(Default)]
pub(crate) struct Letters {
    inside: Mutex<VecDeque<u64>>,
    arrive: Condvar,
}

impl Letters {
    pub(crate) fn put(&self, number: u64) {
        self.inside().push_back(number);
        self.arrive.notify_one();
    }

    fn take(&self, limit: Duration) -> Vec<u64> {
        let waited = self.arrive.wait_timeout_while(self.inside(), limit, |inside| inside.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0.drain(..).collect()
    }

    fn inside(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    pub(crate) fn letters(&self, py: Python<'_>) -> PyResult<Arc<Letters>> {
        self.0.get().cloned().map_err(|failure: Failure| failure.into_exception(py))
    }
}

#[pymethods]
impl Mailbox {
    #[new]
    fn new() -> Self {
        Self(Kept::new(Arc::default()))
    }

    /// Puts a number in.
    fn put(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        self.letters(py)?.put(number);
        Ok(())
    }

    /// All numbers that are in it; waits for the first one, half a second at most.
    #[pyo3(signature = (timeout=None))]
    fn take(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Vec<u64>> {
        let letters = self.letters(py)?;
        let limit = seconds(timeout).map_or(SLICE, |limit| limit.min(SLICE));
        without_interpreter(py, || letters.take(limit))
    }
}
