//! Waiting in a thread of Python: without the interpreter, with an eye on signals, and never beyond its end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::failure::Failure;

/// The longest wait without a look at signals: an interrupt comes through within this time.
const SLICE: Duration = Duration::from_millis(50);

/// Between two looks for threads that still wait.
const PAUSE: Duration = Duration::from_millis(1);

/// Threads that wait here. Python ends a thread that comes back from a wait once the interpreter is going, and that must not happen to one
/// with frames of Rust on its stack.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Nobody is to wait any more.
static IS_EXITING: AtomicBool = AtomicBool::new(false);

/// Waits until `poll` is ready, or for that long. `None` when the time is over.
///
/// # Errors
/// A signal handler has raised an exception, such as `KeyboardInterrupt`; or the interpreter ends.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    limit: Option<Duration>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
) -> PyResult<Option<T>> {
    let until = limit.and_then(|limit| Instant::now().checked_add(limit));
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let slice = left.map_or(SLICE, |left| left.min(SLICE));
        let mut look = || match poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => {
                bell.wait(slice);
                None
            }
        };
        if let Some(value) = without_interpreter(py, &mut look)? {
            return Ok(Some(value));
        }
        py.check_signals()?;
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
    }
}

/// Waits for a future, however long that takes; signals come through.
pub(crate) fn block_on<T: Send>(py: Python<'_>, future: impl Future<Output = T> + Send) -> PyResult<T> {
    let mut future = Box::pin(future);
    loop {
        if let Some(output) = wait(py, None, |cx| future.as_mut().poll(cx))? {
            return Ok(output);
        }
    }
}

/// Gives up the interpreter for as long as `what` takes, which has to end by itself.
///
/// # Errors
/// The interpreter ends.
pub(crate) fn without_interpreter<T: Send>(py: Python<'_>, what: impl FnOnce() -> T + Send) -> PyResult<T> {
    let Some(_waiting) = Waiting::begin() else { return Err(Failure::Exiting.into_exception(py)) };
    Ok(py.detach(what))
}

/// Counts a thread that waits.
struct Waiting;

impl Waiting {
    fn begin() -> Option<Self> {
        WAITING.fetch_add(1, Ordering::SeqCst);
        let waiting = Self;
        (!IS_EXITING.load(Ordering::SeqCst)).then_some(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // What a fork has left of the count may be less than is taken away.
        let _ = WAITING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| Some(count.saturating_sub(1)));
    }
}

/// Ends all waits, and every one that would begin later. Waits until nobody waits, for that many seconds at most, and tells whether it is so.
#[pyfunction]
pub(crate) fn end_waits(py: Python<'_>, timeout: f64) -> bool {
    IS_EXITING.store(true, Ordering::SeqCst);
    let limit = seconds(Some(timeout)).unwrap_or_default();
    py.detach(|| {
        let begun = Instant::now();
        while WAITING.load(Ordering::SeqCst) > 0 {
            if begun.elapsed() >= limit {
                return false;
            }
            thread::sleep(PAUSE);
        }
        true
    })
}

/// In a child process: of the threads that waited, none is there.
#[pyfunction]
pub(crate) fn forget_waits() {
    WAITING.store(0, Ordering::SeqCst);
}

/// A time in seconds as Python gives it; one that is too long for a clock never passes.
pub(crate) fn seconds(timeout: Option<f64>) -> Option<Duration> {
    timeout.map(|timeout| Duration::try_from_secs_f64(timeout.max(0.0)).unwrap_or(Duration::MAX))
}

/// What wakes a thread that waits.
#[derive(Default)]
struct Bell {
    is_rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    /// Waits until it is rung, for that long at most.
    fn wait(&self, limit: Duration) {
        let waited = self.rings.wait_timeout_while(self.state(), limit, |is_rung| !*is_rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }

    fn state(&self) -> MutexGuard<'_, bool> {
        self.is_rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.state() = true;
        self.rings.notify_one();
    }
}
