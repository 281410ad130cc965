//! Counters in the log, for a node that serves no HTTP.

use std::sync::Arc;

use qcluster_host::metrics::{CounterLog, LOG_PAUSE};
use qcluster_host::view::View;
use tokio::time::interval;

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
