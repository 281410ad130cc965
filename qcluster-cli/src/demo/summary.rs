//! The figures of a demonstration.

use std::fmt;
use std::time::Duration;

use qcluster::Preset;
use serde_json::json;

/// How long each fail-over took.
pub(crate) struct Summary {
    preset: Preset,
    samples: Vec<Duration>,
}

impl Summary {
    pub(crate) fn new(preset: Preset) -> Self {
        Self { preset, samples: Vec::new() }
    }

    pub(crate) fn add(&mut self, sample: Duration) {
        self.samples.push(sample);
    }

    /// One line for programs; times in milliseconds.
    pub(crate) fn json(&self) -> String {
        let (min, median, max) = self.figures();
        let samples: Vec<f64> = self.samples.iter().copied().map(millis).collect();
        json!({
            "rounds": samples.len(),
            "timing": self.preset,
            "failover_ms": { "min": millis(min), "median": millis(median), "max": millis(max) },
            "samples_ms": samples,
        })
        .to_string()
    }

    /// Shortest, median and longest; of an even number of samples the median is the mean of the middle two.
    fn figures(&self) -> (Duration, Duration, Duration) {
        let mut sorted = self.samples.clone();
        sorted.sort_unstable();
        let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
        let last = sorted.len().saturating_sub(1);
        let median = (at(last / 2) + at(sorted.len() / 2)) / 2;
        (at(0), median, at(last))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, median, max) = self.figures();
        let rounds = self.samples.len();
        let times = if rounds == 1 { "once" } else { "times" };
        let count = if rounds == 1 { String::new() } else { format!("{rounds} ") };
        write!(
            f,
            "{count}{times}: shortest {} ms, median {} ms, longest {} ms",
            whole_ms(min),
            whole_ms(median),
            whole_ms(max)
        )
    }
}

/// Rounded, alike wherever a person reads it.
pub(crate) fn whole_ms(duration: Duration) -> u128 {
    (duration.as_micros() + 500) / 1_000
}

fn millis(duration: Duration) -> f64 {
    // To the microsecond: the rest is noise.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests;
