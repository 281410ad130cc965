//! A resource that checks fencing tokens, and a leader that comes too late.
//!
//! `cargo run --example guarded_resource` runs by itself. It elects a leader among three nodes in this process, and has it
//! write to a resource. Then the leader is stopped as by a crash, between asking for its lease and using it. Another node
//! leads and writes. When the old leader's write arrives at last, the resource turns it away, since it has seen a larger
//! token. This is what no lease can prevent by itself: a process may be frozen after it asked, for longer than any lease.

use std::net::TcpListener;

use qcluster::{Config, FencingToken, Peer, QCluster};

/// What leaders write to: in real life a database, a queue, or a file on another machine.
#[derive(Default)]
struct Resource {
    largest: Option<FencingToken>,
}

impl Resource {
    /// Takes the write unless a later leader has been here. The comparison belongs to the write: a database does both in
    /// one transaction, or in one statement such as `UPDATE … WHERE token <= ?`.
    fn write(&mut self, token: FencingToken, what: &str) -> Result<(), String> {
        match self.largest {
            Some(largest) if token < largest => Err(format!("token {token} is older than {largest}")),
            Some(_) | None => {
                self.largest = Some(token);
                println!("resource: took {what:?} with token {token}");
                Ok(())
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut resource = Resource::default();
    let mut nodes = start_three().await?;

    let first = nodes.remove(leader_of(&nodes).await);
    let name = first.me().identifier.clone();
    let lease = first.lease().ok_or("the machine stood still for longer than a lease: run it again")?;
    resource.write(lease.token, &format!("{name} was here"))?;

    println!("{name}: has a lease, and freezes before it writes again");
    first.abort().await;

    let second = leader_of(&nodes).await;
    let next = nodes[second].lease().ok_or("the machine stood still for longer than a lease: run it again")?;
    println!("{}: leads now", nodes[second].me().identifier);
    resource.write(next.token, &format!("{} was here", nodes[second].me().identifier))?;

    println!("{name}: wakes up, and writes with the lease that it had");
    match resource.write(lease.token, "stale data") {
        Ok(()) => return Err("the stale write was taken".into()),
        Err(refusal) => println!("resource: refused \"stale data\": {refusal}"),
    }
    for node in nodes {
        node.shutdown().await;
    }
    Ok(())
}

/// Waits until one of them leads.
async fn leader_of(nodes: &[QCluster]) -> usize {
    loop {
        if let Some(leader) = nodes.iter().position(|node| node.is_leader()) {
            return leader;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// Three voters on free ports of this machine.
async fn start_three() -> Result<Vec<QCluster>, Box<dyn std::error::Error>> {
    let held =
        [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let mut peers = Vec::new();
    for (name, listener) in ["server_a", "server_b", "server_c"].into_iter().zip(&held) {
        let port = listener.local_addr()?.port();
        peers.push(Peer::new(name, "127.0.0.1", port));
    }
    drop(held);
    let mut nodes = Vec::new();
    for me in &peers {
        let mut config = Config::new(&me.identifier, &me.host, me.port);
        config.peers = peers.iter().filter(|peer| *peer != me).cloned().collect();
        nodes.push(QCluster::start(config).await?);
    }
    Ok(nodes)
}
