//! One node: the protocols put together behind one [`step`](Node::step).
//!
//! The node owns what the protocols must not know of: envelopes and their checks (E14, E18), incarnations of other nodes
//! ([`links`]), the clock's direction (E15), and the order of actions.

mod actions;
mod boot;
mod change;
mod command;
mod event;
mod gossip;
mod incarnations;
mod links;
mod offset;
mod rebase;
mod receive;
mod send;
mod spread;
mod view;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

pub use actions::Actions;
pub use boot::{Boot, BootError};
pub use command::{Command, CommandRefused};
pub use event::{Action, Envelope, IncarnationsReport, Message, NodeInput, Notification, Session};
pub use view::Role;

use serde::{Deserialize, Serialize};

use crate::config::{Durability, Rules, Seat, Voter};
use crate::election::{Context, Effect, Election, Start};
use crate::id::{Incarnation, NodeKey, Term, VoterIndex};
use crate::metrics::Counters;
use crate::observer::{self, Audience, Watch};
use crate::reason::DropReason;
use crate::rng::Rng;
use crate::secret::Secret;
use crate::time::Time;
use actions::Queue;
use gossip::Gossip;
use incarnations::OwnIncarnation;
use links::Links;
use offset::Offset;
use send::Answer;

/// A deterministic node. Given the same rules, boot values and events it does the same, on every machine.
///
/// Three kinds of methods: `step` gives it what has happened and must be followed by carrying out its actions;
/// [`deadline`](Self::deadline) tells when to step next; all others only read. Nothing that arrives makes it panic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    #[serde(skip, default = "Rules::placeholder")]
    rules: Arc<Rules>,
    incarnation: Incarnation,
    rng: Rng,
    secret: Secret,
    /// The latest time that it was given (E15), on the clock that never goes back.
    now: Time,
    offset: Offset,
    stage: Stage,
    part: Part,
    links: Links,
    own: OwnIncarnation,
    /// Whether the application was told that the last step of a change was taken too early (E20).
    is_warned_of_step: bool,
    audience: Audience,
    gossip: Option<Box<Gossip>>,
    /// Empty between steps.
    #[serde(skip)]
    effects: Vec<Effect>,
    queue: Queue,
    counters: Counters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Stage {
    /// The first step has yet to come.
    New,
    Running,
    /// Another node of this name was there first (E17).
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "there is one for each node, and a voter's is the one that matters")]
enum Part {
    Voter(Election),
    Observer(Watch),
    Member,
}

impl Node {
    /// A node that starts at `now`. Its first [`deadline`](Self::deadline) is `now`.
    ///
    /// # Errors
    /// The boot values cannot be used; nothing was started.
    pub fn new(rules: impl Into<Arc<Rules>>, boot: Boot, now: Time) -> Result<Self, BootError> {
        let rules = rules.into();
        if boot.stamp_ms >= Self::STAMP_MS_MAX {
            return Err(BootError::StampTooLarge(boot.stamp_ms));
        }
        if boot.saved.is_some() && rules.durability == Durability::Diskless {
            return Err(BootError::SavedButDiskless);
        }
        let step = boot.saved.as_ref().and_then(|saved| saved.step.as_ref());
        if rules.is_forward_only && step.is_some_and(|step| step.is_behind(&rules.digests)) {
            return Err(BootError::StepBack);
        }
        // What the generator shows of itself on the wire leads back to its own seed, and not to the key.
        let secret = Secret::new(boot.seed);
        let mut rng = Rng::new(secret.number(&[0, 0]));
        let fresh = Incarnation::new(boot.stamp_ms, rng.next());
        let incarnation = match &boot.saved {
            Some(saved) if saved.incarnation >= fresh => saved.incarnation.above(rng.next()),
            Some(_) | None => fresh,
        };
        let voters = rules.voters().len();
        let saved = |of: NodeKey| boot.saved.as_ref().map_or(Incarnation::UNKNOWN, |saved| saved.incarnation_of(of));
        // An observer counts nothing, so no incarnation is too early for it.
        let has_floor = |voter: &Voter| rules.me.is_some() && voter.key != rules.key;
        let floor = |voter: &Voter| if has_floor(voter) { saved(voter.key) } else { Incarnation::UNKNOWN };
        let links = Links::new(rules.voters().iter().map(floor), now);
        // A replacement that goes on as an observer is one still.
        let took_part = saved(rules.key);
        let own = OwnIncarnation::new(now, boot.stamp_ms, took_part);
        let gossip = rules
            .gossip
            .map(|settings| Box::new(Gossip::new(settings, &rules, secret.number(&[0, 1]), incarnation, now)));
        let part = match rules.me {
            Some(me) => {
                let (stamp, rng) = (Term(boot.stamp_ms), Rng::new(rng.next()));
                let start = Start { incarnation, rng, stamp, saved: boot.saved, now };
                Part::Voter(Election::new(Arc::clone(&rules), me, start))
            }
            None if rules.seat == Seat::Member => Part::Member,
            None => Part::Observer(Watch::new(voters, now)),
        };
        Ok(Self {
            incarnation,
            rng,
            secret,
            now,
            offset: Offset::default(),
            stage: Stage::New,
            part,
            links,
            own,
            is_warned_of_step: false,
            audience: Audience::default(),
            gossip,
            effects: Vec::with_capacity(2 * voters),
            queue: Queue::with_capacity(4 * voters),
            counters: Counters::default(),
            rules,
        })
    }

    /// Completes what was read from a snapshot.
    pub(crate) fn use_rules(&mut self, rules: &Arc<Rules>) {
        self.rules = Arc::clone(rules);
        if let Part::Voter(election) = &mut self.part {
            election.use_rules(rules);
        }
    }

    /// The first boot stamp that is too large, in the year 2109: others believe incarnations up to twice as far from 1970, so that
    /// there is room for those that have to be above it.
    const STAMP_MS_MAX: u64 = 1 << 42;

    /// Takes what has happened at `now`, and gives what is to be done about it, in order.
    ///
    /// Actions that are not taken stay queued for the next step; sends may be given up when too many are left.
    pub fn step(&mut self, now: Time, event: NodeInput) -> Actions<'_> {
        let result = self.take(now, event);
        Actions::new(self, result)
    }

    /// When to step with [`NodeInput::Timeout`] at the latest, [`Time::NEVER`] for not at all. Earlier and repeated calls are
    /// harmless.
    pub fn deadline(&self) -> Time {
        self.offset.given(match self.stage {
            Stage::New => self.now,
            Stage::Running | Stage::Stopped if self.is_stopped() => Time::NEVER,
            Stage::Running | Stage::Stopped => {
                let part = match &self.part {
                    Part::Voter(election) => election.deadline(),
                    Part::Observer(watch) => watch.deadline(),
                    Part::Member => Time::NEVER,
                };
                let gossip = self.gossip.as_ref().map_or(Time::NEVER, |gossip| gossip.due);
                let announcement = self.own.announcement.map_or(Time::NEVER, |announcement| announcement.tell_at);
                part.min(self.links.greet_at).min(gossip).min(announcement)
            }
        })
    }

    /// The established incarnation of a voter, for those who know addresses of incarnations.
    pub(crate) fn incarnation_of(&self, voter: VoterIndex) -> Incarnation {
        self.links.at(voter).incarnation
    }

    /// The key of numbers that only those know who were told.
    pub(crate) fn secret(&self) -> Secret {
        self.secret
    }

    /// The time on the clock that never goes back (E15).
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Asks an incarnation of a node to show that it is where it was heard from.
    pub(crate) fn probe(&mut self, node: NodeKey, incarnation: Incarnation, nonce: u64) {
        if !self.is_stopped() {
            self.send(node, incarnation, Message::Session(Session::Probe { nonce }));
        }
    }

    /// An incarnation of a node has shown where it is: it may have been told too little so far, and speaks again.
    pub(crate) fn greet_at_last(&mut self, node: NodeKey, incarnation: Incarnation) {
        if !self.is_stopped() {
            self.say_hello(node, incarnation, Answer::Yes);
        }
    }

    /// What waits in the queue, and then what changed among members and services: that is looked up when it is taken, so
    /// that it takes no room, however much it is.
    #[inline]
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        if self.queue.is_empty() && self.gossip.is_some() {
            return self.next_change().map(Action::Notify);
        }
        self.queue.pop()
    }

    /// One step for what cannot be read: the time at which it came is a time all the same (E15).
    pub(crate) fn drop_unread(&mut self, now: Time, reason: DropReason) {
        self.enter(now);
        self.counters.drop(reason);
    }

    /// One step, whose actions are left in the queue. Only a command can be refused.
    pub(crate) fn take(&mut self, now: Time, event: NodeInput) -> Result<(), CommandRefused> {
        match event {
            NodeInput::Message(envelope) => _ = self.take_message(now, envelope, None),
            NodeInput::Timeout => self.enter(now).timeout(),
            NodeInput::Persisted(id) => self.enter(now).with_election(|election, cx| election.persisted(cx, id)),
            NodeInput::PersistFailed(id) => {
                self.enter(now).with_election(|election, cx| election.persist_failed(cx, id));
            }
            NodeInput::Command(command) => return self.enter(now).command(command),
        }
        Ok(())
    }

    /// One step for a message. An error says that nothing of the same sender and moment would fare better.
    // One copy for all callers: what a heartbeat or its answer passes is inlined here, and what is rare is not.
    #[inline(never)]
    pub(crate) fn take_message(
        &mut self,
        now: Time,
        envelope: Envelope,
        address: Option<SocketAddr>,
    ) -> Result<(), DropReason> {
        self.enter(now).receive(envelope, address)
    }

    /// What comes first in every step.
    #[inline]
    pub(crate) fn enter(&mut self, now: Time) -> &mut Self {
        let before = self.now;
        self.set_clock(now);
        if self.stage == Stage::New {
            self.begin();
        }
        if matches!(&self.part, Part::Voter(election) if election.has_run_out(self.now)) {
            self.expire();
        }
        self.enter_gossip(before);
        self
    }

    #[cold]
    fn begin(&mut self) {
        self.stage = Stage::Running;
        self.with_election(Election::begin);
    }

    #[cold]
    fn expire(&mut self) {
        self.with_election(Election::expire);
    }

    /// Time never goes back; a clock that does costs a leadership, and goes on from there (E15).
    #[inline]
    fn set_clock(&mut self, given: Time) {
        let now = self.offset.inner(given);
        if now < self.now {
            return self.clock_went_back(now);
        }
        let pause = now.since(self.now);
        self.own.pause(pause, now, self.rules.trusted_lease);
        if let Part::Voter(election) = &mut self.part {
            election.pause(pause);
        }
        self.now = now;
    }

    #[cold]
    fn clock_went_back(&mut self, now: Time) {
        self.counters.clock_regressions += 1;
        self.offset.make_up(self.now.since(now));
        self.with_election(Election::clock_went_back);
    }

    #[inline(never)]
    fn timeout(&mut self) {
        if self.is_stopped() {
            return;
        }
        if self.now >= self.links.greet_at {
            self.greet();
        }
        self.with_election(Election::timeout);
        self.announce_incarnation();
        let lease = self.rules.timing.lease;
        if let Part::Observer(watch) = &mut self.part
            && watch.timeout(self.now, lease)
        {
            for voter in self.rules.indices() {
                self.send_to_voter(voter, Message::Observer(observer::Message::Subscribe));
            }
        }
        self.tell_what_is_watched();
        self.gossip_timeout();
    }

    /// Whether this incarnation takes no part yet: a voter sits out its boot wait (E9) or has not been among others for long
    /// (E17), and so has any other node.
    fn is_booting(&self) -> bool {
        match &self.part {
            Part::Voter(election) => election.is_booting(),
            Part::Observer(_) | Part::Member => self.gossip.as_ref().is_none_or(|gossip| gossip.is_new(self.now)),
        }
    }

    /// Whether this incarnation has only just begun, as far as a node without company can tell.
    fn is_new(&self) -> bool {
        let waits_for_others = matches!(&self.part, Part::Voter(election) if election.waits_for_others());
        self.is_booting() && !waits_for_others
    }

    /// Whether a term that somebody names is to be believed (E18).
    fn believes(&self, term: Term) -> bool {
        match &self.part {
            Part::Voter(election) => election.believes(term),
            Part::Observer(_) | Part::Member => term < Term::MAX,
        }
    }

    /// Runs a part of the election, and carries out what it wants.
    fn with_election(&mut self, run: impl FnOnce(&mut Election, &mut Context<'_>)) {
        let Part::Voter(election) = &mut self.part else { return };
        let (effects, counters) = (&mut self.effects, &mut self.counters);
        let mut cx = Context { now: self.now, effects, counters };
        run(election, &mut cx);
        if !self.effects.is_empty() {
            self.carry_out();
        }
    }

    fn carry_out(&mut self) {
        let mut effects = core::mem::take(&mut self.effects);
        for effect in &effects {
            match *effect {
                Effect::Send { to, message } => self.send_of_election(to, message),
                Effect::Persist => self.save(),
                Effect::Changed(change) => self.tell(change),
                Effect::TellIncarnations { to } => self.tell_incarnations(to, Answer::No),
            }
        }
        effects.clear();
        self.effects = effects;
    }

    #[cold]
    fn save(&mut self) {
        if let Part::Voter(election) = &self.part
            && let Some(save) = election.under_way()
        {
            self.queue.push_persist(save.clone());
        }
    }
}
