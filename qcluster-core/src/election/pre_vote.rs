//! Asking around before any term goes up (E5): who could not win disturbs nobody.

use serde::{Deserialize, Serialize};

use super::incarnations::Tally;
use super::{Context, Election, LeadershipId, Message, Reply, Role, Sender};
use crate::id::{Term, VoterIndex};
use crate::quorum::{Support, Weight};
use crate::reason::{DropReason, Refusal};
use crate::time::{Rebase, Span, Time};

/// One round of asking.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct PreCandidate {
    round: u64,
    term: Term,
    pub(super) grants: Tally,
    ends: Time,
    ask_again_at: Time,
}

impl PreCandidate {
    pub(super) fn deadline(&self) -> Time {
        self.ends.min(self.ask_again_at)
    }

    fn request(&self) -> Message {
        Message::PreVoteRequest { round: self.round, term: self.term, consent: None }
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>, latest: u64) {
        let Self { round, term: _, grants: _, ends, ask_again_at } = self;
        *round = renumbered(*round, latest);
        *ends = by.due(*ends);
        *ask_again_at = by.due(*ask_again_at);
    }
}

/// The number of a round if the latest is the first one; zero for all before.
pub(super) fn renumbered(round: u64, latest: u64) -> u64 {
    u64::from(round == latest)
}

impl Election {
    pub(super) fn start_pre_vote(&mut self, cx: &mut Context<'_>) {
        cx.counters.pre_votes += 1;
        let ends = cx.now + self.round_length();
        self.ask_around(cx, ends);
    }

    /// Half a lease: long enough for a round trip on every preset, short enough to start over after a loss.
    pub(super) fn round_length(&self) -> Span {
        self.length.current().split(2)
    }

    /// Opens a round that ends at `ends`, for the lowest term that could still win.
    fn ask_around(&mut self, cx: &mut Context<'_>, ends: Time) {
        self.rounds += 1;
        self.pace.round_began(self.rounds, cx.now, self.rules.timing.max_lease);
        let round = PreCandidate {
            round: self.rounds,
            term: self.next_term(),
            grants: Tally::new(Support::of(self.me, Weight::Full)),
            ends,
            ask_again_at: cx.now + self.rules.timing.heartbeat,
        };
        let alone = self.rules.quorums.reached_by(round.grants.counted());
        let request = round.request();
        self.set_role(Role::PreCandidate(round));
        if alone {
            self.start_candidacy(cx, None);
        } else {
            self.broadcast(cx, request);
        }
    }

    pub(super) fn pre_candidate_timeout(&mut self, cx: &mut Context<'_>) {
        let heartbeat = self.rules.timing.heartbeat;
        let Role::PreCandidate(round) = &mut self.role else { return };
        if cx.now >= round.ends {
            self.judge_late_answers(cx);
            self.yielded = false;
            self.retry_later(cx, Span::ZERO);
        } else if cx.now >= round.ask_again_at {
            round.ask_again_at = cx.now + heartbeat;
            let request = round.request();
            let silent = self.rules.quorums.all().without(round.grants.counted().voters());
            for voter in self.rules.others().filter(|voter| silent.contains(*voter)) {
                cx.send(voter, request);
            }
        }
    }

    pub(super) fn on_pre_vote_request(
        &mut self,
        cx: &mut Context<'_>,
        from: Sender,
        round: u64,
        term: Term,
        consent: Option<LeadershipId>,
    ) {
        let refusal = self.pre_vote_refusal(cx.now, from, term, consent);
        if let Some(reason) = refusal {
            cx.counters.votes_refused.add(reason);
        } else if matches!(self.role, Role::PreCandidate(_)) && self.is_ahead(from.index) && !self.yielded {
            self.yielded = true;
            cx.counters.yielded += 1;
            self.retry_later(cx, self.rules.timing.heartbeat);
        }
        let stamp = self.storage.hard_state().stamp;
        cx.send(
            from.index,
            Message::PreVoteReply { round, refusal, term: self.term(), stamp, incarnations: self.incarnations },
        );
    }

    fn pre_vote_refusal(&self, now: Time, from: Sender, term: Term, consent: Option<LeadershipId>) -> Option<Refusal> {
        let hard_state = self.storage.hard_state();
        let bound = self.binding_promise(now, self.rules.at(from.index).key, from.incarnation);
        if let Some(abstention) = self.abstention() {
            Some(abstention)
        } else if self.is_left_behind(from) {
            Some(Refusal::EarlierStep)
        } else if bound.is_some() && bound != consent {
            Some(Refusal::Promised)
        } else if self.a_vote_waits_for_the_disk() {
            // Until it is there no other could be told: a yes would only make two candidates out of one.
            Some(Refusal::Voted)
        } else if term <= hard_state.term {
            Some(Refusal::OldTerm)
        } else if term <= hard_state.stamp {
            Some(Refusal::BelowStamp)
        } else {
            None
        }
    }

    /// Whether `other` goes first of two pre-candidates (E5).
    fn is_ahead(&self, other: VoterIndex) -> bool {
        let order = |index: VoterIndex| (self.rules.at(index).rank, index);
        order(other) < order(self.me)
    }

    pub(super) fn campaign_if_encouraged(&mut self, cx: &mut Context<'_>) {
        if let Role::PreCandidate(round) = &self.role
            && cx.now < round.ends
            && self.rules.quorums.reached_by(round.grants.counted())
        {
            self.start_candidacy(cx, None);
        }
    }

    pub(super) fn on_pre_vote_reply(
        &mut self,
        cx: &mut Context<'_>,
        from: Sender,
        round: u64,
        Reply { refusal, term, incarnations }: Reply,
    ) {
        self.note_round_trip(cx, from.index, round);
        if self.win_check.is_some_and(|win_check| win_check.round == round && cx.now < win_check.until) {
            return self.on_win_check_reply(cx, from, refusal);
        }
        let Role::PreCandidate(current) = &mut self.role else { return cx.drop(DropReason::Unexpected) };
        if current.round != round {
            return cx.drop(DropReason::Unexpected);
        }
        if cx.now >= current.ends {
            // After a stall an old yes says nothing about now.
            return cx.drop(DropReason::Stale);
        }
        if refusal.is_none() {
            return self.count_word(cx, from, incarnations);
        }
        let (asked, ends) = (current.term, current.ends);
        if term > self.term() {
            self.storage.adopt(term);
        }
        // The refuser was ahead of what was asked for: catch up, and ask above it at once.
        if self.next_term() > asked {
            self.ask_around(cx, ends);
        }
    }
}
