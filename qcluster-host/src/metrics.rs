//! What a node counts and measures, in one table: applications are given it, `/metrics` is encoded from it, and `tracing` is told of
//! what has grown.

mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::log;
use crate::measures::Histogram;
use crate::view::View;

pub use table::metrics;

/// What a node counts or measures under one name, by label: what `/metrics` shows of it, without the text around it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Without the prefix `qcluster_`, the unit, and the `_total` of a counter. Names never change.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// Of its values, if they have one.
    pub unit: Option<MetricUnit>,
    /// One for each combination of labels.
    pub samples: Vec<Sample>,
}

impl Metric {
    /// The name as `/metrics` has it: `qcluster_fail_over_seconds`, `qcluster_elections_won_total`.
    pub fn full_name(&self) -> String {
        let unit = match self.unit {
            Some(MetricUnit::Seconds) => "_seconds",
            Some(MetricUnit::Bytes) => "_bytes",
            None => "",
        };
        let first = self.samples.first().map(|sample| &sample.value);
        let total = matches!(first, Some(MetricValue::Counter(_) | MetricValue::Seconds(_)));
        format!("qcluster_{}{unit}{}", self.name, if total { "_total" } else { "" })
    }
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// From fixed tables, names of configured nodes apart.
    pub labels: Labels,
    /// What it is now.
    pub value: MetricValue,
}

/// Names and values of labels.
pub type Labels = Vec<(&'static str, String)>;

/// What a number counts or measures, as the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricUnit {
    /// `_seconds`.
    Seconds,
    /// `_bytes`.
    Bytes,
}

/// What is shown of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// A number that only grows.
    Counter(u64),
    /// A time that only grows.
    Seconds(Duration),
    /// A number that goes up and down.
    Gauge(u64),
    /// A time that goes up and down.
    Level(Duration),
    /// Times, counted by bucket.
    Histogram(Histogram),
}

/// How often counters that have grown are told to `tracing`.
pub const LOG_PAUSE: Duration = Duration::from_secs(10);

/// What the HTTP server counts.
#[derive(Clone, Debug, Default)]
pub struct ServerCounters {
    /// By route and status; both are from fixed tables.
    pub requests: BTreeMap<(&'static str, u16), u64>,
    /// By route: how long answers took, those that waited for something to happen among them.
    pub durations: BTreeMap<&'static str, Histogram>,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that were closed at once, since there were too many, all of them served.
    pub refused: u64,
    /// Connections that were idle, and were closed in favour of another one.
    pub displaced: u64,
    /// Those who wait for events now.
    pub watchers: u64,
}

/// What `tracing` was told of each counter.
#[derive(Debug, Default)]
pub struct CounterLog {
    told: BTreeMap<(&'static str, String), u64>,
}

impl CounterLog {
    /// Tells `tracing` of the counters that have grown since the last time.
    pub fn tell(&mut self, view: &View, server: Option<&ServerCounters>) {
        if !tracing::enabled!(target: log::TARGET, tracing::Level::DEBUG) {
            return;
        }
        view.look(|seen, measures| {
            for metric in metrics(seen, measures, server) {
                for Sample { labels, value } in &metric.samples {
                    let MetricValue::Counter(value) = value else { continue };
                    let labels = labels_text(labels);
                    let last = self.told.insert((metric.name, labels.clone()), *value).unwrap_or(0);
                    if *value > last {
                        log::counter(seen.subject.rules.id(), metric.name, &labels, *value, value - last);
                    }
                }
            }
        });
    }
}

fn labels_text(labels: &[(&'static str, String)]) -> String {
    let mut text = String::new();
    for (index, (name, value)) in labels.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{name}={value}", if index == 0 { "" } else { " " });
    }
    text
}
