//! What a node says: envelopes around messages, greetings by which incarnations become known, notifications to its application, and
//! announcements to observers (E13).

use super::event::{Envelope, Message, Notification, Session};
use super::{Node, Part};
use crate::election::{self, Change};
use crate::id::{Incarnation, NodeKey, Term, VoterIndex};
use crate::observer;
use crate::reason::MessageKind;
use crate::time::Time;

impl Node {
    /// Says hello: to everybody until this incarnation takes part, since what they know of another one is what it waits for (E17);
    /// later to those that were never heard.
    pub(super) fn greet(&mut self) {
        let timing = self.rules.timing;
        let booting = self.is_booting();
        // Who has met nobody does something in less than Ll, and knows by that when it stood still.
        let pause = if booting { timing.heartbeat } else { self.rules.trusted_lease.split(4).times(3) };
        self.links.greet_at = Time::NEVER;
        // An observer's subscription is its greeting.
        let votes = self.rules.me.is_some();
        for voter in self.rules.others().filter(|_| votes) {
            let incarnation = self.links.at(voter).incarnation;
            if booting || incarnation == Incarnation::UNKNOWN {
                self.links.greet_at = self.now + pause;
                self.say_hello(self.rules.at(voter).key, incarnation, Answer::No);
            }
        }
    }

    /// A voter that was never heard can be reached from now on: say hello at once.
    pub(crate) fn greet_if_unknown(&mut self, voter: VoterIndex) {
        let (incarnation, key) = (self.links.at(voter).incarnation, self.rules.at(voter).key);
        if self.rules.me.is_some() && incarnation == Incarnation::UNKNOWN && key != self.rules.key && !self.is_stopped()
        {
            self.say_hello(key, incarnation, Answer::No);
        }
    }

    pub(super) fn say_hello(&mut self, to: NodeKey, to_incarnation: Incarnation, answer: Answer) {
        let voter = self.rules.index_of(to);
        let hello = Session::Hello {
            to,
            answer: answer == Answer::Yes,
            booting: self.is_booting(),
            is_new: self.is_new(),
            known: voter.map_or(Incarnation::UNKNOWN, |voter| self.links.largest(voter)),
            took_part: voter.map_or(Incarnation::UNKNOWN, |voter| self.links.latest_that_took_part(voter)),
        };
        self.send(to, to_incarnation, Message::Session(hello));
    }

    pub(super) fn send_to_voter(&mut self, voter: VoterIndex, message: Message) {
        let incarnation = self.links.at(voter).incarnation;
        self.send(self.rules.at(voter).key, incarnation, message);
    }

    /// Sends what every heartbeat is, and what answers it.
    #[inline]
    pub(super) fn send_of_election(&mut self, voter: VoterIndex, message: election::Message) {
        let incarnation = self.links.at(voter).incarnation;
        self.post(self.rules.at(voter).key, incarnation, message.kind(), Message::Election(message));
    }

    pub(super) fn send(&mut self, to: NodeKey, to_incarnation: Incarnation, message: Message) {
        self.post(to, to_incarnation, message.kind(), message);
    }

    #[allow(clippy::inline_always, reason = "an envelope is copied once less where its message is made")]
    #[inline(always)]
    fn post(&mut self, to: NodeKey, to_incarnation: Incarnation, kind: MessageKind, message: Message) {
        if !self.queue.has_room_for(kind) {
            self.counters.overflowed += 1;
            return;
        }
        self.counters.sent += 1;
        self.counters.sent_by_kind.add(kind);
        self.queue.push_send(Envelope {
            from: self.rules.key,
            from_incarnation: self.incarnation,
            to,
            to_incarnation,
            digests: self.rules.digests,
            message,
        });
    }

    #[cold]
    pub(super) fn tell(&mut self, change: Change) {
        let notification = match change {
            Change::Elected { token } => Notification::Elected { token },
            Change::Lost { token, reason, lapse } => Notification::Lost { token, reason, lapse },
            Change::Draining { until } => Notification::Draining { until: self.offset.given(until) },
            Change::StorageFailed => Notification::StorageFailed,
            Change::StepEstablished => {
                self.say_step();
                Notification::StepEstablished
            }
            Change::LeaseLength { lease, reason } => Notification::LeaseLengthChanged { lease, reason },
            Change::TooSlow(slow) => Notification::TooSlow(slow),
            Change::Leader { leader, term } => {
                self.announce(leader, term);
                Notification::LeaderChanged { leader, term }
            }
        };
        self.queue.push_notification(notification);
    }

    /// Tells observers at once (E13).
    fn announce(&mut self, leader: Option<VoterIndex>, term: Term) {
        let leader = leader.map(|leader| self.rules.at(leader).key);
        let audience = core::mem::take(&mut self.audience);
        for subscriber in audience.at(self.now) {
            let message = Message::Observer(observer::Message::Announce { leader, term });
            self.send(subscriber.key, subscriber.incarnation, message);
        }
        self.audience = audience;
    }

    /// An observer tells its application of a new leader.
    pub(super) fn tell_what_is_watched(&mut self) {
        let Part::Observer(watch) = &mut self.part else { return };
        if watch.has_news() {
            let (leader, term) = (watch.leader().map(|(leader, _)| leader), watch.term());
            self.queue.push_notification(Notification::LeaderChanged { leader, term });
        }
    }
}

/// Whether a hello answers another message; an answer is never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
}
