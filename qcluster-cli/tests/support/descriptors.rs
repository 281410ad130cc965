//! Nodes that may open few files, and clients that take all of them.

use std::collections::VecDeque;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::node::Node;

/// What a node may open: more than it needs, and fewer than there are clients.
pub(crate) const DESCRIPTORS: usize = 64;

/// Between two clients of a crowd, so that a node that lets the silent ones go after seconds has no descriptor left all the same.
const PAUSE: Duration = Duration::from_millis(20);

/// A node whose link was cut must not hold the crowd up.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(1);

/// What comes before a command that may open no more.
pub(crate) fn few_descriptors() -> Vec<String> {
    ["sh", "-c", &format!("ulimit -n {DESCRIPTORS} && exec \"$@\""), "sh"].map(str::to_owned).to_vec()
}

/// Clients that send nothing, more than a node has descriptors for. Others come for those that are let go, until this is dropped.
pub(crate) struct Crowd {
    /// It closes with the crowd.
    until: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Crowd {
    pub(crate) fn at(server: SocketAddr) -> Self {
        let (until, closed) = channel();
        let thread = thread::spawn(move || press(server, &closed));
        Self { until: Some(until), thread: Some(thread) }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.until = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn press(server: SocketAddr, closed: &Receiver<()>) {
    let client = || TcpStream::connect_timeout(&server, CONNECT_TIME_MAX).ok();
    let mut clients: VecDeque<_> = (0..2 * DESCRIPTORS).map(|_| client()).collect();
    while closed.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        clients.pop_front();
        clients.push_back(client());
    }
}

/// How many files a node may still open.
pub(crate) fn descriptors_left(node: &Node) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", node.pid())).expect("its process is there");
    DESCRIPTORS.saturating_sub(open.count())
}
