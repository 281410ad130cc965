//! What a failure looks like on a terminal: which rule, the number that replays it, a small schedule, the last events.

use std::fmt::Write as _;

use crate::minimize::minimize;
use crate::oracle::Violation;
use crate::schedule::Schedule;
use crate::trace::{Record, Trace};
use crate::world::Recording;

/// How many events a report ends with.
const EVENTS: usize = 50;
/// How many runs the search for a small schedule may take.
const RUNS_MAX: u32 = 1_500;

/// A failure with all that is needed to understand it.
#[derive(Clone, Debug)]
pub struct Report {
    /// The rule that was broken in the run as it was drawn.
    pub violation: Violation,
    /// A small schedule that breaks the same rule.
    pub schedule: Schedule,
    /// What happens in it.
    pub trace: Trace,
    /// How its breach reads.
    pub minimized: Violation,
    command: String,
}

impl Report {
    /// Looks into a failure of `schedule`, which `command` replays.
    pub fn new(schedule: &Schedule, violation: &Violation, command: String) -> Self {
        let schedule = minimize(schedule, violation.rule, RUNS_MAX).schedule;
        let outcome = schedule.run(Recording::On);
        let (trace, minimized) = match outcome {
            Ok(outcome) => (outcome.trace, outcome.violation),
            Err(_) => (Trace::default(), None),
        };
        let minimized = minimized.unwrap_or_else(|| violation.clone());
        Self { violation: violation.clone(), schedule, trace, minimized, command }
    }

    /// The report as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "VIOLATION of {}", self.violation);
        let _ = writeln!(text, "\nreplay it with\n    {}", self.command);
        let _ = writeln!(text, "\nminimized ({}; save it to replay it with --schedule FILE):\n", self.minimized);
        for line in self.schedule.to_string().lines() {
            let _ = writeln!(text, "    {line}");
        }
        let _ = writeln!(text, "\nthe last {EVENTS} events of it:\n");
        let first = self.trace.records.len().saturating_sub(EVENTS);
        text.push_str(&in_words(&self.trace.records[first..]));
        text
    }
}

/// Events in words, one a line.
pub fn in_words(records: &[Record]) -> String {
    records.iter().fold(String::new(), |mut text, record| {
        let _ = writeln!(text, "{record}");
        text
    })
}
