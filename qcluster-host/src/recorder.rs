//! Writing down what goes into the node, by a thread of its own: the node never waits for a recording, and never fails by
//! it. What cannot be kept is counted and said, and the recording goes on from a snapshot.

mod files;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use qcluster_core::recording::{Given, RecordedInput, Start};
use qcluster_core::{Endpoint, Input, RecordTo, Time};
use tokio::sync::mpsc;

use files::Files;
use writer::Writer;

/// Inputs that may wait for the thread.
const WAITING_MAX: usize = 1_024;

/// How long a disk that failed is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What the thread is given.
#[derive(Debug)]
enum Entry {
    Start(Start),
    /// The endpoint between two inputs, before which that many were lost on the way.
    Snapshot {
        at: Time,
        state: Vec<u8>,
        lost: u64,
    },
    Input(Given),
}

/// The loop's side. Dropped, the thread ends when all that waits is written.
#[derive(Debug)]
pub struct Recorder {
    entries: mpsc::Sender<Entry>,
    /// Set by the thread: it needs a snapshot before the next input, to begin another file or to go on after a failure.
    wants_snapshot: Arc<AtomicBool>,
    /// Inputs that the thread was not given since the last snapshot.
    lost: u64,
}

impl Recorder {
    /// `alive` is dropped when the files are closed.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(to: &RecordTo, start: Start, alive: impl Send + 'static) -> io::Result<Self> {
        let (entries, mut queue) = mpsc::channel(WAITING_MAX);
        let wants_snapshot = Arc::new(AtomicBool::new(false));
        let files = Files::new(Path::new(&to.path), to.max_bytes);
        let mut writer = Writer::new(files, start.settings.clone(), Arc::clone(&wants_snapshot), RETRY_AFTER);
        thread::Builder::new().name("qcluster-record".into()).spawn(move || {
            writer.take(Entry::Start(start));
            writer.write_out();
            while let Some(entry) = queue.blocking_recv() {
                writer.take(entry);
                // Whatever else waits goes with it, up to a batch.
                while !writer.has_batch()
                    && let Ok(entry) = queue.try_recv()
                {
                    writer.take(entry);
                }
                writer.write_out();
            }
            drop(writer);
            drop(alive);
        })?;
        Ok(Self { entries, wants_snapshot, lost: 0 })
    }

    /// Takes note of an input that `endpoint` is about to be given.
    pub fn note(&mut self, at: Time, input: &Input<'_>, endpoint: &Endpoint) {
        // After an overflow there is room for more than a moment first.
        let behind = self.lost > 0 && self.entries.capacity() < WAITING_MAX / 2;
        if behind || !self.begin_anew(at, endpoint) {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        match self.entries.try_reserve() {
            Ok(place) => place.send(Entry::Input(Given { at, what: RecordedInput::from(input) })),
            Err(_) => self.lost = self.lost.saturating_add(1),
        }
    }

    /// Gives a snapshot where one is needed. `false` if there is no room for it.
    fn begin_anew(&mut self, at: Time, endpoint: &Endpoint) -> bool {
        if self.lost == 0 && !self.wants_snapshot.load(Ordering::Relaxed) {
            return true;
        }
        let Ok(place) = self.entries.try_reserve() else { return false };
        self.wants_snapshot.store(false, Ordering::Relaxed);
        let lost = std::mem::take(&mut self.lost);
        place.send(Entry::Snapshot { at, state: endpoint.snapshot(), lost });
        true
    }
}

#[cfg(test)]
mod tests;
