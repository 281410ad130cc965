//! Output that nobody waits for: each descriptor has a thread that writes to it, and a queue with an end.
//!
//! A terminal that is paused, a pipe that nobody reads, or a disk without space holds up that thread alone. Lines for which
//! there is no room are dropped and counted, and the count is written as soon as there is room again.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Lines that may wait for the writer.
const WAITING_MAX: usize = 1_024;

/// Where lines go. What it does may take as long as it likes.
pub(crate) trait Sink: Send + 'static {
    /// Writes one line, without its end, and sees to it that it gets out.
    fn write(&mut self, line: &str);

    /// What stands where `count` lines were dropped.
    fn missing(&self, count: u64) -> String;
}

/// The handle of a writer. Clones have the same one.
#[derive(Clone)]
pub(crate) struct Outlet {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Line>,
    /// Those that were dropped since the last one in `lines`.
    dropped: u64,
    /// Whether a line is being written.
    is_writing: bool,
}

struct Line {
    /// How many were dropped just before it.
    dropped_before: u64,
    /// `None` where they were the last ones.
    text: Option<String>,
}

impl Outlet {
    /// Starts the thread, which lives as long as the process.
    pub(crate) fn start(name: &str, sink: impl Sink) -> io::Result<Self> {
        let outlet = Self { shared: Arc::default() };
        let shared = Arc::clone(&outlet.shared);
        thread::Builder::new().name(name.into()).spawn(move || shared.write_all(sink))?;
        Ok(outlet)
    }

    /// Has the line written, or drops it if too many wait. Never waits for the writer.
    pub(crate) fn push(&self, text: String) {
        let mut queue = self.shared.lock();
        if queue.lines.len() >= WAITING_MAX {
            queue.dropped += 1;
            return;
        }
        let dropped_before = std::mem::take(&mut queue.dropped);
        queue.lines.push_back(Line { dropped_before, text: Some(text) });
        self.shared.changed.notify_all();
    }

    /// Waits until everything is written, for `patience` at most; gives whether it is.
    pub(crate) fn flush(&self, patience: Duration) -> bool {
        let queue = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(queue, patience, |queue| !queue.is_idle());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_idle()
    }
}

impl Shared {
    /// Nothing that could panic happens under the lock.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut sink: impl Sink) {
        loop {
            let Line { dropped_before, text } = self.next();
            if dropped_before > 0 {
                sink.write(&sink.missing(dropped_before));
            }
            if let Some(text) = text {
                sink.write(&text);
            }
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }

    /// Waits for a line. When the last one has been written, those that were dropped after it are told of.
    fn next(&self) -> Line {
        let mut queue = self.lock();
        loop {
            let line = queue.lines.pop_front().or_else(|| {
                let dropped_before = std::mem::take(&mut queue.dropped);
                (dropped_before > 0).then_some(Line { dropped_before, text: None })
            });
            if let Some(line) = line {
                queue.is_writing = true;
                return line;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Queue {
    fn is_idle(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0 && !self.is_writing
    }
}

#[cfg(test)]
mod tests;
