//! The life of a connection: its requests one after the other, the stream of events that may follow, and its end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::sync::{mpsc, watch};

use super::exchange::{Client, Site, exchange};
use super::places::Busy;
use super::stream::{Io, Socket};
use super::timer::Timer;
use super::watchers::{Flow, Writer};
use crate::runtime::timeout;

/// A client that has not sent its request by then, or keeps an idle connection longer, is let go.
const HEADER_TIME_MAX: Duration = Duration::from_secs(5);

/// However busy it is, a connection takes no new request after this long, so that none is held forever; but a stream of
/// events goes on for as long as somebody reads it.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);

/// What is left for the answers under way when the node has stopped.
pub(super) const LAST_ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a client that was told the end may take to see it.
const LINGER_TIME_MAX: Duration = Duration::from_secs(1);

/// What the server reads of a request line and headers at most, in bytes. The politer limits are those of `exchange`: what
/// is over these is turned away by the HTTP library, with a status and no words.
const HEAD_LEN_MAX: usize = 64 * 1_024;

/// Likewise, for the number of headers.
const HEADERS_MAX: usize = 128;

/// Serves a client until it or the node has gone, or its time is over. `ending` changes or closes with the node.
pub(super) async fn connection(
    socket: Arc<Socket>,
    from: SocketAddr,
    site: Arc<Site>,
    mut ending: watch::Receiver<()>,
) {
    let (longest_answer, runtime) = (site.answer_time_max(), Arc::clone(&site.runtime));
    let (writers, begun) = mpsc::channel(1);
    let mut streams = Streams { socket: Arc::clone(&socket), begun, writer: None };
    let client = Client { from, socket: Arc::clone(&socket), streams: writers };
    let service = service_fn(move |request| exchange(Arc::clone(&site), client.clone(), request));
    let mut server = http1::Builder::new();
    server.timer(Timer(Arc::clone(&runtime))).header_read_timeout(HEADER_TIME_MAX).max_buf_size(HEAD_LEN_MAX);
    // A client may close its side once it has asked. The date is ours, since the library has none before 1970.
    server.max_headers(HEADERS_MAX).half_close(true).auto_date_header(false);
    let mut connection = pin!(server.serve_connection(Io(Arc::clone(&socket)), service));
    let (mut time, mut is_over) = (runtime.sleep(CONNECTION_TIME_MAX), false);
    let last_answer = loop {
        tokio::select! {
            // In this order, so that a stream that has just begun is seen before time is called.
            biased;
            life = live(&mut connection, &mut streams) => match life {
                Life::GoesOn => {}
                Life::Ended => break None,
                // Dropped, the connection is cut.
                Life::Stuck => return,
            },
            _ = ending.changed() => {
                if socket.place.is_idle() {
                    return;
                }
                break Some(LAST_ANSWER_TIME_MAX);
            }
            () = socket.place.told_to_leave() => return,
            () = time.as_mut(), if !is_over => is_over = true,
        }
        if is_over && streams.writer.is_none() {
            break Some(longest_answer);
        }
    };
    let rest = async {
        if let Some(last_answer) = last_answer {
            connection.as_mut().graceful_shutdown();
            let rest = async { while live(&mut connection, &mut streams).await == Life::GoesOn {} };
            let _ = timeout(&*runtime, last_answer, rest).await;
        }
        let _ = timeout(&*runtime, LINGER_TIME_MAX, socket.linger()).await;
    };
    tokio::select! {
        () = rest => {}
        () = socket.place.told_to_leave() => {}
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    GoesOn,
    Ended,
    /// Nobody reads its stream.
    Stuck,
}

/// The stream of a connection: one at a time, since an answer follows the end of the one before.
struct Streams {
    socket: Arc<Socket>,
    begun: mpsc::Receiver<Writer>,
    writer: Option<(Writer, Busy)>,
}

/// Until a stream begins or ends, or the connection has ended: by itself, or because nobody reads its stream. Cancelling
/// the wait loses nothing.
async fn live(connection: impl Future, streams: &mut Streams) -> Life {
    let Streams { socket, begun, writer } = streams;
    let writing = async {
        match writer {
            Some((writer, _)) => tokio::select! {
                flow = writer => flow,
                // Nobody reads it any more, or somebody who does not say so.
                () = socket.closed() => Flow::Answers,
            },
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        // How a client ends its connection is its own business.
        _ = connection => Life::Ended,
        Some(next) = begun.recv() => {
            streams.writer = Some((next, streams.socket.place.busy()));
            Life::GoesOn
        }
        flow = writing => {
            streams.writer = None;
            match flow {
                Flow::Answers => Life::GoesOn,
                Flow::Stuck => Life::Stuck,
            }
        }
    }
}
