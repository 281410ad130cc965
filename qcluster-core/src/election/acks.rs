//! What the voters have acknowledged to a leader, and until when a quorum of them has promised itself (E3).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::newcomers::Newcomers;
use crate::id::VoterIndex;
use crate::quorum::{Quorums, Support, VoterSet, Weight};
use crate::time::{Rebase, Span, Time};

/// Of one leadership.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Acks {
    /// By voter: the newest `sent_at` that it has acknowledged.
    newest: Vec<Time>,
    /// By voter: until when what it has promised may be trusted.
    trusted_until: Vec<Time>,
    /// Those voters, and in which lists what they acknowledged counts (E20).
    by: Support,
    newcomers: Newcomers,
    /// By voter: since when it has answered without a gap (E11).
    healthy_since: Vec<Time>,
}

impl Acks {
    /// A leadership begins with the votes of `elected_by`, which may be trusted until then.
    pub(super) fn new(voters: usize, elected_by: VoterSet, trusted_until: Time) -> Self {
        Self {
            newest: alloc::vec![Time::ZERO; voters],
            trusted_until: alloc::vec![Time::ZERO; voters],
            by: Support::NONE,
            newcomers: Newcomers::new(voters, elected_by, trusted_until),
            healthy_since: alloc::vec![Time::NEVER; voters],
        }
    }

    pub(super) fn newest(&self, voter: VoterIndex) -> Time {
        self.newest[voter.position()]
    }

    pub(super) fn trusted_until(&self, voter: VoterIndex) -> Time {
        self.trusted_until[voter.position()]
    }

    pub(super) fn healthy_since(&self, voter: VoterIndex) -> Time {
        self.healthy_since[voter.position()]
    }

    /// Whether that says nothing more than what the voter has said: a promise of one length is not made shorter by another one
    /// after it (E23).
    pub(super) fn is_stale(&self, voter: VoterIndex, sent_at: Time, until: Time) -> bool {
        sent_at <= self.newest(voter) && until <= self.trusted_until(voter)
    }

    /// Another voter has acknowledged what was sent at `sent_at`. A gap of more than `tolerated` starts the settling time
    /// again (E11).
    #[inline]
    pub(super) fn hear(&mut self, now: Time, voter: VoterIndex, sent_at: Time, until: Time, tolerated: Span) {
        let gap = sent_at.since(self.newest(voter));
        let since = &mut self.healthy_since[voter.position()];
        if *since == Time::NEVER || gap > tolerated {
            *since = now;
        }
        self.newcomers.acknowledged(voter, now, until);
    }

    /// Counts what a voter has acknowledged, the leader's own promise too.
    pub(super) fn count(&mut self, voter: VoterIndex, weight: Weight, sent_at: Time, until: Time) {
        let at = voter.position();
        self.by.add(voter, weight);
        self.newest[at] = self.newest[at].max(sent_at);
        self.trusted_until[at] = self.trusted_until[at].max(until);
    }

    /// Another incarnation of a voter is there: what that one has said counts for nothing more.
    pub(super) fn forget(&mut self, voter: VoterIndex) {
        self.newest[voter.position()] = Time::ZERO;
        self.trusted_until[voter.position()] = Time::ZERO;
        self.by.remove(voter);
        self.newcomers.forget(voter);
        self.healthy_since[voter.position()] = Time::NEVER;
    }

    /// Until when a quorum of promises may be trusted: without newcomers, or with those that had come back by some moment and
    /// with those alone who have acknowledged since then (E24).
    /// Nothing unless that is later than `after`.
    #[inline]
    pub(super) fn trusted_by_quorum(&mut self, quorums: &Quorums, after: Time) -> Option<Time> {
        if self.newcomers.are_settled() {
            return quorums.newest_common_after(after, self.by, &self.trusted_until);
        }
        Some(self.trusted_with_newcomers(quorums)).filter(|until| *until > after)
    }

    #[cold]
    fn trusted_with_newcomers(&mut self, quorums: &Quorums) -> Time {
        let (newest, until) = (&self.newest, &self.trusted_until);
        let mut common = quorums.newest_common(self.newcomers.back_by(Time::ZERO, self.by), until);
        let mut settled = Time::ZERO;
        for moment in self.newcomers.moments() {
            let mut together = self.newcomers.back_by(moment, self.by);
            for (voter, _) in (0..).map(VoterIndex).zip(newest).filter(|(_, newest)| **newest < moment) {
                together.remove(voter);
            }
            let since = quorums.newest_common(together, until);
            if since > Time::ZERO {
                common = common.max(since);
                settled = settled.max(moment);
            }
        }
        self.newcomers.settle(settled);
        common
    }

    /// Without what decides nothing: who is healthy is asked by leaders alone that others are preferred to (E11).
    pub(super) fn rebase(&mut self, by: &Rebase<'_>, prefers_others: bool) {
        let Self { newest, trusted_until, by: _, newcomers, healthy_since } = self;
        for time in newest.iter_mut().chain(trusted_until) {
            *time = by.time(*time);
        }
        newcomers.rebase(by);
        for time in healthy_since {
            *time = if prefers_others { by.time(*time) } else { Time::NEVER };
        }
    }
}
