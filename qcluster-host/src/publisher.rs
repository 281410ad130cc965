//! What the loop makes known: the lease before anything else, then state and changes for the application, and logs.

mod ends;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use qcluster_api::{LostLeadership, Mismatch, News, Subject};
use qcluster_core::{HeldLease, NodeId, NodeKey, Notification, Peer, SharedSettings, Slow, Time, VoterIndex};
use tokio::sync::{broadcast, watch};

use crate::clock::Clock;
use crate::directory::DirectoryWriter;
use crate::edge::LeaseEdge;
use crate::error::Stopped;
use crate::event::{Event, EventKind, Leadership};
use crate::leaderless::LeaderlessWarning;
use crate::log;
use crate::snapshots::Writer;
use crate::works::Works;
pub(crate) use ends::LeaseEnds;

/// The writing side of a [`View`](crate::view::View). Dropped, it says that the node has stopped.
#[derive(Debug)]
pub struct Publisher {
    /// The edge between the lease and applications.
    pub edge: Arc<LeaseEdge>,
    /// What a hand-over waits for.
    pub works: Arc<Works>,
    pub(crate) leadership: watch::Sender<Leadership>,
    /// Where the status goes.
    pub snapshots: Writer,
    /// Where members and services go.
    pub directory_writer: DirectoryWriter,
    pub(crate) changes: broadcast::Sender<Event>,
    pub(crate) stopped: Arc<OnceLock<Stopped>>,
    pub(crate) subject: Arc<Subject>,
    pub(crate) leaderless: LeaderlessWarning,
    /// Voters that were found to have another configuration, by their place in the rules (E14).
    pub(crate) mismatches: BTreeMap<usize, Mismatch>,
    /// How the last leadership of this node ended.
    pub(crate) last_lost: Option<LostLeadership>,
    pub(crate) clock: Clock,
    /// What events say about the ends of leases.
    pub(crate) ends: LeaseEnds,
}

impl Publisher {
    /// Comes first after every step, before any of its outputs.
    pub fn lease(&mut self, lease: Option<HeldLease>) {
        self.edge.publish(lease);
        self.ends.published(lease, self.clock);
    }

    /// Whether somebody is known to lead, this node included.
    pub fn knows_leader(&self) -> bool {
        *self.leadership.borrow() != Leadership::Unknown
    }

    /// The identifier of the node.
    pub fn id(&self) -> &NodeId {
        self.subject.rules.id()
    }

    /// A node has another configuration (E14).
    fn mismatch(
        &mut self,
        now: Time,
        peer: Option<VoterIndex>,
        key: NodeKey,
        theirs: Option<SharedSettings>,
    ) -> EventKind {
        if let Some(peer) = peer {
            self.mismatches.insert(peer.position(), Mismatch { at: now, theirs });
        }
        let shared = self.subject.rules.shared();
        let differences = theirs.map(|theirs| shared.differences(&theirs)).unwrap_or_default();
        EventKind::ConfigMismatch { peer: peer.and_then(|index| self.voter(index)), key, differences }
    }

    /// Carries a notification of the core to the application. `error` is what the disk said last, if it failed.
    pub fn notify(&mut self, now: Time, notification: Notification, error: Option<&str>) {
        let what = match notification {
            Notification::Elected { token } => {
                self.set(Leadership::Leading { token });
                EventKind::Elected { token }
            }
            Notification::Lost { token, reason, lapse } => {
                self.set(Leadership::Unknown);
                self.last_lost = Some(LostLeadership { token, at: now, reason, lapse });
                let silent = lapse.silent().filter_map(|voter| self.voter(voter)).collect();
                EventKind::Lost { token, reason, late_by: lapse.late_by().into(), silent }
            }
            Notification::LeaseLengthChanged { lease, reason } => {
                EventKind::LeaseLength { lease: lease.into(), reason }
            }
            Notification::Draining { until } => {
                let Some(token) = self.leadership.borrow().token() else { return };
                self.edge.drain();
                self.set(Leadership::Draining { token });
                EventKind::Draining { token, grace: Duration::from(until.since(now)) }
            }
            Notification::LeaderChanged { leader, term } => {
                let leader = leader.and_then(|index| self.voter(index));
                self.show(leader.clone(), term);
                self.directory_writer.note(News::Leader { leader: leader.clone(), term });
                EventKind::Leader { leader, term }
            }
            Notification::ConfigMismatch { peer, key, theirs } => self.mismatch(now, peer, key, theirs),
            Notification::StepsDiffer { one, other } => {
                EventKind::StepsDiffer { one: self.voter(one), other: self.voter(other) }
            }
            Notification::StorageFailed => EventKind::StorageFailed { error: error.unwrap_or("unknown").to_owned() },
            Notification::DuplicateSeen { voter, other } => {
                EventKind::DuplicateSeen { voter: self.voter(voter), other }
            }
            Notification::Member(change) => {
                self.directory_writer.note(News::Member(change.clone()));
                EventKind::Member(change)
            }
            Notification::Service(change) => {
                self.directory_writer.note(News::Service(change.clone()));
                EventKind::Service(change)
            }
            Notification::Trust { is_given } => {
                self.directory_writer.note(News::Trust { is_given });
                EventKind::Trust { is_given }
            }
            Notification::DuplicateIdentifier { other } => {
                self.stopping(Stopped::DuplicateIdentifier);
                EventKind::DuplicateIdentifier { other }
            }
            Notification::Superseded { by } => {
                self.stopping(Stopped::Superseded);
                EventKind::Superseded { by }
            }
            Notification::StepEstablished => EventKind::StepEstablished,
            Notification::StepTooEarly { voter } => EventKind::StepTooEarly { voter: self.voter(voter) },
            Notification::WallClockOff { voter, ahead_ms } => {
                EventKind::WallClockOff { voter: self.voter(voter), ahead_ms }
            }
            Notification::TooSlow(Slow::RoundTrip { voter, took, limit }) => {
                EventKind::TooSlow { voter: self.voter(voter), took: took.into(), limit: limit.into() }
            }
            Notification::TooSlow(Slow::Save { took, limit }) => {
                EventKind::TooSlow { voter: None, took: took.into(), limit: limit.into() }
            }
            // From a core that is newer than this crate.
            other => return log::notification(self.id(), &other),
        };
        self.tell_of(now, what);
    }

    /// Says now and then that nobody leads, while nobody does. Comes after the snapshot that it speaks of.
    pub fn mind_leaderless(&mut self, now: Time) {
        // Where there is no leader by design, none is missing.
        if self.knows_leader() || self.subject.is_masterless() {
            self.leaderless.over();
        } else if self.leaderless.lasts(now) {
            let (facts, quorum) = {
                let snapshot = &self.snapshots.read().snapshot;
                let quorum = qcluster_api::quorum_status(&self.subject, snapshot, now);
                (qcluster_api::facts(&self.subject, snapshot, &quorum), quorum)
            };
            self.tell(EventKind::Leaderless { facts, quorum });
        }
    }

    /// Tells the application, and the log.
    pub fn tell(&self, kind: EventKind) {
        self.tell_of(self.clock.now(), kind);
    }

    /// `now` is when the step began that the event comes from.
    fn tell_of(&self, now: Time, kind: EventKind) {
        log::event(self.id(), &kind);
        let moment = self.clock.moment();
        // A leadership begins no later than it can be seen, which was when its lease was published.
        let is_begin = matches!(kind, EventKind::Elected { .. });
        let at = if is_begin { moment.at_earliest(now.min(moment.now)) } else { moment.wall };
        let valid_until = kind.token().and_then(|token| self.ends.of(token)).map(|end| moment.at_latest(end));
        // Nobody listening is not an error.
        let _ = self.changes.send(Event { at, kind, valid_until });
    }

    /// Says why the node is about to stop. The first reason stands.
    pub fn stopping(&self, why: Stopped) {
        self.stopped.get_or_init(|| why);
    }

    /// Another leader is of interest only while this node does not lead.
    fn show(&self, leader: Option<Arc<Peer>>, term: qcluster_core::Term) {
        let shown = match leader {
            Some(leader) => Leadership::Following { leader, term },
            None => Leadership::Unknown,
        };
        if self.leadership.borrow().token().is_none() {
            self.set(shown);
        }
    }

    /// Who watches is woken by changes alone.
    fn set(&self, shown: Leadership) {
        self.leadership.send_if_modified(|leadership| {
            let changed = *leadership != shown;
            *leadership = shown;
            changed
        });
    }

    fn voter(&self, index: VoterIndex) -> Option<Arc<Peer>> {
        self.subject.voters.get(index.position()).cloned().map(|peer| self.directory_writer.placed(peer))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.edge.publish(None);
        self.stopping(Stopped::Aborted);
        self.set(Leadership::Unknown);
    }
}

#[cfg(test)]
mod tests;
