//! The lines of a recording, from its one or two files, with whatever damage they have met.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use qcluster_core::recording::Line;

/// The files of the recording that is kept at `path`, the older one first: `path` with `.1` behind it, where that is, and
/// `path`.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let mut before = OsString::from(path);
    before.push(".1");
    let before = PathBuf::from(before);
    let older = before.is_file().then_some(before);
    older.into_iter().chain([path.to_owned()]).collect()
}

/// Where a line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// In which file.
    pub file: PathBuf,
    /// Its number, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Why a line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The file ends within it: the node was killed, or the disk was full. Nothing is wrong with what stands before.
    CutOff,
    /// It is longer than any line that a node writes.
    TooLong,
    /// It is not a line of a recording: what the reader says.
    Unreadable(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff => f.write_str("the file ends within a line, as after a crash: it is left out"),
            Self::TooLong => write!(f, "damaged: longer than {} bytes", Lines::LEN_MAX),
            Self::Unreadable(why) => write!(f, "damaged: {why}"),
        }
    }
}

/// A line, or what is wrong with it, and where it stands.
pub type Numbered = (Place, Result<Line, Damage>);

/// The lines of some files, one after the other. Never holds more than one line.
pub struct Lines {
    files: std::vec::IntoIter<PathBuf>,
    open: Option<(Place, Box<dyn BufRead + Send>)>,
    buffer: Vec<u8>,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.open.as_ref().map(|(place, _)| place);
        f.debug_struct("Lines").field("at", &at).field("files", &self.files).finish_non_exhaustive()
    }
}

impl Lines {
    /// The longest line that is read, in bytes: several times what the largest state of a node comes to.
    pub const LEN_MAX: u64 = 1 << 20;

    /// Of those files, in that order.
    pub fn of(files: Vec<PathBuf>) -> Self {
        Self { files: files.into_iter(), open: None, buffer: Vec::new() }
    }

    /// Of what `reader` gives, which is no file, or not one that is to be opened by its name.
    pub fn read(name: PathBuf, reader: impl BufRead + Send + 'static) -> Self {
        Self { open: Some((Place { file: name, line: 0 }, Box::new(reader))), ..Self::of(Vec::new()) }
    }

    /// The next line, and where it stands; `None` behind the last.
    ///
    /// # Errors
    /// A file cannot be opened or read.
    #[allow(clippy::should_implement_trait, reason = "an error of the disk ends it, a damaged line does not")]
    pub fn next(&mut self) -> Result<Option<Numbered>, String> {
        loop {
            let Some((place, reader)) = &mut self.open else {
                let Some(file) = self.files.next() else { return Ok(None) };
                let opened = File::open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                self.open = Some((Place { file, line: 0 }, Box::new(BufReader::new(opened))));
                continue;
            };
            self.buffer.clear();
            let failed = |error: io::Error| format!("{}: {error}", place.file.display());
            let read = reader.take(Self::LEN_MAX).read_until(b'\n', &mut self.buffer).map_err(failed)?;
            if read == 0 {
                self.open = None;
                continue;
            }
            place.line += 1;
            let place = place.clone();
            if self.buffer.pop_if(|last| *last == b'\n').is_some() {
                return Ok(Some((place, parse(&self.buffer))));
            }
            let damage = if read as u64 == Self::LEN_MAX { Damage::TooLong } else { Damage::CutOff };
            reader.skip_until(b'\n').map_err(|error| format!("{}: {error}", place.file.display()))?;
            return Ok(Some((place, Err(damage))));
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Line, Damage> {
    let unreadable = |error: &dyn fmt::Display| Damage::Unreadable(error.to_string());
    let text = std::str::from_utf8(bytes).map_err(|error| unreadable(&error))?;
    Line::from_json(text).map_err(|error| unreadable(&error))
}
