//! What a message has to pass before a protocol sees it (E14, E17, E18, E24).

use core::net::SocketAddr;

use super::event::{Envelope, Message, Notification, Session};
use super::links::{Admission, Claimant};
use super::send::Answer;
use super::{Node, Part};
use crate::config::Step;
use crate::election::{Message as ElectionMessage, Sender};
use crate::id::{Incarnation, Term, VoterIndex};
use crate::membership::Speaker;
use crate::observer::{self, Subscribed, Watch};
use crate::reason::{DropReason, LostReason};

impl Node {
    /// Takes a message that was heard from `address`, as far as a transport knows and that is proven (E18).
    #[inline]
    pub(super) fn receive(&mut self, envelope: Envelope, address: Option<SocketAddr>) -> Result<(), DropReason> {
        self.counters.received += 1;
        self.counters.received_by_kind.add(envelope.message.kind());
        self.examine(envelope, address).inspect_err(|reason| self.counters.drop(*reason))
    }

    /// Checks from the outside in: is it for this cluster's rules, from another node, of an incarnation that is there now?
    fn examine(&mut self, envelope: Envelope, address: Option<SocketAddr>) -> Result<(), DropReason> {
        if self.is_stopped() {
            return Err(DropReason::Stopped);
        }
        if envelope.from == self.rules.key {
            return self.hear_own_name(&envelope);
        }
        let voter = self.rules.index_of(envelope.from);
        let Some(step) = self.rules.digests.step_of(&envelope.digests) else {
            self.surface_mismatch(voter, &envelope);
            return Err(DropReason::ConfigMismatch);
        };
        if !self.believes(largest_term(&envelope.message)) {
            return Err(DropReason::HugeTerm);
        }
        if envelope.to_incarnation != self.incarnation {
            self.answer_other_incarnation(&envelope);
            return Err(DropReason::OtherIncarnation);
        }
        let probing = if let Message::Session(session) = envelope.message {
            self.hear_probe(voter, &envelope, session)
        } else {
            Probing::No
        };
        match voter {
            _ if probing == Probing::Probe => Ok(()),
            Some(voter) => self.hear_voter(voter, step, envelope, address, probing),
            None => self.hear_stranger(envelope, address),
        }
    }

    /// Takes what probing is done with, of any sender, established or not.
    #[cold]
    fn hear_probe(&mut self, voter: Option<VoterIndex>, envelope: &Envelope, session: Session) -> Probing {
        let incarnation = envelope.from_incarnation;
        match (session, voter) {
            // This incarnation is there.
            (Session::Probe { nonce }, _) => {
                let ack = Session::ProbeAck { nonce, booting: self.is_booting() };
                self.send(envelope.from, incarnation, Message::Session(ack));
                Probing::Probe
            }
            (Session::ProbeAck { nonce, booting }, Some(voter)) if self.links.is_probing(voter, nonce) => {
                let claim = Claimant { incarnation, booting };
                if let Some([one, other]) = self.links.probe_answered(voter, claim) {
                    self.see_duplicate(voter, other.incarnation);
                    self.tell_duplicate(voter, one.incarnation, other);
                    self.tell_duplicate(voter, other.incarnation, one);
                }
                Probing::Answer
            }
            _ => Probing::No,
        }
    }

    /// The sender names an incarnation of this node that is not this one: tell it which is, unless it has just been told.
    #[cold]
    fn answer_other_incarnation(&mut self, envelope: &Envelope) {
        let may_answer = match envelope.message {
            Message::Session(Session::Hello { to, .. }) => to == self.rules.key,
            Message::Session(Session::Probe { .. }) => false,
            _ => true,
        };
        if may_answer && !envelope.message.is_answer() {
            self.say_hello(envelope.from, envelope.from_incarnation, Answer::Yes);
        }
    }

    /// Somebody speaks with this node's own name (E17, E18).
    #[cold]
    fn hear_own_name(&mut self, envelope: &Envelope) -> Result<(), DropReason> {
        if envelope.from_incarnation == self.incarnation {
            return Err(DropReason::FromSelf);
        }
        // Only who names this very incarnation has heard of it, and so is alive now.
        if envelope.to_incarnation == self.incarnation {
            if let Message::Session(Session::DuplicateIdentifier { other, booting }) = envelope.message {
                if other < self.own.predecessor || other < self.own.took_part {
                    match self.rules.me {
                        Some(me) => self.see_duplicate(me, other),
                        None => self.counters.duplicates += 1,
                    }
                }
                if other < self.own.predecessor {
                    // It was replaced before this one began: the voters tell it so, and it says nothing about who was there first.
                    return Err(DropReason::FromSelf);
                }
                if other < self.own.took_part {
                    // It was replaced by this very node, and there may be nobody else to tell it.
                    self.own.dismissed = self.own.dismissed.max(other);
                    let by = Session::DuplicateIdentifier { other: self.own.took_part, booting: false };
                    self.send(envelope.from, envelope.from_incarnation, Message::Session(by));
                    return Err(DropReason::FromSelf);
                }
                let of_itself = other == envelope.from_incarnation && !booting;
                if of_itself && matches!(&self.part, Part::Voter(election) if election.is_unintroduced()) {
                    // It takes part, and may have been replaced: a voter says so, and this one takes no part before it met one.
                    // Nor is it answered: two that do not stop for each other would talk without end.
                    self.counters.duplicates += 1;
                    return Err(DropReason::FromSelf);
                }
                self.meet_duplicate(other, booting);
            } else {
                self.counters.duplicates += 1;
            }
            if self.is_stopped() {
                return Err(DropReason::Stopped);
            }
        }
        // The other one is to compare as well. That ends with the one that turns out to be the later.
        let (other, booting) = (self.incarnation, self.is_booting());
        let duplicate = Message::Session(Session::DuplicateIdentifier { other, booting });
        self.send(envelope.from, envelope.from_incarnation, duplicate);
        Err(DropReason::FromSelf)
    }

    #[inline]
    fn hear_voter(
        &mut self,
        voter: VoterIndex,
        step: Step,
        envelope: Envelope,
        address: Option<SocketAddr>,
        probing: Probing,
    ) -> Result<(), DropReason> {
        let incarnation = envelope.from_incarnation;
        if !self.links.hear_established(voter, incarnation, step, self.now) {
            self.meet(voter, step, &envelope, probing)?;
        }
        if step != Step::Same {
            self.compare_middle_steps(voter, envelope.digests);
        }
        let key = envelope.from;
        let heard = match envelope.message {
            Message::Election(ref message) => self.hear_election(Sender { index: voter, incarnation, step }, message),
            Message::Session(session) => {
                self.hear_session(voter, step, incarnation, session);
                if let Session::Hello { .. } = session {
                    self.greet_member(Speaker { key, incarnation, address });
                }
                Ok(())
            }
            Message::Observer(message) => self.hear_announcement(voter, message),
            Message::Incarnations(told) => self.hear_incarnations(voter, &told),
            Message::Membership(message) => self.hear_member(Speaker { key, incarnation, address }, message),
            Message::Registry(message) => self.hear_registry(key, message),
        };
        // The first word of a voter says what it knows of this name before this incarnation counts as met.
        if self.own.meet_voter(self.now, self.rules.trusted_lease) {
            self.introduce();
        }
        heard
    }

    #[cold]
    fn introduce(&mut self) {
        self.with_election(|election, cx| election.introduce(cx.now));
    }

    #[inline]
    fn hear_election(&mut self, from: Sender, message: &ElectionMessage) -> Result<(), DropReason> {
        if !self.links.took_part(from.index, from.incarnation) && message.is_of_one_that_takes_part() {
            self.hear_part(from.index, from.incarnation);
        }
        if !matches!(self.part, Part::Voter(_)) {
            return Err(DropReason::Unexpected);
        }
        self.with_election(|election, cx| election.receive(cx, from, message));
        Ok(())
    }

    /// An incarnation shows that it has sat out its boot wait (E9, E24): it counts as having taken part.
    #[cold]
    fn hear_part(&mut self, voter: VoterIndex, incarnation: Incarnation) {
        if self.see_part(voter, incarnation) {
            self.tell_leader_of_incarnations(voter);
        }
    }

    /// Another incarnation of a voter than the established one has proven that it knows this one. An error says that it is not
    /// listened to.
    #[cold]
    fn meet(&mut self, voter: VoterIndex, step: Step, envelope: &Envelope, probing: Probing) -> Result<(), DropReason> {
        let (incarnation, patience) = (envelope.from_incarnation, self.rules.timing.lease.split(2));
        // One that was replaced while it is established draws nothing.
        let nonce = if self.links.at(voter).incarnation == incarnation {
            0
        } else {
            self.secret.number(&[self.rng.next().into()])
        };
        match self.links.hear(voter, incarnation, self.now, patience, nonce) {
            Admission::Established => {
                self.links.is_in(voter, step);
                self.with_election(|election, _| election.meet(voter, incarnation));
                // It has proven itself to this node; now this node proves itself to it.
                self.say_hello(envelope.from, incarnation, Answer::Yes);
                self.say_step_to(voter, step);
                if let Part::Observer(_) = self.part {
                    self.send_to_voter(voter, Message::Observer(observer::Message::Subscribe));
                }
                Ok(())
            }
            Admission::Wait => Err(DropReason::UnprovenIncarnation),
            Admission::Superseded { by } => {
                // Whatever the sender is worth, it stays true that an incarnation took part: two of which each has known a
                // later incarnation of the other would never hear of it.
                if let Message::Session(Session::Superseded { by }) = envelope.message {
                    self.hear_superseded(by);
                }
                self.answer_superseded(envelope, by);
                Err(DropReason::Superseded)
            }
            Admission::Probe { established, nonce } => {
                // The answer to the last probe would be one to the next one, for good.
                if probing != Probing::Answer {
                    for asked in [established, incarnation] {
                        self.send(envelope.from, asked, Message::Session(Session::Probe { nonce }));
                    }
                }
                Err(DropReason::UnprovenIncarnation)
            }
        }
    }

    #[inline(never)]
    fn hear_session(&mut self, voter: VoterIndex, step: Step, incarnation: Incarnation, session: Session) {
        if let Session::Hello { booting: false, .. } | Session::ProbeAck { booting: false, .. } = session {
            self.hear_part(voter, incarnation);
        }
        match session {
            Session::Hello { is_new, known, took_part, .. } => {
                self.compare_walls(voter, incarnation, is_new);
                self.outlive(known);
                if took_part < self.incarnation {
                    if took_part > self.own.took_part {
                        self.with_election(|election, cx| election.outwait_unknown(cx.now));
                    }
                    self.own.predecessor = self.own.predecessor.max(took_part);
                }
            }
            // Answered before anything else; or of one that had another configuration a moment ago.
            Session::Probe { .. } | Session::ProbeAck { .. } | Session::Configuration { .. } => {}
            // It was replaced before this incarnation began, and is told so: see `hear_own_name`.
            Session::DuplicateIdentifier { other, .. } if other < self.own.predecessor => {}
            Session::DuplicateIdentifier { other, .. } if other <= self.own.dismissed => {}
            Session::DuplicateIdentifier { other, booting } => self.meet_duplicate(other, booting),
            Session::Superseded { by } => self.hear_superseded(by),
            Session::Step { established } => self.hear_step(voter, step, established),
        }
    }

    fn see_duplicate(&mut self, voter: VoterIndex, other: Incarnation) {
        self.counters.duplicates += 1;
        if self.links.duplicate_is_news(voter, other) {
            self.queue.push_notification(Notification::DuplicateSeen { voter, other });
        }
    }

    fn tell_duplicate(&mut self, voter: VoterIndex, whom: Incarnation, other: Claimant) {
        let duplicate = Session::DuplicateIdentifier { other: other.incarnation, booting: other.booting };
        self.send(self.rules.at(voter).key, whom, Message::Session(duplicate));
    }

    /// An incarnation larger than the present one is known of this node. Unless that one may have replaced it, the wall clock
    /// went back, and the present one is renamed to be above it. It takes no part yet, or is the only voter that there is.
    pub(super) fn outlive(&mut self, known: Incarnation) {
        let may_rename = self.rules.me.is_none() || !self.may_be_replaced();
        if known <= self.incarnation || known > Incarnation::MAX || !may_rename {
            return;
        }
        let above = known.above(self.rng.next());
        if above > Incarnation::MAX {
            // Nobody would believe it: a hostile or broken number.
            return;
        }
        // What it leads it gives up under the name by which others know it.
        self.with_election(|election, cx| election.rename(cx, above));
        self.incarnation = above;
        self.with_membership(|membership, cx| membership.rename(cx, above));
        self.greet();
    }

    /// Another live node has this identifier, and a vote counted for both would be two votes. Who still boots while the other
    /// does not is the later one, and stops (E17). Once both take part, the later one was established while the other was
    /// silent, and others work with it: the earlier one stops (E24 (c)).
    fn meet_duplicate(&mut self, other: Incarnation, other_boots: bool) {
        if other == self.incarnation {
            return;
        }
        if let Some(me) = self.rules.me {
            self.see_duplicate(me, other);
        }
        match (self.is_booting(), other_boots) {
            (false, true) => {}
            (true, true) if other > self.incarnation => {}
            (true, _) => self.stop_for(LostReason::DuplicateIdentifier, Notification::DuplicateIdentifier { other }),
            (false, false) => self.hear_superseded(other),
        }
    }

    /// A node that is not a voter: a member, or an observer.
    #[inline(never)]
    fn hear_stranger(&mut self, envelope: Envelope, address: Option<SocketAddr>) -> Result<(), DropReason> {
        let from = Speaker { key: envelope.from, incarnation: envelope.from_incarnation, address };
        match envelope.message {
            Message::Membership(message) => self.hear_member(from, message),
            Message::Registry(message) => self.hear_registry(from.key, message),
            Message::Session(Session::Hello { known, .. }) if self.gossip.is_some() => {
                self.outlive(known);
                self.greet_member(from);
                Ok(())
            }
            Message::Observer(observer::Message::Subscribe) => self.hear_subscriber(from),
            // It has shown where it is, and that is all there is to it.
            Message::Session(Session::ProbeAck { .. }) => Ok(()),
            Message::Session(_) | Message::Election(_) | Message::Observer(_) | Message::Incarnations(_) => {
                Err(DropReason::Stranger)
            }
        }
    }

    fn hear_subscriber(&mut self, from: Speaker) -> Result<(), DropReason> {
        let Part::Voter(election) = &self.part else { return Err(DropReason::Stranger) };
        let (leader, term) = (election.shown_leader(), election.term());
        let Speaker { key, incarnation, .. } = from;
        let lasting = self.rules.timing.lease.times(Watch::LEASES);
        match self.audience.subscribe(self.now, key, incarnation, lasting) {
            Subscribed::Yes => {
                let leader = leader.map(|leader| self.rules.at(leader).key);
                let announce = observer::Message::Announce { leader, term };
                self.send(key, incarnation, Message::Observer(announce));
                Ok(())
            }
            Subscribed::Full => {
                self.counters.observers_refused += 1;
                Err(DropReason::Stranger)
            }
        }
    }

    #[inline(never)]
    fn hear_announcement(&mut self, voter: VoterIndex, message: observer::Message) -> Result<(), DropReason> {
        let until = self.now + self.rules.timing.lease.times(Watch::LEASES);
        let observer::Message::Announce { leader, term } = message else { return Err(DropReason::Unexpected) };
        let leader = leader.and_then(|key| self.rules.index_of(key));
        let Part::Observer(watch) = &mut self.part else { return Err(DropReason::Unexpected) };
        watch.announced(voter, leader, term, until);
        self.tell_what_is_watched();
        Ok(())
    }
}

/// What a message has to do with finding out which incarnation of a voter is there (E17).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Probing {
    /// It asked this node, which has answered, and there is nothing else to it.
    Probe,
    /// It answers a probe that is under way.
    Answer,
    /// Nothing; or it answers one too late, and is as good as any other word of an incarnation that is there.
    No,
}

/// The largest of the terms that a message names.
fn largest_term(message: &Message) -> Term {
    match message {
        Message::Election(message) => message.largest_term(),
        Message::Observer(observer::Message::Announce { term, .. }) => *term,
        Message::Membership(message) => message.word().and_then(|word| word.leader).map_or(Term(0), |hint| hint.term),
        Message::Observer(observer::Message::Subscribe)
        | Message::Session(_)
        | Message::Registry(_)
        | Message::Incarnations(_) => Term(0),
    }
}
