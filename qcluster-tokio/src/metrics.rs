//! What a node counts and measures, in one table: `/metrics` is encoded from it, and `tracing` is told of what has grown.

#[cfg_attr(
    not(feature = "http"),
    expect(dead_code, reason = "what is not a counter is read by the encoder of `/metrics` alone")
)]
mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::interval;

use crate::log;
use crate::measures::Histogram;
use crate::view::View;

pub(crate) use table::Value;
pub(crate) use table::families;
#[cfg(feature = "http")]
pub(crate) use table::{Family, Unit};

/// How often counters that have grown are told to `tracing`.
pub(crate) const LOG_PAUSE: Duration = Duration::from_secs(10);

/// What the HTTP server counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerCounters {
    /// By route and status; both are from fixed tables.
    pub(crate) requests: BTreeMap<(&'static str, u16), u64>,
    /// By route: how long answers took, those that waited for something to happen among them.
    pub(crate) durations: BTreeMap<&'static str, Histogram>,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    /// Those who wait for events now.
    pub(crate) watchers: u64,
}

/// What `tracing` was told of each counter.
#[derive(Debug, Default)]
pub(crate) struct CounterLog {
    told: BTreeMap<(&'static str, String), u64>,
}

impl CounterLog {
    /// Tells `tracing` of the counters that have grown since the last time.
    pub(crate) fn tell(&mut self, view: &View, server: Option<&ServerCounters>) {
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

/// Tells `tracing` of counters now and then until the node has stopped: for a node that serves no HTTP.
pub(crate) async fn log_counters(view: Arc<View>) {
    let mut leadership = view.leadership();
    let (mut log, mut pause) = (CounterLog::default(), interval(LOG_PAUSE));
    loop {
        tokio::select! {
            _ = pause.tick() => log.tell(&view, None),
            // The channel closes with the node.
            change = leadership.changed() => if change.is_err() { break },
        }
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
