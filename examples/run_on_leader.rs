//! A job that runs on the leader only: started when this replica is elected, dropped before its lease can end.
//!
//! In three terminals: `cargo run --example run_on_leader -- examples/server_a.json`, likewise with `b` and `c`. One of them
//! counts, the others wait. Stop the one that counts with Ctrl-C: its job is told to end first, and another replica begins
//! at once. Kill it with `kill -9` instead, and another one begins as soon as the lease has run out. With `FAIL_AT=5` the job fails
//! when it has counted to five: that replica steps down, and goes on where it was if it is elected again.

use std::time::Duration;

use qcluster::{Config, ConfigFile as _, Lease, QCluster, WorkError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: run_on_leader CONFIG")?;
    let fails_at = std::env::var("FAIL_AT").ok().map(|count| count.parse()).transpose()?;
    let cluster = QCluster::start(Config::from_file(path)?).await?;
    println!("{}: waiting to be elected", cluster.me().identifier);
    let mut job = Job { count: 0, fails_at };
    loop {
        tokio::select! {
            // Work that cannot fail is given to `run_as_leader`, in the same way.
            ended = cluster.try_run_as_leader(async |lease| job.run(lease).await) => match ended {
                Ok(()) => break,
                Err(WorkError::Failed(error)) => println!("{error}: another replica may try"),
                Err(stopped) => return Err(stopped.into()),
            },
            signal = tokio::signal::ctrl_c() => {
                signal?;
                break;
            }
        }
    }
    cluster.shutdown().await; // hands leadership over, so that the others need not wait for the lease to end
    Ok(())
}

/// What outlasts a leadership.
struct Job {
    count: u64,
    fails_at: Option<u64>,
}

impl Job {
    /// Called again with each leadership. It is dropped at an await: what has to be put in order belongs into a `Drop`.
    async fn run(&mut self, lease: Lease) -> Result<(), String> {
        let _ending = Ending;
        println!("the job begins, with token {}", lease.token);
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.count += 1;
            println!("working: {}", self.count);
            if self.fails_at == Some(self.count) {
                return Err(format!("the job failed at {}", self.count));
            }
        }
    }
}

struct Ending;

impl Drop for Ending {
    fn drop(&mut self) {
        println!("the job ends");
    }
}
