//! What a node counts and measures, in one table: `/metrics` is encoded from it, and `tracing` is told of what has grown.

mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::log;
use crate::measures::Histogram;
use crate::view::View;

pub use table::{Family, Labels, Unit, Value, families};

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
    /// Connections that were closed at once, since there were too many.
    pub refused: u64,
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
            for family in families(seen, measures, server) {
                for (labels, value) in &family.values {
                    let Value::Counter(value) = value else { continue };
                    let labels = labels_text(labels);
                    let last = self.told.insert((family.name, labels.clone()), *value).unwrap_or(0);
                    if *value > last {
                        log::counter(seen.subject.rules.id(), family.name, &labels, *value, value - last);
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
