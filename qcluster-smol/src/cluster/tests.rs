//! A node as a future of its application's executor. What it does on a thread of its own is in the tests of the facade, for
//! all runtimes.

use qcluster_core::{Config, TimingValues};
use qcluster_host::error::Stopped;
use qcluster_host::test_support::in_time;
use smol::{Executor, LocalExecutor, block_on};

use super::QCluster;

/// A cluster of one on a free port.
fn alone() -> Config {
    let timing = TimingValues::default().with_heartbeat_ms(100).with_lease_ms(600);
    Config::new("server_a", "localhost", 0).with_timing(timing)
}

#[test]
fn a_node_may_be_a_task_of_any_executor() {
    let executor = Executor::new();
    block_on(executor.run(async {
        let (cluster, node) = QCluster::start_in_executor(alone()).await.unwrap();
        let node = executor.spawn(node);
        in_time(cluster.wait_for_leader()).await.unwrap();
        in_time(cluster.shutdown()).await;
        assert_eq!(in_time(cluster.stopped()).await, Stopped::Shutdown);
        in_time(node).await;
    }));
    let executor = LocalExecutor::new();
    block_on(executor.run(async {
        let (cluster, node) = QCluster::start_in_executor(alone()).await.unwrap();
        executor.spawn(node).detach();
        in_time(cluster.abort()).await;
        assert_eq!(in_time(cluster.stopped()).await, Stopped::Aborted);
    }));
}

/// What the executor of an application drops has crashed, and holds nothing.
#[test]
fn a_node_whose_loop_is_dropped_has_stopped_and_freed_its_port() {
    block_on(async {
        let (cluster, node) = QCluster::start_in_executor(alone()).await.unwrap();
        let port = cluster.me().port;
        drop(node);
        assert_eq!(in_time(cluster.stopped()).await, Stopped::Aborted);
        let mut config = alone();
        config.listen_port = port;
        let again = QCluster::start(config).await.unwrap();
        in_time(again.shutdown()).await;
    });
}
