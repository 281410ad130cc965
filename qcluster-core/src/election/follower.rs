//! Following: promises to a leader (E2, E2′), and what is shown of it.

use serde::{Deserialize, Serialize};

use super::lease_length::heartbeat_of;
use super::message::Request;
use super::{Change, Context, Election, LeadershipId, Message, Role, Sender};
use crate::id::{Incarnation, NodeKey, Term, VoterIndex};
use crate::reason::DropReason;
use crate::time::{Rebase, Span, Time};

/// Neither to vote, pre-vote nor campaign for any other node before `until` (E2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Promise {
    pub(super) to: LeadershipId,
    pub(super) until: Time,
}

/// The newest leadership heard of, and how new its newest heartbeat was. One that has released its voters is remembered
/// as newer than anything it could still send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Heard {
    of: LeadershipId,
    newest: Time,
}

impl Heard {
    pub(super) fn nobody() -> Self {
        let of = LeadershipId { node: NodeKey(0), incarnation: Incarnation::UNKNOWN, term: Term(0) };
        Self { of, newest: Time::ZERO }
    }

    pub(super) fn closed(of: LeadershipId) -> Self {
        Self { of, newest: Time::NEVER }
    }

    /// Only a leadership of the present term can still send something newer.
    pub(super) fn rebase(&mut self, by: &Rebase<'_>, term: Term) {
        let Self { of, newest } = self;
        *newest = if of.term < term && *newest < Time::NEVER { Time::ZERO } else { by.time_of(of.node, *newest) };
    }

    pub(super) fn is_of(&self, leadership: LeadershipId) -> bool {
        self.of == leadership && self.newest < Time::NEVER
    }
}

/// The leader that is shown to the application, for as long as it keeps being heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) leader: VoterIndex,
    pub(super) term: Term,
    pub(super) until: Time,
}

impl Election {
    pub(super) fn on_heartbeat(
        &mut self,
        cx: &mut Context<'_>,
        from: Sender,
        term: Term,
        Request { sent_at, lease }: Request,
        active: bool,
    ) {
        let leadership = self.leadership_of(from, term);
        if term < self.term() {
            cx.drop(DropReason::Stale);
            cx.send(from.index, Message::StaleTerm { term: self.term() });
            return;
        }
        let is_known = leadership == self.heard.of;
        if is_known {
            if sent_at <= self.heard.newest {
                return cx.drop(DropReason::Stale);
            }
        } else if term == self.term() && (self.heard.of.term == term || matches!(self.role, Role::Leader(_))) {
            // A term has one leader (E1); another one has a duplicate identifier, or is broken.
            return cx.drop(DropReason::Unexpected);
        }
        self.follow(cx, leadership, sent_at, is_known);
        let lease = self.hear_lease_length(lease);
        self.promise(cx, from, leadership, Request { sent_at, lease });
        if active {
            self.note_established(cx, from.step);
            self.note_handed_over(cx.now, leadership.node);
            let until = cx.now + lease;
            self.show(cx, Some(Shown { leader: from.index, term, until }));
        }
    }

    /// Becomes a follower of that leadership, in its term; one that is known is the last that was heard of.
    fn follow(&mut self, cx: &mut Context<'_>, leadership: LeadershipId, sent_at: Time, is_known: bool) {
        if !is_known || !matches!(self.role, Role::Follower) {
            if leadership.term > self.term() {
                self.adopt(cx, leadership.term);
            }
            if !is_known {
                self.draw_delay();
            }
            self.set_role(Role::Follower);
            self.heard.of = leadership;
        }
        self.heard.newest = sent_at;
        self.yielded = false;
        self.forget_defeats();
        self.pace.elected();
    }

    /// Promises itself to the leadership and says so, unless another promise is live (E2′), an earlier incarnation may have
    /// given one (E9), or the leader knows of the old voters only (E20).
    fn promise(&mut self, cx: &mut Context<'_>, from: Sender, to: LeadershipId, asked: Request) {
        let Request { sent_at, lease } = asked;
        let bound = self.binding_promise(cx.now, to.node, to.incarnation).is_some();
        let may = !self.is_booting() && !self.is_left_behind(from);
        if !may || bound {
            // It follows all the same: the leader's next heartbeat comes before it campaigns.
            self.campaign_after(cx.now + heartbeat_of(&self.rules.timing, lease).times(2));
            return;
        }
        let granted = self.bind(cx.now, to, lease);
        // It is after the end of the promise, whatever is given here.
        self.campaign_at(cx.now);
        let (term, stamp) = (to.term, self.stamp_above_term());
        // Bound it is; but what it says may count only if it cannot forget to whom it said it (E24).
        if self.remembers(from.index) {
            cx.send(
                from.index,
                Message::HeartbeatAck { term, sent_at, lease: granted, stamp, incarnations: self.incarnations },
            );
        }
        self.persist(cx);
    }

    /// Binds this voter to that leadership from now on. A promise is never made shorter by the next one to the same leadership. Gives
    /// the length that it would remember after a crash (E9): a longer one counts once that is saved (E23).
    pub(super) fn bind(&mut self, now: Time, to: LeadershipId, lease: Span) -> Span {
        let earlier = self.promise.filter(|promise| promise.to == to).map_or(Time::ZERO, |promise| promise.until);
        self.promise = Some(Promise { to, until: earlier.max(now + lease) });
        self.storage.remember_lease(lease);
        lease.min(self.storage.remembered_lease())
    }

    /// The live promise, if it is to another node or another incarnation than the given one.
    pub(super) fn binding_promise(&self, now: Time, node: NodeKey, incarnation: Incarnation) -> Option<LeadershipId> {
        let promise = self.promise.filter(|promise| now < promise.until)?;
        let same = promise.to.node == node && promise.to.incarnation == incarnation;
        (!same).then_some(promise.to)
    }

    /// The leadership is over: its promise binds nobody, and nothing of it counts any more (E4, E10).
    pub(super) fn on_release(&mut self, cx: &mut Context<'_>, from: Sender, term: Term, successor: Option<NodeKey>) {
        let leadership = self.leadership_of(from, term);
        let promised = self.promise.take_if(|promise| promise.to == leadership).is_some();
        if promised {
            cx.counters.releases_honoured += 1;
        }
        if self.shown.is_some_and(|shown| shown.leader == from.index && shown.term == term) {
            self.show(cx, None);
        }
        if term < self.term() {
            return;
        }
        if term > self.term() {
            self.adopt(cx, term);
        }
        if matches!(self.role, Role::Leader(_) | Role::Candidate(_)) {
            return cx.drop(DropReason::Unexpected);
        }
        self.heard = Heard::closed(leadership);
        self.set_role(Role::Follower);
        self.handed_to = successor;
        if self.binding_promise(cx.now, leadership.node, leadership.incarnation).is_some() {
            return;
        }
        self.draw_delay();
        match successor {
            Some(node) if node == self.rules.key => self.campaign_now(cx, leadership),
            // A head start for the one that was named (E10).
            Some(_) => self.campaign_after(cx.now + self.rules.timing.heartbeat),
            None => self.campaign_after(cx.now),
        }
    }

    /// Campaigns without pre-votes: the leader itself has asked for it (E10).
    fn campaign_now(&mut self, cx: &mut Context<'_>, released: LeadershipId) {
        if self.abstention().is_none() {
            self.start_candidacy(cx, Some(released));
        }
    }

    /// Shows another leader, or that none is known; says so if that is news.
    pub(super) fn show(&mut self, cx: &mut Context<'_>, shown: Option<Shown>) {
        let face = |shown: Option<Shown>| shown.map(|shown| (shown.leader, shown.term));
        let news = face(self.shown) != face(shown);
        self.shown = shown;
        if news {
            let leader = shown.map(|shown| shown.leader);
            cx.tell(Change::Leader { leader, term: self.term() });
        }
    }
}
