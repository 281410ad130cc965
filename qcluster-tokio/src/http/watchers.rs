//! Who waits for what happens: long polls and streams of events, a bounded number at once.
//!
//! A stream is written by a task of its own, as fast as its reader reads. One that does not read has its connection cut:
//! a client that comes back with `Last-Event-ID` misses nothing.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use qcluster_api::{ErrorCode, NotDone, Response, Streamed, Then};
use qcluster_core::Span;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tokio::time::{sleep, timeout};

use qcluster_host::view::View;

/// Long polls and streams at once: half of all connections, so that health checks always find one.
pub(crate) const WATCHERS_MAX: usize = super::CONNECTIONS_MAX / 2;

/// How long a reader may leave what was sent unread.
const READ_TIME_MAX: Duration = Duration::from_secs(10);

/// How often a stream on which nothing happens says that it is there.
const ALIVE_PAUSE: Duration = Duration::from_secs(15);

/// A line that readers ignore.
const ALIVE: &str = ": alive\n\n";

/// What goes over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Answers.
    Answers,
    /// Events, for as long as somebody reads.
    Events,
    /// Events that nobody reads: it is to be cut.
    Stuck,
}

/// The places for watchers.
#[derive(Debug)]
pub(super) struct Watchers {
    places: Arc<Semaphore>,
    /// How long a reader may leave what was sent unread.
    pub(super) patience: Duration,
}

impl Watchers {
    pub(super) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(WATCHERS_MAX)), patience: READ_TIME_MAX }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        (WATCHERS_MAX - self.places.available_permits().min(WATCHERS_MAX)) as u64
    }

    /// Waits until something has happened since that index, or the time is over.
    pub(super) async fn poll(&self, view: &View, index: u64, wait: Span) -> Response {
        let Ok(_place): Result<SemaphorePermit<'_>, _> = self.places.try_acquire() else { return busy() };
        let mut news = view.news();
        let answer = async {
            loop {
                news.borrow_and_update();
                if let Some(answer) = view.look(|view, _| qcluster_api::poll(index, view)) {
                    return answer;
                }
                if news.changed().await.is_err() {
                    return view.look(|view, _| qcluster_api::conclude(&Then::Leaving, &Err(NotDone::Stopped), view));
                }
            }
        };
        timeout(wait.into(), answer).await.unwrap_or_else(|_| qcluster_api::nothing_since(index))
    }

    /// Begins a stream behind that index. `flow` tells the connection what goes over it.
    pub(super) fn stream(
        &self,
        view: Arc<View>,
        index: u64,
        flow: Arc<watch::Sender<Flow>>,
    ) -> Result<Events, Box<Response>> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Err(Box::new(busy())) };
        let (bytes, events) = mpsc::channel(1);
        let patience = self.patience;
        flow.send_replace(Flow::Events);
        tokio::spawn(async move {
            let ended = write(&view, index, &bytes, patience).await;
            drop(place);
            flow.send_replace(ended);
        });
        Ok(Events(events))
    }
}

fn busy() -> Response {
    Response::error(ErrorCode::Busy, "too many wait for events: try again, or another node")
}

/// Writes events until the node has stopped or the reader has gone. Gives what its connection is good for then.
async fn write(view: &View, mut index: u64, reader: &mpsc::Sender<Bytes>, patience: Duration) -> Flow {
    let mut news = view.news();
    let mut bytes = qcluster_api::stream_start(index);
    loop {
        match timeout(patience, reader.send(bytes.into())).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Flow::Answers,
            Err(_) => return Flow::Stuck,
        }
        bytes = loop {
            news.borrow_and_update();
            match view.look(|view, _| qcluster_api::stream_next(index, view)) {
                Streamed::Send { bytes, index: last } => {
                    index = last;
                    break bytes;
                }
                Streamed::End(bytes) => {
                    return match timeout(patience, reader.send(bytes.into())).await {
                        Ok(_) => Flow::Answers,
                        Err(_) => Flow::Stuck,
                    };
                }
                Streamed::Wait => tokio::select! {
                    changed = news.changed() => if changed.is_err() { return Flow::Answers },
                    () = reader.closed() => return Flow::Answers,
                    () = sleep(ALIVE_PAUSE) => break ALIVE.into(),
                },
            }
        };
    }
}

/// The body of a stream.
#[derive(Debug)]
pub(super) struct Events(mpsc::Receiver<Bytes>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests;
