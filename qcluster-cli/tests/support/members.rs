//! Members of a cluster without a leader, as real processes on this machine.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::node::{Node, Program};
use super::ports;
use super::wait::eventually;

/// Masterless nodes, all of which join the first.
#[derive(Debug)]
pub(crate) struct Members {
    dir: TempDir,
    pub(crate) nodes: Vec<Node>,
}

impl Members {
    /// `count` members, started, all of which see all.
    pub(crate) fn start(count: usize) -> Self {
        let members = Self::new(count, |_, _| {});
        members.agree(count);
        members
    }

    /// `count` members, started, with the configuration of each changed first. They probe fast, so that stories are short.
    pub(crate) fn new(count: usize, change: impl Fn(usize, &mut Value)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let ports: Vec<u16> = (0..count).map(|_| ports::free()).collect();
        let node = |(index, port): (usize, &u16)| {
            let name = format!("member_{index}");
            let mut config = json!({
                "identifier": name, "mode": "masterless", "listen_host": "127.0.0.1", "listen_port": port,
                "join": [format!("127.0.0.1:{}", ports[0])], "timing": { "probe_ms": 100 },
            });
            if index == 0 {
                config["join"] = json!([]);
            }
            change(index, &mut config);
            let mut node = Node::new(dir.path(), &name, IpAddr::V4(Ipv4Addr::LOCALHOST), &config, Program::Binary);
            node.start();
            node
        };
        let nodes = ports.iter().enumerate().map(node).collect();
        Self { dir, nodes }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Waits until every node sees that many alive.
    pub(crate) fn agree(&self, count: usize) {
        let sees_all =
            |node: &Node| node.status().is_some_and(|status| status["registry"]["members"]["alive"] == count);
        self.eventually("all members see each other", || self.nodes.iter().all(sees_all).then_some(()));
    }

    pub(crate) fn eventually<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        eventually(what, || self.trace(), look)
    }

    pub(crate) fn trace(&self) -> String {
        self.nodes.iter().map(Node::trace).collect()
    }
}
