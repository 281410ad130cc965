//! Who waits for what happens: long polls and streams of events, a bounded number at once, and a share of them for each address.
//!
//! A stream is written as fast as its reader reads, by a future that its connection polls beside itself. One that does not
//! read has its connection cut: a client that comes back with `Last-Event-ID` misses nothing.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use qcluster_api::{ErrorCode, NotDone, Response, Streamed, Then};
use qcluster_core::Span;
use tokio::sync::mpsc;

use super::places::{CONNECTIONS_MAX, share_of};
use crate::runtime::{Runtime, timeout};
use crate::view::View;

/// Long polls and streams at once: half of all connections, so that health checks always find one.
const WATCHERS_MAX: usize = CONNECTIONS_MAX / 2;

/// Those of one address, likewise.
const WATCHERS_OF_ADDRESS_MAX: usize = WATCHERS_MAX / 2;

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
    /// How many there are of each address.
    taken: Mutex<BTreeMap<IpAddr, usize>>,
    /// How long a reader may leave what was sent unread.
    pub(super) patience: Duration,
}

/// The place of a watcher, given back when dropped.
struct Watching {
    watchers: Arc<Watchers>,
    of: IpAddr,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut taken = self.watchers.taken();
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

impl Watchers {
    pub(super) fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self { runtime, taken: Mutex::default(), patience: READ_TIME_MAX }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.taken().values().sum::<usize>() as u64
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a client of that address, if there is one.
    fn admit(self: &Arc<Self>, from: IpAddr) -> Option<Watching> {
        let of = share_of(from);
        let mut taken = self.taken();
        let all: usize = taken.values().sum();
        let own = taken.get(&of).copied().unwrap_or_default();
        if all >= WATCHERS_MAX || own >= WATCHERS_OF_ADDRESS_MAX {
            return None;
        }
        taken.insert(of, own + 1);
        Some(Watching { watchers: Arc::clone(self), of })
    }

    /// Waits until something has happened since that index, the time is over, or the client has closed its side.
    pub(super) async fn poll(
        self: &Arc<Self>,
        view: &View,
        from: IpAddr,
        (index, wait): (u64, Span),
        closed: impl Future<Output = ()>,
    ) -> Response {
        let Some(_place) = self.admit(from) else { return busy() };
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
        tokio::select! {
            biased;
            answer = timeout(&*self.runtime, wait.into(), answer) => answer,
            () = closed => None,
        }
        .unwrap_or_else(|| qcluster_api::nothing_since(index))
    }

    /// A stream behind that index: what is sent, and what writes it.
    pub(super) fn stream(
        self: &Arc<Self>,
        view: Arc<View>,
        from: IpAddr,
        index: u64,
    ) -> Result<(Events, Writer), Box<Response>> {
        let Some(place) = self.admit(from) else { return Err(Box::new(busy())) };
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
