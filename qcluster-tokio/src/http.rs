//! The HTTP side, on the cluster's port number: a thread of its own, so that requests never delay the loop, and a loop that
//! stands still never delays a health check.
//!
//! Answers come from what the loop has made known. Everything that a client can make use of has a limit.

mod exchange;
mod metrics;
mod watchers;

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use qcluster_api::{ErrorCode, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use exchange::Site;
use qcluster_host::metrics::LOG_PAUSE;
use qcluster_host::requests::Request;
use qcluster_host::view::View;
use watchers::Flow;

/// Connections at once. Who comes on top of them is told so, and let go.
pub(crate) const CONNECTIONS_MAX: usize = 256;

/// A client that has not sent its request by then, or keeps an idle connection longer, is let go.
const HEADER_TIME_MAX: Duration = Duration::from_secs(5);

/// However busy it is, a connection takes no new request after this long, so that none is held forever; but a stream of
/// events goes on for as long as somebody reads it.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);

/// What is left for the answers under way when the node has stopped.
const LAST_ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// What the server reads of a request line and headers at most, in bytes. The politer limits are those of `exchange`: what
/// is over these is turned away by the HTTP library, with a status and no words.
const HEAD_LEN_MAX: usize = 64 * 1_024;

/// Likewise, for the number of headers.
const HEADERS_MAX: usize = 128;

/// A failure to accept, such as too many open files, is not a reason to try again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the node has stopped. `alive` is dropped when the port is free.
pub(crate) fn start(
    listeners: Vec<StdListener>,
    view: Arc<View>,
    requests: mpsc::WeakSender<Request>,
    alive: impl Send + 'static,
) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("qcluster-http".into()).spawn(move || {
        let served = runtime.block_on(async {
            let listeners = listeners.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?;
            serve(listeners, Arc::new(Site::new(view, requests))).await;
            io::Result::Ok(())
        });
        if let Err(error) = served {
            tracing::error!(name: "qcluster.http_failed", target: qcluster_host::log::TARGET, %error, "HTTP cannot be served");
        }
        drop(runtime);
        drop(alive);
    })?;
    Ok(())
}

async fn serve(listeners: Vec<TcpListener>, site: Arc<Site>) {
    let mut leadership = site.view.leadership();
    let (end, ending) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut tell = interval(LOG_PAUSE);
    loop {
        tokio::select! {
            accepted = accept(&listeners) => match accepted {
                Ok((stream, from)) => {
                    while connections.try_join_next().is_some() {}
                    if connections.len() < CONNECTIONS_MAX {
                        site.metrics.connections_accepted();
                        // An answer is one write: there is nothing to wait for.
                        let _ = stream.set_nodelay(true);
                        connections.spawn(connection(stream, from, Arc::clone(&site), ending.clone()));
                    } else {
                        site.metrics.connections_refused();
                        turn_away(&stream);
                    }
                }
                Err(error) => {
                    tracing::debug!(name: "qcluster.http_accept", target: qcluster_host::log::TARGET, %error, "cannot accept");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = tell.tick() => site.tell_counters(),
            // The channel closes with the node: there is nothing left to tell.
            change = leadership.changed() => if change.is_err() { break },
        }
    }
    drop(listeners);
    drop(end);
    let finished = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(LAST_ANSWER_TIME_MAX, finished).await;
}

async fn accept(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
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

/// Says why, as far as that goes without waiting. A client that is still writing may see no more than the end.
fn turn_away(stream: &TcpStream) {
    let Response { status, content_type, body, .. } =
        Response::error(ErrorCode::Busy, "too many connections: try again, or another node");
    let head = format!(
        "HTTP/1.1 {status} Service Unavailable\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.try_write(&[head.as_bytes(), body.as_slice()].concat());
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    from: SocketAddr,
    site: Arc<Site>,
    mut ending: watch::Receiver<()>,
) {
    let longest_answer = site.answer_time_max();
    let (flow, mut flows) = watch::channel(Flow::Answers);
    let (flow, mut is_stuck) = (Arc::new(flow), flows.clone());
    let service = service_fn(move |request| exchange::exchange(Arc::clone(&site), from, Arc::clone(&flow), request));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME_MAX).max_buf_size(HEAD_LEN_MAX);
    server.max_headers(HEADERS_MAX);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let time_is_over = async {
        sleep(CONNECTION_TIME_MAX).await;
        // An error means that nothing flows any more.
        let _ = flows.wait_for(|flow| *flow != Flow::Events).await;
    };
    let last_answer = tokio::select! {
        // How a client ends its connection is its own business.
        _ = connection.as_mut() => return,
        // Dropped, the connection is cut.
        Ok(_) = is_stuck.wait_for(|flow| *flow == Flow::Stuck) => return,
        () = time_is_over => longest_answer,
        _ = ending.changed() => LAST_ANSWER_TIME_MAX,
    };
    connection.as_mut().graceful_shutdown();
    let _ = timeout(last_answer, connection).await;
}

#[cfg(test)]
mod tests;
