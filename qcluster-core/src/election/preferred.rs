//! Moving leadership to where it is wanted (E11): the leader asks a healthy voter of higher priority whether it could win,
//! and moves only if that voter reaches everybody whom the leader reaches.

use serde::{Deserialize, Serialize};

use super::{Context, Election, LeadershipId, Message, Role, Sender};
use crate::config::Step;
use crate::id::{NodeKey, Term, VoterIndex};
use crate::quorum::{Support, VoterSet, Weight};
use crate::reason::{DropReason, LostReason, Refusal};
use crate::time::{Rebase, Span, Time};

/// When this voter, while it leads, may next try to give leadership away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Preferred {
    not_before: Time,
    back_off: Span,
}

/// A preferred voter's round of asking, with the leader's consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct WinCheck {
    leadership: LeadershipId,
    leader: VoterIndex,
    pub(super) round: u64,
    pub(super) grants: Support,
    pub(super) until: Time,
}

impl Preferred {
    /// The back-off grows to this many times what it starts with.
    const GROWTH_MAX: u64 = 64;

    pub(super) fn new(settle: Span) -> Self {
        Self { not_before: Time::ZERO, back_off: settle }
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>) {
        let Self { not_before, back_off: _ } = self;
        *not_before = by.time(*not_before);
    }

    /// Notes an attempt. Each makes the next wait twice as long, until there was none for longer than any wait.
    fn attempt(&mut self, now: Time, settle: Span) {
        if now > self.not_before + settle.times(Self::GROWTH_MAX) {
            self.back_off = settle;
        }
        self.not_before = now + self.back_off;
        self.back_off = self.back_off.times(2).min(settle.times(Self::GROWTH_MAX));
    }
}

impl Election {
    /// Somebody leads. If the leadership was to go to another, that one could not take it, and the next leader is not to
    /// try again at once.
    pub(super) fn note_handed_over(&mut self, now: Time, leader: NodeKey) {
        if self.handed_to.take().is_some_and(|successor| successor != leader) {
            self.preferred.attempt(now, self.rules.settle);
        }
    }

    /// Asks the voter of the highest priority above the own that has been healthy long enough.
    pub(super) fn ask_preferred(&mut self, cx: &mut Context<'_>) {
        let my_rank = self.rules.at(self.me).rank;
        if my_rank == 0 || cx.now < self.preferred.not_before {
            return;
        }
        let Role::Leader(leader) = &self.role else { return };
        if leader.lease_until().is_none() || leader.handover.is_some() {
            return;
        }
        let fresh = cx.now.before(self.length.heartbeat(&self.rules.timing).times(3));
        let acks = leader.acks();
        let settled = |voter: &VoterIndex| {
            acks.healthy_since(*voter) + self.rules.settle <= cx.now && acks.newest(*voter) > fresh
        };
        let rank = |voter: &VoterIndex| self.rules.at(*voter).rank;
        let above = self.rules.others().filter(|voter| rank(voter) < my_rank);
        let Some(voter) = above.filter(settled).min_by_key(rank) else { return };
        cx.counters.preferred_attempts += 1;
        self.preferred.attempt(cx.now, self.rules.settle);
        cx.send(voter, Message::CouldYouWin { term: self.term() });
        if let Role::Leader(leader) = &mut self.role {
            leader.asked_preferred = Some(voter);
        }
    }

    pub(super) fn on_could_you_win(&mut self, cx: &mut Context<'_>, from: Sender, term: Term) {
        let leadership = self.leadership_of(from, term);
        let follows = self.heard.is_of(leadership) && matches!(self.role, Role::Follower);
        if !follows || self.abstention().is_some() {
            return cx.drop(DropReason::Unexpected);
        }
        if !self.storage.is_saved() {
            // Its vote would have to wait for the disk, who knows for how long. Asked again, it has shown that it can save.
            return self.persist(cx);
        }
        self.rounds += 1;
        self.pace.round_began(self.rounds, cx.now, self.rules.timing.max_lease);
        self.win_check = Some(WinCheck {
            leadership,
            leader: from.index,
            round: self.rounds,
            grants: Support::of(self.me, Weight::Full),
            until: cx.now + self.length.current(),
        });
        let request = Message::PreVoteRequest { round: self.rounds, term: self.next_term(), consent: Some(leadership) };
        self.broadcast(cx, request);
    }

    pub(super) fn on_win_check_reply(&mut self, cx: &mut Context<'_>, from: Sender, refusal: Option<Refusal>) {
        let weight = self.weight(from);
        let (Some(win_check), Some(weight), None) = (&mut self.win_check, weight, refusal) else { return };
        win_check.grants.add(from.index, weight);
        if self.rules.quorums.reached_by(win_check.grants) {
            let (leader, reached) = (win_check.leader, win_check.grants.voters().bits());
            cx.send(leader, Message::CouldWin { term: win_check.leadership.term, reached });
        }
    }

    /// Moves leadership if the asked voter reaches everybody that this leader reaches. A quorum would not do: a voter that
    /// reaches the leader and nobody else would have one of three, and the leadership would be worse off with it.
    pub(super) fn on_could_win(&mut self, cx: &mut Context<'_>, from: Sender, term: Term, reached: u64) {
        let same_term = term == self.term();
        let Role::Leader(leader) = &self.role else { return cx.drop(DropReason::Unexpected) };
        let asked = leader.asked_preferred == Some(from.index) && leader.handover.is_none();
        if !asked || !same_term || from.step != Step::Same {
            return cx.drop(DropReason::Unexpected);
        }
        let reached = VoterSet::from_bits(reached);
        let recent = cx.now.before(self.length.current());
        let mine: VoterSet = self.rules.others().filter(|voter| leader.acks().newest(*voter) > recent).collect();
        if self.rules.quorums.reached_by(Support::full(reached)) && mine.without(reached).is_empty() {
            self.begin_handover(cx, Some(from.index), LostReason::Transferred);
        }
    }
}

#[cfg(test)]
mod tests;
