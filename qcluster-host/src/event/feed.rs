//! The feed of events, as a stream, and views of it for applications that want only a part.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use futures_core::Stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Event, EventKind};

/// All events from the moment of subscription on, in order: what `QCluster::events` gives.
///
/// A [`Stream`], with [`next`](Self::next) for those without an extension trait for streams. It ends once the node has
/// stopped.
///
/// ```no_run
/// # async fn follow(events: qcluster_host::event::Events) {
/// let mut leadership = events.only_leadership();
/// while let Some(event) = leadership.next().await {
///     println!("{:?}", event.kind);
/// }
/// # }
/// ```
pub struct Events {
    waiting: Waiting,
    view: View,
}

/// The wait for the next event, which gives the receiver back: a broadcast channel cannot be polled without one.
type Waiting = Pin<Box<dyn Future<Output = (Result<Event, RecvError>, broadcast::Receiver<Event>)> + Send>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    All,
    Leadership,
    MembersAndServices,
}

impl Events {
    /// A receiver that is slower than this many events loses the oldest, and is told so by [`EventKind::Missed`].
    pub const BACKLOG_MAX: usize = 256;

    /// The feed that comes out of a channel.
    pub fn new(receiver: broadcast::Receiver<Event>) -> Self {
        Self { waiting: wait(receiver), view: View::All }
    }

    /// Only who leads: `Elected`, `Lost`, `Draining`, `Leader` and `Leaderless`, beside `Missed`.
    #[must_use]
    pub fn only_leadership(self) -> Self {
        Self { view: View::Leadership, ..self }
    }

    /// Only members and services: `Member`, `Service` and `Trust`, beside `Missed`.
    #[must_use]
    pub fn only_members_and_services(self) -> Self {
        Self { view: View::MembersAndServices, ..self }
    }

    /// The next event; `None` once the node has stopped. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let this = self.get_mut();
        loop {
            let (result, receiver) = ready!(this.waiting.as_mut().poll(cx));
            this.waiting = wait(receiver);
            let event = match result {
                Ok(event) => event,
                Err(RecvError::Lagged(count)) => Event::new(SystemTime::now(), EventKind::Missed { count }),
                Err(RecvError::Closed) => return Poll::Ready(None),
            };
            if this.view.shows(&event.kind) {
                return Poll::Ready(Some(event));
            }
        }
    }
}

fn wait(mut receiver: broadcast::Receiver<Event>) -> Waiting {
    Box::pin(async move {
        let result = receiver.recv().await;
        (result, receiver)
    })
}

impl View {
    fn shows(self, kind: &EventKind) -> bool {
        match kind {
            EventKind::Missed { .. } => true,
            EventKind::Elected { .. }
            | EventKind::Lost { .. }
            | EventKind::Draining { .. }
            | EventKind::Leader { .. }
            | EventKind::Leaderless { .. } => self != Self::MembersAndServices,
            EventKind::Member(_) | EventKind::Service(_) | EventKind::Trust { .. } => self != Self::Leadership,
            EventKind::ConfigMismatch { .. }
            | EventKind::SaveFailing { .. }
            | EventKind::SaveRecovered { .. }
            | EventKind::StorageFailed { .. }
            | EventKind::DuplicateSeen { .. }
            | EventKind::DuplicateIdentifier { .. }
            | EventKind::Superseded { .. }
            | EventKind::StepEstablished
            | EventKind::StepsDiffer { .. }
            | EventKind::StepTooEarly { .. }
            | EventKind::WallClockOff { .. }
            | EventKind::LeaseLength { .. }
            | EventKind::TooSlow { .. } => self == Self::All,
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("view", &self.view).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
