//! One record in one directory: replaced whole or not at all, and locked against a second process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::DataDirError;

const RECORD: &str = "hard_state";
const NEW_RECORD: &str = "hard_state.new";
const LOCK: &str = "lock";

/// No record is nearly as long: more is not read, and whatever it is, it is damaged.
const RECORD_LEN_MAX: u64 = 4_096;

/// A locked data directory.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    record: PathBuf,
    /// Held as long as the store incarnations. `None` where the disk could not be written: then nothing is.
    lock: Option<File>,
}

/// What the last incarnation left.
#[derive(Debug, PartialEq, Eq)]
pub enum Saved {
    /// No incarnation has saved anything here.
    Nothing,
    /// What was saved last, not looked at yet.
    Record(Vec<u8>),
}

impl Store {
    /// Makes the directory if need be, locks it, and reads what is there. Blocks.
    ///
    /// # Errors
    /// Another process uses the directory, or it cannot be used.
    pub fn open(dir: &Path) -> Result<(Self, Saved), DataDirError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            |error| DataDirError::Unusable { path, error }
        };
        match fs::create_dir_all(dir) {
            Err(error) if !cannot_write(&error) => return Err(unusable(dir)(error)),
            Err(_) | Ok(()) => {}
        }
        let lock = lock(&dir.join(LOCK))?;
        let record = dir.join(RECORD);
        let saved = match read(&record) {
            Ok(bytes) => Saved::Record(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Saved::Nothing,
            Err(error) => return Err(unusable(&record)(error)),
        };
        Ok((Self { dir: dir.to_owned(), record, lock }, saved))
    }

    /// Replaces the record. After an error nobody knows what the disk holds: the old record, or the new one. Blocks.
    ///
    /// # Errors
    /// What the system said.
    pub fn save(&self, record: &[u8]) -> io::Result<()> {
        if self.lock.is_none() {
            return Err(io::Error::new(
                io::ErrorKind::ReadOnlyFilesystem,
                "could not be written when the node started",
            ));
        }
        let new = self.dir.join(NEW_RECORD);
        let mut file = File::create(&new)?;
        file.write_all(record)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&new, &self.record)?;
        sync_dir(&self.dir)
    }

    /// Where the record is.
    pub fn path(&self) -> &Path {
        &self.record
    }
}

fn lock(path: &Path) -> Result<Option<File>, DataDirError> {
    let unusable = |error| DataDirError::Unusable { path: path.to_owned(), error };
    // A lock needs no more than an open file, so one that is there serves on a disk that has become read-only.
    let open = || OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = match open().or_else(|error| File::open(path).map_err(|_| error)) {
        Ok(file) => file,
        // The node starts, and says by E16 that it cannot save.
        Err(error) if cannot_write(&error) => return Ok(None),
        Err(error) => return Err(unusable(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(DataDirError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

fn cannot_write(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(RECORD_LEN_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A rename is safe only once the directory that says so is.
#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Directories cannot be synced here, and need not be.
#[cfg(not(unix))]
fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
