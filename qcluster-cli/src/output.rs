//! Where an agent writes: the standard output, the standard error and the events file, each behind an [`Outlet`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::outlet::{Outlet, Sink};
use crate::style;

/// How long the last lines may take at the end: those of the node, and then those about how it ended.
pub(crate) const LAST_LINES_TIME_MAX: Duration = Duration::from_secs(2);

/// How long to wait before a line is tried again that the events file did not take.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A standard stream of the process.
struct Stream<W>(fn() -> W);

impl<W: Write + 'static> Sink for Stream<W> {
    fn write(&mut self, line: &str) {
        let mut stream = (self.0)();
        // A closed pipe is not a reason to stop leading.
        let _ = writeln!(stream, "{line}").and_then(|()| stream.flush());
    }

    fn missing(&self, count: u64) -> String {
        format!("{}({count} lines were dropped here: the output was not read in time){}", style::WARN, style::PLAIN)
    }
}

/// What people read.
pub(crate) fn terminal() -> io::Result<Outlet> {
    Outlet::start("qcluster-stdout", Stream(anstream::stdout))
}

/// The log, and what goes wrong.
pub(crate) fn errors() -> io::Result<Outlet> {
    Outlet::start("qcluster-stderr", Stream(anstream::stderr))
}

/// A sentence about something that went wrong.
pub(crate) fn complaint(sentence: &str) -> String {
    format!("{}qcluster:{} {}", style::BAD, style::PLAIN, style::shown(sentence))
}

/// Takes the log, a whole entry at a time.
pub(crate) struct LogEntry(Outlet);

impl Write for LogEntry {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        self.0.push(String::from_utf8_lossy(entry).trim_end_matches('\n').to_owned());
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Outlet {
    type Writer = LogEntry;

    fn make_writer(&self) -> LogEntry {
        LogEntry(self.clone())
    }
}

/// The file with a line of JSON for each change. A line that it does not take is tried until it does: a disk that is full for a
/// while costs no line, and leaves half of one only if the node ends meanwhile.
struct EventsFile<W> {
    path: PathBuf,
    file: W,
    missing: Box<dyn Fn(u64) -> String + Send>,
    errors: Outlet,
}

impl<W: Write + Send + 'static> Sink for EventsFile<W> {
    fn write(&mut self, line: &str) {
        // One write a line, where there is room for it: it is with the system at once.
        let line = format!("{line}\n");
        let mut rest = line.as_bytes();
        let mut has_failed = false;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(written) if written > 0 => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                failed => {
                    let error = failed.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                    if !has_failed {
                        let path = self.path.display();
                        let sentence = format!("the events file {path} cannot be written, and is tried again: {error}");
                        self.errors.push(complaint(&sentence));
                    }
                    has_failed = true;
                    thread::sleep(RETRY_AFTER);
                }
            }
        }
        if has_failed {
            self.errors.push(complaint(&format!("the events file {} is written again", self.path.display())));
        }
    }

    fn missing(&self, count: u64) -> String {
        (self.missing)(count)
    }
}

/// Opens an events file, in which a line of `missing` stands for as many as were dropped. The error is a sentence.
pub(crate) fn events_file(
    path: &Path,
    missing: impl Fn(u64) -> String + Send + 'static,
    errors: &Outlet,
) -> Result<Outlet, String> {
    let refused = |error: io::Error| format!("the events file {} cannot be opened: {error}", path.display());
    if is_pipe(path) {
        return Err(refused(io::Error::other("it is a pipe, and opening it would wait for a reader")));
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(refused)?;
    if ends_in_half_a_line(path) {
        file.write_all(b"\n").map_err(refused)?;
    }
    let sink = EventsFile { path: path.to_owned(), file, missing: Box::new(missing), errors: errors.clone() };
    Outlet::start("qcluster-events", sink).map_err(no_thread)
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

/// What an earlier process left there when it ended.
fn ends_in_half_a_line(path: &Path) -> bool {
    let last = || {
        let mut file = File::open(path)?;
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok::<_, io::Error>(last[0])
    };
    // An empty file has no last byte, and a device none that could be read.
    fs::metadata(path).is_ok_and(|found| found.is_file()) && last().is_ok_and(|last| last != b'\n')
}

/// Why an [`Outlet`] could not start.
#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
pub(crate) fn no_thread(error: io::Error) -> String {
    format!("cannot start a thread: {error}")
}

#[cfg(test)]
mod tests;
