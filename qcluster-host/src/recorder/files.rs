//! The two files of a recording: whole lines only, bounded together, and locked against a second node.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Room that a recording leaves on a disk, in bytes: what it would take could be wanted by this node's votes, or by anybody's. Of a
/// small disk a tenth.
const FREE_MIN: u64 = 16 * 1_024 * 1_024;

/// The present file and the one before it.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    before: PathBuf,
    /// How long each may get.
    len_max: u64,
    /// How many bytes of the disk that a file is on are there for a recording.
    spare: fn(&File) -> u64,
    present: Option<Present>,
}

/// The file that is written to.
#[derive(Debug)]
struct Present {
    file: File,
    /// How much of it is whole lines.
    len: u64,
}

impl Files {
    pub(super) fn new(path: &Path, max_bytes: u64) -> Self {
        let mut before = OsString::from(path);
        before.push(".1");
        let len_max = max_bytes / 2;
        Self { path: path.to_owned(), before: before.into(), len_max, spare: spare_on_disk, present: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the present file, if it is not open, and cuts off what a crash or a full disk has left of a line. Blocks.
    pub(super) fn open(&mut self) -> io::Result<()> {
        if let Some(Present { file, len }) = &self.present {
            return file.set_len(*len);
        }
        let mut file = locked(&self.path)?;
        let len = whole_lines(&mut file)?;
        file.set_len(len)?;
        self.present = Some(Present { file, len });
        Ok(())
    }

    /// How many bytes may still be written.
    pub(super) fn room(&self) -> u64 {
        self.present.as_ref().map_or(0, |present| self.len_max.saturating_sub(present.len))
    }

    /// Whether so little room is left that another file should be begun.
    pub(super) fn is_nearly_full(&self, room: u64) -> bool {
        room < self.len_max / 8
    }

    /// Appends lines. After an error the file ends anywhere, until it is opened again. Blocks.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let Some(Present { file, len }) = &mut self.present else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the file is not open"));
        };
        let wanted = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if wanted > (self.spare)(file) {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "little room is left on the disk, and others may need it",
            ));
        }
        file.write_all(lines)?;
        *len = len.saturating_add(wanted);
        Ok(())
    }

    /// Begins another file; the present one takes the place of the one before. Blocks.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        match fs::rename(&self.path, &self.before) {
            // Somebody has taken it away: there is nothing to keep.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
        // From here on what is open is the one before, and nothing more belongs into it.
        self.present = None;
        self.open()
    }
}

/// Where the system does not tell, all that there may be.
#[cfg(unix)]
fn spare_on_disk(file: &File) -> u64 {
    let bytes = |blocks: u64, disk: &rustix::fs::StatVfs| blocks.saturating_mul(disk.f_frsize);
    rustix::fs::fstatvfs(file)
        .map_or(u64::MAX, |disk| spare_of(bytes(disk.f_bavail, &disk), bytes(disk.f_blocks, &disk)))
}

#[cfg(not(unix))]
fn spare_on_disk(_: &File) -> u64 {
    u64::MAX
}

/// What a recording may take of a disk of `total` bytes with `free` left.
#[cfg_attr(not(unix), expect(dead_code, reason = "only Unix tells"))]
fn spare_of(free: u64, total: u64) -> u64 {
    free.saturating_sub(FREE_MIN.min(total / 10))
}

fn locked(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(io::ErrorKind::ResourceBusy, "another node writes to it")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// How long the part of a file is that ends with a line's end.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    const PIECE: u64 = 4_096;
    let mut piece = Vec::new();
    let mut end = file.seek(SeekFrom::End(0))?;
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(start))?;
        piece.clear();
        file.take(end - start).read_to_end(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + u64::try_from(at).unwrap_or(0) + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests;
