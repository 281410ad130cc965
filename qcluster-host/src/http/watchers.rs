//! Who waits for what happens: long polls and streams of events, a bounded number at once.
//!
//! A stream is written as fast as its reader reads, by a future that its connection polls beside itself. One that does not
//! read has its connection cut: a client that comes back with `Last-Event-ID` misses nothing.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use qcluster_api::{ErrorCode, NotDone, Response, Streamed, Then};
use qcluster_core::Span;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use crate::runtime::{Runtime, timeout};
use crate::view::View;

/// Long polls and streams at once: half of all connections, so that health checks always find one.
const WATCHERS_MAX: usize = super::CONNECTIONS_MAX / 2;

/// How long a reader may leave what was sent unread.
const READ_TIME_MAX: Duration = Duration::from_secs(10);

/// How often a stream on which nothing happens says that it is there.
const ALIVE_PAUSE: Duration = Duration::from_secs(15);

/// A line that readers ignore.
const ALIVE: &str = ": alive\n\n";

/// What a connection is good for after a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Answers.
    Answers,
    /// Nothing, since nobody reads: it is to be cut.
    Stuck,
}

/// Writes a stream; done when it has ended.
pub(super) type Writer = Pin<Box<dyn Future<Output = Flow> + Send>>;

/// The places for watchers.
#[derive(Debug)]
pub(super) struct Watchers {
    runtime: Arc<dyn Runtime>,
    places: Arc<Semaphore>,
    /// How long a reader may leave what was sent unread.
    pub(super) patience: Duration,
}

impl Watchers {
    pub(super) fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self { runtime, places: Arc::new(Semaphore::new(WATCHERS_MAX)), patience: READ_TIME_MAX }
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
        timeout(&*self.runtime, wait.into(), answer).await.unwrap_or_else(|| qcluster_api::nothing_since(index))
    }

    /// A stream behind that index: what is sent, and what writes it.
    pub(super) fn stream(&self, view: Arc<View>, index: u64) -> Result<(Events, Writer), Box<Response>> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Err(Box::new(busy())) };
        let (bytes, events) = mpsc::channel(1);
        let (runtime, patience) = (Arc::clone(&self.runtime), self.patience);
        let writer = async move {
            let ended = write(&*runtime, &view, index, &bytes, patience).await;
            drop(place);
            ended
        };
        Ok((Events(events), Box::pin(writer)))
    }
}

fn busy() -> Response {
    Response::error(ErrorCode::Busy, "too many wait for events: try again, or another node")
}

/// Writes events until the node has stopped or the reader has gone. Gives what its connection is good for then.
async fn write(
    runtime: &dyn Runtime,
    view: &View,
    mut index: u64,
    reader: &mpsc::Sender<Bytes>,
    patience: Duration,
) -> Flow {
    let mut news = view.news();
    let mut bytes = qcluster_api::stream_start(index);
    loop {
        match timeout(runtime, patience, reader.send(bytes.into())).await {
            Some(Ok(())) => {}
            Some(Err(_)) => return Flow::Answers,
            None => return Flow::Stuck,
        }
        bytes = loop {
            news.borrow_and_update();
            match view.look(|view, _| qcluster_api::stream_next(index, view)) {
                Streamed::Send { bytes, index: last } => {
                    index = last;
                    break bytes;
                }
                Streamed::End(bytes) => {
                    return match timeout(runtime, patience, reader.send(bytes.into())).await {
                        Some(_) => Flow::Answers,
                        None => Flow::Stuck,
                    };
                }
                Streamed::Wait => tokio::select! {
                    changed = news.changed() => if changed.is_err() { return Flow::Answers },
                    () = reader.closed() => return Flow::Answers,
                    () = runtime.sleep(ALIVE_PAUSE) => break ALIVE.into(),
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
