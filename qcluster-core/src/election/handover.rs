//! Ending a leadership politely (E10): first the work is drained while the lease is still renewed, then one voter is told
//! to campaign at once.

use serde::{Deserialize, Serialize};

use super::{Change, Context, Election, Role, Service};
use crate::id::VoterIndex;
use crate::reason::{LostReason, TransferRefused};
use crate::time::Time;

/// A hand-over that waits for the leader's work to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Handover {
    /// Who is to follow; `None` leaves the choice to the end of the drain, and nobody is a valid choice then.
    target: Option<VoterIndex>,
    reason: LostReason,
    pub(super) until: Time,
}

impl Election {
    /// Hands over to `target`, or to the voter best placed. To itself it does nothing; a later call replaces an earlier.
    pub(crate) fn transfer(&mut self, cx: &mut Context<'_>, target: Option<VoterIndex>) -> Result<(), TransferRefused> {
        self.can_transfer(cx.now, target)?;
        if target != Some(self.me) {
            self.begin_handover(cx, target, LostReason::Transferred);
        }
        Ok(())
    }

    /// Ends the own leadership in favour of whichever voter wins next.
    pub(crate) fn step_down(&mut self, cx: &mut Context<'_>) -> Result<(), TransferRefused> {
        let Role::Leader(_) = self.role else { return Err(TransferRefused::NotLeader) };
        self.begin_handover(cx, None, LostReason::SteppedDown);
        Ok(())
    }

    /// Begins nothing any more, and ends what it leads.
    pub(crate) fn retire(&mut self, cx: &mut Context<'_>) {
        if self.is_retiring() {
            return;
        }
        self.service = Service::Retiring;
        self.campaign_at(cx.now);
        self.grant = None;
        self.win_check = None;
        match self.role {
            Role::Leader(_) => self.begin_handover(cx, None, LostReason::Shutdown),
            Role::PreCandidate(_) | Role::Candidate(_) => self.set_role(Role::Follower),
            Role::Follower => {}
        }
    }

    /// Another node goes by this name (E17, E24): there is no time to drain.
    pub(crate) fn resign(&mut self, cx: &mut Context<'_>, reason: LostReason) {
        self.lose(cx, reason, None);
        self.retire(cx);
    }

    /// The leader's work has ended (E10).
    pub(crate) fn drained(&mut self, cx: &mut Context<'_>) {
        if matches!(&self.role, Role::Leader(leader) if leader.handover.is_some()) {
            self.finish_handover(cx);
        }
    }

    pub(super) fn begin_handover(&mut self, cx: &mut Context<'_>, target: Option<VoterIndex>, reason: LostReason) {
        let fresh = cx.now + self.rules.drain;
        let Role::Leader(leader) = &mut self.role else { return };
        let earlier = leader.handover;
        // The work that drains has the time that it was given first, even if the target is replaced.
        let until = earlier.map_or(fresh, |handover| handover.until);
        leader.handover = Some(Handover { target, reason, until });
        if earlier.is_none() {
            cx.counters.transfers += 1;
        }
        if leader.lease_until().is_none() || until <= cx.now {
            self.finish_handover(cx);
        } else if earlier.is_none() {
            cx.tell(Change::Draining { until });
        }
    }

    pub(super) fn finish_handover(&mut self, cx: &mut Context<'_>) {
        let Role::Leader(leader) = &self.role else { return };
        let Some(Handover { target, reason, .. }) = leader.handover else { return };
        let successor = match reason {
            LostReason::SteppedDown => None,
            LostReason::Transferred
            | LostReason::Shutdown
            | LostReason::StorageFailed
            | LostReason::Stalled
            | LostReason::NoQuorum
            | LostReason::HigherTerm
            | LostReason::ClockWentBack
            | LostReason::DuplicateIdentifier
            | LostReason::Superseded => target.or_else(|| self.best_successor(cx.now)),
        };
        self.lose(cx, reason, successor.map(|voter| self.rules.at(voter).key));
    }

    /// The voter that answered within a lease and has the highest priority; among equals, the one heard last.
    pub(super) fn best_successor(&self, now: Time) -> Option<VoterIndex> {
        let Role::Leader(leader) = &self.role else { return None };
        let (acks, recent) = (leader.acks(), now.before(self.length.current()));
        let order = |voter: &VoterIndex| (self.rules.at(*voter).rank, core::cmp::Reverse(acks.newest(*voter)), *voter);
        self.rules.others().filter(|voter| acks.newest(*voter) > recent).min_by_key(order)
    }
}
