//! The HTTP side, on the cluster's port number: answers come from what the loop has published, never from the loop itself.

mod answer;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::view::View;

/// Connections at once. More wait in the system's queue until one ends.
const CONNECTIONS_MAX: usize = 64;

/// A client that has not sent its request by then, or keeps an idle connection longer, is let go.
const HEADER_TIME_MAX: Duration = Duration::from_secs(5);

/// However busy it is, a connection is closed after this long, so that none is held for ever.
const CONNECTION_TIME_MAX: Duration = Duration::from_mins(1);

/// What is left for the answer under way when a connection's time is up.
const LAST_ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// A request line and its headers, in bytes; the least that the server can be told.
const HEADER_LEN_MAX: usize = 8 * 1_024;

/// Header fields of a request.
const HEADERS_MAX: usize = 64;

/// A failure to accept, such as too many open files, is no reason to try again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is dropped, which ends its connections too.
pub(crate) async fn serve(listeners: Vec<TcpListener>, view: Arc<View>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        tokio::select! {
            accepted = accept(&listeners) => match accepted {
                Ok(stream) => {
                    connections.spawn(connection(stream, Arc::clone(&view)));
                }
                Err(error) => {
                    tracing::debug!(name: "qcluster.http_accept", target: crate::log::TARGET, %error, "cannot accept");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listeners: &[TcpListener]) -> std::io::Result<TcpStream> {
    poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted.map(|(stream, _)| stream));
            }
        }
        Poll::Pending
    })
    .await
}

async fn connection(stream: TcpStream, view: Arc<View>) {
    let respond = |request: Request<Incoming>| {
        let response: Response<_> = answer::answer(&view, request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    };
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME_MAX).max_buf_size(HEADER_LEN_MAX);
    server.max_headers(HEADERS_MAX);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service_fn(respond)));
    // How a client ends its connection is its own business.
    if timeout(CONNECTION_TIME_MAX, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST_ANSWER_TIME_MAX, connection).await;
    }
}

#[cfg(test)]
mod tests;
