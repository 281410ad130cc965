//! Clusters in memory, as the tests of an application use them.

use qcluster::testing::TestCluster;
use qcluster::{Config, Handle, Leadership, Mode, StartError};
use qcluster_host::test_support::in_time;

use crate::hosts::Host;

/// Waits until this node knows that another leads.
async fn follows(node: &Handle) {
    let mut leadership = node.leadership();
    let follows = leadership.wait_for(|state| matches!(state, Leadership::Following { .. }));
    in_time(follows).await.unwrap();
}

pub(crate) async fn another_leads_after_the_leader_was_killed_and_it_comes_back_as_a_follower<H: Host>() {
    let mut cluster = TestCluster::<H::InMemory>::start(3).await.unwrap();
    let first = cluster.wait_for_leader().await;
    let killed = cluster.node(first).clone();
    cluster.kill(first).await;
    assert!(!killed.is_leader());
    assert_eq!(cluster.nodes().count(), 2);
    let second = cluster.wait_for_leader().await;
    assert_ne!(second, first);
    cluster.restart(first).await.unwrap();
    follows(cluster.node(first)).await;
}

pub(crate) async fn a_leader_that_was_cut_off_loses_its_lease_and_follows_once_it_is_back<H: Host>() {
    let cluster = TestCluster::<H::InMemory>::start(3).await.unwrap();
    let first = cluster.wait_for_leader().await;
    cluster.cut(first);
    let second = cluster.wait_for_leader().await;
    assert_ne!(second, first);
    assert!(!cluster.node(first).is_leader(), "two lead at once");
    cluster.heal();
    follows(cluster.node(first)).await;
}

pub(crate) async fn a_link_that_is_cut_between_two_costs_nobody_the_leadership_of_the_third<H: Host>() {
    let cluster = TestCluster::<H::InMemory>::start(3).await.unwrap();
    let leader = cluster.wait_for_leader().await;
    cluster.cut_between((leader + 1) % 3, (leader + 2) % 3);
    let next = cluster.wait_for_leader().await;
    for follower in (0..3).filter(|index| *index != next) {
        follows(cluster.node(follower)).await;
    }
}

pub(crate) async fn a_frozen_leader_does_not_lead_although_nobody_told_it<H: Host>() {
    let cluster = TestCluster::<H::InMemory>::start(3).await.unwrap();
    let first = cluster.wait_for_leader().await;
    cluster.freeze(first);
    let second = cluster.wait_for_leader().await;
    assert_ne!(second, first);
    assert!(!cluster.node(first).is_leader(), "two lead at once");
    cluster.thaw(first);
    follows(cluster.node(first)).await;
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
