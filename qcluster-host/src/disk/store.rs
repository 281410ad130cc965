//! One record in one directory: replaced whole or not at all, and locked against a second process.
//!
//! What the next save needs it has already: the open directory, a file with room for the record, and a spare file descriptor.
//! A disk that fills up or a process out of descriptors fails the save after that, which is tried again. Where a file system
//! does not overwrite in place, that room is not certain.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::DataDirError;

const RECORD: &str = "hard_state";
const NEW_RECORD: &str = "hard_state.new";
const LOCK: &str = "lock";

/// No record is nearly as long: more is not read, and whatever it is, it is damaged. Room for so much is kept.
const RECORD_LEN_MAX: u16 = 4_096;

/// A locked data directory.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    record: PathBuf,
    /// What the record holds.
    last: Option<Vec<u8>>,
    /// The device of the directory, where the system tells it.
    device: Option<u64>,
    /// `None` where the directory could not be written, or has gone: the next save looks for it.
    place: Option<Place>,
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
    /// Another process uses the directory, or it cannot be used. That it cannot be written is no error: the first save says so.
    pub fn open(dir: &Path) -> Result<(Self, Saved), DataDirError> {
        match make_dir(dir) {
            // What is not there cannot be waited for either: why it could not be made says more than that it is missing.
            Err(error) if !cannot_write(&error) || !dir.is_dir() => {
                return Err(DataDirError::Unusable { path: dir.to_owned(), error });
            }
            Err(_) | Ok(()) => {}
        }
        let place = match Place::open(dir) {
            Ok(place) => Some(place),
            Err(DataDirError::Unusable { error, .. }) if cannot_write(&error) => None,
            Err(error) => return Err(error),
        };
        let record = dir.join(RECORD);
        let last = read(&record).map_err(|error| DataDirError::Unusable { path: record.clone(), error })?;
        let saved = last.clone().map_or(Saved::Nothing, Saved::Record);
        let device = place.as_ref().and_then(Place::device);
        Ok((Self { dir: dir.to_owned(), record, last, device, place }, saved))
    }

    /// Replaces the record. Blocks.
    ///
    /// # Errors
    /// What the system said. The directory then holds the record of before or this one, and nobody knows which: until a later save
    /// succeeds, nothing may rest on either.
    pub fn save(&mut self, record: &[u8]) -> io::Result<()> {
        if let Some(place) = &self.place
            && !place.is_at(&self.dir)?
        {
            self.place = None;
        }
        let mut place = match self.place.take() {
            Some(place) => place,
            None => self.find_place(record)?,
        };
        let saved = place.replace(&self.dir, &self.record, record);
        self.place = Some(place);
        saved?;
        self.last = Some(record.to_vec());
        Ok(())
    }

    /// Makes the directory once more, or takes the one that has come in its place. `record` is what is to be saved there.
    fn find_place(&mut self, record: &[u8]) -> io::Result<Place> {
        make_dir(&self.dir)?;
        let place = Place::open(&self.dir).map_err(|error| match error {
            DataDirError::Unusable { error, .. } => error,
            locked @ DataDirError::Locked { .. } => io::Error::other(locked.to_string()),
        })?;
        // It may be anybody's, and what was promised there must not be forgotten. A save that failed may have got as far as to replace
        // the record.
        match read(&self.record)? {
            Some(found) if found != record && self.last.as_ref() != Some(&found) => Err(io::Error::other(
                "the directory holds another record than the one that was saved last: put the right directory back",
            )),
            // A volume that was unmounted comes back, with what it held.
            None if self.last.is_some() && self.device.is_some() && place.device() != self.device => {
                Err(io::Error::other("the directory is on another device than before: mount the right one"))
            }
            Some(_) | None => {
                self.device = place.device();
                Ok(place)
            }
        }
    }

    /// Where the record is.
    pub fn path(&self) -> &Path {
        &self.record
    }
}

/// A directory that is locked for as long as this lives.
#[derive(Debug)]
struct Place {
    lock: File,
    /// What syncs it. `None` where directories cannot be opened, and need not be synced.
    dir: Option<File>,
    /// What the next record is written into. `None` if there was no room for it.
    next: Option<File>,
    /// Given up where a file cannot be opened otherwise.
    reserve: Option<File>,
}

impl Place {
    fn open(path: &Path) -> Result<Self, DataDirError> {
        let lock = lock(&path.join(LOCK))?;
        let dir = open_dir(path).map_err(|error| DataDirError::Unusable { path: path.to_owned(), error })?;
        let reserve = lock.try_clone().ok();
        let mut place = Self { lock, dir, next: None, reserve };
        place.next = place.make_room(&path.join(NEW_RECORD)).ok();
        Ok(place)
    }

    /// Whether that directory is still the one that is locked, by the lock file that others would find.
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let is_dir = self.dir.as_ref().map_or_else(|| Ok(path.is_dir()), |dir| is_same(dir, path))?;
        Ok(is_dir && is_same(&self.lock, &path.join(LOCK))?)
    }

    fn device(&self) -> Option<u64> {
        device_of(&self.lock)
    }

    fn replace(&mut self, dir: &Path, record_path: &Path, record: &[u8]) -> io::Result<()> {
        let new = dir.join(NEW_RECORD);
        let mut file = match self.next.take() {
            Some(file) if is_same(&file, &new)? => file,
            Some(_) | None => self.make_room(&new)?,
        };
        file.rewind()?;
        file.write_all(record)?;
        file.set_len(record.len() as u64)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&new, record_path)?;
        // A rename is safe only once the directory that says so is.
        if let Some(dir) = &self.dir {
            dir.sync_all()?;
        }
        self.next = self.make_room(&new).ok();
        self.reserve = self.reserve.take().or_else(|| self.lock.try_clone().ok());
        Ok(())
    }

    /// A file that has room for a record, as far as the file system tells before it is synced.
    fn make_room(&mut self, path: &Path) -> io::Result<File> {
        let mut file = create(path).or_else(|_| {
            self.reserve = None;
            create(path)
        })?;
        file.write_all(&[0; RECORD_LEN_MAX as usize])?;
        Ok(file)
    }
}

/// Whatever is there is removed and not opened: it could be a pipe, or another name of the record.
fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    OpenOptions::new().create_new(true).write(true).open(path)
}

/// Makes the directory if it is not there, so that it is there after a crash too.
fn make_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    open_dir(parent)?.map_or(Ok(()), |parent| parent.sync_all())
}

/// Opening a pipe waits for its other end: nothing but a file is opened.
fn expect_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn lock(path: &Path) -> Result<File, DataDirError> {
    let unusable = |error| DataDirError::Unusable { path: path.to_owned(), error };
    expect_file(path).map_err(unusable)?;
    // A lock needs no more than an open file, so one that is there serves on a disk that has become read-only.
    let open = || OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = open().or_else(|error| File::open(path).map_err(|_| error)).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataDirError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

fn cannot_write(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
}

/// The record, if there is one.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    expect_file(path)?;
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(RECORD_LEN_MAX.into()).read_to_end(&mut bytes).map(|_| Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn open_dir(path: &Path) -> io::Result<Option<File>> {
    File::open(path).map(Some)
}

/// Directories cannot be synced here, and need not be.
#[cfg(not(unix))]
fn open_dir(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// Whether what is open is what is found under that path.
#[cfg(unix)]
fn is_same(open: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |found: &fs::Metadata| (found.dev(), found.ino());
    match fs::metadata(path) {
        Ok(found) => Ok(identity(&found) == identity(&open.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The standard library does not tell here: what is found is taken for what is open.
#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> io::Result<bool> {
    Ok(path.exists())
}

/// On which device it is, where the system tells.
#[cfg(unix)]
fn device_of(file: &File) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    file.metadata().ok().map(|found| found.dev())
}

#[cfg(not(unix))]
fn device_of(_: &File) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests;
