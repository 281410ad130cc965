//! Membership within a node: its steps, its pace of telling, and what fills datagrams.
//!
//! News is told in ticks to a few members by chance. What is owed to a peer because tables differ goes in a measured flow, so
//! that a newcomer is served quickly and nobody's network is flooded (G10).

use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Node;
use super::event::{Envelope, Message, Notification};
use super::role::Role;
use super::{Boot, Part};
use crate::config::{Gossip as Settings, Rules};
use crate::id::{Incarnation, NodeId, NodeKey};
use crate::membership::{self, Contact, Effect, Hint, MemberView, Membership, Speaker};
use crate::reason::DropReason;
use crate::rng::{Rng, mix};
use crate::rumors::Place;
use crate::time::{Span, Time};

/// What a node has beside its part in the election.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Gossip {
    pub(super) membership: Membership,
    /// Empty between steps.
    #[serde(skip)]
    effects: Vec<Effect>,
    /// Who is being answered, in the life that spoke: it need not be a member.
    #[serde(skip)]
    speaker: Option<(NodeKey, Incarnation)>,
    /// When news is told next.
    tick_at: Time,
    /// When more of what is owed goes out.
    flow_at: Time,
    /// Whether the application was told that the view can be relied on.
    trust_told: bool,
    /// Who was said to lead, and until when that is worth anything.
    hint: Option<(Hint, Time)>,
}

impl Gossip {
    /// How many hear news at each tick.
    const FANOUT: usize = 3;
    /// So many datagrams of what is owed go out at a time, this far apart: half a megabyte a second.
    const FLOW: usize = 8;
    const FLOW_PAUSE: Span = Span::from_millis(20);

    pub(super) fn new(settings: &Settings, rules: &Rules, boot: &Boot, life: Incarnation, now: Time) -> Self {
        // Chance of its own, so that an election draws the same with and without it.
        let rng = Rng::new(mix(boot.seed ^ rules.key.0));
        let start = membership::Start {
            id: rules.id.clone(),
            life,
            address: settings.advertise,
            pace: settings.pace,
            rng,
            now,
        };
        let mut membership = Membership::new(start);
        for voter in rules.others() {
            membership.add_seed(Contact::Node(rules.at(voter).key), now);
        }
        Self {
            membership,
            effects: Vec::new(),
            speaker: None,
            tick_at: now,
            flow_at: now,
            trust_told: true,
            hint: None,
        }
    }

    fn has_news(&self) -> bool {
        self.membership.has_news() && self.membership.present_others() > 0
    }

    fn owes(&self) -> bool {
        self.membership.owes().next().is_some()
    }

    pub(super) fn deadline(&self) -> Time {
        let tick = if self.has_news() { self.tick_at } else { Time::NEVER };
        let flow = if self.owes() { self.flow_at } else { Time::NEVER };
        self.membership.deadline().min(tick).min(flow)
    }
}

impl Node {
    /// Runs a part of the membership, and carries out what it wants.
    pub(super) fn with_membership(&mut self, run: impl FnOnce(&mut Membership, &mut membership::Context<'_>)) {
        let leader = self.heard_leader();
        let Some(gossip) = &mut self.gossip else { return };
        let Gossip { membership, effects, .. } = &mut **gossip;
        let (now, counters) = (self.now, &mut self.counters);
        let mut cx = membership::Context { now, effects, counters, records: 0, leader };
        run(membership, &mut cx);
        let mut effects = core::mem::take(&mut gossip.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { to, message } => self.send_to_member(to, Message::Membership(message)),
                Effect::SendTo { to, life, message } => self.send(to, life, Message::Membership(message)),
                Effect::Present { .. } | Effect::Forgotten { .. } => {}
            }
        }
        if let Some(gossip) = &mut self.gossip {
            gossip.effects = effects;
        }
    }

    /// A message of the membership from a life that has proven to be there.
    pub(super) fn hear_member(
        &mut self,
        envelope: &Envelope,
        address: Option<SocketAddr>,
        message: &membership::Message,
    ) -> Result<(), DropReason> {
        if self.gossip.is_none() {
            return Err(DropReason::Unexpected);
        }
        if let Some(word) = word_of(message) {
            self.take_hint(word.leader);
        }
        let from = Speaker { key: envelope.from, life: envelope.from_incarnation, address };
        let message = message.clone();
        self.answering(Some(from));
        self.with_membership(|membership, cx| membership.receive(cx, from, message));
        self.answering(None);
        Ok(())
    }

    fn answering(&mut self, speaker: Option<Speaker>) {
        if let Some(gossip) = &mut self.gossip {
            gossip.speaker = speaker.map(|speaker| (speaker.key, speaker.life));
        }
    }

    /// A proven greeting: whoever greets may be a member to be.
    pub(super) fn greet_member(&mut self, envelope: &Envelope, address: Option<SocketAddr>) {
        let from = Speaker { key: envelope.from, life: envelope.from_incarnation, address };
        self.with_membership(|membership, cx| membership.greeted(cx, from));
    }

    /// Tells news and what is owed, where it is time.
    pub(super) fn spread(&mut self) {
        let now = self.now;
        let Some(gossip) = &mut self.gossip else { return };
        if gossip.has_news() && now >= gossip.tick_at {
            gossip.tick_at = now + self.rules.gossip.map_or(Span::ZERO, |gossip| gossip.pace.tick);
            let audience = gossip.membership.audience(Gossip::FANOUT);
            for member in audience {
                let Some(gossip) = &mut self.gossip else { return };
                let Some((place, message)) = gossip.membership.rumor(None, now) else { break };
                gossip.membership.told(place);
                self.send_to_member(member, Message::Membership(message));
            }
        }
        let Some(gossip) = &mut self.gossip else { return };
        if gossip.owes() && now >= gossip.flow_at {
            gossip.flow_at = now + Gossip::FLOW_PAUSE;
            let peers: Vec<NodeKey> = gossip.membership.owes().collect();
            let rounds = Gossip::FLOW.div_ceil(peers.len().max(1));
            for peer in peers.iter().cycle().take(rounds * peers.len()).take(Gossip::FLOW) {
                let Some(gossip) = &mut self.gossip else { return };
                if let Some(message) = gossip.membership.next_owed(*peer, now) {
                    self.send_to_member(*peer, Message::Membership(message));
                }
            }
        }
    }

    fn send_to_member(&mut self, to: NodeKey, message: Message) {
        let life = self.life_for(to);
        self.send(to, life, message);
    }

    /// The life of a node to speak to: of a voter the established one.
    fn life_for(&self, to: NodeKey) -> Incarnation {
        let voter = self.rules.index_of(to).map(|voter| self.links.at(voter).life);
        let member = || self.gossip.as_ref().and_then(|gossip| gossip.membership.life_of(to));
        let speaker = || self.gossip.as_ref()?.speaker.filter(|(key, _)| *key == to).map(|(_, life)| life);
        let voter = voter.filter(|life| *life != Incarnation::UNKNOWN);
        voter.or_else(member).or_else(speaker).unwrap_or(Incarnation::UNKNOWN)
    }

    /// Who leads, where this node hears it from the leader itself or from the voters.
    fn heard_leader(&self) -> Option<Hint> {
        let (leader, term) = match &self.part {
            Part::Voter(election) => (election.shown_leader()?, election.term()),
            Part::Observer(watch) => watch.leader()?,
            Part::Member => return None,
        };
        Some(Hint { leader: self.rules.at(leader).key, term })
    }

    /// What others say of the leader is worth something for a while (E19: to be shown, never to be decided by).
    fn take_hint(&mut self, hint: Option<Hint>) {
        const PROBES: u64 = 8;
        let Some(hint) = hint.filter(|hint| self.rules.index_of(hint.leader).is_some()) else { return };
        let Some(settings) = self.rules.gossip else { return };
        let until = self.now + settings.pace.probe.times(PROBES);
        let now = self.now;
        let Some(gossip) = &mut self.gossip else { return };
        if gossip.hint.is_none_or(|(known, until)| known.term <= hint.term || until <= now) {
            gossip.hint = Some((hint, until));
        }
    }

    /// Who leads according to other members, where this node does not hear it itself. Hearsay, for display only (E19).
    pub fn leader_by_hearsay(&self) -> Option<Hint> {
        if self.heard_leader().is_some() || self.role() == Role::Stopped {
            return None;
        }
        let (hint, until) = self.gossip.as_ref()?.hint?;
        (self.now < until).then_some(hint)
    }

    /// The next change among members, if there is one to tell.
    pub(super) fn next_change(&mut self) -> Option<Notification> {
        let now = self.now;
        let gossip = self.gossip.as_mut()?;
        let is_given = gossip.membership.is_trusted();
        if core::mem::replace(&mut gossip.trust_told, is_given) != is_given {
            return Some(Notification::Trust { is_given });
        }
        gossip.membership.next_change(now).map(Notification::Member)
    }

    /// All members that this node knows, by key, itself among them; those that are down or have left for as long as they are
    /// remembered.
    pub fn members(&self) -> impl Iterator<Item = MemberView> + '_ {
        self.gossip.iter().flat_map(|gossip| gossip.membership.members(self.now))
    }

    /// One member, if this node knows it.
    pub fn member(&self, id: &NodeId) -> Option<MemberView> {
        let member = self.gossip.as_ref()?.membership.member(id.key(), self.now)?;
        (member.id == *id).then_some(member)
    }

    /// The `count` members that own `key`, the first owner first (G11): all nodes with equal views name the same, and when a
    /// member goes, only its own keys move. Fewer, if there are not so many.
    pub fn owners(&self, key: &[u8], count: usize) -> Vec<NodeId> {
        self.gossip.as_ref().map(|gossip| gossip.membership.owners(key, count)).unwrap_or_default()
    }

    /// Whether what this node sees of the others can be relied on: not, after most members vanished at once (G9).
    pub fn view_is_trusted(&self) -> bool {
        self.gossip.as_ref().is_none_or(|gossip| gossip.membership.is_trusted())
    }

    /// A hash over everything about members that nodes should agree on: equal hashes, equal views.
    pub fn members_hash(&self) -> u64 {
        self.gossip.as_ref().map_or(0, |gossip| gossip.membership.root())
    }

    /// How much slower than usual this node judges others, because it seems to be slow or cut off itself: 0 is healthy, 8
    /// the worst (G2).
    pub fn local_health(&self) -> u8 {
        self.gossip.as_ref().map_or(0, |gossip| gossip.membership.health())
    }

    /// Somebody at that address may be a member to be: it is tried until it is one, and again whenever it is not (G7).
    pub(crate) fn add_seed(&mut self, address: SocketAddr) {
        let now = self.now;
        if let Some(gossip) = &mut self.gossip {
            gossip.membership.add_seed(Contact::Address(address), now);
        }
    }

    /// Where a member said that it is.
    pub(crate) fn member_address(&self, key: NodeKey) -> Option<SocketAddr> {
        self.gossip.as_ref()?.membership.address_of(key)
    }
}

/// How much of a datagram was filled, and with what.
#[derive(Debug)]
pub(crate) struct TopUp {
    to: NodeKey,
    ride: Ride,
    stage: Stage,
    last: Option<Place>,
    /// What the datagram was made for is not put in again.
    first: Option<u64>,
    told: Vec<Place>,
    misses: u8,
}

/// On what news travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ride {
    /// On a datagram to a member by chance.
    Member,
    /// On an election's, always to the same few: only what was hardly told yet, or it would be told to nobody else.
    Election,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Owed,
    News,
    Full,
}

impl Node {
    /// Begins to fill up a datagram with news; `None` if there is nothing to fill it with.
    pub(crate) fn top_up(&self, to: NodeKey, first: &Message) -> Option<TopUp> {
        let gossip = self.gossip.as_ref()?;
        let ride = match first {
            Message::Session(_) | Message::Observer(_) => return None,
            Message::Election(_) => Ride::Election,
            Message::Membership(_) => Ride::Member,
        };
        if !gossip.membership.has_news() && !gossip.owes() {
            return None;
        }
        let stage = if ride == Ride::Member { Stage::Owed } else { Stage::News };
        Some(TopUp { to, ride, stage, last: None, first: subject_of(first), told: Vec::new(), misses: 0 })
    }

    /// The next message to put into that datagram. Say what became of it by [`Self::fits`] or [`Self::does_not_fit`].
    pub(crate) fn next_to_top_up(&mut self, top_up: &mut TopUp) -> Option<Message> {
        /// A rider of an election was told to so many at most.
        const HARDLY: u16 = 2;
        let now = self.now;
        let gossip = self.gossip.as_mut()?;
        if top_up.stage == Stage::Owed {
            if let Some(message) = gossip.membership.next_owed(top_up.to, now) {
                return Some(Message::Membership(message));
            }
            top_up.stage = Stage::News;
        }
        while top_up.stage == Stage::News {
            let Some((place, message)) = gossip.membership.rumor(top_up.last, now) else { break };
            if top_up.ride == Ride::Election && place.told() >= HARDLY {
                break;
            }
            top_up.last = Some(place);
            if Some(place.subject()) != top_up.first {
                return Some(Message::Membership(message));
            }
        }
        None
    }

    /// It was put in.
    pub(crate) fn fits(&mut self, top_up: &mut TopUp) {
        if top_up.stage == Stage::News {
            top_up.told.extend(top_up.last);
        }
    }

    /// It was not: smaller ones may be.
    pub(crate) fn does_not_fit(&mut self, top_up: &mut TopUp, message: Message) {
        const MISSES_MAX: u8 = 3;
        match (top_up.stage, message) {
            (Stage::Owed, Message::Membership(message)) => {
                if let Some(gossip) = &mut self.gossip {
                    gossip.membership.put_back(top_up.to, message);
                }
                top_up.stage = Stage::Full;
            }
            (Stage::News | Stage::Full | Stage::Owed, _) => {
                top_up.misses += 1;
                if top_up.misses >= MISSES_MAX {
                    top_up.stage = Stage::Full;
                }
            }
        }
    }

    /// The datagram is done.
    pub(crate) fn topped_up(&mut self, top_up: TopUp) {
        if let Some(gossip) = &mut self.gossip {
            for place in top_up.told {
                gossip.membership.told(place);
            }
        }
    }
}

/// What news a message is.
fn subject_of(message: &Message) -> Option<u64> {
    match message {
        Message::Membership(membership::Message::Introduce(introduction)) => Some(introduction.id.key().0),
        Message::Membership(membership::Message::Judge(verdict)) => Some(verdict.member.0),
        Message::Membership(_) | Message::Session(_) | Message::Election(_) | Message::Observer(_) => None,
    }
}

pub(super) fn word_of(message: &membership::Message) -> Option<&membership::Word> {
    match message {
        membership::Message::Welcome { word, .. }
        | membership::Message::Ping { word, .. }
        | membership::Message::Ack { word, .. } => Some(word),
        membership::Message::Join { .. }
        | membership::Message::PingFor { .. }
        | membership::Message::NoAnswer { .. }
        | membership::Message::Introduce(_)
        | membership::Message::Judge(_)
        | membership::Message::Compare(_) => None,
    }
}
