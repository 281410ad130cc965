//! What an agent tells: lines for people on the standard output, lines of JSON in the events file.

mod gathered;
mod lines;

use std::cell::Cell;
use std::path::Path;
use std::time::Instant;

use qcluster::Timing;
use qcluster::{Event, EventKind, LostReason, Status, Stopped};

use crate::outlet::Outlet;
use crate::output::{self, LAST_LINES_TIME_MAX};
use gathered::Gathered;

/// Tells what happens to a node.
pub(crate) struct Reporter {
    identifier: String,
    /// Why this node no longer leads, until somebody else does.
    ended_by: Cell<Option<LostReason>>,
    /// Members and services that came and went, until it is time to tell of them together.
    gathered: Gathered,
    terminal: Outlet,
    events: Option<Outlet>,
    errors: Outlet,
}

impl Reporter {
    /// Opens the events file and starts what writes. The error is a sentence.
    pub(crate) fn start(identifier: &str, events: Option<&Path>, errors: &Outlet) -> Result<Self, String> {
        let me = identifier.to_owned();
        let missing = move |count| lines::missed(&me, count);
        let events = events.map(|path| output::events_file(path, missing, errors)).transpose()?;
        Ok(Self {
            identifier: identifier.to_owned(),
            ended_by: Cell::new(None),
            gathered: Gathered::default(),
            terminal: output::terminal().map_err(output::no_thread)?,
            events,
            errors: errors.clone(),
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

    /// Says so, and waits for everything to be written, a while at most: a reader that does not read, or a disk that has no
    /// room, does not keep the process.
    pub(crate) fn stopped(mut self, why: Stopped) {
        self.tell_gathered();
        if why == Stopped::Shutdown {
            self.write(Some(lines::stopped()), None);
        }
        let until = Instant::now() + LAST_LINES_TIME_MAX;
        self.terminal.flush(LAST_LINES_TIME_MAX);
        let left = until.saturating_duration_since(Instant::now());
        if self.events.as_ref().is_some_and(|events| !events.flush(left)) {
            self.errors.push(output::complaint("the last lines of the events file were not written"));
        }
    }

    fn write(&self, text: Option<String>, event: Option<String>) {
        if let (Some(event), Some(events)) = (event, &self.events) {
            events.push(event);
        }
        if let Some(text) = text {
            self.terminal.push(text);
        }
    }
}
