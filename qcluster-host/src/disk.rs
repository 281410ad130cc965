//! The hard state on disk, saved by a thread of its own so that a slow disk never delays a heartbeat.
//!
//! A save that fails is tried again until it succeeds (E16): what waits for it waits, and for the core it is a slow one.

mod store;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use qcluster_core::PersistId;
use tokio::sync::mpsc;

pub use store::{Saved, Store};

/// The core has one record under way at a time; the second place is for the next one.
const UNDER_WAY_MAX: usize = 2;

/// A record, and the name of the request to save it.
type Job = (PersistId, Vec<u8>);

/// Saves records one after the other. Dropped, it ends after the record under way and unlocks the directory.
#[derive(Debug)]
pub struct Disk {
    jobs: SyncSender<Job>,
    reports: mpsc::Receiver<Report>,
    path: PathBuf,
}

/// The pause after a save that has failed. Each further one doubles it.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// The longest pause: a disk that works again is noticed within this time.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

/// How a save goes.
#[derive(Debug)]
pub enum Report {
    /// It is done.
    Saved(PersistId),
    /// It has failed, and is tried again.
    Failing(io::Error),
}

impl Disk {
    /// `alive` is dropped when the directory is unlocked.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(store: Store, alive: impl Send + 'static) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(UNDER_WAY_MAX);
        let (report, reports) = mpsc::channel(UNDER_WAY_MAX);
        let path = store.path().to_owned();
        thread::Builder::new().name("qcluster-disk".into()).spawn(move || {
            save_all(store, &queue, &report);
            drop(alive);
        })?;
        Ok(Self { jobs, reports, path })
    }

    /// Begins to save a record; what becomes of it comes from [`Disk::report`].
    ///
    /// # Errors
    /// The thread has gone, or more is under way than the core ever has.
    pub fn save(&self, id: PersistId, record: &[u8]) -> io::Result<()> {
        self.jobs.try_send((id, record.to_vec())).map_err(|error| io::Error::other(error.to_string()))
    }

    /// The next report. Never, if the thread is gone: then [`Disk::save`] fails.
    pub async fn report(&mut self) -> Report {
        match self.reports.recv().await {
            Some(report) => report,
            None => std::future::pending().await,
        }
    }

    /// Where the record is.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }
}

/// Until nobody asks for saves any more, or hears of them.
fn save_all(mut store: Store, queue: &Receiver<Job>, report: &mpsc::Sender<Report>) {
    let mut next = None;
    while let Some((id, record)) = next.take().or_else(|| queue.recv().ok()) {
        let mut pause = RETRY_AFTER;
        while let Err(error) = store.save(&record) {
            if report.blocking_send(Report::Failing(error)).is_err() {
                return;
            }
            match queue.recv_timeout(pause) {
                // The core asks for no second save before it has heard of the first.
                Ok(job) => next = Some(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            pause = (pause * 2).min(RETRY_AFTER_MAX);
        }
        if report.blocking_send(Report::Saved(id)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
