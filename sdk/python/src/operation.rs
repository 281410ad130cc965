//! Something that a node was asked for and that takes a while: a thread waits for it, or an event loop asks now and then.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use pyo3::prelude::*;
use serde::Serialize;

use crate::failure::Failure;
use crate::kept::Kept;
use crate::mailbox::{Letters, Mailbox};
use crate::wait::{seconds, wait};

/// What comes of it: text of JSON, or nothing.
pub(crate) type Output = Result<Option<String>, Failure>;

/// Text of JSON. All that is told has string keys, so it can be written.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// What several operations change in turn.
pub(crate) type Shared<T> = Arc<tokio::sync::Mutex<T>>;

/// Something that takes a while. Nothing runs it but who asks: dropped, it is cancelled.
#[pyclass(frozen, module = "qcluster._qcluster")]
pub(crate) struct Operation(Kept<Mutex<Progress>>);

enum Progress {
    /// With what wakes who asked last.
    Pending(Pin<Box<dyn Future<Output = Output> + Send>>, Option<Waker>),
    Ready(Output),
    /// It was cancelled, or what came of it was taken.
    Over,
}

impl Operation {
    pub(crate) fn new(future: impl Future<Output = Output> + Send + 'static) -> Self {
        Self(Kept::new(Mutex::new(Progress::Pending(Box::pin(future), None))))
    }

    fn progress(&self) -> Result<MutexGuard<'_, Progress>, Failure> {
        Ok(self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes on with it. Ready where it is over, too: there is nothing to wait for.
    fn advance(&self, cx: &mut Context<'_>) -> Result<Poll<()>, Failure> {
        let mut progress = self.progress()?;
        if let Progress::Pending(future, waker) = &mut *progress {
            match future.as_mut().poll(cx) {
                Poll::Ready(output) => *progress = Progress::Ready(output),
                Poll::Pending => {
                    *waker = Some(cx.waker().clone());
                    return Ok(Poll::Pending);
                }
            }
        }
        Ok(Poll::Ready(()))
    }
}

#[pymethods]
impl Operation {
    /// Waits until it is done, for that many seconds at most, and tells whether it is.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let advance = |cx: &mut Context<'_>| match self.advance(cx) {
            Ok(poll) => poll.map(Ok),
            Err(failure) => Poll::Ready(Err(failure)),
        };
        match wait(py, seconds(timeout), advance)? {
            Some(Ok(())) => Ok(true),
            Some(Err(failure)) => Err(failure.into_exception(py)),
            None => Ok(false),
        }
    }

    /// Tells whether it is done. If not, the number goes into the mailbox once it is worth asking again.
    fn poll(&self, py: Python<'_>, mailbox: &Mailbox, number: u64) -> PyResult<bool> {
        let letter = Letter { letters: mailbox.letters(py)?, number, is_sent: AtomicBool::new(false) };
        let waker = Waker::from(Arc::new(letter));
        let advanced = self.advance(&mut Context::from_waker(&waker)).map_err(|failure| failure.into_exception(py))?;
        Ok(advanced.is_ready())
    }

    /// What came of it, once.
    fn result(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let taken = self.progress().map(|mut progress| std::mem::replace(&mut *progress, Progress::Over));
        let output = match taken {
            Ok(Progress::Ready(output)) => output,
            Ok(Progress::Pending(..) | Progress::Over) => Err(Failure::Misused("the operation has no result")),
            Err(failure) => Err(failure),
        };
        output.map_err(|failure| failure.into_exception(py))
    }

    /// Gives it up, and wakes who waits for it. What has begun in the node may still happen.
    fn cancel(&self) {
        let Ok(mut progress) = self.progress() else { return };
        let given_up = std::mem::replace(&mut *progress, Progress::Over);
        drop(progress);
        if let Progress::Pending(_, Some(waker)) = given_up {
            waker.wake();
        }
    }
}

/// Wakes who waits in an event loop: from any thread, and without the interpreter.
struct Letter {
    letters: Arc<Letters>,
    number: u64,
    /// One is enough.
    is_sent: AtomicBool,
}

impl Wake for Letter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_sent.swap(true, Ordering::SeqCst) {
            self.letters.put(self.number);
        }
    }
}
