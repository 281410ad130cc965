//! Nodes as model checkers compare them: equal if they behave alike from now on.

use core::hash::{Hash, Hasher};

use super::{Node, Part};
use crate::election::LeadershipId;
use crate::id::NodeKey;
use crate::metrics::Counters;
use crate::rng::Rng;
use crate::time::{Rebase, Time};

impl Node {
    /// Moves the origins of all clocks so that each shows `present`, and forgets what decides nothing any more: counters,
    /// the names of saves, promises that have run out, how long ago deadlines have passed.
    ///
    /// Two nodes that are equal after it behave alike from then on, up to the origins of clocks and to chance, which
    /// starts over at zero. With it, a search through the states of a cluster sees that a heartbeat later
    /// everything is as it was. It goes with messages that are changed the same way: `sent_at` is on the clock of the leader
    /// that the message comes from or goes to, and the latest round of pre-votes of each node has the number 1.
    ///
    /// It is for nodes without gossip: membership and registry are left as they are.
    ///
    /// `now` is what this node's clock shows, and `clocks` what the clock of each node does. A moment that would lie
    /// before the origin becomes the origin, so `present` says how much of the past still counts: two leases at least, and
    /// as long as a message may be under way; with priorities, also the settling time of E11.
    pub fn rebase(&mut self, now: Time, present: Time, clocks: &dyn Fn(NodeKey) -> Time) {
        let by = Rebase { now, present, clocks };
        let Self {
            rules: _,
            incarnation: _,
            rng,
            secret: _,
            now: clock,
            offset: _,
            stage: _,
            part,
            links,
            own,
            is_warned_of_step: _,
            audience,
            gossip: _,
            effects: _,
            queue: _,
            counters,
        } = self;
        *rng = Rng::before_zero();
        *clock = present;
        match part {
            Part::Voter(election) => election.rebase(&by),
            Part::Observer(watch) => watch.rebase(&by),
            Part::Member => {}
        }
        links.rebase(&by);
        own.rebase(&by);
        audience.rebase(&by);
        *counters = Counters::default();
    }

    /// Whom this voter has promised itself to at `now`, and until when (E2).
    pub fn promise(&self, now: Time) -> Option<(LeadershipId, Time)> {
        match &self.part {
            Part::Voter(election) => election.live_promise(now),
            Part::Observer(_) | Part::Member => None,
        }
    }
}

/// All that decides what a node does next. What waits in its queue and what it has counted are left out.
impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            rules,
            incarnation,
            rng,
            secret,
            now,
            offset,
            stage,
            part,
            links,
            own,
            is_warned_of_step,
            audience,
            gossip,
            effects: _,
            queue: _,
            counters: _,
        } = self;
        (rules, incarnation, rng, secret, now, offset, stage, part, links, own, audience, gossip).hash(state);
        is_warned_of_step.hash(state);
    }
}

#[cfg(test)]
mod tests;
