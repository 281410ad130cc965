//! Lines of figures: what was measured, what it has to be, and whether it is.

use std::fmt::Display;

use qcluster_core::Span;
use rustix::time::{ClockId, clock_gettime};

/// What one question came to.
pub(crate) struct Report {
    name: &'static str,
    /// The first of the seeds that decide the runs.
    pub(crate) seed: u64,
    begun_s: f64,
    missed: usize,
}

impl Report {
    pub(crate) fn begin(name: &'static str, seed: u64) -> Self {
        Self { name, seed, begun_s: processor_s(), missed: 0 }
    }

    /// A figure that has to be met.
    pub(crate) fn gate(&mut self, what: &str, figure: impl Display, gate: impl Display, is_met: bool) {
        let verdict = if is_met { "met" } else { "MISSED" };
        self.missed += usize::from(!is_met);
        println!("{:<22} {what:<40} {figure:>12}   gate {gate:<12} {verdict}", self.name);
    }

    /// A figure that tells something.
    pub(crate) fn figure(&self, what: &str, figure: impl Display) {
        println!("{:<22} {what:<40} {figure:>12}", self.name);
    }

    pub(crate) fn end(self) -> usize {
        let took = processor_s() - self.begun_s;
        println!("{:<22} {:<40} {:>10.1} s", self.name, format!("processor time, seeds from {}", self.seed), took);
        self.missed
    }
}

/// Seconds with a fraction.
pub(crate) fn seconds(span: Span) -> String {
    format!("{:.2} s", millis(span) / 1_000.0)
}

pub(crate) fn millis(span: Span) -> f64 {
    f64::from(u32::try_from(span.as_millis()).unwrap_or(u32::MAX))
}

/// The value that is in the middle, and those at both ends.
pub(crate) fn spread(mut spans: Vec<Span>) -> [Span; 3] {
    spans.sort_unstable();
    let at = |index: usize| spans.get(index).copied().unwrap_or(Span::ZERO);
    [at(0), at(spans.len() / 2), at(spans.len().saturating_sub(1))]
}

fn processor_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[allow(clippy::cast_precision_loss, reason = "it is shown with one digit")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}
