//! The cluster that nodes in the fuzz targets belong to: three voters and an observer, and where each of them is.

use std::net::SocketAddr;

use qcluster_core::{Command, Config, Endpoint, Input, Mode, NodeId, Peer, Rules, Time};

/// The voters; the observer comes after them.
pub(crate) const VOTERS: [&str; 3] = ["a", "b", "c"];

/// The observer's place in the order of [`config`].
pub(crate) const OBSERVER: usize = VOTERS.len();

/// The wall clock at the start, in Unix milliseconds.
pub(crate) const STAMP_MS: u64 = 1_764_000_000_000;

/// Where a node listens; nodes that do not exist have addresses too.
pub(crate) fn address(node: usize) -> SocketAddr {
    let port = 7_001_u16.saturating_add(u16::try_from(node).unwrap_or(u16::MAX));
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The node that listens there, if it exists.
pub(crate) fn node_at(address: SocketAddr) -> Option<usize> {
    (0..=OBSERVER).find(|node| self::address(*node) == address)
}

/// The name of a node; those that do not exist have one name together.
pub(crate) fn name(node: usize) -> NodeId {
    let name = match node {
        OBSERVER => "observer",
        voter => VOTERS.get(voter).copied().unwrap_or("stranger"),
    };
    NodeId::new(name).expect("the names of the fuzz targets are right")
}

/// The configuration of one of the voters, or of an observer of them.
pub(crate) fn config(node: usize) -> Config {
    let others = VOTERS.iter().enumerate().filter(|(other, _)| *other != node);
    let peers = others.map(|(other, name)| Peer::new(*name, "127.0.0.1", address(other).port()));
    let mut config = Config::new(name(node).as_str(), "127.0.0.1", address(node).port()).with_peers(peers);
    config.observer = node >= OBSERVER;
    config
}

/// The configuration of one of as many nodes without an election, each of which knows the others.
pub(crate) fn masterless(node: usize) -> Config {
    let mut config = config(node).with_mode(Mode::Masterless);
    config.observer = false;
    config
}

/// The checked form of a configuration that is known to be right.
pub(crate) fn rules(config: &Config) -> Rules {
    config.settings().and_then(|settings| settings.check()).expect("the configuration of the fuzz targets is right")
}

/// Tells a node where all others are.
pub(crate) fn introduce(endpoint: &mut Endpoint, node: usize, now: Time) {
    for peer in (0..=OBSERVER).filter(|peer| *peer != node) {
        drop(endpoint.step(now, Input::Resolved { peer: name(peer).key(), address: address(peer) }));
        drop(endpoint.step(now, Input::Command(Command::Join(address(peer)))));
    }
}

/// Ends `bytes` with the checksum that a reader expects: a fuzzer guesses a CRC once in four billion times.
pub(crate) fn end_with_checksum(bytes: &mut Vec<u8>) {
    let checksum = crc32fast::hash(bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
}
