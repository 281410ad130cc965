//! `run_as_leader`: the leader's work has ended before its lease does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use qcluster::TimingChoice;
use qcluster::{Config, Lease, Peer, QCluster};
use tokio::sync::watch;

use crate::support::ports;

/// Unhurried, so that the guard time (a heartbeat) is longer than a busy machine makes a task wait.
const TIMING: &str = r#"{ "heartbeat_ms": 500, "lease_ms": 2000, "max_lease_ms": 4000, "slot_ms": 50 }"#;

/// Three nodes in this process.
async fn three() -> Vec<QCluster> {
    let peers: Vec<Peer> =
        ["a", "b", "c"].map(|name| Config::new(name, "localhost", ports::free()).as_peer()).into_iter().collect();
    let timing: TimingChoice = serde_json::from_str(TIMING).expect("a timing");
    let mut nodes = Vec::new();
    for me in &peers {
        let mut config = Config::new(&me.identifier, &me.host, me.port);
        config.peers = peers.iter().filter(|peer| peer.identifier != me.identifier).cloned().collect();
        config.timing = timing;
        nodes.push(QCluster::start(config).await.unwrap_or_else(|error| panic!("{error}")));
    }
    nodes
}

/// What the work's future tells when it is dropped: how long the lease would still have lasted then.
type Left = Arc<Mutex<Vec<Option<Duration>>>>;

struct Witness {
    lease: Lease,
    left: Left,
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.left.lock().expect("nobody panics with it").push(self.lease.remaining());
    }
}

/// Runs work that never ends by itself on every node, and gives who works.
fn employ(nodes: &[QCluster], left: &Left) -> watch::Receiver<Option<usize>> {
    let (working, who) = watch::channel(None);
    let working = Arc::new(working);
    for (index, node) in nodes.iter().enumerate() {
        let (node, working, left) = (node.clone(), Arc::clone(&working), Arc::clone(left));
        tokio::spawn(async move {
            let work = async move |lease: Lease| {
                let _witness = Witness { lease, left: Arc::clone(&left) };
                working.send_replace(Some(index));
                std::future::pending::<()>().await;
            };
            // It ends when the node has stopped.
            let _ = node.run_as_leader(work).await;
        });
    }
    who
}

/// A deadline that only a real fault exceeds.
async fn within_a_minute<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(Duration::from_secs(60), wait).await;
    done.unwrap_or_else(|_| panic!("waited in vain for: {what}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leaders_work_is_dropped_before_its_lease_ends() {
    let nodes = three().await;
    let left = Left::default();
    let mut working = employ(&nodes, &left);
    let first = *within_a_minute("work to begin", working.wait_for(Option::is_some)).await.expect("it is watched");
    let leader = &nodes[first.expect("somebody works")];

    // When both followers die at once, nobody renews the lease.
    for (index, node) in nodes.iter().enumerate() {
        if Some(index) != first {
            node.abort().await;
        }
    }
    let mut leadership = leader.leadership();
    let lost = leadership.wait_for(|leadership| leadership.token().is_none());
    drop(within_a_minute("the leader to lose the lease", lost).await.expect("it is watched"));

    // Then the work had been dropped while the lease still lasted.
    let left = left.lock().expect("nobody panics with it").clone();
    assert!(!left.is_empty(), "the work was not dropped at all");
    assert!(left.iter().all(Option::is_some), "work outlived its lease: {left:?} were left of it");
    assert!(!leader.is_leader());
    leader.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_over_ends_the_work_first_and_then_the_next_leader_works() {
    let nodes = three().await;
    let left = Left::default();
    let mut working = employ(&nodes, &left);
    let first = *within_a_minute("work to begin", working.wait_for(Option::is_some)).await.expect("it is watched");
    let first = first.expect("somebody works");

    // When the leader hands over, the next one works.
    let handed_over = within_a_minute("the hand-over", nodes[first].transfer_leadership(None)).await;
    handed_over.unwrap_or_else(|error| panic!("{error}"));
    let is_next = |now: &Option<usize>| now.is_some_and(|now| now != first);
    drop(within_a_minute("somebody else to work", working.wait_for(is_next)).await.expect("it is watched"));

    // Then the old work had ended under its own lease.
    let left = left.lock().expect("nobody panics with it").clone();
    assert!(matches!(left.first(), Some(Some(_))), "work outlived its lease: {left:?} were left of it");
    for node in &nodes {
        node.shutdown().await;
    }
}
