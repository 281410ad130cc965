//! Nodes on different runtimes are one cluster.

use std::thread;

use qcluster::{Config, Handle, QCluster, Service, StartError, smol};
use qcluster_host::test_support::in_time;

use crate::hosts::Host;
use crate::plain::Plain;
use crate::support::{leader_of, settled, three};

/// The first is a task of tokio, the second one of smol, and the third has a plain thread.
async fn mixed(configs: Vec<Config>) -> Vec<Handle> {
    let mut nodes = Vec::new();
    for (place, config) in configs.into_iter().enumerate() {
        let started = match place {
            0 => QCluster::start_in_runtime(config).await.map(|node| Handle::clone(&node)),
            1 => in_smol(config).await,
            _ => Plain::start(config).await,
        };
        nodes.push(started.unwrap());
    }
    nodes
}

/// The loop has an executor beside that of the story.
async fn in_smol(config: Config) -> Result<Handle, StartError> {
    let (node, node_loop) = smol::QCluster::start_in_executor(config).await?;
    thread::spawn(|| ::smol::block_on(node_loop));
    Ok(Handle::clone(&node))
}

pub(crate) async fn nodes_of_all_runtimes_elect_one_leader_and_the_next<H: Host>() {
    let nodes = mixed(three()).await;
    let mut token = None;
    // Each leads once, so that every pair of runtimes hands over to the other.
    for target in ["server_a", "server_b", "server_c", "server_b"] {
        let from = &nodes[leader_of::<H>(&nodes).await];
        in_time(from.transfer_leadership(Some(target))).await.unwrap();
        settled::<H>(|| all_see_one_leader(&nodes)).await;
        let next = nodes.iter().find_map(Handle::lease).map(|lease| lease.token);
        assert!(next >= token, "{next:?} after {token:?}");
        token = next;
    }
}

fn all_see_one_leader(nodes: &[Handle]) -> bool {
    let leaders: Vec<_> = nodes.iter().filter(|node| node.is_leader()).collect();
    assert!(leaders.len() <= 1, "two nodes lead: {leaders:?}");
    leaders.iter().any(|leader| nodes.iter().all(|node| node.leader_info().as_ref() == Some(leader.me())))
}

pub(crate) async fn nodes_of_all_runtimes_see_one_registry<H: Host>() {
    let nodes = mixed(three()).await;
    for (place, node) in nodes.iter().enumerate() {
        let port = 8_000 + u16::try_from(place).unwrap();
        in_time(node.register(Service::new("worker", port))).await.unwrap();
    }
    for node in &nodes {
        settled::<H>(|| node.services("worker").len() == nodes.len()).await;
    }
    let ports = |node: &Handle| node.services("worker").iter().map(|found| found.port).collect::<Vec<_>>();
    assert!(nodes.iter().all(|node| ports(node) == [8_000, 8_001, 8_002]));
    let owners = nodes[0].owners("customer-42", 2);
    assert!(nodes.iter().all(|node| node.owners("customer-42", 2) == owners));
}
