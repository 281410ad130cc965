//! A node as a task of its application's runtime. What it does on a thread of its own is in the tests of the facade, for all
//! runtimes.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use qcluster_core::{Config, TimingValues};
use qcluster_host::error::{StartError, Stopped};
use qcluster_host::test_support::in_time;

use super::QCluster;

/// A cluster of one on a free port.
fn alone() -> Config {
    let timing = TimingValues::default().with_heartbeat_ms(100).with_lease_ms(600);
    Config::new("server_a", "localhost", 0).with_timing(timing)
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
