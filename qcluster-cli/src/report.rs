//! What an agent tells: lines for people on the standard output, lines of JSON in the events file.
//!
//! A thread of its own writes both, so that a full pipe or a slow disk never costs the node its lease.

mod gathered;
mod lines;

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use qcluster::Timing;
use qcluster::{Event, EventKind, LostReason, Status, Stopped};

use crate::style;
use gathered::Gathered;

/// Lines that may wait for the writer. Beyond that they are given up: the node goes first.
const WAITING_MAX: usize = 1_024;

/// How long the last lines may take at the end.
const LAST_LINES_TIME_MAX: Duration = Duration::from_secs(2);

/// What the writer is given: a line for people, a line for programs, or both.
struct Lines {
    text: Option<String>,
    event: Option<String>,
}

/// The near end of the writer.
pub(crate) struct Reporter {
    identifier: String,
    /// Why this node no longer leads, until somebody else does.
    ended_by: Cell<Option<LostReason>>,
    /// Members and services that came and went, until it is time to tell of them together.
    gathered: Gathered,
    lines: SyncSender<Lines>,
    ended: Receiver<()>,
}

impl Reporter {
    /// Opens the events file and starts the writer. The error is a sentence.
    pub(crate) fn start(identifier: &str, events: Option<&Path>) -> Result<Self, String> {
        let open = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.map_err(|error| format!("the events file {} cannot be opened: {error}", path.display()))
        };
        let events = events.map(open).transpose()?;
        let (lines, queue) = sync_channel(WAITING_MAX);
        let (end, ended) = channel();
        let writer = move || {
            write_all(&queue, events);
            // The waiting side may have given up.
            let _ = end.send(());
        };
        let thread = thread::Builder::new().name("qcluster-report".into()).spawn(writer);
        thread.map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Self {
            identifier: identifier.to_owned(),
            ended_by: Cell::new(None),
            gathered: Gathered::default(),
            lines,
            ended,
        })
    }

    pub(crate) fn started(&self, status: &Status, timing: &Timing, voters: usize, durable: bool) {
        self.write(Some(lines::started(status, timing, voters, durable)), None);
    }

    /// When to call [`Self::tell_gathered`], if there is something to tell.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.gathered.due()
    }

    pub(crate) fn tell_gathered(&mut self) {
        for line in self.gathered.take() {
            self.write(Some(line), None);
        }
    }

    pub(crate) fn change(&mut self, change: &Event) {
        match &change.kind {
            EventKind::Lost { reason, .. } => self.ended_by.set(Some(*reason)),
            EventKind::Elected { .. } | EventKind::Leader { leader: Some(_), .. } => self.ended_by.set(None),
            _ => {}
        }
        let text = lines::text(&self.identifier, self.ended_by.get(), change);
        if let Some(about) = gathered::about(change) {
            self.gathered.note(change.at, about, text.unwrap_or_default());
            return;
        }
        if text.is_some() {
            // Lines come in the order in which things happened.
            self.tell_gathered();
        }
        self.write(text, lines::event(&self.identifier, change));
    }

    /// Says so, and waits for everything to be written, a while at most.
    pub(crate) fn stopped(mut self, why: Stopped) {
        self.tell_gathered();
        if why == Stopped::Shutdown {
            self.write(Some(lines::stopped()), None);
        }
        drop(self.lines);
        // A reader that has gone to sleep does not keep the process.
        let _ = self.ended.recv_timeout(LAST_LINES_TIME_MAX);
    }

    fn write(&self, text: Option<String>, event: Option<String>) {
        match self.lines.try_send(Lines { text, event }) {
            // Full: nobody reads. Disconnected: the writer is gone, and so is its output.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

fn write_all(queue: &Receiver<Lines>, mut events: Option<File>) {
    while let Ok(Lines { text, event }) = queue.recv() {
        if let (Some(event), Some(file)) = (event, &mut events) {
            // One write a line: readers never see half of one, and it is with the system at once.
            if let Err(error) = file.write_all(format!("{event}\n").as_bytes()) {
                anstream::eprintln!(
                    "{}qcluster:{} the events file cannot be written: {error}",
                    style::BAD,
                    style::PLAIN
                );
                events = None;
            }
        }
        if let Some(text) = text {
            // A closed pipe is not a reason to stop leading.
            let mut stdout = anstream::stdout();
            let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
        }
    }
}
