//! What the fuzz targets share: a cluster of three, checksums made right, and a limit on memory.

use std::alloc::System;
use std::net::SocketAddr;

use cap::Cap;
use qcluster_core::{Config, Mode, Peer, Rules};

/// Whatever comes in, the process never holds more than this: a length field that is believed would.
const MEMORY_MAX: usize = 64 << 20;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, MEMORY_MAX);

/// Bytes allocated from Rust at the moment.
#[must_use]
pub fn memory() -> usize {
    MEMORY.allocated()
}

mod said;

pub use said::Said;

/// The voters; the observer comes after them.
pub const VOTERS: [&str; 3] = ["a", "b", "c"];

/// The observer's place in the order of [`config`].
pub const OBSERVER: usize = VOTERS.len();

/// Where a node listens; nodes that do not exist have addresses too.
#[must_use]
pub fn address(node: usize) -> SocketAddr {
    let port = 7_001_u16.saturating_add(u16::try_from(node).unwrap_or(u16::MAX));
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The configuration of one of the voters, or of an observer of them.
#[must_use]
pub fn config(node: usize) -> Config {
    let name = VOTERS.get(node).copied().unwrap_or("observer");
    let others = VOTERS.iter().enumerate().filter(|(other, _)| *other != node);
    let peers = others.map(|(other, name)| Peer::new(*name, "127.0.0.1", address(other).port()));
    let mut config = Config::new(name, "127.0.0.1", address(node).port()).with_peers(peers);
    config.observer = node >= OBSERVER;
    config
}

/// The configuration of one of as many nodes without an election, each of which knows the others.
#[must_use]
pub fn masterless(node: usize) -> Config {
    let mut config = config(node).with_mode(Mode::Masterless);
    config.observer = false;
    config
}

/// The checked form of a configuration that is known to be right.
///
/// # Panics
/// It is not.
#[must_use]
pub fn rules(config: &Config) -> Rules {
    config.settings().and_then(|settings| settings.check()).expect("the configuration of the fuzz targets is right")
}

/// Ends `bytes` with the checksum that a reader expects: a fuzzer guesses a CRC once in four billion times.
pub fn seal(bytes: &mut Vec<u8>) {
    let checksum = crc32fast::hash(bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
}
