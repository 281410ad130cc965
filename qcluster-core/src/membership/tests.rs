//! Tests of the parts put together: one membership, and what it is told.

mod detection;
mod keys;
mod memory;
mod updates;

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::*;

/// One membership by itself; the test is everybody else.
pub(super) struct Lone {
    pub(super) membership: Membership,
    pub(super) now: Time,
    pub(super) counters: Counters,
}

pub(super) const LIFE: u64 = 1_000 << 20 | 1;

pub(super) fn id(name: &str) -> NodeId {
    NodeId::new(name).expect("a short name")
}

pub(super) fn standing(incarnation: u64, refutation: u32) -> Standing {
    Standing { incarnation: Incarnation(incarnation), refutation }
}

pub(super) fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 7_000))
}

/// A member as it is introduced, at an address that tells it from others.
pub(super) fn introduction(name: &str, standing: Standing, state: State) -> Introduction {
    let last = name.bytes().fold(0, u8::wrapping_add);
    Introduction { id: id(name), address: Some(address(last)), standing, state, age_s: 0 }
}

pub(super) fn alive(name: &str) -> Message {
    Message::Introduce(introduction(name, standing(LIFE, 0), State::Alive))
}

pub(super) fn update(name: &str, standing: Standing, state: State) -> Message {
    let accusers = Accusers::default();
    Message::Update(StateUpdate { member: id(name).key(), standing, state, accusers })
}

impl Lone {
    pub(super) fn new() -> Self {
        let now = Time::from_millis(1_000_000);
        let start = Start {
            id: id("me"),
            incarnation: Incarnation(LIFE),
            address: Some(address(0)),
            pace: GossipPace::default(),
            rng: Rng::new(1),
            now,
        };
        Self { membership: Membership::new(start), now, counters: Counters::default() }
    }

    /// One that knows those.
    pub(super) fn among(names: &[&str]) -> Self {
        let mut this = Self::new();
        for name in names {
            this.hear(name, alive(name));
        }
        this.changes();
        this
    }

    pub(super) fn run(&mut self, run: impl FnOnce(&mut Membership, &mut Context<'_>)) -> Vec<Effect> {
        let mut effects = Vec::new();
        let Self { membership, now, counters } = self;
        let mut cx = Context { now: *now, effects: &mut effects, counters, records: 0, leader: None };
        membership.enter(&mut cx);
        run(membership, &mut cx);
        effects
    }

    /// A message of a node whose incarnation is the usual one.
    pub(super) fn hear(&mut self, from: &str, message: Message) -> Vec<Effect> {
        let from = Speaker { key: id(from).key(), incarnation: Incarnation(LIFE), address: None };
        self.run(|membership, cx| membership.receive(cx, from, message))
    }

    /// Goes from deadline to deadline for so long, and gives all that it wanted.
    pub(super) fn pass(&mut self, span: Span) -> Vec<Effect> {
        self.pass_answering(span, |_| false)
    }

    /// The same, while those answer that are said to.
    pub(super) fn pass_answering(&mut self, span: Span, answers: impl Fn(NodeKey) -> bool) -> Vec<Effect> {
        let end = self.now + span;
        let mut all = Vec::new();
        while self.membership.deadline() <= end {
            self.now = self.membership.deadline().max(self.now);
            let effects = self.run(Membership::timeout);
            for effect in &effects {
                if let Effect::Send { to, message: Message::Ping { seq, .. } } = effect
                    && answers(*to)
                {
                    let (seq, word) = (*seq, Piggyback { members: self.membership.root(), ..Piggyback::default() });
                    let from = Speaker { key: *to, incarnation: Incarnation(LIFE), address: None };
                    self.run(|membership, cx| membership.receive(cx, from, Message::Ack { seq, word }));
                }
            }
            all.extend(effects);
        }
        self.now = end;
        all
    }

    pub(super) fn state(&self, name: &str) -> Option<State> {
        self.membership.member(id(name).key(), self.now).map(|member| member.state)
    }

    pub(super) fn own_standing(&self) -> Standing {
        self.membership.member(id("me").key(), self.now).expect("it knows itself").standing
    }

    /// What there is to tell an application.
    pub(super) fn changes(&mut self) -> Vec<(NodeId, MemberEvent)> {
        let now = self.now;
        core::iter::from_fn(|| self.membership.next_change(now)).map(|change| (change.member.id, change.what)).collect()
    }
}
