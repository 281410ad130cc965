//! The lease as applications hold it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use qcluster_core::{FencingToken, Time};

use crate::edge::LeaseEdge;

/// The exclusive right to act as the leader.
///
/// It stays tied to its leadership: [`is_valid`](Self::is_valid) and [`remaining`](Self::remaining) ask the clock again and
/// follow renewals, and never speak of a later leadership of the same node.
#[derive(Clone)]
pub struct Lease {
    /// Larger than that of every earlier leadership. Give it to the guarded resource, which refuses smaller ones: that
    /// covers what no lease can, a process frozen between asking and acting.
    pub token: FencingToken,
    /// When the lease would have ended unless renewed, as of the asking, on the node's own clock.
    pub valid_until: Time,
    edge: Arc<LeaseEdge>,
}

impl Lease {
    /// The lease that a node held a moment ago; `edge` tells whether it still does.
    pub fn new(lease: qcluster_core::HeldLease, edge: &Arc<LeaseEdge>) -> Self {
        Self { token: lease.token, valid_until: lease.valid_until, edge: Arc::clone(edge) }
    }

    /// Whether this leadership holds at this instant. No lock, no await.
    pub fn is_valid(&self) -> bool {
        self.remaining().is_some()
    }

    /// How long this leadership lasts from now on unless it is renewed; `None` once it is over.
    pub fn remaining(&self) -> Option<Duration> {
        self.edge.remaining_of(self.token)
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("token", &self.token.0)
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}
