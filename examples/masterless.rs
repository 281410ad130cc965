//! Five nodes without a leader, in one process: one is killed, the others notice, and only its keys move.
//!
//! `cargo run --release --example masterless`

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use qcluster::{Config, Mode, QCluster, Service, WatchEventKind};

const NAMES: [&str; 5] = ["anna", "boris", "clara", "david", "emma"];
const KEYS: usize = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut nodes: Vec<QCluster> = Vec::new();
    for name in NAMES {
        // All join through the first; any other would do.
        let join = nodes.first().map(|first| format!("localhost:{}", first.me().port));
        // With port 0 the system chooses one.
        let config = Config::new(name, "localhost", 0).with_mode(Mode::Masterless).with_join(join);
        let node = QCluster::start(config).await?;
        node.register(Service::new("worker", 9_000)).await?;
        nodes.push(node);
    }
    println!("Five nodes start, each with a service.");
    for node in &nodes {
        agree(node, NAMES.len()).await?;
    }
    println!("All of them see all five. Of {KEYS} keys, {}.", shares(&owners(&nodes[0])));

    let before = owners(&nodes[0]);
    let killed = nodes.pop().ok_or("there are five")?;
    println!("\n{} is killed, without a word to the others.", killed.me().identifier);
    let mut watches: Vec<_> = nodes.iter().map(|node| (node, node.watch())).collect();
    let start = Instant::now();
    killed.abort().await;
    for (node, watch) in &mut watches {
        let mut is_seen = false;
        while !is_seen {
            for event in watch.next().await? {
                if let WatchEventKind::Member { event, member } = &event.kind {
                    println!(
                        "  after {:.1?}, {} sees: {} {event}",
                        start.elapsed(),
                        node.me().identifier,
                        member.identifier
                    );
                    is_seen |= event == "down";
                }
            }
        }
    }
    for node in &nodes {
        agree(node, NAMES.len() - 1).await?;
    }

    let after = owners(&nodes[0]);
    let moved = (0..KEYS).filter(|key| before[*key] != after[*key]).count();
    let its_own = (0..KEYS).filter(|key| before[*key] == killed.me().identifier).count();
    println!(
        "\nIts service is gone too: {} are left. Of {KEYS} keys, {}.",
        nodes[0].services("worker").len(),
        shares(&after)
    );
    println!("{moved} keys have moved: the {its_own} that were the dead node's.");
    assert!(moved == its_own && nodes.iter().all(|node| owners(node) == after), "no other key moves, and all agree");
    for node in nodes {
        node.shutdown().await;
    }
    Ok(())
}

/// Waits until a node sees that many alive, with a service each.
async fn agree(node: &QCluster, count: usize) -> Result<(), Box<dyn Error>> {
    let mut watch = node.watch();
    loop {
        let alive = node.members().iter().filter(|member| member.state == "alive").count();
        if alive == count && node.services("worker").len() == count {
            return Ok(());
        }
        // Nothing may happen any more between the look and the wait: the look comes again.
        if let Ok(events) = tokio::time::timeout(Duration::from_millis(100), watch.next()).await {
            events?;
        }
    }
}

/// Who owns each key, as that node sees it. No node asks another.
fn owners(node: &QCluster) -> Vec<String> {
    (0..KEYS).filter_map(|key| node.owners(&format!("key-{key}"), 1).pop()).collect()
}

fn shares(owners: &[String]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for owner in owners {
        *counts.entry(owner).or_default() += 1;
    }
    let shares: Vec<String> = counts.iter().map(|(owner, count)| format!("{owner} owns {count}")).collect();
    shares.join(", ")
}
