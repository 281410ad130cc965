//! What the host asks of a runtime, as tokio gives it.

use std::time::Duration;

use qcluster_host::runtime::{Runtime, Sleep};

/// The tokio runtime in which it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokio;

impl Runtime for Tokio {
    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}
