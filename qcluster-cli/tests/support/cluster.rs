//! Voters that know each other, as real processes on this machine.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::events::{self, Leadership};
use super::node::{Node, Program};
use super::ports;
use super::wait::eventually;

/// A secret for nodes whose secret is not what a story is about.
pub(crate) const SECRET: &str = "KKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKA=";

/// What the voters of a cluster have in common, and where they are.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) timing: Value,
    pub(crate) storage: Storage,
    pub(crate) program: Program,
    pub(crate) places: Places,
}

/// Whether voters remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Diskless,
    DataDir,
}

/// Where voters listen.
#[derive(Clone, Debug)]
pub(crate) enum Places {
    /// This many on `localhost`, each on a port of its own.
    Loopback(usize),
    /// One on each address, all on one port.
    Addresses(Vec<Ipv4Addr>),
}

impl Setup {
    /// Three diskless voters on loopback, unhurried: stories about who leads are not to be disturbed by a leader that a
    /// busy machine has stalled.
    pub(crate) fn unhurried() -> Self {
        Self {
            timing: json!({ "heartbeat_ms": 100, "lease_ms": 1_000, "max_lease_ms": 3_000, "slot_ms": 40 }),
            storage: Storage::Diskless,
            program: Program::Binary,
            places: Places::Loopback(3),
        }
    }
}

/// A leader that everybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// The leader's place.
    pub(crate) leader: usize,
    pub(crate) token: u64,
}

/// The voters, and the folder of all their files, which goes with them.
#[derive(Debug)]
pub(crate) struct Cluster {
    // Before the folder, so that no process is left when that goes.
    pub(crate) nodes: Vec<Node>,
    dir: TempDir,
}

impl Cluster {
    /// Writes one file for each voter, and starts nothing.
    pub(crate) fn new(setup: &Setup) -> Self {
        Self::changed(setup, |_, _| {})
    }

    /// The same, with the configuration of each changed first.
    pub(crate) fn changed(setup: &Setup, change: impl Fn(usize, &mut Value)) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let places = places(&setup.places);
        let name = |index: usize| format!("server_{}", ["a", "b", "c", "d", "e"][index]);
        let peer =
            |index: usize| json!({ "identifier": name(index), "host": places[index].0, "port": places[index].1 });
        let node = |index: usize| {
            let peers: Vec<Value> = (0..places.len()).filter(|other| *other != index).map(peer).collect();
            let (host, port, ip) = &places[index];
            let mut config = json!({
                "identifier": name(index), "listen_host": host, "listen_port": port, "metadata": { "place": index },
                "peers": peers, "timing": setup.timing,
            });
            match setup.storage {
                Storage::Diskless => {}
                Storage::DataDir => config["data_dir"] = json!(data_dir(dir.path(), index)),
            }
            match setup.places {
                Places::Loopback(_) => {}
                Places::Addresses(_) => config["insecure"] = json!(true),
            }
            change(index, &mut config);
            Node::new(dir.path(), &name(index), *ip, &config, setup.program.clone())
        };
        Self { nodes: (0..places.len()).map(node).collect(), dir }
    }

    /// All of them at once.
    pub(crate) fn start(setup: &Setup) -> Self {
        let mut cluster = Self::new(setup);
        cluster.nodes.iter_mut().for_each(Node::start);
        cluster
    }

    /// The folder of all files.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where a voter's hard state is, if it has any.
    pub(crate) fn data_dir(&self, index: usize) -> String {
        data_dir(self.dir.path(), index)
    }

    /// The one leader whom all running voters name, in one term; asked of each over HTTP.
    pub(crate) fn agreement(&self) -> Option<Agreement> {
        let running: Vec<usize> = (0..self.nodes.len()).filter(|index| self.nodes[*index].is_started()).collect();
        self.agreement_among(&running)
    }

    /// The one leader among those, whom all of those name, in one term.
    pub(crate) fn agreement_among(&self, running: &[usize]) -> Option<Agreement> {
        let statuses: Vec<Value> = running.iter().map(|index| self.nodes[*index].status()).collect::<Option<_>>()?;
        let leaders = || statuses.iter().zip(running).filter(|(status, _)| status["is_leader"] == true);
        let (status, leader) = leaders().next().filter(|_| leaders().count() == 1)?;
        let same = |key: &str| statuses.iter().all(|other| other[key] == status[key]);
        let named = same("leader") && status["leader"] == self.nodes[*leader].name.as_str();
        let token = status["token"].as_u64()?;
        (named && same("term")).then_some(Agreement { leader: *leader, token })
    }

    /// Waits until there is an agreement that satisfies.
    pub(crate) fn agreed(&self, what: &str, satisfies: impl Fn(Agreement) -> bool) -> Agreement {
        self.eventually(what, || self.agreement().filter(|agreement| satisfies(*agreement)))
    }

    /// Every leadership that a node has written down, the smallest token first.
    pub(crate) fn leaderships(&self) -> Vec<Leadership> {
        let of = |(index, node): (usize, &Node)| events::leaderships(index, &node.events());
        let mut all: Vec<Leadership> = self.nodes.iter().enumerate().flat_map(of).collect();
        all.sort_by_key(|leadership| leadership.token);
        all
    }

    /// The first leadership after that token.
    pub(crate) fn successor(&self, token: u64) -> Option<Leadership> {
        self.leaderships().into_iter().find(|leadership| leadership.token > token)
    }

    /// Waits for what has to happen.
    pub(crate) fn eventually<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        eventually(what, || self.trace(), look)
    }

    /// What happened to all, for a test that fails.
    pub(crate) fn trace(&self) -> String {
        self.nodes.iter().map(Node::trace).collect()
    }

    /// What holds in every history: no two leaderships have one token, and who handed over had lost the lease before the
    /// next was elected.
    pub(crate) fn assert_history(&self) {
        for pair in self.leaderships().windows(2) {
            let [earlier, later] = pair else { continue };
            assert!(earlier.token < later.token, "two leaderships with one token: {pair:#?}\n{}", self.trace());
            if let Some((lost_s, reason)) = &earlier.lost
                && matches!(reason.as_str(), "transferred" | "shutdown" | "stepped_down")
            {
                assert!(*lost_s <= later.elected_s, "elected before the other had lost: {pair:#?}\n{}", self.trace());
            }
        }
    }
}

/// Host, port, and the address to ask at.
fn places(places: &Places) -> Vec<(String, u16, IpAddr)> {
    match places {
        Places::Loopback(count) => {
            (0..*count).map(|_| ("localhost".to_owned(), ports::free(), Ipv4Addr::LOCALHOST.into())).collect()
        }
        Places::Addresses(ips) => ips.iter().map(|ip| (ip.to_string(), 7_001, (*ip).into())).collect(),
    }
}

fn data_dir(dir: &Path, index: usize) -> String {
    dir.join(format!("data_{index}")).to_str().expect("paths of tests are UTF-8").to_owned()
}
