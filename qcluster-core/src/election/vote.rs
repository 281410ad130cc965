//! Votes: one a term for each voter (E6), and candidacies that end in time (E7).

use serde::{Deserialize, Serialize};

use super::incarnations::Tally;
use super::lease_length::within;
use super::{Context, Election, LeadershipId, Message, Role, Sender, Vote};
use crate::id::{Incarnation, IncarnationsDigest, Term, VoterIndex};
use crate::quorum::{Support, VoterSet, Weight};
use crate::reason::{DropReason, Refusal};
use crate::time::{Rebase, Span, Time};

/// A campaign for one term.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Candidate {
    /// When it first asked; `None` while its own vote is on the way to the disk (E6).
    asked_at: Option<Time>,
    /// What its voters remember (E23).
    lease: Span,
    /// When it gives up: E7 is the limit, and a contested term is given up sooner.
    ends: Time,
    pub(super) votes: Tally,
    refused: VoterSet,
    ask_again_at: Time,
    /// The leadership that gave way to it (E10).
    released: Option<LeadershipId>,
}

/// A vote that was granted and waits for the disk before it may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Grant {
    to: VoterIndex,
    incarnation: Incarnation,
    term: Term,
}

/// What another voter answers when it is asked for a vote or a pre-vote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    /// `None` is a yes.
    pub(super) refusal: Option<Refusal>,
    pub(super) term: Term,
    /// What it knows of incarnations.
    pub(super) incarnations: IncarnationsDigest,
}

impl Grant {
    pub(super) fn is_for_another_incarnation(&self, voter: VoterIndex, incarnation: Incarnation) -> bool {
        self.to == voter && self.incarnation != incarnation
    }
}

impl Candidate {
    pub(super) fn deadline(&self) -> Time {
        self.ends.min(self.ask_again_at)
    }

    pub(super) fn forget(&mut self, voter: VoterIndex) {
        self.votes.forget(voter);
        self.refused = self.refused.without(VoterSet::EMPTY.with(voter));
    }

    /// What it asks for, in its term.
    fn request(&self, term: Term) -> Message {
        Message::VoteRequest { term, lease: self.lease, released: self.released }
    }

    pub(super) fn waits(&self) -> bool {
        self.asked_at.is_none()
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>) {
        let Self { asked_at, lease: _, ends, votes: _, refused: _, ask_again_at, released: _ } = self;
        *asked_at = asked_at.map(|asked_at| by.time(asked_at));
        *ends = by.due(*ends);
        *ask_again_at = by.due(*ask_again_at);
    }
}

impl Election {
    pub(super) fn start_candidacy(&mut self, cx: &mut Context<'_>, released: Option<LeadershipId>) {
        cx.counters.candidacies += 1;
        let term = self.next_term();
        self.adopt(cx, term);
        let lease = self.length.current();
        self.storage.vote(Vote { node: self.rules.key, incarnation: self.incarnation });
        self.storage.remember_lease(lease);
        self.set_role(Role::Candidate(Candidate {
            asked_at: None,
            lease,
            ends: Time::NEVER,
            votes: Tally::new(Support::NONE),
            refused: VoterSet::EMPTY,
            ask_again_at: Time::NEVER,
            released,
        }));
        self.persist(cx);
    }

    /// The own vote is safe: now the others are asked.
    pub(super) fn ask_for_votes(&mut self, cx: &mut Context<'_>) {
        let heartbeat = self.rules.timing.heartbeat;
        let Role::Candidate(Candidate { lease, .. }) = self.role else { return };
        let trusted = self.trusted(lease);
        let Role::Candidate(candidate) = &mut self.role else { return };
        candidate.asked_at = Some(cx.now);
        candidate.ends = cx.now + trusted;
        candidate.ask_again_at = cx.now + heartbeat;
        candidate.votes.count(self.me, Weight::Full);
        let request = candidate.request(self.storage.hard_state().term);
        let votes = candidate.votes.counted();
        if self.rules.quorums.reached_by(votes) {
            self.lead(cx, cx.now, lease, votes);
        } else {
            self.broadcast(cx, request);
        }
    }

    pub(super) fn candidate_timeout(&mut self, cx: &mut Context<'_>) {
        let (term, heartbeat) = (self.term(), self.rules.timing.heartbeat);
        let Role::Candidate(candidate) = &mut self.role else { return };
        if candidate.waits() {
            return;
        }
        if cx.now >= candidate.ends {
            // A vote that its giver forgot in a crash may be bound elsewhere from now on (E7).
            cx.counters.expired_candidacies += 1;
            let (lease, is_silence) = (candidate.lease, candidate.refused.is_empty());
            if is_silence {
                self.note_fruitless_term(cx, self.trusted(lease));
            }
            self.retry_after_defeat(cx);
        } else if cx.now >= candidate.ask_again_at {
            candidate.ask_again_at = cx.now + heartbeat;
            let request = candidate.request(term);
            let silent =
                self.rules.quorums.all().without(candidate.votes.counted().voters()).without(candidate.refused);
            for voter in self.rules.others().filter(|voter| silent.contains(*voter)) {
                cx.send(voter, request);
            }
        }
    }

    pub(super) fn on_vote_request(
        &mut self,
        cx: &mut Context<'_>,
        from: Sender,
        term: Term,
        lease: Span,
        released: Option<LeadershipId>,
    ) {
        let candidate = Vote { node: self.rules.at(from.index).key, incarnation: from.incarnation };
        let refusal = if self.is_left_behind(from) { Some(Refusal::EarlierStep) } else { None };
        if let Some(reason) = refusal.or_else(|| self.vote_refusal(cx.now, candidate, term, released)) {
            cx.counters.votes_refused.add(reason);
            return self.answer_vote(cx, from.index, term, Some(reason));
        }
        if term > self.term() {
            self.adopt(cx, term);
        }
        // A candidate in a higher term has ended its earlier leadership, or was released from another. A repeated request
        // of the present leader clears nothing.
        self.promise.take_if(|promise| promise.to.term < term);
        self.set_role(Role::Follower);
        self.storage.vote(candidate);
        self.storage.remember_lease(within(&self.rules.timing, lease));
        self.grant = Some(Grant { to: from.index, incarnation: from.incarnation, term });
        // The winner is given a heartbeat to speak up (E6).
        self.draw_delay();
        self.campaign_after(cx.now + self.rules.timing.heartbeat);
        self.persist(cx);
    }

    fn vote_refusal(&self, now: Time, candidate: Vote, term: Term, released: Option<LeadershipId>) -> Option<Refusal> {
        let hard_state = self.storage.hard_state();
        let bound = self.binding_promise(now, candidate.node, candidate.incarnation);
        let leads = matches!(self.role, Role::Leader(_));
        if let Some(abstention) = self.abstention() {
            Some(abstention)
        } else if leads || (bound.is_some() && bound != released) {
            Some(Refusal::Promised)
        } else if term < hard_state.term {
            Some(Refusal::OldTerm)
        } else if term <= hard_state.stamp {
            Some(Refusal::BelowStamp)
        } else if term == hard_state.term && hard_state.vote.is_some_and(|vote| vote != candidate) {
            Some(Refusal::Voted)
        } else {
            None
        }
    }

    /// Tells a granted vote once it would survive a crash; unless the term has passed, or the voter has promised itself to
    /// somebody else while it waited.
    pub(super) fn answer_granted_vote(&mut self, cx: &mut Context<'_>) {
        let Some(Grant { to, incarnation, term }) = self.grant.take() else { return };
        let bound = self.binding_promise(cx.now, self.rules.at(to).key, incarnation);
        if term == self.term() && bound.is_none() {
            cx.counters.votes_granted += 1;
            self.answer_vote(cx, to, term, None);
        }
    }

    fn answer_vote(&self, cx: &mut Context<'_>, to: VoterIndex, asked: Term, refusal: Option<Refusal>) {
        let hard_state = self.storage.hard_state();
        let (term, stamp) = (hard_state.term, hard_state.stamp);
        cx.send(to, Message::VoteReply { asked, refusal, term, stamp, incarnations: self.incarnations });
    }

    /// Leads once it has the votes of a quorum, and remembers the incarnations that gave them (E24).
    pub(super) fn lead_if_elected(&mut self, cx: &mut Context<'_>) {
        let Role::Candidate(candidate) = &self.role else { return };
        let (votes, ends, lease) = (candidate.votes.counted(), candidate.ends, candidate.lease);
        let Some(asked_at) = candidate.asked_at.filter(|_| cx.now < ends) else { return };
        if self.rules.quorums.reached_by(self.remembered(votes)) {
            self.lead(cx, asked_at, lease, votes);
        } else if self.rules.quorums.reached_by(votes) {
            self.persist(cx);
        }
    }

    pub(super) fn on_vote_reply(
        &mut self,
        cx: &mut Context<'_>,
        from: Sender,
        asked: Term,
        Reply { refusal, term, incarnations }: Reply,
    ) {
        let current = self.term();
        let Role::Candidate(candidate) = &mut self.role else { return cx.drop(DropReason::Unexpected) };
        if candidate.waits() || asked != current {
            return cx.drop(DropReason::Unexpected);
        }
        if cx.now >= candidate.ends {
            // Too late (E7), and the timer that says so is late as well.
            return cx.drop(DropReason::Stale);
        }
        let Some(reason) = refusal else { return self.count_word(cx, from, incarnations) };
        candidate.refused.insert(from.index);
        if reason == Refusal::Voted {
            // Somebody else campaigns for this term. Those who are silent get a second chance to answer, and no more:
            // waiting for the dead would cost the whole of E7's time.
            candidate.ends = candidate.ends.min(cx.now + self.rules.timing.heartbeat.times(2));
        }
        let lost = self.rules.quorums.out_of_reach(candidate.refused);
        if term > current {
            self.adopt(cx, term);
            self.retry_after_defeat(cx);
        } else if reason == Refusal::BelowStamp {
            // Nothing but the number was wrong (E12): ask around above the stamp at once.
            self.start_pre_vote(cx);
        } else if lost {
            self.retry_after_defeat(cx);
        }
    }
}
