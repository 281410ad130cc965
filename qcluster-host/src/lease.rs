//! The lease as applications hold it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use qcluster_core::{FencingToken, HeldLease, Span};

use crate::clock::Clock;
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
    edge: Arc<LeaseEdge>,
}

impl Lease {
    /// The lease of the leadership with that token; `edge` tells whether the node still holds it.
    pub fn new(token: FencingToken, edge: &Arc<LeaseEdge>) -> Self {
        Self { token, edge: Arc::clone(edge) }
    }

    /// A lease without a cluster, for tests of code that is given one. It lasts this long from now on and is never renewed; with
    /// [`Duration::ZERO`] it has ended already.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use qcluster_core::FencingToken;
    /// use qcluster_host::lease::Lease;
    ///
    /// let (held, ended) = (Duration::from_secs(60), Duration::ZERO);
    /// assert!(Lease::detached(FencingToken(7), held).is_valid());
    /// assert!(!Lease::detached(FencingToken(7), ended).is_valid());
    /// ```
    pub fn detached(token: FencingToken, lasts: Duration) -> Self {
        let clock = Clock::start();
        let edge = Arc::new(LeaseEdge::new(clock));
        edge.publish(Some(HeldLease { token, valid_until: clock.now() + Span::from(lasts) }));
        Self { token, edge }
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
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
