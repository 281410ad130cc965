//! An election as it looks once the origins of all clocks have moved, without what decides nothing any more.

use super::pace::Pace;
use super::pre_vote::renumbered;
use super::{Election, LeadershipId, Role};
use crate::rng::Rng;
use crate::time::{Rebase, Time};

impl Role {
    fn rebase(&mut self, by: &Rebase<'_>, latest: u64, adapts: bool) {
        match self {
            Self::Follower => {}
            Self::PreCandidate(round) => round.rebase(by, latest),
            Self::Candidate(candidate) => candidate.rebase(by),
            Self::Leader(leader) => leader.rebase(by, adapts),
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
        let leads = matches!(self.role, Role::Leader(_));
        let tolerated = self.rules.timing.heartbeat;
        let adapts = self.rules.timing.max_lease > self.rules.timing.lease;
        let Self {
            rules: _,
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
            campaign_at,
            delay: _,
            defeats: _,
            late: _,
            yielded: _,
            rounds,
            grant: _,
            win_check,
            preferred,
            length,
            acked,
            trusted_until,
            acked_by: _,
            newcomers,
            healthy_since,
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
        role.rebase(by, *rounds, adapts);
        promise.take_if(|promise| !by.is_to_come(promise.until));
        if let Some(promise) = promise {
            promise.until = by.time(promise.until);
        }
        heard.rebase(by, term);
        if let Some(shown) = shown {
            shown.until = by.due(shown.until);
        }
        // More than a heartbeat late is late, however much (E15).
        let late_enough = by.now.before(tolerated.times(2));
        let is_late = by.now > *campaign_at + tolerated;
        *campaign_at = by.time(if is_late { late_enough } else { *campaign_at });
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
        newcomers.rebase(by, leads);
        for time in acked.iter_mut().chain(trusted_until) {
            *time = if leads { by.time(*time) } else { Time::ZERO };
        }
        for time in healthy_since {
            // Read by leaders alone that others are preferred to (E11).
            *time = if leads && rank > 0 { by.time(*time) } else { Time::NEVER };
        }
    }
}
