//! The least that a service does with a cluster: start a node from a file, ask who leads, and hand over at the end.
//!
//! In three terminals: `cargo run --example bare_minimum -- examples/server_a.json`, likewise with `b` and `c`. Then stop
//! one with Ctrl-C.

use std::time::Duration;

use qcluster::{Config, ConfigFile as _, QCluster};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: bare_minimum CONFIG")?;
    let cluster = QCluster::start(Config::from_file(path)?).await?;
    tokio::select! {
        result = tell(&cluster) => result?,
        result = tokio::signal::ctrl_c() => result?,
    }
    cluster.shutdown().await; // hands leadership over, so that the others need not wait for the lease to end
    Ok(())
}

async fn tell(cluster: &QCluster) -> Result<(), serde_json::Error> {
    loop {
        if cluster.is_leader() {
            println!("I lead.");
        } else if let Some(leader) = cluster.leader_info() {
            println!("{} leads, with metadata {}.", leader.identifier, serde_json::to_string(&leader.metadata)?);
        } else {
            println!("Nobody leads.");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
