//! The hard state on disk, saved by a thread of its own so that a slow disk never delays a heartbeat.

mod store;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use qcluster_core::PersistId;
use tokio::sync::mpsc;

pub use store::{Saved, Store};

/// The core has one record under way at a time; the second place is for the next one.
const UNDER_WAY_MAX: usize = 2;

/// Saves records one after the other. Dropped, it ends after the record under way and unlocks the directory.
#[derive(Debug)]
pub struct Disk {
    jobs: SyncSender<(PersistId, Vec<u8>)>,
    done: mpsc::Receiver<Done>,
    path: PathBuf,
}

/// How a save went.
#[derive(Debug)]
pub struct Done {
    /// Which save it was.
    pub id: PersistId,
    /// What the system said.
    pub result: io::Result<()>,
}

impl Disk {
    /// `alive` is dropped when the directory is unlocked.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(store: Store, alive: impl Send + 'static) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<(PersistId, Vec<u8>)>(UNDER_WAY_MAX);
        let (report, done) = mpsc::channel(UNDER_WAY_MAX);
        let path = store.path().to_owned();
        thread::Builder::new().name("qcluster-disk".into()).spawn(move || {
            while let Ok((id, record)) = queue.recv() {
                let result = store.save(&record);
                if report.blocking_send(Done { id, result }).is_err() {
                    break;
                }
            }
            drop(store);
            drop(alive);
        })?;
        Ok(Self { jobs, done, path })
    }

    /// Begins to save a record; the report comes from [`Disk::done`].
    ///
    /// # Errors
    /// The thread has gone, or more is under way than the core ever has.
    pub fn save(&self, id: PersistId, record: &[u8]) -> io::Result<()> {
        self.jobs.try_send((id, record.to_vec())).map_err(|error| io::Error::other(error.to_string()))
    }

    /// The next report. Never, if the thread is gone: then [`Disk::save`] fails.
    pub async fn done(&mut self) -> Done {
        match self.done.recv().await {
            Some(done) => done,
            None => std::future::pending().await,
        }
    }

    /// Where the record is.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }
}

#[cfg(test)]
mod tests;
