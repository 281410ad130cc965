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
    /// What the thread was asked for and has not saved yet.
    under_way: Option<PersistId>,
    /// Whether the end of the thread was reported.
    has_ended: bool,
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
    /// The thread has ended by itself, with that save under way: nothing is saved any more.
    Ended(Option<PersistId>),
}

impl Disk {
    /// `alive` is dropped when the directory is unlocked.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(mut store: Store, alive: impl Send + 'static) -> io::Result<Self> {
        let path = store.path().to_owned();
        Self::saving(path, move |record| store.save(record), alive)
    }

    /// As [`Disk::start`], where `save` is what saves a record.
    pub(crate) fn saving(
        path: PathBuf,
        save: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
        alive: impl Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(UNDER_WAY_MAX);
        let (report, reports) = mpsc::channel(UNDER_WAY_MAX);
        thread::Builder::new().name("qcluster-disk".into()).spawn(move || {
            save_all(save, &queue, &report);
            drop(alive);
        })?;
        Ok(Self { jobs, reports, path, under_way: None, has_ended: false })
    }

    /// Begins to save a record; what becomes of it comes from [`Disk::report`].
    ///
    /// # Errors
    /// The thread has gone, or more is under way than the core ever has.
    pub fn save(&mut self, id: PersistId, record: &[u8]) -> io::Result<()> {
        self.jobs.try_send((id, record.to_vec())).map_err(|error| io::Error::other(error.to_string()))?;
        self.under_way = Some(id);
        Ok(())
    }

    /// The next report. None comes after [`Report::Ended`]: then [`Disk::save`] fails. Cancelling the wait loses nothing.
    pub async fn report(&mut self) -> Report {
        if self.has_ended {
            return std::future::pending().await;
        }
        let Some(report) = self.reports.recv().await else {
            // Nobody else would notice: while a save is under way, the core asks for no other one.
            self.has_ended = true;
            return Report::Ended(self.under_way.take());
        };
        if let Report::Saved(id) = report {
            self.under_way.take_if(|under_way| *under_way == id);
        }
        report
    }

    /// Where the record is.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }
}

/// Until nobody asks for saves any more, or hears of them.
fn save_all(mut save: impl FnMut(&[u8]) -> io::Result<()>, queue: &Receiver<Job>, report: &mpsc::Sender<Report>) {
    let mut next = None;
    while let Some((id, record)) = next.take().or_else(|| queue.recv().ok()) {
        let mut pause = RETRY_AFTER;
        while let Err(error) = save(&record) {
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
