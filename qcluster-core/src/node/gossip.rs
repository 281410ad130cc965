//! Membership and registry within a node: what happens is told to both, and facts cross from one to the other as values.
//!
//! `spread` tells others what is new, `top_up` fills datagrams with it, and `view` is what applications read.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::event::{Message, Notification};
use super::{Node, Part};
use crate::config::{Gossip as Settings, Rules};
use crate::id::{Incarnation, NodeKey};
use crate::membership::{self, Contact, Effect, Hint, Membership, Piggyback, Speaker};
use crate::reason::DropReason;
use crate::registry::{self, Limits, Presence, Registry, RegistryError, Stall};
use crate::rng::Rng;
use crate::time::{Span, Time};

/// What a node has beside its part in the election.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Gossip {
    pub(super) settings: Settings,
    pub(super) membership: Membership,
    pub(super) registry: Registry,
    /// Empty between steps.
    #[serde(skip)]
    effects: Vec<Effect>,
    /// Who is being answered, in the incarnation that spoke: it need not be a member.
    #[serde(skip)]
    speaker: Option<(NodeKey, Incarnation)>,
    /// When there is something to do: kept up to date, since every step of an election looks at it.
    pub(super) due: Time,
    /// When news is told next.
    pub(super) tick_at: Time,
    /// When more of what is owed goes out.
    pub(super) flow_at: Time,
    /// When records were compared last.
    compared: Option<Time>,
    /// Whether the application was told that the view can be relied on.
    trust_told: bool,
    /// Who was said to lead, and until when that is worth anything.
    pub(super) hint: Option<(Hint, Time)>,
    /// When another member was heard for the first time.
    met_at: Option<Time>,
}

impl Gossip {
    pub(super) fn new(settings: Settings, rules: &Rules, seed: u64, incarnation: Incarnation, now: Time) -> Self {
        let start = membership::Start {
            id: rules.id.clone(),
            incarnation,
            address: settings.advertise,
            pace: settings.pace,
            // Chance of its own, so that an election draws the same with and without it.
            rng: Rng::new(seed),
            now,
        };
        let mut membership = Membership::new(start);
        for voter in rules.others() {
            membership.add_seed(Contact::Node(rules.at(voter).key), now);
        }
        let limits = Limits { retention: settings.pace.retention, ..Limits::default() };
        Self {
            settings,
            membership,
            registry: Registry::new(rules.key, incarnation, limits),
            effects: Vec::new(),
            speaker: None,
            due: now,
            tick_at: now,
            flow_at: now,
            compared: None,
            trust_told: true,
            hint: None,
            met_at: None,
        }
    }

    /// Whether this node has been among others for less time than it takes for two of one name to hear of each other (E17).
    pub(super) fn is_new(&self, now: Time) -> bool {
        const PROBES: u64 = 10;
        self.met_at.is_none_or(|at| now < at + self.settings.pace.probe.times(PROBES))
    }

    pub(super) fn has_news(&self) -> bool {
        (self.membership.has_news() || self.registry.has_news()) && self.membership.present_others() > 0
    }

    /// The peers that something is owed to because tables differ.
    pub(super) fn owed_peers(&self) -> impl Iterator<Item = NodeKey> + '_ {
        self.membership.owes().chain(self.registry.waiting())
    }

    pub(super) fn owes(&self) -> bool {
        self.owed_peers().next().is_some()
    }

    /// Finds out again when there is something to do.
    pub(super) fn plan(&mut self) {
        let tick = if self.has_news() { self.tick_at } else { Time::NEVER };
        let flow = if self.owes() { self.flow_at } else { Time::NEVER };
        self.due = self.membership.deadline().min(self.registry.deadline()).min(tick).min(flow);
    }
}

impl Node {
    /// Runs a part of the membership, and carries out what it wants.
    pub(super) fn with_membership(&mut self, run: impl FnOnce(&mut Membership, &mut membership::Context<'_>)) {
        let leader = self.heard_leader();
        let Some(gossip) = &mut self.gossip else { return };
        let Gossip { membership, effects, registry, .. } = &mut **gossip;
        let (now, counters) = (self.now, &mut self.counters);
        let mut cx = membership::Context { now, effects, counters, records: registry.root(), leader };
        run(membership, &mut cx);
        let mut effects = core::mem::take(&mut gossip.effects);
        for effect in effects.drain(..) {
            self.carry_out_gossip(effect);
        }
        if let Some(gossip) = &mut self.gossip {
            gossip.effects = effects;
            gossip.plan();
        }
    }

    fn carry_out_gossip(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.send_to_member(to, message.into()),
            Effect::SendTo { to, incarnation, message } => self.send(to, incarnation, message.into()),
            Effect::Present { member, incarnation, is_there } => {
                let me = self.rules.key;
                let Some(gossip) = &mut self.gossip else { return };
                if member == me {
                    gossip.registry.rename(self.now, incarnation);
                } else if is_there {
                    gossip.registry.set_presence(member, Presence::Here(incarnation));
                } else {
                    // What it wrote in earlier incarnations is over for all who were there when it spoke, and so for all (G8).
                    gossip.registry.hear_of_incarnation(member, incarnation);
                    gossip.registry.set_presence(member, Presence::Gone);
                }
            }
            Effect::Forgotten { member } => {
                if let Some(gossip) = &mut self.gossip {
                    gossip.registry.forget_owner(member);
                }
            }
        }
    }

    /// Runs a part of the registry.
    fn with_registry<T>(&mut self, run: impl FnOnce(&mut Registry, &mut registry::Context<'_>) -> T) -> Option<T> {
        let gossip = self.gossip.as_mut()?;
        let mut cx = registry::Context { now: self.now, counters: &mut self.counters };
        let result = run(&mut gossip.registry, &mut cx);
        gossip.plan();
        Some(result)
    }

    /// What comes first in every step, the last of which was at `before`: whether this node stood still for so long that it must
    /// not judge others, nor count that time against services (G5).
    #[inline]
    pub(super) fn enter_gossip(&mut self, before: Time) {
        let Some(gossip) = &mut self.gossip else { return };
        // In most steps nothing is late.
        if self.now > gossip.due {
            self.catch_up(before);
        }
    }

    /// What was due is late.
    #[inline(never)]
    fn catch_up(&mut self, before: Time) {
        let (now, heartbeat) = (self.now, self.rules.timing.heartbeat);
        let Some(gossip) = &mut self.gossip else { return };
        let due = gossip.due;
        // What was due at the last step already is late since then: the time before was told of then.
        let (late, idle) = (now.since(due.max(before)), due.since(before));
        if late > Span::ZERO {
            gossip.registry.outlast(Stall { ended: now, late, missed: idle }, heartbeat);
            gossip.plan();
        }
        if now.since(due) >= gossip.settings.pace.probe {
            self.with_membership(Membership::enter);
        }
    }

    pub(super) fn gossip_timeout(&mut self) {
        if self.gossip.as_ref().is_some_and(|gossip| self.now >= gossip.due) {
            self.with_membership(Membership::timeout);
            self.with_registry(Registry::timeout);
            self.spread();
        }
    }

    /// An orderly end (G4): members hear of it, and services go with their node.
    pub(super) fn leave(&mut self) {
        self.with_registry(|registry, cx| registry.withdraw(cx.now));
        self.with_membership(Membership::leave);
    }

    /// A message of the membership from an incarnation that has proven to be there.
    #[inline(never)]
    pub(super) fn hear_member(&mut self, from: Speaker, message: Box<membership::Message>) -> Result<(), DropReason> {
        if self.gossip.is_none() {
            return Err(DropReason::Unexpected);
        }
        let word = message.word().copied();
        if let Some(gossip) = &mut self.gossip {
            gossip.met_at.get_or_insert(self.now);
        }
        self.answering(Some(from));
        self.with_membership(|membership, cx| membership.receive(cx, from, *message));
        self.answering(None);
        if let Some(word) = word {
            self.take_hint(word.leader);
            self.compare_records(from.key, &word);
        }
        Ok(())
    }

    fn answering(&mut self, speaker: Option<Speaker>) {
        if let Some(gossip) = &mut self.gossip {
            gossip.speaker = speaker.map(|speaker| (speaker.key, speaker.incarnation));
        }
    }

    /// Two registries differ: compare them, unless the difference is news on its way (G6).
    fn compare_records(&mut self, peer: NodeKey, word: &Piggyback) {
        let now = self.now;
        let Some(gossip) = &mut self.gossip else { return };
        let tick = gossip.settings.pace.tick;
        let pause = if gossip.registry.has_news() { tick.times(20) } else { tick };
        if word.records == gossip.registry.root() || gossip.compared.is_some_and(|at| now.since(at) < pause) {
            return;
        }
        gossip.compared = Some(now);
        self.counters.comparisons += 1;
        gossip.registry.compare(peer, word.records);
        gossip.plan();
    }

    /// A message of the registry from an incarnation that has proven to be there.
    #[inline(never)]
    pub(super) fn hear_registry(&mut self, from: NodeKey, message: Box<registry::Message>) -> Result<(), DropReason> {
        let later = self.with_registry(|registry, cx| registry.receive(cx, from, *message));
        // A record of a later incarnation of this node: only one above that has the last word.
        if let Some(incarnation) = later.ok_or(DropReason::Unexpected)? {
            self.with_membership(|membership, cx| membership.rise_above(cx, incarnation));
        }
        Ok(())
    }

    /// A proven greeting: who greets may be a member to be.
    pub(super) fn greet_member(&mut self, from: Speaker) {
        self.with_membership(|membership, cx| membership.greeted(cx, from));
    }

    pub(super) fn send_to_member(&mut self, to: NodeKey, message: Message) {
        let incarnation = self.incarnation_for(to);
        self.send(to, incarnation, message);
    }

    /// The incarnation of a node to speak to: of a voter the established one.
    fn incarnation_for(&self, to: NodeKey) -> Incarnation {
        let voter = self.rules.index_of(to).map(|voter| self.links.at(voter).incarnation);
        let member = || self.gossip.as_ref().and_then(|gossip| gossip.membership.incarnation_of(to));
        let speaker =
            || self.gossip.as_ref()?.speaker.filter(|(key, _)| *key == to).map(|(_, incarnation)| incarnation);
        let voter = voter.filter(|incarnation| *incarnation != Incarnation::UNKNOWN);
        voter.or_else(member).or_else(speaker).unwrap_or(Incarnation::UNKNOWN)
    }

    /// Who leads, where this node hears it from the leader itself or from the voters.
    pub(super) fn heard_leader(&self) -> Option<Hint> {
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
        let now = self.now;
        let Some(hint) = hint.filter(|hint| self.rules.index_of(hint.leader).is_some()) else { return };
        let Some(gossip) = &mut self.gossip else { return };
        if gossip.hint.is_none_or(|(known, until)| known.term <= hint.term || until <= now) {
            gossip.hint = Some((hint, now + gossip.settings.pace.probe.times(PROBES)));
        }
    }

    /// The next change among members and services, if there is one to tell.
    #[inline(never)]
    pub(super) fn next_change(&mut self) -> Option<Notification> {
        let gossip = self.gossip.as_mut()?;
        let is_given = gossip.membership.is_trusted();
        if core::mem::replace(&mut gossip.trust_told, is_given) != is_given {
            return Some(Notification::Trust { is_given });
        }
        if let Some(change) = gossip.membership.next_change(self.now) {
            return Some(Notification::Member(change));
        }
        loop {
            match gossip.registry.next_change()? {
                registry::Change::Service(change) => return Some(Notification::Service(change)),
                registry::Change::Metadata(node) => {
                    if let Some(change) = gossip.membership.changed_its_word(node, self.now) {
                        return Some(Notification::Member(change));
                    }
                }
            }
        }
    }

    /// Somebody at that address may be a member to be: it is tried until it is one, and again whenever it is not (G7).
    pub(super) fn add_seed(&mut self, address: SocketAddr) {
        self.with_membership(|membership, cx| _ = membership.add_seed(Contact::Address(address), cx.now));
    }

    /// This node's owner has found out at which address others reach it: that goes before what they see themselves.
    pub(crate) fn move_to(&mut self, address: SocketAddr) {
        self.with_membership(|membership, cx| membership.move_to(cx, address));
    }

    /// Carries out what the owner asks of the registry.
    pub(super) fn ask_registry(
        &mut self,
        ask: impl FnOnce(&mut Registry, &mut registry::Context<'_>) -> Result<(), RegistryError>,
    ) -> Result<(), RegistryError> {
        self.with_registry(ask).unwrap_or(Err(RegistryError::NoRegistry))
    }
}
