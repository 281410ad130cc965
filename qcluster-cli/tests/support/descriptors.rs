//! Nodes that may open few files, and clients that take all of them.

use std::fs;
use std::net::{SocketAddr, TcpStream};

use super::node::Node;

/// What a node may open: more than it needs, and fewer than there are clients.
pub(crate) const DESCRIPTORS: usize = 64;

/// What comes before a command that may open no more.
pub(crate) fn few_descriptors() -> Vec<String> {
    ["sh", "-c", &format!("ulimit -n {DESCRIPTORS} && exec \"$@\""), "sh"].map(str::to_owned).to_vec()
}

/// Clients that send nothing, more than a node has descriptors for.
pub(crate) fn crowd(server: SocketAddr) -> Vec<TcpStream> {
    (0..2 * DESCRIPTORS).filter_map(|_| TcpStream::connect(server).ok()).collect()
}

/// Whether a node has opened all that it may.
pub(crate) fn has_no_descriptor_left(node: &Node) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", node.pid())).expect("its process is there");
    open.count() >= DESCRIPTORS
}
