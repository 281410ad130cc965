//! The server: who is let in, who is turned away, and what is told meanwhile.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, Write};
use qcluster_api::{ErrorCode, Response};
use tokio::sync::{Semaphore, watch};

use super::connection::{LAST_ANSWER_TIME_MAX, connection};
use super::{Connection, Served};
use crate::log;
use crate::metrics::LOG_PAUSE;
use crate::runtime::timeout;

/// Connections at once. Who comes on top of them is told so, and let go.
pub const CONNECTIONS_MAX: usize = 256;

/// A failure to accept, such as too many open files, is not a reason to try again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket of a runtime that accepts connections.
pub trait Listener {
    /// A connection.
    type Stream: Read + Write + Send + Unpin + 'static;

    /// The next connection, and who it is from.
    ///
    /// # Errors
    /// What the system said.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>>;

    /// Sends at once each part of an answer: an answer is one write, and there is nothing to wait for.
    fn send_at_once(stream: &Self::Stream);

    /// Writes as much as that goes without waiting.
    fn write_now(stream: &Self::Stream, bytes: &[u8]);
}

/// Serves until the node has stopped, then gives the answers under way a moment. What is left of connections after that
/// goes with the caller's executor: `spawn` is to run each of them there.
pub async fn serve<L: Listener>(listeners: Vec<L>, Served(site): Served, spawn: impl Fn(Connection)) {
    let mut leadership = site.view.leadership();
    let (end, ending) = watch::channel(());
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut tell = site.runtime.sleep(Duration::ZERO);
    loop {
        tokio::select! {
            accepted = accept(&listeners) => match accepted {
                Ok((stream, from)) => {
                    if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                        site.metrics.connections_accepted();
                        L::send_at_once(&stream);
                        let life = connection(stream, from, Arc::clone(&site), ending.clone());
                        spawn(Box::pin(async move {
                            life.await;
                            drop(place);
                        }));
                    } else {
                        site.metrics.connections_refused();
                        L::write_now(&stream, &refusal());
                    }
                }
                Err(error) => {
                    tracing::debug!(name: "qcluster.http_accept", target: log::TARGET, %error, "cannot accept");
                    site.runtime.sleep(ACCEPT_PAUSE).await;
                }
            },
            () = tell.as_mut() => {
                site.tell_counters();
                tell = site.runtime.sleep(LOG_PAUSE);
            }
            // The channel closes with the node: there is nothing left to tell.
            change = leadership.changed() => if change.is_err() { break },
        }
    }
    drop(listeners);
    drop(end);
    let all_places = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    let _ = timeout(&*site.runtime, LAST_ANSWER_TIME_MAX, places.acquire_many(all_places)).await;
}

async fn accept<L: Listener>(listeners: &[L]) -> io::Result<(L::Stream, SocketAddr)> {
    poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// Says why. A client that is still writing may see no more than the end.
fn refusal() -> Vec<u8> {
    let Response { status, content_type, body, .. } =
        Response::error(ErrorCode::Busy, "too many connections: try again, or another node");
    let head = format!(
        "HTTP/1.1 {status} Service Unavailable\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_slice()].concat()
}
