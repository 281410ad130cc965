//! `run_as_leader`: work that runs while this node leads, and has ended before anybody else can lead.

use std::future::{Future as _, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use qcluster_core::{Command, FencingToken, Span};
use tokio::sync::{mpsc, watch};

use crate::edge::LeaseEdge;
use crate::error::{Stopped, WorkError};
use crate::event::Leadership;
use crate::lease::Lease;
use crate::requests::{Request, ask};
use crate::runtime::Runtime;
use crate::view::View;

/// The runtime's timers may fire this much late.
const TIMER_SLACK: Span = Span::from_millis(1);

/// See [`Handle::run_as_leader_with`](crate::handle::Handle::run_as_leader_with).
pub(crate) async fn run_as_leader<T>(
    view: Arc<View>,
    runtime: Arc<dyn Runtime>,
    guard: Duration,
    work: impl AsyncFnMut(Lease) -> T,
) -> Result<T, Stopped> {
    first_completed(&view, &*runtime, guard, work).await.map(|(_, output)| output)
}

/// Runs the work until it has completed under one leadership; gives that and the output. A closure around `work` would lend it, and
/// the compiler cannot tell of such a one that it may be sent.
async fn first_completed<T>(
    view: &View,
    runtime: &dyn Runtime,
    guard: Duration,
    mut work: impl AsyncFnMut(Lease) -> T,
) -> Result<(FencingToken, T), Stopped> {
    let guard = self::guard(view, guard);
    let mut changes = view.leadership();
    loop {
        let lease = lease_for_work(view, runtime, guard, &mut changes).await?;
        let token = lease.token;
        if let Some(output) = attempt(view, runtime, lease, guard, &mut changes, &mut work).await {
            return Ok((token, output));
        }
    }
}

/// How long before the end of a lease work has to end, where its owner wants that much.
pub(crate) fn guard(view: &View, wanted: Duration) -> Span {
    Span::from(wanted).min(view.guard_max()) + TIMER_SLACK
}

/// See [`Handle::try_run_as_leader_with`](crate::handle::Handle::try_run_as_leader_with).
pub(crate) async fn try_run_as_leader<T, E>(
    view: Arc<View>,
    runtime: Arc<dyn Runtime>,
    requests: mpsc::WeakSender<Request>,
    guard: Duration,
    work: impl AsyncFnMut(Lease) -> Result<T, E>,
) -> Result<T, WorkError<E>> {
    let (token, ended) = first_completed(&view, &*runtime, guard, work).await.map_err(WorkError::Stopped)?;
    match ended {
        Ok(output) => Ok(output),
        Err(error) => {
            give_up(&view, &requests, token).await;
            Err(WorkError::Failed(error))
        }
    }
}

/// Ends the leadership with that token, and waits until it has ended; nothing if it has already.
async fn give_up(view: &View, requests: &mpsc::WeakSender<Request>, token: FencingToken) {
    let leads = view.lease().is_some_and(|lease| lease.token == token);
    if let Some(requests) = requests.upgrade().filter(|_| leads) {
        // A refusal says that the node does not lead, or has stopped.
        let _ = ask(view, &requests, Command::StepDown).await;
    }
}

/// Waits for a lease under which work may begin.
async fn lease_for_work(
    view: &View,
    runtime: &dyn Runtime,
    guard: Span,
    changes: &mut watch::Receiver<Leadership>,
) -> Result<Lease, Stopped> {
    loop {
        // Looked at before the lease is, so that a change in between wakes the wait below.
        let leadership = changes.borrow_and_update().clone();
        if let Some(lease) = view.lease().filter(|lease| view.edge().work_left(lease.token, guard).is_some()) {
            return Ok(lease);
        }
        // A renewal changes nothing that can be watched: a leader whose lease is about to run out looks again.
        let look_again = async {
            match leadership {
                Leadership::Leading { .. } => runtime.sleep(view.heartbeat()).await,
                Leadership::Unknown | Leadership::Following { .. } | Leadership::Draining { .. } => pending().await,
            }
        };
        tokio::select! {
            news = changes.changed() => if news.is_err() { return Err(view.why_stopped()) },
            () = look_again => {}
        }
    }
}

/// Runs the work under one leadership; `None` if it had to be cancelled.
async fn attempt<T>(
    view: &View,
    runtime: &dyn Runtime,
    lease: Lease,
    guard: Span,
    changes: &mut watch::Receiver<Leadership>,
    work: &mut impl AsyncFnMut(Lease) -> T,
) -> Option<T> {
    let (edge, token) = (view.edge(), lease.token);
    let _running = view.works().begin();
    // Only now is a hand-over sure to wait for this work; one that began just before has not.
    edge.work_left(token, guard)?;
    let mut future = pin!(work(lease));
    loop {
        // Renewals move the end, and the clock of timers stands still in a suspended machine: it is looked at each h.
        let left = edge.work_left(token, guard)?;
        let timer = runtime.sleep(left.min(view.heartbeat()));
        tokio::select! {
            biased;
            news = changes.changed() => news.ok()?,
            () = timer => {}
            output = poll_fn(|cx| poll_guarded(edge, token, guard, || future.as_mut().poll(cx))) => return output,
        }
    }
}

/// Polls the work only while its time lasts: after a stall of any kind it is not resumed.
fn poll_guarded<T>(
    edge: &LeaseEdge,
    token: FencingToken,
    guard: Span,
    poll: impl FnOnce() -> Poll<T>,
) -> Poll<Option<T>> {
    match edge.work_left(token, guard) {
        Some(_) => poll().map(Some),
        None => Poll::Ready(None),
    }
}

#[cfg(test)]
mod tests;
