//! What the application could see of the lease at the moment at which a datagram leaves: for tests of the order of the two.

use std::net::SocketAddr;
use std::sync::Arc;

use qcluster_core::HeldLease;

use qcluster_host::edge::LeaseEdge;

/// A datagram, and the lease that was published when it left.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    pub(crate) lease: Option<HeldLease>,
}

/// Sees each datagram before the system does.
#[derive(Debug)]
pub(crate) struct Witness {
    edge: Arc<LeaseEdge>,
    seen: Vec<Sent>,
}

impl Witness {
    pub(crate) fn new(edge: Arc<LeaseEdge>) -> Self {
        Self { edge, seen: Vec::new() }
    }

    pub(super) fn see(&mut self, to: SocketAddr, bytes: &[u8]) {
        let lease = self.edge.lease();
        assert_eq!(self.edge.is_leader(), lease.is_some(), "two ways to ask for the same");
        self.seen.push(Sent { to, bytes: bytes.to_vec(), lease });
    }

    /// What was sent since the last call.
    pub(crate) fn take(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.seen)
    }
}
