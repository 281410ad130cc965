//! What the loop makes known: the lease before anything else, then state and changes for the application, and logs.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use qcluster_api::{News, Subject};
use qcluster_core::{Lease, NodeId, Notification, Peer, Slow, Time, VoterIndex};
use tokio::sync::{broadcast, watch};

use crate::board::Writer;
use crate::bulletin::Editor;
use crate::change::{Change, Leadership, What};
use crate::edge::LeaseEdge;
use crate::error::Stopped;
use crate::log;
use crate::vacancy::Vacancy;
use crate::work::Works;

/// The writing side of a [`View`](crate::view::View). Dropped, it says that the node has stopped.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) edge: Arc<LeaseEdge>,
    pub(crate) works: Arc<Works>,
    pub(crate) leadership: watch::Sender<Leadership>,
    pub(crate) board: Writer,
    pub(crate) editor: Editor,
    pub(crate) changes: broadcast::Sender<Change>,
    pub(crate) stopped: Arc<OnceLock<Stopped>>,
    pub(crate) subject: Arc<Subject>,
    pub(crate) vacancy: Vacancy,
}

impl Publisher {
    /// Comes first after every step, before any of its outputs.
    pub(crate) fn lease(&self, lease: Option<Lease>) {
        self.edge.publish(lease);
    }

    /// Whether somebody is known to lead, this node included.
    pub(crate) fn knows_leader(&self) -> bool {
        *self.leadership.borrow() != Leadership::Vacant
    }

    pub(crate) fn id(&self) -> &NodeId {
        self.subject.rules.id()
    }

    /// Carries a notification of the core to the application. `error` is what the disk said last, if it failed.
    pub(crate) fn notify(&mut self, now: Time, notification: Notification, error: Option<&str>) {
        let what = match notification {
            Notification::Elected { token } => {
                self.set(Leadership::Leading { token });
                What::Elected { token }
            }
            Notification::Lost { token, reason } => {
                self.set(Leadership::Vacant);
                What::Lost { token, reason }
            }
            Notification::Draining { until } => {
                let Some(token) = self.leadership.borrow().token() else { return };
                self.edge.drain();
                self.set(Leadership::Draining { token });
                What::Draining { token, grace: Duration::from(until.since(now)) }
            }
            Notification::LeaderChanged { leader, term } => {
                let leader = leader.and_then(|index| self.voter(index));
                self.show(leader.clone(), term);
                self.editor.note(News::Leader { leader: leader.clone(), term });
                What::Leader { leader, term }
            }
            Notification::ConfigMismatch { peer, key } => {
                What::ConfigMismatch { peer: peer.and_then(|index| self.voter(index)), key }
            }
            Notification::StorageFailed => What::StorageFailed { error: error.unwrap_or("unknown").to_owned() },
            Notification::TwinSeen { voter, other } => What::TwinSeen { voter: self.voter(voter), other },
            Notification::Member(change) => {
                self.editor.note(News::Member(change.clone()));
                What::Member(change)
            }
            Notification::Service(change) => {
                self.editor.note(News::Service(change.clone()));
                What::Service(change)
            }
            Notification::Trust { is_given } => {
                self.editor.note(News::Trust { is_given });
                What::Trust { is_given }
            }
            Notification::Twin { other } => {
                self.stopping(Stopped::Twin);
                What::Twin { other }
            }
            Notification::Superseded { by } => {
                self.stopping(Stopped::Superseded);
                What::Superseded { by }
            }
            Notification::StepEstablished => What::StepEstablished,
            Notification::StepTooEarly { voter } => What::StepTooEarly { voter: self.voter(voter) },
            Notification::WallClockOff { voter, ahead_ms } => What::WallClockOff { voter: self.voter(voter), ahead_ms },
            Notification::TooSlow(Slow::RoundTrip { voter, took, limit }) => {
                What::TooSlow { voter: self.voter(voter), took: took.into(), limit: limit.into() }
            }
            Notification::TooSlow(Slow::Save { took, limit }) => {
                What::TooSlow { voter: None, took: took.into(), limit: limit.into() }
            }
        };
        self.tell(what);
    }

    /// Says now and then that nobody leads, while nobody does. Comes after the snapshot that it speaks of.
    pub(crate) fn mind_vacancy(&mut self, now: Time) {
        // Where there is no leader by design, none is missing.
        if self.knows_leader() || self.subject.is_masterless() {
            self.vacancy.over();
        } else if self.vacancy.lasts(now) {
            let facts = qcluster_api::facts(&self.subject, &self.board.read().snapshot, now);
            self.tell(What::Leaderless { facts });
        }
    }

    fn tell(&self, what: What) {
        log::change(self.id(), &what);
        // Nobody listening is no error.
        let _ = self.changes.send(Change { at: SystemTime::now(), what });
    }

    /// Says why the node is about to stop. The first reason stands.
    pub(crate) fn stopping(&self, why: Stopped) {
        self.stopped.get_or_init(|| why);
    }

    /// Another leader is of interest only while this node does not lead.
    fn show(&self, leader: Option<Arc<Peer>>, term: qcluster_core::Term) {
        let shown = match leader {
            Some(leader) => Leadership::Following { leader, term },
            None => Leadership::Vacant,
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
        self.subject.voters.get(index.position()).cloned()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.edge.publish(None);
        self.stopping(Stopped::Aborted);
        self.set(Leadership::Vacant);
    }
}

#[cfg(test)]
mod tests;
