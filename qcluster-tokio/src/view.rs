//! What a node shows of itself: written by its loop, read from anywhere without asking it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use qcluster_core::{Peer, Rules, Span};
use tokio::sync::{broadcast, watch};

use crate::change::{Change, Changes, Leadership};
use crate::clock::Clock;
use crate::edge::LeaseEdge;
use crate::error::Stopped;
use crate::lease::Lease;
use crate::publisher::Publisher;
use crate::status::{Snapshot, Status};
use crate::vacancy::{self, Vacancy};
use crate::work::Works;

/// The reading side; [`Publisher`] is the writing one.
#[derive(Debug)]
pub(crate) struct View {
    /// This node as others should see it.
    me: Arc<Peer>,
    cluster: String,
    /// In the order of the rules.
    voters: Vec<Arc<Peer>>,
    rules: Arc<Rules>,
    listen: Vec<SocketAddr>,
    clock: Clock,
    edge: Arc<LeaseEdge>,
    works: Arc<Works>,
    leadership: watch::Receiver<Leadership>,
    snapshot: watch::Receiver<Snapshot>,
    // Weak, so that receivers see the end when the publisher has gone.
    changes: broadcast::WeakSender<Change>,
    stopped: Arc<OnceLock<Stopped>>,
}

/// What a view is made of beside channels.
pub(crate) struct Subject {
    pub(crate) me: Peer,
    pub(crate) cluster: String,
    /// The voters in the order of the rules.
    pub(crate) voters: Vec<Arc<Peer>>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) clock: Clock,
}

impl View {
    pub(crate) fn new(subject: Subject) -> (Arc<Self>, Publisher) {
        let Subject { me, cluster, voters, rules, listen, clock } = subject;
        let edge = Arc::new(LeaseEdge::new(clock));
        let works = Arc::new(Works::default());
        let stopped = Arc::new(OnceLock::new());
        let (leadership, leadership_seen) = watch::channel(Leadership::Vacant);
        let (snapshot, snapshot_seen) = watch::channel(Snapshot::default());
        let (changes, _) = broadcast::channel(Changes::BACKLOG_MAX);
        let view = Self {
            me: Arc::new(me),
            cluster,
            voters: voters.clone(),
            rules: Arc::clone(&rules),
            listen,
            clock,
            edge: Arc::clone(&edge),
            works: Arc::clone(&works),
            leadership: leadership_seen,
            snapshot: snapshot_seen,
            changes: changes.downgrade(),
            stopped: Arc::clone(&stopped),
        };
        let vacancy = Vacancy::new(&rules);
        let publisher = Publisher { edge, works, leadership, snapshot, changes, stopped, voters, rules, vacancy };
        (Arc::new(view), publisher)
    }

    pub(crate) fn is_leader(&self) -> bool {
        self.edge.is_leader()
    }

    pub(crate) fn lease(&self) -> Option<Lease> {
        self.edge.lease().map(|lease| Lease::new(lease, &self.edge))
    }

    /// Who leads, for display; this node only if it holds the lease.
    pub(crate) fn leader(&self) -> Option<Arc<Peer>> {
        match &*self.leadership.borrow() {
            Leadership::Vacant => None,
            Leadership::Following { leader, .. } => Some(Arc::clone(leader)),
            Leadership::Leading { .. } | Leadership::Draining { .. } => self.is_leader().then(|| Arc::clone(&self.me)),
        }
    }

    pub(crate) fn me(&self) -> &Arc<Peer> {
        &self.me
    }

    pub(crate) fn cluster(&self) -> &str {
        &self.cluster
    }

    pub(crate) fn listen(&self) -> &[SocketAddr] {
        &self.listen
    }

    pub(crate) fn edge(&self) -> &LeaseEdge {
        &self.edge
    }

    pub(crate) fn works(&self) -> &Arc<Works> {
        &self.works
    }

    /// Its first change is the present state.
    pub(crate) fn leadership(&self) -> watch::Receiver<Leadership> {
        let mut leadership = self.leadership.clone();
        leadership.mark_changed();
        leadership
    }

    pub(crate) fn changes(&self) -> Changes {
        // Without its sender a new channel stands in: its receiver sees the end at once, as it should.
        let sender = self.changes.upgrade().unwrap_or_else(|| broadcast::channel(1).0);
        Changes::new(sender.subscribe())
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        self.rules.timing().heartbeat.into()
    }

    /// A larger guard would leave no time for work at all.
    pub(crate) fn guard_max(&self) -> Span {
        self.rules.timing().trusted_lease().split(2)
    }

    /// Why the node has stopped, if it has.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.stopped.get().copied()
    }

    /// Why the node has stopped, asked by who knows that it has.
    pub(crate) fn why_stopped(&self) -> Stopped {
        self.stopped().unwrap_or(Stopped::Aborted)
    }

    /// Who is heard and who is not, in one line: what to look at while nobody leads.
    pub(crate) fn facts(&self) -> String {
        vacancy::facts(&self.rules, &self.voters, &self.snapshot.borrow(), self.clock.now())
    }

    pub(crate) fn status(&self) -> Status {
        Status::new(self, &self.snapshot.borrow(), &self.rules, self.clock.now())
    }
}
