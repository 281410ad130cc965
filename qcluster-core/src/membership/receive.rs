//! What others say: probes, updates about members, and updates about this node, which it refutes (G3).

use core::net::SocketAddr;

use super::message::{Message, Piggyback};
use super::standing::{Accusers, Introduction, Standing, State, StateUpdate};
use super::tell::introduction;
use super::{Context, Effect, Membership, connectable};
use crate::id::{Incarnation, NodeKey};
use crate::reason::DropReason;
use crate::time::Span;

/// Who says something, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speaker {
    pub(crate) key: NodeKey,
    pub(crate) incarnation: Incarnation,
    /// As far as a transport knows it, and it is proven (E18).
    pub(crate) address: Option<SocketAddr>,
}

impl Membership {
    /// Takes a message of an incarnation that has proven to be there.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>, from: Speaker, message: Message) {
        if message.standing().is_some_and(|standing| standing.incarnation > Incarnation::MAX) {
            return cx.counters.drop(DropReason::HugeVersion);
        }
        let before = self.heard(from);
        if before != Incarnation::UNKNOWN && before != from.incarnation {
            self.tell_of_another(cx, from);
        }
        match message {
            Message::Join { at, me } => {
                // It works for somebody else.
                self.learn_own_address(cx, at);
                // Others are to reach it before it knows itself where it is.
                self.introduced(cx, Introduction { address: me.address.or(from.address), ..me });
                self.heard(from);
                let word = self.word(cx, from.key);
                if let Some(me) = self.introduce_itself(cx.now) {
                    cx.send(from.key, Message::Welcome { me, seen_at: from.address, word });
                }
            }
            Message::Welcome { me, seen_at, word } => {
                self.learn_own_address(cx, seen_at);
                self.introduced(cx, me);
                self.heard(from);
                self.heed(cx, &word);
                self.compared = Some(cx.now);
                self.reconciler.compare(from.key, word.members);
            }
            Message::Ping { seq, word } => {
                let answer = self.word(cx, from.key);
                cx.send(from.key, Message::Ack { seq, word: answer });
                self.heed(cx, &word);
                self.compare(cx, from.key, &word);
            }
            Message::Ack { seq, word } => {
                self.acked(cx, from.key, seq);
                self.heed(cx, &word);
                self.compare(cx, from.key, &word);
            }
            Message::PingReq { seq, target } => self.ping_for(cx, from.key, seq, target),
            Message::Nack { seq } => {
                if let Some(round) = self.probing.round.as_mut().filter(|round| round.seq == seq) {
                    round.without_answer = (round.without_answer + 1).min(round.asked);
                }
            }
            Message::Introduce(introduction) => {
                self.introduced(cx, introduction);
                self.heard(from);
            }
            Message::Update(update) => self.hear_update(cx, update),
            Message::Compare(compare) => self.reconciler.receive(from.key, &compare, &self.members),
        }
    }

    /// A node that greets is there: if it is not a member yet, ask it to be let in.
    pub(crate) fn greeted(&mut self, cx: &mut Context<'_>, from: Speaker) {
        self.heard(from);
        if !self.members.get(&from.key.0).is_some_and(|member| member.state.is_present())
            && let Some(message) = self.join(from.address, cx.now)
        {
            cx.effects.push(Effect::SendTo { to: from.key, incarnation: from.incarnation, message });
        }
    }

    /// Takes note of the incarnation that speaks, and gives the one that spoke before.
    fn heard(&mut self, from: Speaker) -> Incarnation {
        match self.members.get_mut(&from.key.0) {
            Some(member) => core::mem::replace(&mut member.heard_as, from.incarnation),
            None => Incarnation::UNKNOWN,
        }
    }

    /// Another incarnation of that name has spoken before: a restarted node hears no news in that, but a duplicate does (E17), which all
    /// others may have turned away from.
    fn tell_of_another(&mut self, cx: &mut Context<'_>, from: Speaker) {
        if let Some(known) = self.members.get(&from.key.0) {
            cx.send(from.key, Message::Introduce(introduction(known, self.pace.retention, cx.now)));
        }
    }

    fn acked(&mut self, cx: &mut Context<'_>, from: NodeKey, seq: u32) {
        if self.probing.round.take_if(|round| round.seq == seq).is_some() {
            self.health.better();
        } else if let Some(done) = self.probing.relay_answered(from, seq) {
            // The asker needs no more than to know that somebody was answered.
            let word = self.word(cx, done.asker);
            cx.send(done.asker, Message::Ack { seq: done.asker_seq, word });
        }
    }

    fn ping_for(&mut self, cx: &mut Context<'_>, asker: NodeKey, asker_seq: u32, target: NodeKey) {
        if !self.members.contains_key(&target.0) || target == self.me {
            cx.send(asker, Message::Nack { seq: asker_seq });
            return;
        }
        // The asker waits for the rest of its round.
        let until = cx.now + self.health.stretch(self.pace.ack);
        if let Some(seq) = self.probing.take_relay(asker, asker_seq, target, until) {
            let word = self.word(cx, target);
            cx.send(target, Message::Ping { seq, word });
        }
    }

    /// A member with all that is needed to find it.
    fn introduced(&mut self, cx: &mut Context<'_>, introduction: Introduction) {
        let introduction = Introduction { address: connectable(introduction.address), ..introduction };
        let key = introduction.id.key();
        if key == self.me {
            self.hear_of_itself(cx, introduction.standing, introduction.state, introduction.address);
            return;
        }
        let Some(member) = self.members.get_mut(&key.0) else { return self.meet(cx, introduction) };
        if member.id != introduction.id {
            // Two names with one hash: the first stays, and the other is refused for as long as it does.
            cx.counters.members_refused += 1;
            return;
        }
        let is_first = introduction.standing == member.standing && member.address.is_none();
        if introduction.standing > member.standing || is_first {
            member.address = introduction.address;
            self.dirty.insert(key.0);
        }
        let Introduction { standing, state, .. } = introduction;
        self.hear_update(cx, StateUpdate { member: key, standing, state, accusers: Accusers::default() });
    }

    /// Something is thought of a member.
    fn hear_update(&mut self, cx: &mut Context<'_>, update: StateUpdate) {
        let StateUpdate { member: key, standing, state, accusers } = update;
        if key == self.me {
            return self.hear_of_itself(cx, standing, state, None);
        }
        let Some(member) = self.members.get(&key.0) else { return };
        if (standing, state) <= (member.standing, member.state) && state != State::Suspect {
            return;
        }
        match state {
            State::Alive | State::Left => self.change(cx, key, standing, state),
            State::Suspect => self.suspect(cx, key, standing, accusers),
            State::Down if self.is_doubted(key) => self.change(cx, key, standing, state),
            // Who answers here is given the chance to contradict: the other side of a cut believed it too.
            State::Down => self.suspect(cx, key, standing, Accusers::default()),
        }
    }

    /// Whether somebody on this side has had no answer from a member, or it is not there anyway.
    fn is_doubted(&self, key: NodeKey) -> bool {
        let Some(member) = self.members.get(&key.0) else { return false };
        match member.state {
            State::Alive => false,
            State::Suspect => self.suspicions.accusers(key.0).count() > 0,
            State::Down | State::Left => true,
        }
    }

    /// What is said of this node itself.
    fn hear_of_itself(&mut self, cx: &mut Context<'_>, said: Standing, state: State, address: Option<SocketAddr>) {
        let Some(me) = self.members.get(&self.me.0).map(|me| me.standing) else { return };
        if said.incarnation > me.incarnation && state == State::Alive {
            return self.hear_of_rival(cx, said.incarnation, address);
        }
        if said.incarnation > me.incarnation {
            return self.rise_above(cx, said.incarnation);
        }
        let contradicts =
            said.incarnation == me.incarnation && (said.refutation > me.refutation || state != State::Alive);
        if contradicts && said.refutation >= me.refutation && !self.has_left() {
            cx.counters.refutations += 1;
            if state == State::Suspect {
                self.health.worse();
            }
            match said.refutation.checked_add(1) {
                Some(refutation) => self.change(cx, self.me, Standing { refutation, ..me }, State::Alive),
                // Nothing is left to count with in this incarnation.
                None => self.rise_above(cx, me.incarnation),
            }
        }
    }

    /// A later incarnation of this node is said to be there (E17): a duplicate that started later, or an earlier incarnation
    /// of this node with a clock ahead of today's. It is asked; if nobody speaks for it, this incarnation goes above
    /// it.
    fn hear_of_rival(&mut self, cx: &mut Context<'_>, incarnation: Incarnation, address: Option<SocketAddr>) {
        if self.rival.is_none_or(|(known, _)| known < incarnation) {
            let patience: Span = self.pace.probe.times(2);
            self.rival = Some((incarnation, cx.now + patience));
        }
        // It may not have known its address when it was heard of first.
        if address.is_some()
            && cx.now >= self.ask_rival_at
            && let Some(message) = self.join(address, cx.now)
        {
            // To name an address makes this node speak to it.
            self.ask_rival_at = cx.now + self.pace.tick;
            cx.effects.push(Effect::SendTo { to: self.me, incarnation, message });
        }
    }

    /// Larger than what is known of a dead incarnation of this node, whatever the wall clock says.
    pub(crate) fn rise_above(&mut self, cx: &mut Context<'_>, incarnation: Incarnation) {
        let known = self.members.get(&self.me.0).map(|me| me.standing.incarnation);
        // An incarnation is doubted for a while, and in the meantime this one may have gone above it: it never goes back (G1).
        if self.has_left() || known.is_some_and(|known| known > incarnation) {
            return;
        }
        let above = incarnation.above(self.rng.next());
        if above > incarnation {
            cx.counters.refutations += 1;
            self.change(cx, self.me, Standing::of(above), State::Alive);
        }
    }

    /// What is thought of this node, told in passing.
    fn heed(&mut self, cx: &mut Context<'_>, word: &Piggyback) {
        if let Some((standing, state)) = word.about_you.filter(|(standing, _)| standing.incarnation <= Incarnation::MAX)
        {
            self.hear_of_itself(cx, standing, state, None);
        }
    }

    /// Another one sees at which address this node is. What it was given beforehand stands, and so does the first answer,
    /// unless that was good on this machine only.
    fn learn_own_address(&mut self, cx: &mut Context<'_>, seen_at: Option<SocketAddr>) {
        let Some(seen) = seen_at else { return };
        let Some(me) = self.members.get(&self.me.0) else { return };
        let better = me.address.is_none_or(|known| known.ip().is_loopback() && !seen.ip().is_loopback());
        if better {
            self.move_to(cx, seen);
        }
    }

    /// This node is to be reached at that address from now on, and all are told.
    pub(crate) fn move_to(&mut self, cx: &mut Context<'_>, address: SocketAddr) {
        let Some(me) = self.members.get_mut(&self.me.0) else { return };
        let address = connectable(Some(address));
        if address.is_some() && me.address != address && me.state == State::Alive {
            me.address = address;
            let standing = me.standing.next();
            self.change(cx, self.me, standing, State::Alive);
        }
    }

    /// Two tables differ: compare them, unless the difference is news on its way.
    fn compare(&mut self, cx: &mut Context<'_>, peer: NodeKey, word: &Piggyback) {
        let pause = if self.rumors.is_empty() { self.pace.tick } else { self.pace.tick.times(20) };
        if word.members == self.reconciler.root() || self.compared.is_some_and(|at| cx.now.since(at) < pause) {
            return;
        }
        self.compared = Some(cx.now);
        cx.counters.comparisons += 1;
        self.reconciler.compare(peer, word.members);
    }
}
