//! Incarnations only go forward (E24): who takes part is told to all, and what is known of incarnations is shared
//! before anything counts.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use super::event::{Envelope, IncarnationsReport, Message, Notification, Session};
use super::send::Answer;
use super::{Node, Part, Stage};
use crate::config::Durability;
use crate::id::{Incarnation, NodeKey, VoterIndex};
use crate::quorum::VoterSet;
use crate::reason::{DropReason, LostReason};
use crate::time::{Rebase, Span, Time};

/// That this incarnation takes part, told to all until they have said that they know: two that follow a third one would
/// have nothing to say to each other otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Announcement {
    known_by: VoterSet,
    pub(super) tell_at: Time,
    told: u8,
}

impl Announcement {
    fn rebase(&mut self, by: &Rebase<'_>) {
        let Self { known_by: _, tell_at, told: _ } = self;
        *tell_at = by.due(*tell_at);
    }
}

/// When this incarnation began: on its own clock, and by the wall clock of its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Birth {
    at: Time,
    stamp_ms: u64,
}

impl Birth {
    /// What the wall clock shows now, if nobody has set it since.
    fn wall_ms(self, now: Time) -> u64 {
        self.stamp_ms.saturating_add(now.since(self.at).as_millis())
    }
}

/// What a node knows of its own incarnation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct OwnIncarnation {
    /// `None` where nobody knows (a model checker's node).
    birth: Option<Birth>,
    /// From when on a later incarnation of this node may take part, as far as this one can tell: `NEVER` while it has met
    /// no voter and has not stood still.
    replaceable_from: Time,
    /// Whether it has met a voter.
    has_met: bool,
    /// The latest incarnation of this name before this one that took part, as voters say.
    pub(super) predecessor: Incarnation,
    /// The latest incarnation before this one in which this very node took part, as its disk has it. Nobody else has to know that one,
    /// so it counts against the word of another process of this name alone, never against that of a voter.
    pub(super) took_part: Incarnation,
    /// The latest other process of this name that was told so (E17): that one stops, whatever voters say who know only of it.
    pub(super) dismissed: Incarnation,
    /// Whether the others are, or were, told that this incarnation takes part.
    pub(super) is_announced: bool,
    pub(super) announcement: Option<Announcement>,
}

impl OwnIncarnation {
    pub(super) fn new(at: Time, stamp_ms: u64, took_part: Incarnation) -> Self {
        Self {
            birth: Some(Birth { at, stamp_ms }),
            replaceable_from: Time::NEVER,
            has_met: false,
            predecessor: Incarnation::UNKNOWN,
            took_part,
            dismissed: Incarnation::UNKNOWN,
            is_announced: false,
            announcement: None,
        }
    }

    /// A voter meets this incarnation. Another one that begins after this has to sit out its boot wait before it takes
    /// part, which lasts a lease: so long this one is the latest. Gives whether it is the first voter.
    #[inline]
    pub(super) fn meet_voter(&mut self, now: Time, trusted_lease: Span) -> bool {
        // Later meetings are further off.
        if self.replaceable_from == Time::NEVER {
            self.replaceable_from = now + trusted_lease;
        }
        !core::mem::replace(&mut self.has_met, true)
    }

    /// This node was given nothing for so long. One that has met nobody does something in less than a lease, and where it
    /// did not, another incarnation may have begun and taken part meanwhile.
    pub(super) fn pause(&mut self, pause: Span, now: Time, trusted_lease: Span) {
        if pause > trusted_lease {
            self.replaceable_from = self.replaceable_from.min(now);
        }
    }

    pub(super) fn rebase(&mut self, by: &Rebase<'_>) {
        let Self {
            birth,
            replaceable_from,
            has_met: _,
            predecessor: _,
            took_part: _,
            dismissed: _,
            is_announced: _,
            announcement,
        } = self;
        // It would only tell what nobody hears.
        *birth = None;
        *replaceable_from = by.due(*replaceable_from);
        if let Some(announcement) = announcement {
            announcement.rebase(by);
        }
    }
}

impl Node {
    /// Wall clocks of voters that are kept by a time service differ by less than this.
    const WALLS_APART_MAX_MS: u64 = 60_000;

    /// Who does not answer so often is not there; once it is, the two greet each other.
    const ANNOUNCEMENTS_MAX: u8 = 8;

    /// Once it takes part, all whom this incarnation has met are to know.
    pub(super) fn announce_incarnation(&mut self) {
        let Some(me) = self.rules.me else { return };
        if !self.own.is_announced && !self.is_booting() {
            self.own.is_announced = true;
            let announcement = Announcement { known_by: VoterSet::EMPTY.with(me), tell_at: self.now, told: 0 };
            self.own.announcement = Some(announcement);
        }
        let (now, heartbeat, all) = (self.now, self.rules.timing.heartbeat, self.rules.quorums.all());
        let Some(announcement) = self.own.announcement.as_mut().filter(|announcement| now >= announcement.tell_at)
        else {
            return;
        };
        if announcement.known_by == all || announcement.told == Self::ANNOUNCEMENTS_MAX {
            self.own.announcement = None;
            return;
        }
        announcement.told += 1;
        announcement.tell_at = now + heartbeat;
        let known_by = announcement.known_by;
        for voter in self.rules.others().filter(|voter| !known_by.contains(*voter)) {
            // Who was never heard is greeted.
            if self.links.at(voter).incarnation != Incarnation::UNKNOWN {
                self.tell_incarnations(voter, Answer::No);
            }
        }
    }

    /// Tells a voter all that this one knows of incarnations.
    #[cold]
    pub(super) fn tell_incarnations(&mut self, voter: VoterIndex, answer: Answer) {
        let Part::Voter(election) = &self.part else { return };
        let told = IncarnationsReport { answer: answer == Answer::Yes, incarnations: election.known_incarnations() };
        self.send_to_voter(voter, Message::Incarnations(Box::new(told)));
    }

    /// Another voter tells all that it knows of incarnations.
    #[inline(never)]
    pub(super) fn hear_incarnations(&mut self, voter: VoterIndex, told: &IncarnationsReport) -> Result<(), DropReason> {
        if self.rules.me.is_none() {
            return Err(DropReason::Unexpected);
        }
        // Before anything is learned: a vote or promise under way to the other voter was given with that knowledge.
        if !told.answer {
            self.tell_incarnations(voter, Answer::Yes);
        }
        let mut is_news = false;
        for known in &told.incarnations {
            is_news |= self.learn_incarnation(known.node, known.incarnation);
        }
        if self.is_stopped() {
            return Ok(());
        }
        if is_news {
            self.tell_leader_of_incarnations(voter);
        }
        if let Some(announcement) = self.own.announcement.as_mut().filter(|_| told.answer) {
            announcement.known_by.insert(voter);
        }
        let digest = told.incarnations.iter().copied().collect();
        self.with_election(|election, cx| election.has_learned(cx, voter, digest));
        Ok(())
    }

    /// Whether it was news that an incarnation of another voter takes part.
    fn learn_incarnation(&mut self, node: NodeKey, incarnation: Incarnation) -> bool {
        if node == self.rules.key {
            self.hear_superseded(incarnation);
            return false;
        }
        let voter = self.rules.index_of(node).filter(|_| incarnation <= Incarnation::MAX);
        voter.is_some_and(|voter| self.see_part(voter, incarnation))
    }

    /// That incarnation of another voter takes part: nothing that an earlier one has said counts any more. Whether that was news.
    #[inline]
    pub(super) fn see_part(&mut self, voter: VoterIndex, incarnation: Incarnation) -> bool {
        // An observer counts nothing, and no voter hears from it that it has to go above another incarnation.
        let is_news = self.rules.me.is_some() && self.links.takes_part(voter, incarnation);
        if is_news {
            self.note_part(voter, incarnation);
        }
        is_news
    }

    fn note_part(&mut self, voter: VoterIndex, incarnation: Incarnation) {
        let met = self.links.at(voter).incarnation;
        self.with_election(|election, cx| {
            if met < incarnation {
                election.meet(voter, incarnation);
            }
            election.takes_part(cx, voter, incarnation);
        });
    }

    /// This voter knows more of incarnations than when it last promised, from a voter other than the leader: the leader
    /// is to know it before the next promise, which would not count otherwise.
    pub(super) fn tell_leader_of_incarnations(&mut self, told_by: VoterIndex) {
        let Part::Voter(election) = &self.part else { return };
        if let Some(leader) = election.promised_to(self.now).filter(|leader| *leader != told_by) {
            self.tell_incarnations(leader, Answer::No);
        }
    }

    /// An earlier incarnation of a voter speaks: it is told that it was replaced. Of answers only those are answered that show
    /// that it is there: two that do not count for each other have nothing else to say.
    pub(super) fn answer_superseded(&mut self, envelope: &Envelope, by: Incarnation) {
        let shows_itself =
            matches!(envelope.message, Message::Session(Session::Hello { .. } | Session::ProbeAck { .. }));
        if shows_itself || !envelope.message.is_answer() {
            self.send(envelope.from, envelope.from_incarnation, Message::Session(Session::Superseded { by }));
        }
    }

    /// Whether an incarnation of this node that takes part could have begun after this one, as far as this one can
    /// tell.
    pub(super) fn may_be_replaced(&self) -> bool {
        self.now >= self.own.replaceable_from
    }

    /// A larger incarnation of this node takes part, says one that has seen it. Unless it may have replaced this one, it
    /// has to be an incarnation before it, whose wall clock was ahead: this one goes above it.
    pub(super) fn hear_superseded(&mut self, by: Incarnation) {
        if by <= self.incarnation || by > Incarnation::MAX {
            return;
        }
        if self.rules.me.is_some() && !self.may_be_replaced() {
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
    pub(super) fn compare_walls(&mut self, voter: VoterIndex, incarnation: Incarnation, booting: bool) {
        let Some(birth) = self.own.birth.filter(|_| self.rules.durability == Durability::Diskless) else { return };
        let (theirs, ours) = (incarnation.stamp_ms(), birth.wall_ms(self.now));
        let apart = theirs.abs_diff(ours);
        if apart > Self::WALLS_APART_MAX_MS && (booting || theirs > ours) && self.links.wall_is_news(voter, incarnation)
        {
            let apart = i64::try_from(apart).unwrap_or(i64::MAX);
            let ahead_ms = if theirs > ours { apart } else { -apart };
            self.queue.push_notification(Notification::WallClockOff { voter, ahead_ms });
        }
    }
}

#[cfg(test)]
mod tests;
