//! An election as it looks once the origins of all clocks have moved, without what decides nothing any more.

use super::pace::Pace;
use super::pre_vote::renumbered;
use super::{Election, LeadershipId, Role};
use crate::config::Rules;
use crate::rng::Rng;
use crate::time::{Rebase, Time};

impl Role {
    fn rebase(&mut self, by: &Rebase<'_>, rules: &Rules, rank: u32, latest: u64) {
        match self {
            Self::Follower => {}
            Self::PreCandidate(round) => round.rebase(by, latest),
            Self::Candidate(candidate) => candidate.rebase(by),
            Self::Leader(leader) => leader.rebase(by, rules.timing.adapts(), rank > 0),
        }
    }
}

impl Election {
    /// The promise that binds this voter at `now`, to itself included.
    pub(crate) fn live_promise(&self, now: Time) -> Option<(LeadershipId, Time)> {
        self.promise.filter(|promise| now < promise.until).map(|promise| (promise.to, promise.until))
    }

    /// See [`Node::rebase`](crate::Node::rebase).
    pub(crate) fn rebase(&mut self, by: &Rebase<'_>) {
        let (term, rank) = (self.term(), self.rules.at(self.me).rank);
        let Self {
            rules,
            me: _,
            incarnation: _,
            rng,
            storage,
            highest_stamp: _,
            boot_wait,
            introduced_from,
            service: _,
            role,
            promise,
            heard,
            shown,
            campaign,
            yielded: _,
            rounds,
            grant: _,
            win_check,
            preferred,
            length,
            incarnations: _,
            learned: _,
            pace,
            handed_to,
        } = self;
        *pace = Pace::default();
        *rng = Rng::before_zero();
        storage.rebase();
        boot_wait.rebase(by, introduced_from);
        length.rebase(by);
        role.rebase(by, rules, rank, *rounds);
        promise.take_if(|promise| !by.is_to_come(promise.until));
        if let Some(promise) = promise {
            promise.until = by.time(promise.until);
        }
        heard.rebase(by, term);
        if let Some(shown) = shown {
            shown.until = by.due(shown.until);
        }
        campaign.rebase(by, rules.timing.heartbeat);
        if let Some(win_check) = win_check {
            win_check.round = renumbered(win_check.round, *rounds);
            win_check.until = by.due(win_check.until);
        }
        *rounds = 1;
        preferred.rebase(by);
        if rank == 0 {
            // Read by leaders alone that others are preferred to (E11).
            *handed_to = None;
        }
    }
}
