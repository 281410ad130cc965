//! What a node needs of the runtime that it lives in, beside sockets and a place for its loop.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

/// A wait for time to pass.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A lookup of a name.
pub type LookingUp = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// A runtime. What it gives may be polled wherever its futures may.
pub trait Runtime: fmt::Debug + Send + Sync {
    /// Waits for that long, or a little longer. Whether the time counts in which the machine is suspended does not matter:
    /// code that depends on it looks at the node's clock, and never waits for longer than a heartbeat.
    fn sleep(&self, duration: Duration) -> Sleep;

    /// Asks the system's resolver for the addresses of a name, where it blocks nobody. Dropped, it is forgotten.
    fn look_up(&self, host: String, port: u16) -> LookingUp;
}

/// What a future gives, if it does so in time.
pub(crate) async fn timeout<T>(runtime: &dyn Runtime, limit: Duration, what: impl Future<Output = T>) -> Option<T> {
    let limit = runtime.sleep(limit);
    tokio::select! {
        biased;
        output = what => Some(output),
        () = limit => None,
    }
}
