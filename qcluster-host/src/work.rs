//! `run_as_leader`: work that runs while this node leads, and has ended before anybody else can lead.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use qcluster_core::Span;
use tokio::sync::watch;

use crate::edge::LeaseEdge;
use crate::error::Stopped;
use crate::event::Leadership;
use crate::lease::Lease;
use crate::runtime::Runtime;
use crate::view::View;

/// The runtime's timers may fire this much late.
const TIMER_SLACK: Span = Span::from_millis(1);

/// See [`Handle::run_as_leader_with`](crate::handle::Handle::run_as_leader_with).
pub(crate) async fn run_as_leader<T, W: Future<Output = T>>(
    view: Arc<View>,
    runtime: Arc<dyn Runtime>,
    guard: Duration,
    mut work: impl FnMut(Lease) -> W,
) -> Result<T, Stopped> {
    let guard = Span::from(guard).min(view.guard_max()) + TIMER_SLACK;
    let mut changes = view.leadership();
    loop {
        let lease = lease_for_work(&view, &*runtime, guard, &mut changes).await?;
        if let Some(output) = attempt(&view, &*runtime, lease, guard, &mut changes, &mut work).await {
            return Ok(output);
        }
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
async fn attempt<T, W: Future<Output = T>>(
    view: &View,
    runtime: &dyn Runtime,
    lease: Lease,
    guard: Span,
    changes: &mut watch::Receiver<Leadership>,
    work: &mut impl FnMut(Lease) -> W,
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
    token: qcluster_core::FencingToken,
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
