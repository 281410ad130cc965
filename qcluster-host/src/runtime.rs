//! What a node needs of the runtime that it lives in, beside sockets and a place for its loop.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// A wait for time to pass.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A lookup of a name.
pub type LookingUp = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// A runtime. What it gives may be polled wherever its futures may.
pub trait Runtime: fmt::Debug + Send + Sync {
    /// Waits for that long, and about a millisecond longer at most where the thread is free: work under a lease is ended in time by
    /// it. Dropped, it ends. Whether the time counts in which the machine is suspended does not matter:
    /// code that depends on it looks at the node's clock, and never waits for longer than a heartbeat.
    fn sleep(&self, duration: Duration) -> Sleep;

    /// Asks the system's resolver for the addresses of a name, on a thread where that blocks nobody. A node has four under way
    /// at most. Dropped, the lookup may go on, and nobody hears what it finds.
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

/// Lets other tasks run, whatever the runtime.
pub(crate) async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
