//! What datagrams are filled with: news first, whichever the receiver, and what is owed to a peer because tables differ.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::message::{Message, Piggyback};
use super::standing::{Accusers, Introduction, State, StateUpdate};
use super::table::Member;
use super::{Context, Membership};
use crate::id::NodeKey;
use crate::reconcile::Next;
use crate::rumors::Place;
use crate::time::{Span, Time};

impl Membership {
    /// What every probe and every answer tells.
    pub(super) fn word(&self, cx: &Context<'_>, to: NodeKey) -> Piggyback {
        let member = self.members.get(&to.0).map(|member| (member.standing, member.state));
        let buried = || self.tombstones.get(&to.0).map(|standing| (*standing, State::Down));
        let about_you = member.or_else(buried).filter(|(_, state)| *state != State::Alive);
        Piggyback { about_you, members: self.reconciler.root(), records: cx.records, leader: cx.leader }
    }

    pub(super) fn introduce_itself(&self, now: Time) -> Option<Introduction> {
        self.members.get(&self.me.0).map(|me| introduction(me, self.pace.retention, now))
    }

    /// The request to be let in by whichever node is at that address.
    pub(super) fn join(&self, at: Option<SocketAddr>, now: Time) -> Option<Message> {
        self.introduce_itself(now).map(|me| Message::Join { at, me })
    }

    /// Who is told news at a tick.
    pub(crate) fn audience(&mut self, count: usize) -> Vec<NodeKey> {
        self.probing.some(count, None, &mut self.rng)
    }

    /// The next news, after `last` within one datagram.
    pub(crate) fn rumor(&self, last: Option<Place>, now: Time) -> Option<(Place, Message)> {
        let place = self.rumors.next(last)?;
        let member = self.members.get(&place.subject())?;
        Some((place, self.update_about(place.subject(), member, now)))
    }

    /// That news was put into a datagram.
    pub(crate) fn told(&mut self, place: Place) {
        let limit = self.told_max();
        self.rumors.told(place.subject(), limit);
    }

    /// News of that member went to nobody.
    pub(crate) fn untold(&mut self, member: u64) {
        self.rumors.untold(member);
    }

    /// How often news is told: a little more often than it takes to reach everybody by doubling.
    pub(crate) fn told_max(&self) -> u16 {
        let others = self.probing.len();
        u16::try_from(usize::BITS - others.leading_zeros()).unwrap_or(0) + 4
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.rumors.is_empty()
    }

    /// What to tell that peer next because of a comparison.
    pub(crate) fn next_owed(&mut self, peer: NodeKey, now: Time) -> Option<Message> {
        loop {
            match self.reconciler.next(peer, &self.members)? {
                Next::Say(message) => return Some(Message::Compare(message)),
                Next::Item(id) => {
                    if let Some(member) = self.members.get(&id) {
                        return Some(Message::Introduce(introduction(member, self.pace.retention, now)));
                    }
                }
            }
        }
    }

    /// What was taken last did not fit.
    pub(crate) fn put_back(&mut self, peer: NodeKey, message: Message) {
        let next = match message {
            Message::Compare(message) => Next::Say(message),
            Message::Introduce(introduction) => Next::Item(introduction.id.key().0),
            Message::Join { .. }
            | Message::Welcome { .. }
            | Message::Ping { .. }
            | Message::Ack { .. }
            | Message::PingReq { .. }
            | Message::Nack { .. }
            | Message::Update(_) => return,
        };
        self.reconciler.put_back(peer, next);
    }

    /// The peers that something is owed to.
    pub(crate) fn owes(&self) -> impl Iterator<Item = NodeKey> + '_ {
        self.reconciler.waiting()
    }

    /// Who is there is introduced, since receivers may not know it; of others a update will do.
    fn update_about(&self, key: u64, member: &Member, now: Time) -> Message {
        match member.state {
            State::Alive => Message::Introduce(introduction(member, self.pace.retention, now)),
            State::Suspect | State::Down | State::Left => {
                let accusers = match member.state {
                    State::Suspect => self.suspicions.accusers(key),
                    State::Alive | State::Down | State::Left => Accusers::default(),
                };
                let (standing, state) = (member.standing, member.state);
                Message::Update(StateUpdate { member: NodeKey(key), standing, state, accusers })
            }
        }
    }
}

/// A member as others are told of it. Of one that is to be forgotten after `retention`, its age is what is left of that, rounded
/// so that it gets no younger on its way: nobody would ever forget what is told in a circle.
pub(super) fn introduction(member: &Member, retention: Span, now: Time) -> Introduction {
    let age = match member.forget_at {
        Time::NEVER => now.since(member.since),
        forget_at => retention.less(forget_at.since(now)),
    };
    // A suspicion is no more than news: it ends before tables are compared again.
    let state = if member.state == State::Suspect { State::Alive } else { member.state };
    Introduction {
        id: member.id.clone(),
        address: member.address,
        standing: member.standing,
        state,
        age_s: u32::try_from(age.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX),
    }
}
