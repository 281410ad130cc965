//! When a voter campaigns (E8, E15): its timer, and the delays that keep voters from campaigning all at once.

use serde::{Deserialize, Serialize};

use super::{Context, Election, Role};
use crate::id::VoterIndex;
use crate::quorum::VoterSet;
use crate::reason::LeaseLengthReason;
use crate::time::{Rebase, Span, Time};

/// The timer of a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Campaign {
    at: Time,
    /// The delay of the next attempt beyond the end of a promise, drawn once an attempt.
    delay: Span,
    /// Candidacies lost in a row, since a leader was heard.
    defeats: u32,
    /// It fired late, and the network had its heartbeat of grace (E15).
    late: bool,
    /// Voters whose last answer to a round of pre-votes came too late for it, what the last of these answers took, and how many whole
    /// rounds have ended since the first of them came.
    late_voters: VoterSet,
    late_answer: Span,
    late_rounds: u32,
}

impl Campaign {
    /// None is planned.
    pub(super) const NONE: Self = Self {
        at: Time::NEVER,
        delay: Span::ZERO,
        defeats: 0,
        late: false,
        late_voters: VoterSet::EMPTY,
        late_answer: Span::ZERO,
        late_rounds: 0,
    };

    pub(super) fn at(&self) -> Time {
        self.at
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>, tolerated: Span) {
        let Self { at, delay: _, defeats: _, late: _, late_voters: _, late_answer: _, late_rounds: _ } = self;
        // More than a heartbeat late is late, however much (E15).
        let late_enough = by.now.before(tolerated.times(2));
        let is_late = by.now > *at + tolerated;
        *at = by.time(if is_late { late_enough } else { *at });
    }
}

impl Election {
    /// Sets the timer (E8): never before the own promise has run out, and never at all while abstaining.
    pub(super) fn campaign_at(&mut self, at: Time) {
        let promised = self.promise.map_or(Time::ZERO, |promise| promise.until + self.campaign.delay);
        let abstains = self.abstention().is_some();
        self.campaign.at = if abstains { Time::NEVER } else { at.max(promised) };
        self.campaign.late = false;
    }

    /// Sets the timer to the drawn delay after that moment.
    pub(super) fn campaign_after(&mut self, at: Time) {
        self.campaign_at(at + self.campaign.delay);
    }

    /// The next attempt waits for another delay: a slot for each rank ahead, and a random part of the own one, which defeats widen
    /// up to half a lease.
    pub(super) fn draw_delay(&mut self) {
        let (slot, lease) = (self.rules.timing.slot, self.length.current());
        let rank = u64::from(self.rules.at(self.me).rank);
        let spread = slot.times(1 << self.campaign.defeats.min(16)).min(lease.split(2)).max(slot);
        self.campaign.delay = slot.times(rank) + Span::from_nanos(self.rng.below(spread.as_nanos()));
    }

    /// A leader is heard: what went wrong before is over.
    pub(super) fn forget_defeats(&mut self) {
        (self.campaign.defeats, self.campaign.late) = (0, false);
        self.answers_are_quick();
    }

    /// No answer is known to come too late.
    pub(super) fn answers_are_quick(&mut self) {
        self.campaign.late_voters = VoterSet::EMPTY;
        (self.campaign.late_answer, self.campaign.late_rounds) = (Span::ZERO, 0);
    }

    /// A voter has answered a round of pre-votes after that long.
    pub(super) fn note_answer(&mut self, voter: VoterIndex, took: Span) {
        let campaigns = matches!(self.role, Role::PreCandidate(_) | Role::Candidate(_));
        if !campaigns || !self.rules.timing.adapts() {
            return;
        }
        if took >= self.round_length() {
            self.campaign.late_voters.insert(voter);
            self.campaign.late_answer = took;
            return;
        }
        self.campaign.late_voters = self.campaign.late_voters.without(VoterSet::EMPTY.with(voter));
        if self.campaign.late_voters.is_empty() {
            self.answers_are_quick();
        }
    }

    /// A whole round has ended in vain. If a voter answers too late in a second one, then rounds are too short for it. A network that
    /// held datagrams up for once, as one does that has just been mended, delivers its late answers and a quick one together.
    pub(super) fn judge_late_answers(&mut self, cx: &mut Context<'_>) {
        if self.campaign.late_voters.is_empty() {
            return;
        }
        self.campaign.late_rounds += 1;
        if self.campaign.late_rounds > 1 {
            self.note_delay(cx, self.campaign.late_answer, LeaseLengthReason::SlowAnswers);
            self.answers_are_quick();
        }
    }

    /// Follows nobody for `pause` and a delay drawn again, then tries again.
    pub(super) fn retry_later(&mut self, cx: &Context<'_>, pause: Span) {
        self.set_role(Role::Follower);
        self.draw_delay();
        self.campaign_after(cx.now + pause);
    }

    /// Others campaigned at the same time, or too few could be reached. Each defeat in a row doubles the spread of the next
    /// delay, for where a round trip takes longer than a slot.
    pub(super) fn retry_after_defeat(&mut self, cx: &Context<'_>) {
        self.campaign.defeats = self.campaign.defeats.saturating_add(1);
        self.retry_later(cx, Span::ZERO);
    }

    /// The timer of a follower. One that fires late may have slept through heartbeats that the network still holds, and
    /// waits for one more (E15).
    pub(super) fn campaign_if_due(&mut self, cx: &mut Context<'_>) {
        let Campaign { at, late, .. } = self.campaign;
        if cx.now < at || self.abstention().is_some() {
            return;
        }
        let heartbeat = self.rules.timing.heartbeat;
        self.note_delay(cx, cx.now.since(at), LeaseLengthReason::Stalled);
        if cx.now > at + heartbeat && !late {
            cx.counters.late_timers += 1;
            self.campaign_at(cx.now + heartbeat);
            self.campaign.late = true;
            return;
        }
        self.campaign.late = false;
        self.start_pre_vote(cx);
    }
}
