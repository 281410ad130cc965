//! Lives only go forward (E24): which life of this node counts, and what it does when it may not be the latest.

use serde::{Deserialize, Serialize};

use super::event::{Envelope, Message, Notification, Session};
use super::{Node, Stage};
use crate::config::{Durability, VoterIndex};
use crate::election::Election;
use crate::id::Incarnation;
use crate::quorum::VoterSet;
use crate::reason::LostReason;
use crate::time::{Rebase, Span, Time};

/// Why this node asks others about its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Why {
    /// It has sat out its boot wait. Who is asked knows from then on that it takes part; two that follow a third one would have
    /// nothing to say to each other otherwise (E24 (a)).
    Announced,
    /// It stood still, may have been replaced, and takes no part until a quorum has answered (E24 (b)).
    StoodStill { span: Span },
}

/// The question to all voters whether this life is the latest of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Inquiry {
    why: Why,
    /// Ties the answers to the question: older ones wait in the socket of a node that stood still.
    nonce: u64,
    confirmed: VoterSet,
    pub(super) ask_at: Time,
    asked: u8,
}

impl Inquiry {
    pub(super) fn rebase(&mut self, by: &Rebase<'_>) {
        let Self { why, nonce, confirmed: _, ask_at, asked: _ } = self;
        *nonce = 0;
        if let Why::StoodStill { span } = why {
            *span = Span::ZERO;
        }
        *ask_at = by.due(*ask_at);
    }
}

/// When this life began: on its own clock, and by the wall clock of its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Birth {
    pub(super) at: Time,
    pub(super) stamp_ms: u64,
}

impl Birth {
    /// What the wall clock shows now, if nobody has set it since.
    fn wall_ms(self, now: Time) -> u64 {
        self.stamp_ms.saturating_add(now.since(self.at).as_millis())
    }
}

impl Node {
    /// Wall clocks of voters that are kept by a time service differ by less than this.
    const WALLS_APART_MAX_MS: u64 = 60_000;

    /// Asking a second time is worth a word to the operator: the first answers have not come.
    const ASKS_BEFORE_A_WORD: u8 = 2;
    /// Who does not answer so often is not there; once it is, the two greet each other.
    const ANNOUNCEMENTS_MAX: u8 = 8;

    /// The node has been given nothing for so long. If another life could have begun and taken part meanwhile, it asks, in its boot
    /// wait too.
    pub(super) fn doubt(&mut self, stood_still: Span) {
        if stood_still <= self.rules.trusted_lease || self.is_stopped() {
            return;
        }
        let Some(me) = self.rules.me else { return };
        self.counters.inquiries += 1;
        self.with_election(Election::doubt);
        let earlier = self.inquiry.filter(|inquiry| matches!(inquiry.why, Why::StoodStill { .. }));
        let asked = earlier.map_or(0, |earlier| earlier.asked);
        self.begin_inquiry(me, Why::StoodStill { span: stood_still }, asked);
        self.conclude_inquiry();
    }

    fn begin_inquiry(&mut self, me: VoterIndex, why: Why, asked: u8) {
        let (nonce, confirmed) = (self.rng.next(), VoterSet::EMPTY.with(me));
        self.inquiry = Some(Inquiry { why, nonce, confirmed, ask_at: self.now, asked });
    }

    /// Once its boot wait is over, all whom this life has met are to know.
    fn announce_life(&mut self) {
        let Some(me) = self.rules.me else { return };
        if !self.is_announced && !self.is_booting() {
            self.is_announced = true;
            if self.inquiry.is_none() {
                self.begin_inquiry(me, Why::Announced, 0);
                self.conclude_inquiry();
            }
        }
    }

    /// Asks those that have not confirmed yet, once a heartbeat.
    pub(super) fn inquire(&mut self) {
        self.announce_life();
        let (now, heartbeat, booting) = (self.now, self.rules.timing.heartbeat, self.is_booting());
        let Some(inquiry) = self.inquiry.as_mut().filter(|inquiry| now >= inquiry.ask_at) else { return };
        inquiry.ask_at = now + heartbeat;
        if booting {
            // Who asks takes part.
            return;
        }
        inquiry.asked = inquiry.asked.saturating_add(1);
        let Inquiry { why, nonce, confirmed, asked, .. } = *inquiry;
        let announces = match why {
            Why::Announced if asked > Self::ANNOUNCEMENTS_MAX => {
                self.inquiry = None;
                return;
            }
            Why::Announced => true,
            Why::StoodStill { span: stood_still } => {
                if asked == Self::ASKS_BEFORE_A_WORD {
                    self.queue.push_notification(Notification::Unconfirmed { stood_still });
                }
                false
            }
        };
        for voter in self.rules.others().filter(|voter| !confirmed.contains(*voter)) {
            // Who was never heard is greeted, not asked.
            if !announces || self.links.at(voter).life != Incarnation::UNKNOWN {
                self.send_to_voter(voter, Message::Session(Session::Confirm { nonce }));
            }
        }
    }

    /// Another voter knows of no later life of this node.
    pub(super) fn hear_confirmed(&mut self, voter: VoterIndex, nonce: u64) {
        if let Some(inquiry) = self.inquiry.as_mut().filter(|inquiry| inquiry.nonce == nonce) {
            inquiry.confirmed.insert(voter);
            self.conclude_inquiry();
        }
    }

    fn conclude_inquiry(&mut self) {
        let Some(Inquiry { why, confirmed, asked, .. }) = self.inquiry else { return };
        match why {
            Why::Announced if confirmed == self.rules.quorums.all() => self.inquiry = None,
            Why::StoodStill { .. } if self.rules.quorums.is_majority_of_newest(confirmed) => {
                self.inquiry = None;
                self.with_election(Election::trust_again);
                if asked >= Self::ASKS_BEFORE_A_WORD {
                    self.queue.push_notification(Notification::Confirmed);
                }
            }
            Why::Announced | Why::StoodStill { .. } => {}
        }
    }

    /// The voters that have yet to confirm that no other node has taken this one's place, while it waits for a quorum of them
    /// (E24); none at any other time.
    pub fn unconfirmed_by(&self) -> impl Iterator<Item = VoterIndex> + '_ {
        let doubt = self.inquiry.filter(|inquiry| inquiry.why != Why::Announced);
        let waits =
            move |inquiry: Inquiry| self.rules.indices().filter(move |voter| !inquiry.confirmed.contains(*voter));
        doubt.into_iter().flat_map(waits)
    }

    /// For how long it stood still, while it waits for them.
    pub fn stood_still(&self) -> Option<Span> {
        match self.inquiry?.why {
            Why::StoodStill { span } => Some(span),
            Why::Announced => None,
        }
    }

    /// An earlier life of a voter speaks: it is told that it was replaced, unless it only answers.
    pub(super) fn answer_superseded(&mut self, envelope: &Envelope, by: Incarnation) {
        let asks = match envelope.message {
            Message::Session(Session::Hello { answer, .. }) => !answer,
            Message::Session(Session::Confirm { .. } | Session::Probe { .. })
            | Message::Election(_)
            | Message::Observer(_)
            | Message::Membership(_)
            | Message::Registry(_) => true,
            Message::Session(
                Session::ProbeAck { .. }
                | Session::Twin { .. }
                | Session::Superseded { .. }
                | Session::Confirmed { .. }
                | Session::Step { .. },
            ) => false,
        };
        if asks {
            self.send(envelope.from, envelope.from_incarnation, Message::Session(Session::Superseded { by }));
        }
    }

    /// Whether a life of this node that takes part could have begun after this one, as far as this one can tell: that takes a boot
    /// wait.
    pub(super) fn may_be_replaced(&self) -> bool {
        let stood_still = self.stood_still().is_some();
        let age = self.birth.map_or(Span::ZERO, |birth| self.now.since(birth.at));
        stood_still || (self.is_acquainted && age >= self.rules.trusted_lease)
    }

    /// A later life of this node takes part, says one that has seen it. One that has said nothing that counts yet goes above it,
    /// unless it may have been replaced: the other one has to be a life before it, whose wall clock was ahead.
    pub(super) fn hear_superseded(&mut self, by: Incarnation) {
        if by <= self.incarnation || by > Incarnation::MAX {
            return;
        }
        if self.is_booting() && self.rules.me.is_some() && !self.may_be_replaced() {
            self.outlive(by);
        } else {
            self.stop_for(LostReason::Superseded, Notification::Superseded { by });
        }
    }

    /// Another node goes by this one's name, and this one ends.
    pub(super) fn stop_for(&mut self, reason: LostReason, notification: Notification) {
        self.with_election(|election, cx| election.resign(cx, reason));
        self.stage = Stage::Stopped;
        self.queue.push_notification(notification);
    }

    /// Tokens of voters without a disk rest on wall clocks (E12). A voter that has just started says what its clock shows, and
    /// one that started long ago cannot have done so in the future.
    pub(super) fn compare_walls(&mut self, voter: VoterIndex, life: Incarnation, booting: bool) {
        let Some(birth) = self.birth.filter(|_| self.rules.durability == Durability::Diskless) else { return };
        let (theirs, ours) = (life.stamp_ms(), birth.wall_ms(self.now));
        let apart = theirs.abs_diff(ours);
        if apart > Self::WALLS_APART_MAX_MS && (booting || theirs > ours) && self.links.wall_is_news(voter, life) {
            let apart = i64::try_from(apart).unwrap_or(i64::MAX);
            let ahead_ms = if theirs > ours { apart } else { -apart };
            self.queue.push_notification(Notification::WallClockOff { voter, ahead_ms });
        }
    }
}
