//! Where a node runs, and what its application may do to its own runtime meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use qcluster_core::Config;
use qcluster_core::config::{TimingChoice, TimingValues};
use qcluster_host::error::{StartError, Stopped};
use qcluster_host::testing::in_time;

use crate::QCluster;

/// A cluster of one on a free port.
fn alone() -> Config {
    let values = TimingValues { heartbeat_ms: Some(100), lease_ms: Some(600), ..TimingValues::default() };
    Config { timing: TimingChoice::Values(values), ..Config::new("server_a", "localhost", 0) }
}

/// Waits without a runtime.
fn block_on<T>(what: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut what = pin!(what);
    loop {
        if let Poll::Ready(output) = what.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// The node has a thread and a runtime of its own.
#[test]
fn a_node_needs_no_runtime_of_its_application() {
    let cluster = block_on(QCluster::start(alone())).unwrap();
    assert_eq!(block_on(cluster.wait_for_leader()).unwrap(), *cluster.me());
    block_on(cluster.step_down()).unwrap();
    block_on(cluster.shutdown());
    assert_eq!(block_on(cluster.stopped()), Stopped::Shutdown);
}

/// A task that waited for the same thread would renew nothing.
#[tokio::test]
async fn a_leader_renews_its_lease_while_its_application_blocks_the_runtime() {
    let cluster = QCluster::start(alone()).await.unwrap();
    in_time(cluster.wait_for_leader()).await.unwrap();
    let first = cluster.view().edge().lease();
    // Given a runtime of one thread, which is blocked …
    let patience = Instant::now() + Duration::from_secs(60);
    let is_renewed =
        || cluster.view().edge().lease().map(|lease| lease.valid_until) > first.map(|lease| lease.valid_until);
    // … until the lease lasts longer than before.
    while !is_renewed() {
        assert!(Instant::now() < patience, "nobody renews it");
        thread::sleep(Duration::from_millis(1));
    }
    in_time(cluster.shutdown()).await;
}

#[tokio::test]
async fn a_node_may_be_a_task_of_the_runtime_that_it_is_started_in() {
    let cluster = QCluster::start_in_runtime(alone()).await.unwrap();
    in_time(cluster.wait_for_leader()).await.unwrap();
    in_time(cluster.shutdown()).await;
    assert_eq!(in_time(cluster.stopped()).await, Stopped::Shutdown);
    let cluster = QCluster::start_in_runtime(alone()).await.unwrap();
    in_time(cluster.abort()).await;
    assert_eq!(in_time(cluster.stopped()).await, Stopped::Aborted);
}

#[test]
fn a_start_in_a_runtime_that_is_not_there_is_an_error_and_no_panic() {
    let start = pin!(QCluster::start_in_runtime(alone()));
    match start.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Err(StartError::NoRuntime)) => {}
        Poll::Ready(other) => panic!("{other:?}"),
        Poll::Pending => panic!("it waits for a runtime that is not there"),
    }
}
