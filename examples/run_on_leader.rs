//! A job that runs on the leader only: started when this replica is elected, dropped before its lease can end.
//!
//! In three terminals: `cargo run --example run_on_leader -- examples/server_a.json`, likewise with `b` and `c`. One of them
//! counts, the others wait. Stop the one that counts with Ctrl-C: its job is told to end first, and another replica begins
//! at once. Kill it with `kill -9` instead, and another one begins as soon as the lease has run out.

use std::time::Duration;

use qcluster::{Config, ConfigFile as _, Lease, QCluster};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: run_on_leader CONFIG")?;
    let cluster = QCluster::start(Config::from_file(path)?).await?;
    println!("{}: waiting to be elected", cluster.me().identifier);
    tokio::select! {
        ended = cluster.run_as_leader(job) => {
            if let Err(stopped) = ended {
                return Err(stopped.into());
            }
        }
        signal = tokio::signal::ctrl_c() => signal?,
    }
    cluster.shutdown().await; // hands leadership over, so that the others need not wait for the lease to end
    Ok(())
}

/// Started again with each leadership. It is dropped at an await: what has to be put in order belongs into a `Drop`.
async fn job(lease: Lease) {
    let _ending = Ending;
    println!("the job begins, with token {}", lease.token);
    for count in 1.. {
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("working: {count}");
    }
}

struct Ending;

impl Drop for Ending {
    fn drop(&mut self) {
        println!("the job ends");
    }
}
