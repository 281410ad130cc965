//! Leading: heartbeats, the lease that their acks give (E3), and its end (E4, E7).

use serde::{Deserialize, Serialize};

use super::follower::{Heard, Promise, Shown};
use super::handover::Handover;
use super::{Change, Context, Election, Message, Role, Sender};
use crate::config::Step;
use crate::id::{IncarnationsDigest, NodeKey, Term, VoterIndex};
use crate::quorum::{Support, VoterSet, Weight};
use crate::reason::{DropReason, LostReason};
use crate::time::{Rebase, Span, Time};

/// A leadership from the inside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Leader {
    /// When it first asked for votes: without a lease it ends Ll later (E7).
    asked_at: Time,
    /// The end of the lease, once a quorum has given one.
    lease_until: Option<Time>,
    sent_at: Time,
    heartbeat_at: Time,
    pub(super) handover: Option<Handover>,
    /// The voter that was asked whether it could win (E11).
    pub(super) asked_preferred: Option<VoterIndex>,
}

impl Leader {
    pub(super) fn lease_until(&self) -> Option<Time> {
        self.lease_until
    }

    /// When this leadership ends unless acks arrive.
    pub(super) fn ends(&self, trusted_lease: Span) -> Time {
        self.lease_until.unwrap_or(self.asked_at + trusted_lease)
    }

    pub(super) fn deadline(&self, trusted_lease: Span) -> Time {
        let handover = self.handover.map_or(Time::NEVER, |handover| handover.until);
        self.heartbeat_at.min(self.ends(trusted_lease)).min(handover)
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>) {
        let Self { asked_at, lease_until, sent_at, heartbeat_at, handover, asked_preferred: _ } = self;
        // Once there is a lease, it alone decides about the end.
        *asked_at = if lease_until.is_some() { Time::ZERO } else { by.time(*asked_at) };
        *lease_until = lease_until.map(|until| by.due(until));
        *sent_at = by.time(*sent_at);
        *heartbeat_at = by.due(*heartbeat_at);
        if let Some(handover) = handover {
            handover.until = by.due(handover.until);
        }
    }
}

impl Election {
    /// The votes are there. It leads inwardly at once, and outwardly when a quorum has promised (E7).
    pub(super) fn lead(&mut self, cx: &mut Context<'_>, asked_at: Time, votes: Support) {
        self.newcomers.begin(votes.voters().without(VoterSet::EMPTY.with(self.me)), asked_at);
        self.acked.fill(Time::ZERO);
        self.acked_by = Support::NONE;
        self.healthy_since.fill(Time::NEVER);
        self.heard = Heard::closed(self.own_leadership());
        self.role = Role::Leader(Leader {
            asked_at,
            lease_until: None,
            sent_at: cx.now,
            heartbeat_at: cx.now,
            handover: None,
            asked_preferred: None,
        });
        self.send_heartbeat(cx);
    }

    pub(super) fn leader_timeout(&mut self, cx: &mut Context<'_>) {
        let Role::Leader(leader) = &self.role else { return };
        if leader.handover.is_some_and(|handover| cx.now >= handover.until) {
            self.finish_handover(cx);
        } else if cx.now >= leader.heartbeat_at {
            self.send_heartbeat(cx);
            self.ask_preferred(cx);
        }
    }

    /// Asks everybody for a promise, and gives its own (E2, E3).
    fn send_heartbeat(&mut self, cx: &mut Context<'_>) {
        let (term, stamp) = (self.term(), self.stamp_above_term());
        let to = self.own_leadership();
        let Role::Leader(leader) = &mut self.role else { return };
        leader.sent_at = cx.now;
        leader.heartbeat_at = cx.now + self.rules.timing.heartbeat;
        let heartbeat = Message::Heartbeat { term, sent_at: cx.now, active: leader.lease_until.is_some(), stamp };
        self.promise = Some(Promise { to, until: cx.now + self.rules.timing.lease });
        self.broadcast(cx, heartbeat);
        self.persist(cx);
        self.count_ack(cx, self.me, Weight::Full, cx.now);
    }

    pub(super) fn on_ack(
        &mut self,
        cx: &mut Context<'_>,
        from: Sender,
        term: Term,
        sent_at: Time,
        incarnations: IncarnationsDigest,
    ) {
        let Role::Leader(leader) = &self.role else { return cx.drop(DropReason::Unexpected) };
        if term != self.term() || sent_at > leader.sent_at {
            return cx.drop(DropReason::Unexpected);
        }
        if sent_at <= self.acked[from.index.position()] {
            return cx.drop(DropReason::Stale);
        }
        let Some(weight) = self.weight(from) else { return cx.drop(DropReason::Unexpected) };
        if !self.knows_all_of(cx, from, incarnations) {
            return;
        }
        if !self.remembers(from.index) {
            return cx.drop(DropReason::UnsavedIncarnation);
        }
        self.note_health(cx.now, from.index, sent_at);
        self.newcomers.acknowledged(from.index, cx.now, sent_at, self.rules.trusted_lease);
        self.count_ack(cx, from.index, weight, sent_at);
    }

    /// The lease runs from the newest moment that a quorum has promised since (E3): from the send, whenever the ack came.
    fn count_ack(&mut self, cx: &mut Context<'_>, voter: VoterIndex, weight: Weight, sent_at: Time) {
        self.acked_by.add(voter, weight);
        self.acked[voter.position()] = sent_at;
        let term = self.term();
        let common = self.newest_common();
        let Role::Leader(leader) = &mut self.role else { return };
        if common == Time::ZERO {
            return;
        }
        let until = common + self.rules.trusted_lease;
        let first = leader.lease_until.is_none();
        if until <= cx.now || leader.lease_until.is_some_and(|earlier| until <= earlier) {
            return;
        }
        leader.lease_until = Some(until);
        if first {
            cx.counters.elected += 1;
            self.note_established(cx, Step::Same);
            self.note_handed_over(cx.now, self.rules.key);
            cx.tell(Change::Elected { token: term.into() });
            self.show(cx, Some(Shown { leader: self.me, term, until: Time::NEVER }));
            // Everybody is to know at once, not a heartbeat later.
            self.send_heartbeat(cx);
        }
    }

    /// The newest moment that a quorum has promised since: without newcomers, or with those that had come back by some
    /// moment and with what all of the quorum has acknowledged since then (E24).
    fn newest_common(&mut self) -> Time {
        let (quorums, acked) = (self.rules.quorums, &self.acked);
        if self.newcomers.moments().next().is_none() {
            return quorums.newest_common(self.acked_by, acked);
        }
        let mut newest = quorums.newest_common(self.newcomers.back_by(Time::ZERO, self.acked_by), acked);
        let mut settled = Time::ZERO;
        for moment in self.newcomers.moments() {
            let mut together = self.newcomers.back_by(moment, self.acked_by);
            for voter in self.rules.indices().filter(|voter| acked[voter.position()] < moment) {
                together.remove(voter);
            }
            let common = quorums.newest_common(together, acked);
            if common > Time::ZERO {
                newest = newest.max(common);
                settled = settled.max(moment);
            }
        }
        self.newcomers.settle(settled);
        newest
    }

    pub(super) fn on_stale_term(&mut self, cx: &mut Context<'_>, term: Term) {
        if term > self.term() && matches!(self.role, Role::Leader(_)) {
            self.adopt(cx, term);
        } else {
            cx.drop(DropReason::Stale);
        }
    }

    /// Ends the leadership for good (E4): the application hears it first, then the voters are released, in favour of
    /// `successor` if there is one (E10). The promise to itself ends with what it was for.
    pub(super) fn lose(&mut self, cx: &mut Context<'_>, reason: LostReason, successor: Option<NodeKey>) {
        let Role::Leader(leader) = &self.role else { return };
        let had_lease = leader.lease_until.is_some();
        self.role = Role::Follower;
        let term = self.term();
        if had_lease {
            cx.counters.lost.add(reason);
            cx.tell(Change::Lost { token: term.into(), reason });
            self.show(cx, None);
        } else {
            cx.counters.expired_candidacies += 1;
        }
        let own = self.own_leadership();
        self.promise.take_if(|promise| promise.to == own);
        self.broadcast(cx, Message::Release { term, successor });
        let pause = match reason {
            // The others go first: this voter has just shown that it cannot, or was asked not to.
            LostReason::LeaseExpired | LostReason::HigherTerm | LostReason::ClockWentBack => {
                self.rules.timing.heartbeat
            }
            LostReason::Transferred
            | LostReason::SteppedDown
            | LostReason::Shutdown
            | LostReason::StorageFailed
            | LostReason::DuplicateIdentifier
            | LostReason::Superseded => self.rules.timing.lease,
        };
        self.retry_later(cx, pause);
    }
}
