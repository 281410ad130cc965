//! What nodes log, kept until a thread of Python reads it. A node never waits for that: lines that do not fit are dropped, and counted.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::wait::without_interpreter;

/// Lines that wait at most.
const LINES_MAX: usize = 1_024;

/// The longest wait at a time: the interpreter may end meanwhile.
const SLICE: Duration = Duration::from_millis(500);

/// What is being written to.
static CURRENT: ArcSwapOption<Lines> = ArcSwapOption::const_empty();

/// A line: level as Python counts, target, name, what it says, and its fields.
type Line = (u8, String, String, String, Vec<(String, String)>);

/// Lines of all nodes of this process that Python has not read yet.
#[pyclass(frozen, module = "qcluster._qcluster")]
pub(crate) struct LogFeed(Arc<Lines>);

struct Lines {
    process: u32,
    inside: Mutex<Inside>,
    arrive: Condvar,
}

#[derive(Default)]
struct Inside {
    lines: VecDeque<Line>,
    dropped: u64,
    is_poked: bool,
}

impl Lines {
    fn put(&self, line: Line) {
        // In a child process nobody reads, and the lock may be held by a thread that is not there.
        if process::id() != self.process {
            return;
        }
        let mut inside = self.inside();
        if inside.lines.len() < LINES_MAX {
            inside.lines.push_back(line);
        } else {
            inside.dropped += 1;
        }
        drop(inside);
        self.arrive.notify_one();
    }

    fn take(&self) -> (Vec<Line>, u64) {
        let is_empty = |inside: &mut Inside| inside.lines.is_empty() && !inside.is_poked;
        let waited = self.arrive.wait_timeout_while(self.inside(), SLICE, is_empty);
        let mut inside = waited.unwrap_or_else(PoisonError::into_inner).0;
        inside.is_poked = false;
        (inside.lines.drain(..).collect(), std::mem::take(&mut inside.dropped))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl LogFeed {
    /// A feed, which takes the place of the one before.
    #[new]
    fn new() -> Self {
        let lines = Lines { process: process::id(), inside: Mutex::default(), arrive: Condvar::new() };
        let lines = Arc::new(lines);
        CURRENT.store(Some(Arc::clone(&lines)));
        // In a process that has one already, it is this one.
        let _ = tracing::subscriber::set_global_default(ToPython);
        Self(lines)
    }

    /// The lines since the last time, and how many were dropped; waits for the first one, half a second at most.
    fn take(&self, py: Python<'_>) -> PyResult<(Vec<Line>, u64)> {
        without_interpreter(py, || self.0.take())
    }

    /// Ends the wait for lines.
    fn poke(&self) {
        self.0.inside().is_poked = true;
        self.0.arrive.notify_one();
    }
}

/// Gives lines to Python.
struct ToPython;

impl Subscriber for ToPython {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("qcluster") && *metadata.level() <= Level::DEBUG
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // Every line names its node: spans are not told apart.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(lines) = &*CURRENT.load() else { return };
        let mut told = Told::default();
        event.record(&mut told);
        let metadata = event.metadata();
        let (target, name) = (metadata.target().to_owned(), metadata.name().to_owned());
        lines.put((level(*metadata.level()), target, name, told.message, told.fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// As Python counts.
fn level(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

#[derive(Default)]
struct Told {
    message: String,
    fields: Vec<(String, String)>,
}

impl Told {
    fn tell(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if field.name() == "message" {
            // Writing to a string cannot fail.
            let _ = self.message.write_fmt(value);
        } else {
            self.fields.push((field.name().to_owned(), value.to_string()));
        }
    }
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.tell(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.tell(field, format_args!("{value:?}"));
    }
}
