//! Counters in the log, for a node that serves no HTTP.

use std::time::Duration;

use crate::metrics::{CounterLog, LOG_PAUSE};
use crate::runtime::Runtime;
use crate::view::View;

/// Tells `tracing` of counters now and then until the node has stopped: for a node that serves no HTTP.
pub(crate) async fn log_counters(view: &View, runtime: &dyn Runtime) {
    let mut leadership = view.leadership();
    let (mut log, mut pause) = (CounterLog::default(), runtime.sleep(Duration::ZERO));
    loop {
        tokio::select! {
            () = pause.as_mut() => {
                log.tell(view, None);
                pause = runtime.sleep(LOG_PAUSE);
            }
            // The channel closes with the node.
            change = leadership.changed() => if change.is_err() { break },
        }
    }
}
