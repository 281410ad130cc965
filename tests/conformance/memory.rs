//! Clusters in memory, as the tests of an application use them.

use qcluster::testing::TestCluster;
use qcluster::{Config, Handle, Leadership, Mode, StartError};
use qcluster_host::test_support::in_time;

use crate::hosts::Host;

/// Waits until this node knows who leads: on a busy machine that may be itself again.
async fn takes_part(node: &Handle) {
    let mut leadership = node.leadership();
    let knows = leadership.wait_for(|state| matches!(state, Leadership::Following { .. } | Leadership::Leading { .. }));
    in_time(knows).await.unwrap();
}

pub(crate) async fn another_leads_after_the_leader_was_killed_and_it_comes_back<H: Host>() {
    let mut cluster = TestCluster::<H::InMemory>::start(3).await.unwrap();
    let first = cluster.wait_for_leader().await;
    let killed = cluster.node(first).clone();
    cluster.kill(first).await;
    assert!(!killed.is_leader());
    assert_eq!(cluster.nodes().count(), 2);
    let second = cluster.wait_for_leader().await;
    assert_ne!(second, first);
    cluster.restart(first).await.unwrap();
    takes_part(cluster.node(first)).await;
}

pub(crate) async fn a_leader_that_was_cut_off_loses_its_lease_and_takes_part_once_it_is_back<H: Host>() {
    let cluster = TestCluster::<H::InMemory>::start(3).await.unwrap();
    let first = cluster.wait_for_leader().await;
    cluster.cut(first);
    assert_ne!(cluster.leader(), Some(first), "cut off, it leads nobody, however long its lease lasts");
    let second = cluster.wait_for_leader().await;
    assert_ne!(second, first);
    assert!(!cluster.node(first).is_leader(), "two lead at once");
    cluster.heal();
    takes_part(cluster.node(first)).await;
}

pub(crate) async fn a_frozen_leader_does_not_lead_although_nobody_told_it<H: Host>() {
    let cluster = TestCluster::<H::InMemory>::start(3).await.unwrap();
    let first = cluster.wait_for_leader().await;
    cluster.freeze(first);
    let second = cluster.wait_for_leader().await;
    assert_ne!(second, first);
    assert!(!cluster.node(first).is_leader(), "two lead at once");
    cluster.thaw(first);
    takes_part(cluster.node(first)).await;
}

pub(crate) async fn a_frozen_node_can_be_killed_and_a_cluster_with_one_dropped<H: Host>() {
    let mut cluster = TestCluster::<H::InMemory>::start(3).await.unwrap();
    cluster.freeze(0);
    in_time(cluster.kill(0)).await;
    cluster.restart(0).await.unwrap();
    cluster.wait_for_leader().await;
    cluster.freeze(1);
    let left = cluster.node(1).clone();
    drop(cluster);
    // Its node goes on as long as somebody has a handle of it, frozen no more.
    in_time(left.shutdown()).await;
}

pub(crate) async fn a_node_that_was_stopped_or_frozen_while_it_was_dead_starts_again<H: Host>() {
    let mut cluster = TestCluster::<H::InMemory>::start(3).await.unwrap();
    in_time(cluster.node(0).shutdown()).await;
    assert_eq!(cluster.nodes().count(), 2);
    in_time(cluster.restart(0)).await.unwrap();
    in_time(cluster.kill(0)).await;
    cluster.freeze(0);
    in_time(cluster.restart(0)).await.unwrap();
    assert_eq!(cluster.nodes().count(), 3);
    takes_part(cluster.node(0)).await;
    cluster.wait_for_leader().await;
}

pub(crate) async fn what_the_test_wants_of_the_configuration_holds<H: Host>() {
    let configure = |config: Config| {
        let mut config = config.with_mode(Mode::Masterless);
        config.services.push(serde_json::json!({"name": "web", "port": 8_080}));
        config
    };
    let cluster = TestCluster::<H::InMemory>::start_with(3, configure).await.unwrap();
    let node = cluster.node(0);
    let mut watch = node.watch();
    while node.services("web").len() < 3 {
        in_time(watch.next()).await.unwrap();
    }
    assert!(!cluster.nodes().any(|(_, node)| node.is_leader()));
}

pub(crate) async fn a_configuration_with_mistakes_starts_nothing<H: Host>() {
    let refused = TestCluster::<H::InMemory>::start_with(3, |config| config.with_cluster("")).await;
    assert!(matches!(refused, Err(StartError::Config(_))), "{refused:?}");
}
