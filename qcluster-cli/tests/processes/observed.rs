//! A node in a process of its own that another thread asks `is_leader()` without a pause, and what that thread saw.
//!
//! All processes of a machine read one clock, `CLOCK_BOOTTIME`, so what they saw can be compared to the nanosecond.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use qcluster::{Config, ConfigFile as _, Leadership, QCluster};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::node::{NODE_CONFIG, NODE_EVENTS, Program};

/// The test below in a process of its own, which makes it a node.
pub(crate) fn program() -> Program {
    let path = std::env::current_exe().expect("the path of this program");
    let arguments = ["observed::a_node_for_other_tests", "--exact", "--nocapture"].map(str::to_owned);
    Program::Own { path, arguments: arguments.to_vec() }
}

/// Nanoseconds of the clock that all processes share.
pub(crate) fn now_ns() -> u64 {
    let reading = clock_gettime(ClockId::Boottime);
    u64::try_from(reading.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(reading.tv_nsec).unwrap_or(0)
}

/// Nothing unless another test has started it as a node: then it runs until it is killed.
#[test]
fn a_node_for_other_tests() {
    let (Some(config), Some(events)) = (std::env::var_os(NODE_CONFIG), std::env::var_os(NODE_EVENTS)) else { return };
    let config = Config::from_file(PathBuf::from(config)).unwrap_or_else(|error| panic!("{error}"));
    let file = File::options().create(true).append(true).open(events).expect("a file for what is seen");
    let log = Arc::new(Log(Mutex::new(file)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let cluster = QCluster::start(config).await.unwrap_or_else(|error| panic!("{error}"));
        let (asked, seen) = (cluster.clone(), Arc::clone(&log));
        std::thread::spawn(move || ask_for_ever(&asked, &seen));
        let mut leadership = cluster.leadership();
        while leadership.changed().await.is_ok() {
            let leader = match &*leadership.borrow_and_update() {
                Leadership::Unknown => None,
                Leadership::Following { leader, .. } => Some(leader.identifier.clone()),
                Leadership::Leading { .. } | Leadership::Draining { .. } => Some(cluster.me().identifier.clone()),
            };
            log.write(&json!({ "at": now_ns(), "saw": "leader", "leader": leader }));
        }
    });
}

/// Asks whether this node leads, and writes down the first and the last moment of each leadership: the first after an
/// answer, the last before it. So every moment that is written down is certain, and two leaderships that overlap did.
fn ask_for_ever(cluster: &QCluster, log: &Log) -> ! {
    // The token and the last moment of the leadership that is being watched.
    let mut open: Option<(Option<u64>, u64)> = None;
    loop {
        let before = now_ns();
        if cluster.is_leader() {
            let after = now_ns();
            // If the lease is just over the token is unknown, and the answer still counts for the leadership so far.
            let token = cluster.lease().map(|lease| lease.token.0);
            match &mut open {
                Some((known, last)) if token.is_none() || *known == token => *last = before,
                _ => {
                    if let Some((_, last)) = open {
                        log.write(&json!({ "at": last, "saw": "last" }));
                    }
                    log.write(&json!({ "at": after, "saw": "first", "token": token }));
                    open = Some((token, before));
                }
            }
            std::thread::yield_now();
        } else {
            if let Some((_, last)) = open.take() {
                log.write(&json!({ "at": last, "saw": "last" }));
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

struct Log(Mutex<File>);

impl Log {
    fn write(&self, line: &Value) {
        let mut file = self.0.lock().expect("nobody panics with the log");
        // One call, so that a line is there whole or not at all.
        file.write_all(format!("{line}\n").as_bytes()).expect("a line can be written");
    }
}

/// A time during which a node said that it leads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reign {
    /// The place of the node in the cluster.
    pub(crate) node: usize,
    /// `None` if the lease was over before it could be asked for.
    pub(crate) token: Option<u64>,
    pub(crate) first: u64,
    /// `None` while it goes on.
    pub(crate) last: Option<u64>,
}

/// All reigns so far, in order of their first moments.
pub(crate) fn reigns(cluster: &Cluster) -> Vec<Reign> {
    let mut all: Vec<Reign> = Vec::new();
    for node in 0..cluster.nodes.len() {
        let mut of_node: Vec<Reign> = Vec::new();
        for line in lines(cluster, node) {
            let at = line["at"].as_u64().expect("every line has its time");
            match line["saw"].as_str() {
                Some("first") => of_node.push(Reign { node, token: line["token"].as_u64(), first: at, last: None }),
                Some("last") => of_node.last_mut().expect("the last comes after the first").last = Some(at),
                _ => {}
            }
        }
        all.extend(of_node);
    }
    all.sort_by_key(|reign| reign.first);
    all
}

/// The reign that goes on, once all others follow its node.
pub(crate) fn settled(cluster: &Cluster) -> Option<Reign> {
    let reign = reigns(cluster).pop().filter(|reign| reign.last.is_none())?;
    let leader = cluster.nodes[reign.node].name.as_str();
    let follows = |node: usize| {
        let heard = lines(cluster, node).into_iter().rev().find(|line| line["saw"] == "leader");
        heard.is_some_and(|line| line["leader"] == leader)
    };
    (0..cluster.nodes.len()).all(follows).then_some(reign)
}

/// What must hold whatever happened: a node's last moment lies before the next one's first, and tokens grow.
pub(crate) fn assert_disjoint(cluster: &Cluster) {
    let reigns = reigns(cluster);
    for pair in reigns.windows(2) {
        let [earlier, later] = pair else { continue };
        let ended = earlier.last.is_some_and(|last| last < later.first);
        assert!(ended, "two led at once: {earlier:?}, {later:?}\n{}", cluster.trace());
    }
    let tokens: Vec<u64> = reigns.iter().filter_map(|reign| reign.token).collect();
    assert!(tokens.is_sorted_by(|a, b| a < b), "tokens did not grow: {tokens:?}\n{}", cluster.trace());
}

fn lines(cluster: &Cluster, node: usize) -> Vec<Value> {
    let text = fs::read_to_string(cluster.nodes[node].events_path()).unwrap_or_default();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}
