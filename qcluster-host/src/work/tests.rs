//! Work runs while this node leads, and never longer.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use qcluster_core::{Command, FencingToken};
use tokio::sync::mpsc;
use tokio::task::coop::has_budget_remaining;

use super::{give_up, run_as_leader, try_run_as_leader};
use crate::error::{Stopped, WorkError};
use crate::lease::Lease;
use crate::requests::Request;
use crate::test_support::{Puppet, TestRuntime, in_time, lease};
use crate::view::View;

const HOUR_MS: u64 = 3_600_000;
const GUARD: Duration = Duration::from_secs(20);

/// What became of a piece of work.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Began { token: u64 },
    Dropped { token: u64, lease: Held },
}

#[derive(Debug, PartialEq, Eq)]
enum Held {
    Yes,
    No,
}

/// Stands for a future: tells when it is dropped, and whether the lease held then.
struct Witness {
    lease: Lease,
    seen: mpsc::Sender<Seen>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let lease = if self.lease.is_valid() { Held::Yes } else { Held::No };
        let _ = self.seen.try_send(Seen::Dropped { token: self.lease.token.0, lease });
    }
}

/// Runs work that never ends by itself, and tells what becomes of it.
fn endless(view: &Arc<View>) -> (tokio::task::JoinHandle<Result<(), Stopped>>, mpsc::Receiver<Seen>) {
    let (seen, told) = mpsc::channel(16);
    let work = move |lease: Lease| {
        let _ = seen.try_send(Seen::Began { token: lease.token.0 });
        let witness = Witness { lease, seen: seen.clone() };
        async move {
            let _witness = witness;
            std::future::pending::<()>().await;
        }
    };
    (tokio::spawn(run_as_leader(Arc::clone(view), Arc::new(TestRuntime), GUARD, work)), told)
}

async fn next(told: &mut mpsc::Receiver<Seen>) -> Seen {
    in_time(told.recv()).await.expect("the work's runner has ended")
}

#[tokio::test]
async fn work_that_completes_gives_its_output() {
    let mut puppet = Puppet::new();
    puppet.elect(7, HOUR_MS);
    let output =
        in_time(run_as_leader(Arc::clone(&puppet.view), Arc::new(TestRuntime), GUARD, async |lease| lease.token.0))
            .await;
    assert_eq!(output, Ok(7));
    assert!(puppet.view.works().is_idle());
}

#[tokio::test]
async fn work_may_change_what_it_borrows() {
    struct Job(Vec<u64>);
    impl Job {
        async fn serve(&mut self, lease: Lease) -> usize {
            tokio::task::yield_now().await;
            self.0.push(lease.token.0);
            self.0.len()
        }
    }
    let mut puppet = Puppet::new();
    puppet.elect(7, HOUR_MS);
    let mut job = Job(vec![6]);
    let (view, runtime) = (Arc::clone(&puppet.view), Arc::new(TestRuntime));
    let output = in_time(run_as_leader(view, runtime, GUARD, async |lease| job.serve(lease).await)).await;
    assert_eq!((output, job.0), (Ok(2), vec![6, 7]));
}

#[tokio::test]
async fn work_that_fails_gives_its_leadership_up_before_the_error_is_returned() {
    let mut puppet = Puppet::new();
    puppet.elect(7, HOUR_MS);
    let (asks, mut asked) = mpsc::channel(1);
    let view = Arc::clone(&puppet.view);
    let work = async |_| Err::<(), _>("no database");
    let mut failing = pin!(try_run_as_leader(view, Arc::new(TestRuntime), asks.downgrade(), GUARD, work));
    let Some(Request::Command { command, reply }) = in_time(async {
        tokio::select! {
            request = asked.recv() => request,
            ended = &mut failing => panic!("{ended:?}, and the node still leads"),
        }
    })
    .await
    else {
        panic!("the node was asked for something else")
    };
    assert_eq!(command, Command::StepDown);
    reply.send(Ok(Some(FencingToken(7)))).unwrap();
    puppet.lose(7);
    assert_eq!(in_time(failing).await, Err(WorkError::Failed("no database")));
}

#[tokio::test]
async fn work_that_can_fail_and_does_not_leaves_the_node_leading() {
    let mut puppet = Puppet::new();
    puppet.elect(7, HOUR_MS);
    // Nobody answers what would be asked.
    let (asks, _asked) = mpsc::channel(1);
    let view = Arc::clone(&puppet.view);
    let work = async |lease: Lease| Ok::<_, &str>(lease.token);
    let ended = try_run_as_leader(view, Arc::new(TestRuntime), asks.downgrade(), GUARD, work);
    assert_eq!(in_time(ended).await, Ok(FencingToken(7)));
    assert!(puppet.view.is_leader());
}

#[tokio::test]
async fn a_later_leadership_is_not_given_up_for_work_that_failed_under_an_earlier_one() {
    let mut puppet = Puppet::new();
    puppet.elect(8, HOUR_MS);
    let (asks, mut asked) = mpsc::channel(1);
    in_time(give_up(&puppet.view, &asks.downgrade(), FencingToken(7))).await;
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn work_begins_with_leadership_and_is_dropped_with_it_and_begins_again() {
    let mut puppet = Puppet::new();
    let (_runner, mut told) = endless(&puppet.view);
    puppet.elect(1, HOUR_MS);
    assert_eq!(next(&mut told).await, Seen::Began { token: 1 });
    puppet.lose(1);
    assert_eq!(next(&mut told).await, Seen::Dropped { token: 1, lease: Held::No });
    puppet.elect(2, HOUR_MS);
    assert_eq!(next(&mut told).await, Seen::Began { token: 2 });
}

#[tokio::test]
async fn work_is_dropped_a_guard_before_a_lease_that_nobody_renews() {
    let mut puppet = Puppet::new();
    let (_runner, mut told) = endless(&puppet.view);
    // Half a second of work, then the guard.
    puppet.elect(1, 20_500);
    assert_eq!(next(&mut told).await, Seen::Began { token: 1 });
    assert_eq!(next(&mut told).await, Seen::Dropped { token: 1, lease: Held::Yes });
    // A late renewal of the same leadership lets it begin again.
    puppet.hold(1, HOUR_MS);
    assert_eq!(next(&mut told).await, Seen::Began { token: 1 });
}

#[tokio::test]
async fn a_renewed_lease_lets_work_go_on() {
    let Puppet { view, publisher, clock } = Puppet::new();
    let edge = Arc::clone(&publisher.edge);
    let calls = AtomicU64::new(0);
    edge.publish(Some(lease(clock, 1, 21_000)));
    let work = |_| {
        calls.fetch_add(1, Ordering::SeqCst);
        let edge = Arc::clone(&edge);
        async move {
            edge.publish(Some(lease(clock, 1, HOUR_MS)));
            // Beyond what the first lease left.
            tokio::time::sleep(Duration::from_millis(1_200)).await;
        }
    };
    assert_eq!(in_time(run_as_leader(view, Arc::new(TestRuntime), GUARD, work)).await, Ok(()));
    assert_eq!(calls.load(Ordering::SeqCst), 1, "it was cancelled in between");
}

#[tokio::test]
async fn a_hand_over_waits_until_cancelled_work_has_gone() {
    let mut puppet = Puppet::new();
    let (_runner, mut told) = endless(&puppet.view);
    puppet.elect(1, HOUR_MS);
    assert_eq!(next(&mut told).await, Seen::Began { token: 1 });
    puppet.drain();
    assert!(!puppet.view.works().is_idle(), "nothing has been polled since");
    in_time(puppet.view.works().idle()).await;
    assert!(puppet.view.works().is_idle());
    assert_eq!(told.try_recv(), Ok(Seen::Dropped { token: 1, lease: Held::Yes }), "before the wait was over");
    assert!(puppet.view.is_leader(), "a drain keeps the lease");
}

#[tokio::test]
async fn no_work_begins_during_a_hand_over() {
    let mut puppet = Puppet::new();
    puppet.elect(1, HOUR_MS);
    puppet.drain();
    let (_runner, mut told) = endless(&puppet.view);
    tokio::task::yield_now().await;
    puppet.lose(1);
    puppet.elect(2, HOUR_MS);
    assert_eq!(next(&mut told).await, Seen::Began { token: 2 });
}

#[tokio::test]
async fn the_end_of_the_node_ends_the_waiting_for_leadership() {
    let Puppet { view, publisher, .. } = Puppet::new();
    let (runner, _told) = endless(&view);
    publisher.stopping(Stopped::Shutdown);
    drop(publisher);
    assert_eq!(in_time(runner).await.unwrap(), Err(Stopped::Shutdown));
}

#[tokio::test]
async fn the_end_of_the_node_drops_work_and_tells_why() {
    let mut puppet = Puppet::new();
    puppet.elect(1, HOUR_MS);
    let (runner, mut told) = endless(&puppet.view);
    assert_eq!(next(&mut told).await, Seen::Began { token: 1 });
    let Puppet { publisher, .. } = puppet;
    drop(publisher);
    assert_eq!(next(&mut told).await, Seen::Dropped { token: 1, lease: Held::No });
    assert_eq!(in_time(runner).await.unwrap(), Err(Stopped::Aborted));
}

#[tokio::test]
async fn giving_up_the_waiting_gives_up_the_work() {
    let mut puppet = Puppet::new();
    puppet.elect(1, HOUR_MS);
    let (runner, mut told) = endless(&puppet.view);
    assert_eq!(next(&mut told).await, Seen::Began { token: 1 });
    runner.abort();
    assert_eq!(next(&mut told).await, Seen::Dropped { token: 1, lease: Held::Yes });
    in_time(puppet.view.works().idle()).await;
}

/// Who looks again and again without a pause uses up what a task may do before others have their turn.
#[tokio::test]
async fn who_waits_for_a_lease_does_nothing_meanwhile() {
    let mut puppet = Puppet::new();
    for leads in [false, true] {
        if leads {
            // Too short for work: it looks again in a heartbeat.
            puppet.elect(1, 10_000);
        }
        let mut waiting = pin!(run_as_leader(Arc::clone(&puppet.view), Arc::new(TestRuntime), GUARD, |_| async {}));
        assert_eq!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
        assert!(has_budget_remaining(), "leads: {leads}");
    }
}
