//! How much of the leader's work runs: a hand-over waits for its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts the work that runs, so that a hand-over can wait for its end (E10).
#[derive(Debug, Default)]
pub(crate) struct Works {
    running: AtomicUsize,
    ended: Notify,
}

impl Works {
    pub(crate) fn is_idle(&self) -> bool {
        self.running.load(Ordering::SeqCst) == 0
    }

    /// Waits until nothing runs. For one waiter.
    pub(crate) async fn idle(&self) {
        while !self.is_idle() {
            self.ended.notified().await;
        }
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::SeqCst);
        Running(Arc::clone(self))
    }
}

/// Dropped after the work that it stands for, whichever way that ends.
pub(crate) struct Running(Arc<Works>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.ended.notify_one();
        }
    }
}
