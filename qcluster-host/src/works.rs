//! How much of the leader's work runs: a hand-over waits for its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts the work that runs, so that a hand-over can wait for its end (E10).
#[derive(Debug, Default)]
pub struct Works {
    running: AtomicUsize,
    ended: Notify,
}

impl Works {
    /// Whether nothing runs.
    pub fn is_idle(&self) -> bool {
        self.running.load(Ordering::SeqCst) == 0
    }

    /// Waits until nothing runs. For one waiter.
    pub async fn idle(&self) {
        while !self.is_idle() {
            self.ended.notified().await;
        }
    }

    /// Counts one more until what this gives is dropped.
    pub fn begin(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::SeqCst);
        Running(Arc::clone(self))
    }
}

/// Dropped after the work that it stands for, whichever way that ends.
pub struct Running(Arc<Works>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.ended.notify_one();
        }
    }
}
