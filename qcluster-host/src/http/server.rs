//! The server: who is let in, who is turned away, and what is told meanwhile.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use qcluster_api::{ErrorCode, Response};
#[cfg(unix)]
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::watch;

use super::connection::{LAST_ANSWER_TIME_MAX, connection};
use super::places::{Admission, Places};
use super::stream::Stream;
use super::{Connection, Served};
use crate::log;
use crate::metrics::LOG_PAUSE;
use crate::runtime::{timeout, yield_now};

/// Where no connection can be taken, and none ends, the system is not asked again before.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket of a runtime that accepts connections.
pub trait Listener {
    /// The next connection, and who it is from.
    ///
    /// # Errors
    /// What the system said.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Box<dyn Stream>, SocketAddr)>>;

    /// Whether a client waits to be accepted, as far as the system tells. Systems that lack descriptors report that from accepting
    /// whether or not somebody waits, and nobody has to leave for nobody.
    fn is_awaited(&self) -> bool {
        true
    }
}

/// What [`Listener::is_awaited`] has to tell of a listening socket.
#[cfg(unix)]
pub fn is_awaited(listening: &impl AsFd) -> bool {
    let mut asked = [PollFd::new(listening, PollFlags::IN)];
    poll(&mut asked, Some(&Timespec::default())).map_or(true, |ready| ready > 0)
}

/// Serves until the node has stopped, then gives the answers under way a moment. What is left of connections after that
/// goes with the caller's executor: `spawn` is to run each of them there.
pub async fn serve<L: Listener>(listeners: Vec<L>, Served(site): Served, spawn: impl Fn(Connection)) {
    let mut leadership = site.view.leadership();
    let (end, ending) = watch::channel(());
    let places = Places::new();
    let mut tell = site.runtime.sleep(Duration::ZERO);
    loop {
        tokio::select! {
            accepted = accept(&listeners) => match accepted {
                Ok((stream, from)) => {
                    let place = match places.admit(from.ip()) {
                        Admission::Admitted(place) => place,
                        Admission::InPlaceOf(place) => {
                            site.metrics.connection_displaced();
                            place
                        }
                        Admission::Full => {
                            site.metrics.connection_refused();
                            // Under TLS there is no answer before a handshake.
                            if !site.has_tls() {
                                let _ = stream.try_write(&refusal());
                            }
                            continue;
                        }
                    };
                    site.metrics.connection_accepted();
                    stream.send_at_once();
                    if let Some(socket) = site.socket(stream, place) {
                        spawn(Box::pin(connection(Arc::new(socket), from, Arc::clone(&site), ending.clone())));
                    }
                    // A flood of connections leaves the others their turn.
                    yield_now().await;
                }
                Err(error) => {
                    tracing::debug!(name: "qcluster.http_accept", target: log::TARGET, %error, "cannot accept");
                    if lacks_room(&error) && listeners.iter().any(Listener::is_awaited) && places.make_room() {
                        site.metrics.connection_displaced();
                    }
                    if !is_of_client(&error) {
                        let _ = timeout(&*site.runtime, ACCEPT_PAUSE, places.one_given_back()).await;
                    }
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
    let _ = timeout(&*site.runtime, LAST_ANSWER_TIME_MAX, places.all_given_back()).await;
}

/// Whether accepting failed for something that the client did, so that the next one may be taken at once.
fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// Whether there are too few descriptors, or too little memory: there is more of it once a connection has ended.
#[cfg(unix)]
fn lacks_room(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lacking = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    lacking.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(not(unix))]
fn lacks_room(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory
}

async fn accept<L: Listener>(listeners: &[L]) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
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
