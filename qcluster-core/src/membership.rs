//! Membership: who is there, without a leader (G1 to G4, G7 to G9). SWIM (Das, Gupta and Motivala, 2002) with the corrections
//! of Lifeguard (2017), and tables that are compared by hash (G6).
//!
//! | file | its part |
//! |---|---|
//! | `standing` | what is said of a member, and which update wins |
//! | `table` | the members, and how an update changes one |
//! | `receive` | what others say, what they say of this node (G3), and who else has its name |
//! | `probing`, `suspicion`, `health` | finding out who is gone, and being slow to believe it (G2) |
//! | `book` | whom to try forever (G7) |
//! | `trust` | when most have vanished (G9) |
//! | `tell` | what datagrams are filled with |

mod book;
mod health;
mod message;
mod owners;
mod probing;
mod receive;
mod standing;
mod suspicion;
mod table;
mod tell;
mod trust;
mod view;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::GossipPace;
use crate::id::{Incarnation, NodeId, NodeKey};
use crate::metrics::Counters;
use crate::reconcile::Reconciler;
use crate::rng::Rng;
use crate::rumors::Rumors;
use crate::time::{Span, Time};
use book::Book;
pub(crate) use book::Contact;
use health::Health;
pub use message::{Hint, Message, Piggyback};
use probing::Probing;
pub(crate) use receive::Speaker;
pub use standing::{Accusers, Introduction, Standing, State, StateUpdate};
use suspicion::{Patience, Suspicions};
use table::Member;
use trust::{Trust, Turn};
pub use view::{MemberChange, MemberView, What as MemberEvent};

/// What a membership wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Effect {
    /// To a node, in the incarnation that it is known in.
    Send { to: NodeKey, message: Message },
    /// To that incarnation, no matter who speaks for it.
    SendTo { to: NodeKey, incarnation: Incarnation, message: Message },
    /// A member is there, in that incarnation, or was and is not any more.
    Present { member: NodeKey, incarnation: Incarnation, is_there: bool },
    /// A member was forgotten.
    Forgotten { member: NodeKey },
}

/// What every step works with.
pub(crate) struct Context<'a> {
    pub(crate) now: Time,
    pub(crate) effects: &'a mut Vec<Effect>,
    pub(crate) counters: &'a mut Counters,
    /// A hash of all records: what other parts of the node want told with every probe.
    pub(crate) records: u64,
    /// Who leads, as far as this node hears it itself.
    pub(crate) leader: Option<Hint>,
}

impl Context<'_> {
    fn send(&mut self, to: NodeKey, message: Message) {
        self.effects.push(Effect::Send { to, message });
    }
}

/// What a membership starts with.
pub(crate) struct Start {
    pub(crate) id: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) pace: GossipPace,
    pub(crate) rng: Rng,
    pub(crate) now: Time,
}

/// An address that others can connect to. Every address of a machine (`0.0.0.0`) is good for listening alone: to anybody else it is
/// their own machine.
fn connectable(address: Option<SocketAddr>) -> Option<SocketAddr> {
    address.filter(|address| !address.ip().to_canonical().is_unspecified())
}

/// The members as one of them sees them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Membership {
    me: NodeKey,
    pace: GossipPace,
    rng: Rng,
    /// By key; this node is one of them.
    members: BTreeMap<u64, Member>,
    /// The last standing of members that were forgotten.
    tombstones: BTreeMap<u64, Standing>,
    suspicions: Suspicions,
    health: Health,
    probing: Probing,
    book: Book,
    trust: Trust,
    rumors: Rumors,
    reconciler: Reconciler,
    /// When tables were compared last.
    compared: Option<Time>,
    /// Members that are remembered though they are not there, by the time at which that ends.
    forget_at: BTreeSet<(Time, u64)>,
    /// Another incarnation of this node that was said to be there, until it has had time to speak for itself.
    rival: Option<(Incarnation, Time)>,
    /// When a rival may be asked again.
    ask_rival_at: Time,
    /// Members of which there may be something to tell.
    dirty: BTreeSet<u64>,
}

impl Membership {
    /// The most members that are remembered, whatever they are.
    pub(crate) const MEMBERS_MAX: usize = 8_192;
    /// The most that are remembered after they were forgotten.
    const TOMBSTONES_MAX: usize = 8_192;

    pub(crate) fn new(start: Start) -> Self {
        let Start { id, incarnation, address, pace, mut rng, now } = start;
        let first = now + Span::from_nanos(rng.below(pace.probe.as_nanos()));
        let me = id.key();
        let mut this = Self {
            me,
            pace,
            rng,
            members: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            suspicions: Suspicions::default(),
            health: Health::default(),
            probing: Probing::new(first),
            book: Book::new(now),
            trust: Trust::new(now),
            rumors: Rumors::default(),
            reconciler: Reconciler::new(),
            compared: None,
            forget_at: BTreeSet::new(),
            rival: None,
            ask_rival_at: now,
            dirty: BTreeSet::new(),
        };
        this.put(me, Member::new(id, connectable(address), Standing::of(incarnation), State::Alive, now));
        this.rumors.spread(me.0);
        this
    }

    /// Somebody to try until it is there, and again whenever it is not. Tells whether there was room.
    pub(crate) fn add_seed(&mut self, seed: Contact, now: Time) -> bool {
        let added = seed != Contact::Node(self.me) && self.book.add_seed(seed);
        if added {
            self.book.due = self.book.due.min(now);
        }
        added
    }

    pub(crate) fn deadline(&self) -> Time {
        let forget = self.forget_at.first().map_or(Time::NEVER, |(at, _)| *at);
        let rival = self.rival.map_or(Time::NEVER, |(_, until)| until);
        let book = if self.book.is_empty() { Time::NEVER } else { self.book.due };
        let ends = self.suspicions.deadline().min(self.trust.deadline());
        self.probing.deadline().min(ends).min(forget).min(rival).min(book)
    }

    /// What comes first in every step. A node that stood still has heard nobody meanwhile: it accuses nobody for that.
    pub(crate) fn enter(&mut self, cx: &mut Context<'_>) {
        // What else is late stays so until the timer, and must not put suspicions off with every datagram that comes first.
        let late = cx.now.since(self.probing.deadline().min(self.suspicions.deadline()));
        if late < self.pace.probe {
            return;
        }
        cx.counters.late_probes += 1;
        self.health.worst();
        self.suspicions.put_off(late + self.pace.probe);
        // What the network holds comes first.
        self.probing.void(cx.now, self.pace.probe);
    }

    pub(crate) fn timeout(&mut self, cx: &mut Context<'_>) {
        while let Some(done) = self.probing.relay_due(cx.now) {
            cx.send(done.asker, Message::Nack { seq: done.asker_seq });
        }
        self.ask_others(cx);
        if cx.now >= self.probing.due {
            self.next_round(cx);
        }
        // The accusation of this very round may have been the last that was missing.
        while let Some(member) = self.suspicions.due(cx.now) {
            self.suspicions.end(member);
            self.find_down(cx, member);
        }
        if cx.now >= self.book.due && !self.book.is_empty() {
            self.try_contacts(cx);
        }
        if let Some((incarnation, until)) = self.rival
            && cx.now >= until
        {
            self.rival = None;
            self.rise_above(cx, incarnation);
        }
        self.forget_old(cx);
        self.look_around(cx);
    }

    /// Says goodbye (G4): some hear it at once, and pass it on.
    pub(crate) fn leave(&mut self, cx: &mut Context<'_>) {
        const HEAR_AT_ONCE: usize = 16;
        let Some(me) = self.members.get(&self.me.0) else { return };
        let standing = me.standing.next();
        let goodbye = StateUpdate { member: self.me, standing, state: State::Left, accusers: Accusers::default() };
        self.change(cx, self.me, standing, State::Left);
        for member in self.probing.some(HEAR_AT_ONCE, None, &mut self.rng) {
            cx.send(member, Message::Update(goodbye));
        }
    }

    /// This node goes by another incarnation from now on. A goodbye stays one.
    pub(crate) fn rename(&mut self, cx: &mut Context<'_>, incarnation: Incarnation) {
        let Some(me) = self.members.get(&self.me.0) else { return };
        let (standing, state) = (Standing::of(incarnation), me.state);
        if me.standing < standing {
            self.change(cx, self.me, standing, state);
        }
    }

    /// Ends the present probe and begins the next.
    fn next_round(&mut self, cx: &mut Context<'_>) {
        if let Some(round) = self.probing.round.take() {
            cx.counters.probes_failed += 1;
            if round.without_answer < round.asked {
                self.health.worse();
            }
            self.accuse(cx, round.target);
        }
        self.probing.due = cx.now + self.health.stretch(self.pace.probe);
        let Some(target) = self.probing.next_target(&mut self.rng) else { return };
        let seq = self.probing.new_seq();
        let ask_at = cx.now + self.health.stretch(self.pace.ack);
        self.probing.round = Some(probing::Round { target, seq, ask_at, asked: 0, without_answer: 0 });
        cx.counters.probes += 1;
        let word = self.word(cx, target);
        cx.send(target, Message::Ping { seq, word });
    }

    /// The target has not answered: others may reach it.
    fn ask_others(&mut self, cx: &mut Context<'_>) {
        let Some(mut round) = self.probing.round.filter(|round| round.ask_at <= cx.now) else { return };
        let helpers = self.probing.some(Probing::HELPERS, Some(round.target), &mut self.rng);
        round.ask_at = Time::NEVER;
        round.asked = u8::try_from(helpers.len()).unwrap_or(u8::MAX);
        self.probing.round = Some(round);
        for helper in helpers {
            cx.send(helper, Message::PingReq { seq: round.seq, target: round.target });
        }
    }

    /// This node itself has had no answer from a member (G2).
    fn accuse(&mut self, cx: &mut Context<'_>, target: NodeKey) {
        let Some(member) = self.members.get(&target.0) else { return };
        let (standing, accusers) = (member.standing, Accusers::one(self.me));
        self.suspect(cx, target, standing, accusers);
        if self.members.get(&target.0).is_some_and(|member| member.state == State::Suspect) {
            // It is the first to hear of it, so that it can contradict.
            let accusers = self.suspicions.accusers(target.0);
            cx.send(target, Message::Update(StateUpdate { member: target, standing, state: State::Suspect, accusers }));
        }
    }

    /// A suspicion has aged enough.
    fn find_down(&mut self, cx: &mut Context<'_>, member: u64) {
        let Some(suspect) = self.members.get(&member).filter(|suspect| suspect.state == State::Suspect) else { return };
        let standing = suspect.standing;
        cx.counters.members_down += 1;
        self.change(cx, NodeKey(member), standing, State::Down);
    }

    /// Tries somebody who is not there (G7); all seeds, while nobody is.
    fn try_contacts(&mut self, cx: &mut Context<'_>) {
        const AT_ONCE: usize = 5;
        let alone = self.probing.len() == 0;
        // The pauses differ, so that two that try each other do not do so in step forever.
        let pause = if alone { self.pace.contact.split(4) } else { self.pace.contact };
        self.book.due = cx.now + pause + Span::from_nanos(self.rng.below(pause.split(2).as_nanos()));
        let members = &self.members;
        let is_there = |contact: &Contact| match contact {
            Contact::Node(key) => members.get(&key.0).is_some_and(|member| member.state.is_present()),
            Contact::Address(address) => {
                members.values().any(|member| member.state.is_present() && member.address == Some(*address))
            }
        };
        let mut contacts: Vec<Contact> = Vec::new();
        if alone && self.book.seeds() <= AT_ONCE {
            contacts.extend(self.book.all_seeds(is_there));
        }
        contacts.extend(self.book.next(&mut self.rng, is_there).filter(|contact| !contacts.contains(contact)));
        for contact in contacts {
            let (to, at) = match contact {
                Contact::Node(key) => (key, None),
                Contact::Address(at) => (NodeKey::NOBODY, Some(at)),
            };
            let Some(message) = self.join(at, cx.now) else { continue };
            match contact {
                Contact::Node(_) => cx.send(to, message),
                Contact::Address(_) => {
                    cx.effects.push(Effect::SendTo { to, incarnation: Incarnation::UNKNOWN, message });
                }
            }
        }
    }

    /// How long a suspicion is to age among as many as are there now.
    fn patience(&self) -> Patience {
        let others = self.probing.len();
        // The number of binary digits of the size: news takes that many rounds to reach everybody.
        let rounds = u64::from(usize::BITS - others.leading_zeros());
        let min = self.pace.tick.times(2).times(rounds).max(self.pace.suspicion_min);
        // Beside the first accuser.
        let confirmations = others.saturating_sub(1).min(Accusers::MAX - 1);
        Patience {
            min: self.health.stretch_a_little(min),
            max: self.health.stretch_a_little(min.times(4)),
            confirmations,
        }
    }

    /// Whether most have vanished, or are back (G9).
    fn look_around(&mut self, cx: &mut Context<'_>) {
        let Some(turn) = self.trust.look(cx.now, self.probing.len()) else { return };
        match turn {
            Turn::Lost { since } => {
                cx.counters.distrusts += 1;
                let of_now = |member: &Member| member.state == State::Down && member.since >= since;
                for (key, member) in self.members.iter().filter(|(_, member)| of_now(member)) {
                    let incarnation = member.standing.incarnation;
                    cx.effects.push(Effect::Present { member: NodeKey(*key), incarnation, is_there: true });
                }
            }
            Turn::Regained => {
                for (key, member) in self.members.iter().filter(|(_, member)| member.state == State::Down) {
                    let incarnation = member.standing.incarnation;
                    cx.effects.push(Effect::Present { member: NodeKey(*key), incarnation, is_there: false });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
