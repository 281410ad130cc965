//! Sending: envelopes around messages, and greetings by which incarnations become known.

use super::Node;
use super::event::{Envelope, Message, Session};
use crate::id::{Incarnation, NodeKey, VoterIndex};
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

    pub(super) fn send(&mut self, to: NodeKey, to_incarnation: Incarnation, message: Message) {
        if !self.queue.has_room_for(&message) {
            self.counters.overflowed += 1;
            return;
        }
        self.counters.sent += 1;
        self.counters.sent_by_kind.add(message.kind());
        self.queue.push_send(Envelope {
            from: self.rules.key,
            from_incarnation: self.incarnation,
            to,
            to_incarnation,
            digests: self.rules.digests,
            message,
        });
    }
}

/// Whether a hello answers another message; an answer is never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
}
