//! What a node shows of itself: written by its loop, read from anywhere without asking it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use qcluster_api::{Access, Status, Subject};
use qcluster_core::{Peer, Span, Time};
use tokio::sync::{broadcast, watch};

use crate::clock::Clock;
use crate::credentials::{Credentials, Tokens};
use crate::directory::{DirectoryCell, DirectoryWriter};
use crate::edge::LeaseEdge;
use crate::error::Stopped;
use crate::event::{Event, Events, Leadership};
use crate::leaderless::LeaderlessWarning;
use crate::lease::Lease;
use crate::measures::Measures;
use crate::process::Process;
use crate::publisher::{LeaseEnds, Publisher};
use crate::snapshots::{SnapshotCell, Writer};
use crate::works::Works;

/// The reading side; [`Publisher`] is the writing one.
#[derive(Debug)]
pub struct View {
    subject: Arc<Subject>,
    access: ArcSwap<Access>,
    credentials: Arc<Credentials>,
    clock: Clock,
    edge: Arc<LeaseEdge>,
    works: Arc<Works>,
    snapshots: Arc<SnapshotCell>,
    directory_cell: Arc<DirectoryCell>,
    news: watch::Receiver<u64>,
    leadership: watch::Receiver<Leadership>,
    // Weak, so that receivers see the end when the publisher has gone.
    changes: broadcast::WeakSender<Event>,
    stopped: Arc<OnceLock<Stopped>>,
    process: Process,
}

impl View {
    /// `first_index` is what events are numbered from.
    pub(crate) fn new(
        subject: Subject,
        access: Access,
        credentials: Credentials,
        clock: Clock,
        first_index: u64,
    ) -> (Arc<Self>, Publisher) {
        let subject = Arc::new(subject);
        let edge = Arc::new(LeaseEdge::new(clock));
        let (works, snapshots, stopped) =
            (Arc::new(Works::default()), Arc::new(SnapshotCell::default()), Arc::default());
        let (leadership, leadership_seen) = watch::channel(Leadership::Unknown);
        let (changes, _) = broadcast::channel(Events::BACKLOG_MAX);
        let (directory_writer, directory_cell, news) = DirectoryWriter::new(subject.rules.key(), first_index);
        let view = Self {
            subject: Arc::clone(&subject),
            access: ArcSwap::from_pointee(access),
            credentials: Arc::new(credentials),
            clock,
            edge: Arc::clone(&edge),
            works: Arc::clone(&works),
            snapshots: Arc::clone(&snapshots),
            directory_cell,
            news,
            leadership: leadership_seen,
            changes: changes.downgrade(),
            stopped: Arc::clone(&stopped),
            process: Process::current(),
        };
        let leaderless = LeaderlessWarning::new(&subject.rules);
        let snapshots = Writer::new(snapshots);
        let ends = LeaseEnds::default();
        let publisher = Publisher {
            edge,
            works,
            leadership,
            snapshots,
            directory_writer,
            changes,
            stopped,
            subject,
            leaderless,
            mismatches: BTreeMap::new(),
            last_lost: None,
            clock,
            ends,
        };
        (Arc::new(view), publisher)
    }

    /// Whether the node holds the lease at this instant.
    pub fn is_leader(&self) -> bool {
        self.edge.is_leader()
    }

    /// The lease at this instant.
    pub fn lease(&self) -> Option<Lease> {
        self.edge.lease().map(|lease| Lease::new(lease.token, &self.edge))
    }

    /// Who leads, for display: as reported, or as heard; this node only if it holds the lease.
    pub fn shown_leader(&self, is_reported: bool) -> Option<Peer> {
        let shown = self.look(|view, _| view.shown_leader());
        shown.filter(|leader| leader.is_reported == is_reported).map(|leader| leader.peer)
    }

    /// Members and services, as last made known.
    pub fn directory(&self) -> arc_swap::Guard<Arc<qcluster_api::Directory>> {
        self.directory_cell.read()
    }

    /// The index of what happened last, to be watched.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.clone()
    }

    /// What the node's clock shows.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The node as others should see it.
    pub fn me(&self) -> &Arc<Peer> {
        &self.subject.me
    }

    /// What was known of the node and its configuration when it started.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What lets clients and datagrams in.
    pub(crate) fn credentials(&self) -> &Arc<Credentials> {
        &self.credentials
    }

    /// Lets clients in with these tokens from now on, and with no others.
    pub(crate) fn set_tokens(&self, tokens: Tokens) {
        self.set_access(self.access.load().with_tokens(tokens));
    }

    /// Lets clients in by this from now on.
    pub(crate) fn set_access(&self, access: Access) {
        self.access.store(Arc::new(access));
    }

    /// The edge between its lease and applications.
    pub fn edge(&self) -> &LeaseEdge {
        &self.edge
    }

    /// What a hand-over waits for.
    pub fn works(&self) -> &Arc<Works> {
        &self.works
    }

    /// Its first change is the present state.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        if !self.process.is_current() {
            // Its sender has gone, as that of the node has, which this process does not have.
            return watch::channel(Leadership::Unknown).1;
        }
        let mut leadership = self.leadership.clone();
        leadership.mark_changed();
        leadership
    }

    /// All events from now on.
    pub fn events(&self) -> Events {
        // Without its sender a new channel stands in: its receiver sees the end at once, as it should.
        let sender = self.changes.upgrade().filter(|_| self.process.is_current());
        let sender = sender.unwrap_or_else(|| broadcast::channel(1).0);
        Events::new(sender.subscribe())
    }

    /// The pause between heartbeats.
    pub fn heartbeat(&self) -> Duration {
        self.subject.rules.timing().heartbeat.into()
    }

    /// A larger guard would leave no time for work at all.
    pub fn guard_max(&self) -> Span {
        self.subject.rules.timing().trusted_lease().split(2)
    }

    /// Why the node has stopped, if it has.
    pub fn stopped(&self) -> Option<Stopped> {
        if self.process.is_current() { self.stopped.get().copied() } else { Some(Stopped::Forked) }
    }

    /// Why the node has stopped, asked by who knows that it has.
    pub fn why_stopped(&self) -> Stopped {
        self.stopped().unwrap_or(Stopped::Aborted)
    }

    /// What the API answers from, as of now, and what was measured.
    pub fn look<T>(&self, use_it: impl FnOnce(&qcluster_api::View<'_>, &Measures) -> T) -> T {
        let follows = match &*self.leadership.borrow() {
            Leadership::Following { leader, term } => Some((Arc::clone(leader), *term)),
            Leadership::Unknown | Leadership::Leading { .. } | Leadership::Draining { .. } => None,
        };
        let (stopped, notes) = (self.stopped().map(|why| why.to_string()), self.snapshots.read());
        let (access, directory) = (self.access.load(), self.directory_cell.read());
        // The lease before the clock: see `qcluster_api::View`.
        let (draining, lease) = (self.edge.is_draining(), self.edge.lease());
        let view = qcluster_api::View {
            subject: &self.subject,
            access: &access,
            snapshot: &notes.snapshot,
            directory: &directory,
            lease,
            draining,
            follows: follows.as_ref().map(|(leader, term)| (&**leader, *term)),
            stopped: stopped.as_deref(),
            now: self.clock.now(),
        };
        use_it(&view, &notes.measures)
    }

    /// The status of the node, as the API tells it.
    pub fn status(&self) -> Status {
        self.look(|view, _| Status::from(view))
    }
}

#[cfg(test)]
mod tests;
