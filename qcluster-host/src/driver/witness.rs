//! A socket that notes what the application could see of the lease at the moment at which a datagram leaves: for tests of
//! the order of the two.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use qcluster_core::HeldLease;

use crate::edge::LeaseEdge;
use crate::sockets::DatagramSocket;

/// A datagram, and the lease that was published when it left.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
    pub(super) lease: Option<HeldLease>,
}

/// Sees each datagram, and delivers none.
#[derive(Debug)]
pub(super) struct Witness {
    edge: Arc<LeaseEdge>,
    seen: RefCell<Vec<Sent>>,
}

impl Witness {
    pub(super) fn new(edge: Arc<LeaseEdge>) -> Self {
        Self { edge, seen: RefCell::default() }
    }

    /// What was sent since the last call.
    pub(super) fn take(&self) -> Vec<Sent> {
        self.seen.take()
    }
}

impl DatagramSocket for Witness {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 7_001))
    }

    fn try_recv_from(&self, _: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        let lease = self.edge.lease();
        assert_eq!(self.edge.is_leader(), lease.is_some(), "two ways to ask for the same");
        self.seen.borrow_mut().push(Sent { to, bytes: bytes.to_vec(), lease });
        Ok(bytes.len())
    }
}
