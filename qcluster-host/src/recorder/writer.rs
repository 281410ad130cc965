//! What the recording thread does with each entry: into the present file, into another one, or counted as lost.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use qcluster_core::Settings;
use qcluster_core::recording::{Gap, Line, Snapshot};

use super::Entry;
use super::files::Files;
use crate::log::TARGET;

/// Lines that are written at once, in bytes, or one more than that.
const BATCH: usize = 64 * 1_024;

#[derive(Debug)]
pub(super) struct Writer {
    files: Files,
    settings: Settings,
    wants_snapshot: Arc<AtomicBool>,
    retry_after: Duration,
    state: State,
    /// Whether a snapshot was asked for that has not come yet.
    asked: bool,
    /// Whole lines that are not written yet, and how many inputs they hold.
    batch: Vec<u8>,
    inputs: u64,
    /// Inputs that were given and not written since the last snapshot.
    lost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Inputs are written.
    Going,
    /// They are not, until a snapshot comes.
    Waiting,
    /// They are not, and the disk is left alone until then.
    Failed(Instant),
}

impl Writer {
    pub(super) fn new(
        files: Files,
        settings: Settings,
        wants_snapshot: Arc<AtomicBool>,
        retry_after: Duration,
    ) -> Self {
        let batch = Vec::with_capacity(BATCH);
        let (state, asked, inputs, lost) = (State::Waiting, false, 0, 0);
        Self { files, settings, wants_snapshot, retry_after, state, asked, batch, inputs, lost }
    }

    /// Whether it is time to [write out](Self::write_out).
    pub(super) fn has_batch(&self) -> bool {
        self.batch.len() >= BATCH
    }

    /// Takes an entry; lines are kept until they are written out, but for those that begin something. Blocks.
    pub(super) fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Start(start) => self.begin(&[Line::Start(start)]),
            Entry::Snapshot { at, state, lost } => {
                // What fails now belongs into the gap.
                self.write_out();
                let snapshot = Line::Snapshot(Snapshot::new(at, self.settings.clone(), state));
                self.lost = self.lost.saturating_add(lost);
                if self.lost > 0 {
                    let lost = self.lost;
                    let path = self.files.path().display();
                    tracing::warn!(name: "qcluster.record_gap", target: TARGET, %path, lost, "inputs are missing in the recording");
                    self.begin(&[Line::Gap(Gap { lost }), snapshot]);
                } else {
                    self.begin(&[snapshot]);
                }
            }
            Entry::Input(given) => match self.state {
                State::Going => self.append(&text(&[Line::Input(given)])),
                State::Waiting => self.lose(1),
                State::Failed(retry_at) => {
                    self.lose(1);
                    if Instant::now() >= retry_at {
                        self.ask_for_snapshot();
                    }
                }
            },
        }
    }

    /// Writes what is kept. Blocks.
    pub(super) fn write_out(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let result = self.files.append(&self.batch);
        self.batch.clear();
        let inputs = std::mem::take(&mut self.inputs);
        if let Err(error) = result {
            self.lose(inputs);
            self.fail(&error);
        }
    }

    /// Lines from which on the recording can be read: into another file, if this one is nearly full.
    fn begin(&mut self, lines: &[Line]) {
        self.asked = false;
        let lines = text(lines);
        match self.try_begin(&lines) {
            Ok(()) => {
                if let State::Failed(_) = self.state {
                    let path = self.files.path().display();
                    tracing::info!(name: "qcluster.record_goes_on", target: TARGET, %path, "the recording goes on");
                }
                (self.state, self.lost) = (State::Going, 0);
            }
            Err(error) => self.fail(&error),
        }
    }

    fn try_begin(&mut self, lines: &[u8]) -> io::Result<()> {
        self.files.open()?;
        if !self.fits(lines) || self.is_nearly_full() {
            self.files.rotate()?;
        }
        if !self.fits(lines) {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "max_bytes is too small for the state of the node",
            ));
        }
        self.files.append(lines)
    }

    fn append(&mut self, line: &[u8]) {
        if !self.fits(line) {
            // More came in than there was room left for, before the snapshot that was asked for.
            self.lose(1);
            self.state = State::Waiting;
            return self.ask_for_snapshot();
        }
        self.batch.extend_from_slice(line);
        self.inputs += 1;
        if self.is_nearly_full() {
            self.ask_for_snapshot();
        }
    }

    /// Once, until one comes.
    fn ask_for_snapshot(&mut self) {
        if !std::mem::replace(&mut self.asked, true) {
            self.wants_snapshot.store(true, Ordering::Relaxed);
        }
    }

    /// The room that is left behind what is kept.
    fn room(&self) -> u64 {
        self.files.room().saturating_sub(len(&self.batch))
    }

    fn fits(&self, lines: &[u8]) -> bool {
        len(lines) <= self.room()
    }

    fn is_nearly_full(&self) -> bool {
        self.files.is_nearly_full(self.room())
    }

    fn lose(&mut self, inputs: u64) {
        self.lost = self.lost.saturating_add(inputs);
    }

    fn fail(&mut self, error: &io::Error) {
        if !matches!(self.state, State::Failed(_)) {
            let path = self.files.path().display();
            tracing::warn!(
                name: "qcluster.record_failed", target: TARGET, %path, %error,
                "nothing is recorded until this is mended; the node goes on"
            );
        }
        self.state = State::Failed(Instant::now() + self.retry_after);
    }
}

fn text(lines: &[Line]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(line.to_json().as_bytes());
        text.push(b'\n');
    }
    text
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
