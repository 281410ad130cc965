//! The least that a service does with a cluster: start a node from a file, and ask who leads.
//!
//! In three terminals: `cargo run --example bare_minimum examples/server_a.json`, likewise with `b` and `c`. Then stop one.

use std::time::Duration;

use qcluster::{Config, ConfigFile as _, QCluster};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: bare_minimum CONFIG")?;
    let cluster = QCluster::start(Config::from_file(path)?).await?;
    loop {
        if cluster.is_leader() {
            println!("I lead.");
        } else if let Some(leader) = cluster.leader_info() {
            println!("{} leads, with metadata {:?}.", leader.identifier, leader.metadata);
        } else {
            println!("Nobody leads.");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
