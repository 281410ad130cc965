//! Leading: heartbeats, the lease that their acks give (E3), and its end (E4, E7).

use serde::{Deserialize, Serialize};

use super::acks::Acks;
use super::follower::{Heard, Shown};
use super::handover::Handover;
use super::lease_length::{heartbeat_of, within};
use super::message::Request;
use super::{Change, Context, Election, Message, Role, Sender};
use crate::config::Step;
use crate::id::{IncarnationsDigest, NodeKey, Term, VoterIndex};
use crate::quorum::{Support, VoterSet, Weight};
use crate::reason::{DropReason, LeaseLengthReason, LostReason};
use crate::time::{Rebase, Span, Time};

/// What a leader saw of the end of its lease, where that ran out; nothing where it ended otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lapse {
    late_by: Span,
    silent: VoterSet,
}

impl Lapse {
    /// How late it noticed: about so long this process or its machine had stood still.
    pub fn late_by(&self) -> Span {
        self.late_by
    }

    /// The other voters of whose promises none was left, in the order of their identifiers.
    pub fn silent(&self) -> impl Iterator<Item = VoterIndex> {
        self.silent.into_iter()
    }
}

/// A leadership from the inside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Leader {
    acks: Acks,
    /// When it ends without a lease (E7).
    gives_up_at: Time,
    /// The end of the lease, once a quorum has given one.
    lease_until: Option<Time>,
    /// When that end was last moved on, or should have been.
    renewed_at: Time,
    /// For how long what carries the lease may be trusted, from the sending of what it answers: less than what is asked for while a
    /// voter has yet to save that (E23). Before the lease, what the votes carry.
    borne: Span,
    sent_at: Time,
    heartbeat_at: Time,
    pub(super) handover: Option<Handover>,
    /// The voter that was asked whether it could win (E11).
    pub(super) asked_preferred: Option<VoterIndex>,
}

impl Leader {
    pub(super) fn acks(&self) -> &Acks {
        &self.acks
    }

    /// Another incarnation of a voter is there.
    pub(super) fn forget(&mut self, voter: VoterIndex) {
        self.acks.forget(voter);
    }

    pub(super) fn lease_until(&self) -> Option<Time> {
        self.lease_until
    }

    /// When this leadership ends unless acks arrive.
    pub(super) fn ends(&self) -> Time {
        self.lease_until.unwrap_or(self.gives_up_at)
    }

    pub(super) fn deadline(&self) -> Time {
        let handover = self.handover.map_or(Time::NEVER, |handover| handover.until);
        self.heartbeat_at.min(self.ends()).min(handover)
    }

    /// Shorter promises are asked for: the end of the lease stays where it is for so much longer, and nothing is late.
    pub(super) fn expects_less(&mut self, by: Span) {
        self.renewed_at = self.renewed_at + by;
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>, adapts: bool, prefers_others: bool) {
        let Self {
            acks,
            gives_up_at,
            lease_until,
            renewed_at,
            borne,
            sent_at,
            heartbeat_at,
            handover,
            asked_preferred: _,
        } = self;
        acks.rebase(by, prefers_others);
        // Once there is a lease, it alone decides about the end.
        *gives_up_at = if lease_until.is_some() { Time::ZERO } else { by.due(*gives_up_at) };
        // Where the length is fixed, neither decides anything.
        (*renewed_at, *borne) = if adapts { (by.time(*renewed_at), *borne) } else { (Time::ZERO, Span::ZERO) };
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
    pub(super) fn lead(&mut self, cx: &mut Context<'_>, asked_at: Time, lease: Span, votes: Support) {
        let trusted = self.trusted(lease);
        let gives_up_at = asked_at + trusted;
        // A vote is remembered as long as a promise of the length that was asked for with it.
        let elected_by = votes.voters().without(VoterSet::EMPTY.with(self.me));
        self.length.begin(&self.rules.timing, cx.now);
        self.heard = Heard::closed(self.own_leadership());
        self.set_role(Role::Leader(Leader {
            acks: Acks::new(self.rules.voters().len(), elected_by, gives_up_at),
            gives_up_at,
            lease_until: None,
            renewed_at: cx.now,
            borne: trusted,
            sent_at: cx.now,
            heartbeat_at: cx.now,
            handover: None,
            asked_preferred: None,
        }));
        self.send_heartbeat(cx);
    }

    pub(super) fn leader_timeout(&mut self, cx: &mut Context<'_>) {
        let Role::Leader(leader) = &self.role else { return };
        if leader.handover.is_some_and(|handover| cx.now >= handover.until) {
            self.finish_handover(cx);
        } else if cx.now >= leader.heartbeat_at {
            let delay = cx.now.since(leader.heartbeat_at);
            self.note_delay(cx, delay, LeaseLengthReason::Stalled);
            self.rest_lease_length(cx);
            self.send_heartbeat(cx);
            self.ask_preferred(cx);
        }
    }

    /// Asks everybody for a promise, and gives its own (E2, E3).
    fn send_heartbeat(&mut self, cx: &mut Context<'_>) {
        let (term, stamp) = (self.term(), self.stamp_above_term());
        let lease = self.length.current();
        let interval = self.heartbeat_interval();
        let Role::Leader(leader) = &mut self.role else { return };
        leader.sent_at = cx.now;
        leader.heartbeat_at = cx.now + interval;
        let heartbeat =
            Message::Heartbeat { term, sent_at: cx.now, lease, active: leader.lease_until.is_some(), stamp };
        let granted = self.bind(cx.now, self.own_leadership(), lease);
        let until = cx.now + self.trusted(granted);
        self.broadcast(cx, heartbeat);
        self.persist(cx);
        self.count_ack(cx, self.me, Weight::Full, cx.now, until);
    }

    /// In proportion to what is asked for, or to what is promised where that is less: a promise is renewed in good time.
    fn heartbeat_interval(&self) -> Span {
        let (timing, asked) = (&self.rules.timing, self.length.current());
        let Role::Leader(leader) = &self.role else { return timing.heartbeat };
        let promised =
            if leader.borne >= self.trusted(asked) { asked } else { leader.borne.max(timing.lease).min(asked) };
        heartbeat_of(timing, promised)
    }

    pub(super) fn on_ack(
        &mut self,
        cx: &mut Context<'_>,
        from: Sender,
        term: Term,
        granted: Request,
        incarnations: IncarnationsDigest,
    ) {
        let Request { sent_at, lease } = granted;
        let Role::Leader(leader) = &self.role else { return cx.drop(DropReason::Unexpected) };
        if term != self.term() || sent_at > leader.sent_at {
            return cx.drop(DropReason::Unexpected);
        }
        let until = sent_at + self.trusted(within(&self.rules.timing, lease));
        if leader.acks.is_stale(from.index, sent_at, until) {
            return cx.drop(DropReason::Stale);
        }
        let Some(weight) = self.weight(from) else { return cx.drop(DropReason::Unexpected) };
        if !self.knows_all_of(cx, from, incarnations) {
            return;
        }
        if !self.remembers(from.index) {
            return cx.drop(DropReason::UnsavedIncarnation);
        }
        let tolerated = self.length.heartbeat(&self.rules.timing).times(3);
        if let Role::Leader(leader) = &mut self.role {
            leader.acks.hear(cx.now, from.index, sent_at, until, tolerated);
        }
        self.count_ack(cx, from.index, weight, sent_at, until);
    }

    /// The lease ends when the first of the promises may end that a quorum has given (E3): each runs from the send, whenever its
    /// ack came.
    #[inline]
    fn count_ack(
        &mut self,
        cx: &mut Context<'_>,
        voter: VoterIndex,
        weight: Weight,
        sent_at: Time,
        promised_until: Time,
    ) {
        let Role::Leader(leader) = &mut self.role else { return };
        leader.acks.count(voter, weight, sent_at, promised_until);
        let first = leader.lease_until.is_none();
        let after = cx.now.max(leader.lease_until.unwrap_or(Time::ZERO));
        let Some(until) = leader.acks.trusted_by_quorum(&self.rules.quorums, after) else { return };
        leader.lease_until = Some(until);
        leader.borne = until.since(sent_at);
        let idle = cx.now.since(core::mem::replace(&mut leader.renewed_at, cx.now));
        let delay = cx.now.since(sent_at).max(idle.less(self.length.heartbeat(&self.rules.timing)));
        self.note_delay(cx, delay, LeaseLengthReason::SlowAnswers);
        if first {
            self.begin_lease(cx);
        }
    }

    /// The first lease of a leadership.
    #[cold]
    fn begin_lease(&mut self, cx: &mut Context<'_>) {
        let term = self.term();
        cx.counters.elected += 1;
        self.answers_are_quick();
        self.pace.elected();
        self.note_established(cx, Step::Same);
        self.note_handed_over(cx.now, self.rules.key);
        cx.tell(Change::Elected { token: term.into() });
        self.show(cx, Some(Shown { leader: self.me, term, until: Time::NEVER }));
        // Everybody is to know at once, not a heartbeat later.
        self.send_heartbeat(cx);
    }

    pub(super) fn on_stale_term(&mut self, cx: &mut Context<'_>, term: Term) {
        if term > self.term() && matches!(self.role, Role::Leader(_)) {
            self.adopt(cx, term);
        } else {
            cx.drop(DropReason::Stale);
        }
    }

    /// A leadership [has run out](Self::has_run_out).
    #[cold]
    pub(crate) fn expire(&mut self, cx: &mut Context<'_>) {
        let Role::Leader(leader) = &self.role else { return };
        let late_by = cx.now.since(leader.deadline());
        let idle = cx.now.since(leader.renewed_at).less(self.length.heartbeat(&self.rules.timing));
        let silent = |voter: &VoterIndex| leader.acks.trusted_until(*voter) <= cx.now;
        let silent: VoterSet = self.rules.others().filter(silent).collect();
        let stalled = late_by > self.length.heartbeat(&self.rules.timing);
        let (term, had_lease) = (leader.borne, leader.lease_until.is_some());
        let reason = if stalled { LostReason::Stalled } else { LostReason::NoQuorum };
        self.lose_by(cx, reason, None, Lapse { late_by, silent });
        if stalled {
            self.note_delay(cx, idle, LeaseLengthReason::Stalled);
        } else if !had_lease {
            self.note_fruitless_term(cx, term);
        }
        // Else silence says nothing of slowness: they may be cut off, or dead.
    }

    /// Ends the leadership for good (E4): the application hears it first, then the voters are released, in favour of
    /// `successor` if there is one (E10). The promise to itself ends with what it was for.
    pub(super) fn lose(&mut self, cx: &mut Context<'_>, reason: LostReason, successor: Option<NodeKey>) {
        self.lose_by(cx, reason, successor, Lapse::default());
    }

    fn lose_by(&mut self, cx: &mut Context<'_>, reason: LostReason, successor: Option<NodeKey>, lapse: Lapse) {
        let Role::Leader(leader) = &self.role else { return };
        let had_lease = leader.lease_until.is_some();
        self.set_role(Role::Follower);
        let term = self.term();
        if had_lease {
            cx.counters.lost.add(reason);
            cx.tell(Change::Lost { token: term.into(), reason, lapse });
            self.show(cx, None);
        } else {
            cx.counters.expired_candidacies += 1;
        }
        let own = self.own_leadership();
        self.promise.take_if(|promise| promise.to == own);
        self.broadcast(cx, Message::Release { term, successor });
        let pause = match reason {
            // The others go first: this voter has just shown that it cannot, or was asked not to.
            LostReason::Stalled | LostReason::NoQuorum | LostReason::HigherTerm | LostReason::ClockWentBack => {
                self.rules.timing.heartbeat
            }
            LostReason::Transferred
            | LostReason::SteppedDown
            | LostReason::Shutdown
            | LostReason::StorageFailed
            | LostReason::DuplicateIdentifier
            | LostReason::Superseded => self.length.current(),
        };
        self.retry_later(cx, pause);
    }
}
