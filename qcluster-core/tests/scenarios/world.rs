//! A small deterministic world for the scenarios: typed nodes on [`machine`]s, a [`network`] that the test cuts and delays,
//! a [`judge`] that looks at every event, and [`transcript`]s to read.

mod forge;
mod judge;
mod machine;
mod network;
mod transcript;

use std::collections::VecDeque;

use qcluster_core::{
    Action, Boot, Command, ElectionMessage, Envelope, FencingToken, Incarnation, Message, Node, NodeId, NodeInput,
    NodeKey, Notification, Role, Seat, Session, Settings, Span, Time, VoterSettings,
};

pub use judge::{Judge, Law};
pub use machine::{Clock, Disk, Machine};
pub use network::{Fate, Network};
pub use transcript::Transcript;

/// L, where a story does not say otherwise.
pub const LEASE: Span = Span::from_millis(150);

pub fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

pub fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

/// The identifier of machine `n`: `a`, `b`, …
pub fn id(n: usize) -> NodeId {
    let letter = char::from(b'a' + u8::try_from(n).unwrap());
    NodeId::new(&letter.to_string()).unwrap()
}

/// Voters of priority 0 with the identifiers of those machines.
pub fn voters(machines: impl IntoIterator<Item = usize>) -> Vec<VoterSettings> {
    machines.into_iter().map(|n| VoterSettings::new(id(n))).collect()
}

/// A greeting of a node that has begun only just now if it takes no part, and knows of no incarnation of the receiver that took part.
pub fn hello_of(to: NodeKey, answer: bool, booting: bool, known: Incarnation) -> Session {
    Session::Hello { to, answer, booting, is_new: booting, known, took_part: Incarnation::UNKNOWN }
}

/// What of an election is inside a message, if anything.
pub fn election(message: &Message) -> Option<&ElectionMessage> {
    match message {
        Message::Election(message) => Some(message),
        Message::Session(_)
        | Message::Observer(_)
        | Message::Membership(_)
        | Message::Registry(_)
        | Message::Incarnations(_) => None,
    }
}

/// Whether a message is of that kind of [`ElectionMessage::name`].
pub fn is(message: &Message, kind: &str) -> bool {
    election(message).is_some_and(|message| message.name() == kind)
}

pub struct World {
    pub now: Time,
    pub machines: Vec<Machine>,
    pub network: Network,
    pub judge: Judge,
    pub transcript: Transcript,
    seed: u64,
    /// Events that follow at once from actions, and are due before anything else.
    at_once: VecDeque<(usize, NodeInput)>,
}

/// Making a world, and what happens to its machines.
impl World {
    /// `n` diskless voters with default timing.
    pub fn of(n: usize) -> Self {
        Self::with(n, |_, _| {})
    }

    /// `n` voters, each with settings that `adjust` may change; they have not started.
    pub fn with(n: usize, adjust: impl Fn(usize, &mut Settings)) -> Self {
        let mut world = Self {
            now: Time::ZERO,
            machines: Vec::new(),
            network: Network::default(),
            judge: Judge::default(),
            transcript: Transcript::default(),
            seed: 1,
            at_once: VecDeque::new(),
        };
        for n_th in 0..n {
            let mut settings = Settings::voter(id(n_th), voters(0..n));
            adjust(n_th, &mut settings);
            world.add(settings);
        }
        world
    }

    /// The same with leases that may become that long (E23).
    pub fn with_leases_up_to(mut self, max_lease: Span) -> Self {
        for machine in &mut self.machines {
            machine.settings.timing.max_lease = max_lease;
        }
        self
    }

    /// The same with another seed for all chance.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed * 1_000;
        self
    }

    /// One more machine: an observer, a duplicate, or a voter of a coming list.
    pub fn add(&mut self, mut settings: Settings) -> usize {
        settings.timing.max_lease = Span::ZERO;
        let duplicates = self.machines.iter().filter(|machine| machine.settings.id == settings.id).count();
        self.machines.push(Machine::new(settings, duplicates));
        self.machines.len() - 1
    }

    pub fn start_all(&mut self) {
        for n in 0..self.machines.len() {
            self.start(n);
        }
    }

    /// Starts a node, with what its disk holds. One that runs is killed first.
    pub fn start(&mut self, n: usize) {
        self.seed += 1;
        self.judge.forget_incarnation(n);
        let now = self.now;
        let machine = &mut self.machines[n];
        let rules = machine.settings().check().expect("scenario settings are valid");
        let stamp_ms = machine.wall_ms + now.since(Time::ZERO).as_millis();
        let boot = Boot::new(self.seed, stamp_ms).with_saved(machine.saved.clone());
        machine.node = Some(Node::new(rules, boot, machine.clock.read(now)).expect("scenario boots are valid"));
        machine.held.clear();
        self.note(n, "starts");
    }

    pub fn crash(&mut self, n: usize) {
        self.machines[n].node = None;
        self.machines[n].held.clear();
        self.judge.forget_incarnation(n);
        self.note(n, "crashes");
    }

    /// A crash after which the disk is empty.
    pub fn crash_with_amnesia(&mut self, n: usize) {
        self.crash(n);
        self.machines[n].saved = None;
    }

    pub fn freeze(&mut self, n: usize, span: Span) {
        self.machines[n].frozen_until = self.now + span;
        self.note(n, "freezes");
    }

    /// Reports every held save of `n` as done.
    pub fn sync(&mut self, n: usize) {
        for (id, hard_state) in std::mem::take(&mut self.machines[n].held) {
            self.machines[n].saved = Some(hard_state);
            self.give(n, NodeInput::Persisted(id));
        }
    }

    /// Cuts `n` off from everybody.
    pub fn isolate(&mut self, n: usize) {
        self.network.isolate(n);
        self.note(n, "is cut off");
    }

    pub fn heal(&mut self) {
        self.network.heal();
        self.transcript.remark(self.now, "the network heals".into());
    }

    /// Delivers what was caught, now.
    pub fn release_caught(&mut self) {
        for (to, envelope) in std::mem::take(&mut self.network.caught) {
            self.give(to, NodeInput::Message(envelope));
        }
    }

    fn note(&mut self, n: usize, what: &str) {
        let line = format!("{} {what}", self.machines[n].name);
        self.transcript.remark(self.now, line);
    }
}

/// Events and what follows from them.
impl World {
    /// Gives an event to a node at the present time.
    pub fn give(&mut self, n: usize, event: NodeInput) {
        self.at_once.push_back((n, event));
        while let Some((n, event)) = self.at_once.pop_front() {
            self.step(n, event);
        }
    }

    fn step(&mut self, n: usize, event: NodeInput) {
        let machine = &mut self.machines[n];
        let now = machine.clock.read(self.now);
        let Some(node) = &mut machine.node else { return };
        let timeout = event == NodeInput::Timeout;
        let actions: Vec<Action> = node.step(now, event).collect();
        if timeout {
            self.judge.rests(n, node.deadline() > now);
        }
        for action in actions {
            self.carry_out(n, &action);
        }
        self.look();
    }

    fn carry_out(&mut self, n: usize, action: &Action) {
        match action.clone() {
            Action::Send(envelope) => self.send(n, envelope),
            Action::Persist { id, hard_state } => {
                self.judge.saves(&self.machines[n], &hard_state);
                let machine = &mut self.machines[n];
                match machine.disk {
                    Disk::Quick => {
                        machine.saved = Some(*hard_state);
                        self.at_once.push_back((n, NodeInput::Persisted(id)));
                    }
                    Disk::Held => machine.held.push((id, *hard_state)),
                    Disk::Broken => self.at_once.push_back((n, NodeInput::PersistFailed(id))),
                }
            }
            Action::Notify(notification) => {
                let node = self.machines[n].node.as_ref().expect("it runs");
                self.transcript.told(self.now, n, notification.clone(), node.rules());
                self.judge.hears(n, self.machines[n].settings.seat, &notification);
                if matches!(notification, Notification::Draining { .. }) && self.machines[n].drains_at_once {
                    self.at_once.push_back((n, NodeInput::Command(Command::Drained)));
                }
            }
        }
    }

    fn send(&mut self, from: usize, envelope: Envelope) {
        self.judge.sends(self.now, from, &self.machines, &envelope);
        let Some(to) = self.find(from, &envelope) else { return };
        let message = envelope.message.clone();
        let arrives = self.network.carry(self.now, from, to, envelope);
        self.transcript.sent(self.now, from, to, message, arrives);
    }

    /// Whom a message reaches: the machine with the incarnation that it names, or else the first of that name, one on
    /// which something runs if there is one.
    fn find(&self, from: usize, envelope: &Envelope) -> Option<usize> {
        let named = |n: &usize| *n != from && self.machines[*n].settings.id.key() == envelope.to;
        let alive = |n: &usize| self.machines[*n].incarnation() == Some(envelope.to_incarnation);
        let candidates = || (0..self.machines.len()).filter(named);
        let runs = |n: &usize| self.machines[*n].node.is_some();
        candidates().find(alive).or_else(|| candidates().find(runs)).or_else(|| candidates().next())
    }

    /// Runs until `until`, event by event.
    pub fn run_until(&mut self, until: Time) {
        while let Some(next) = self.next_event().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.happen();
        }
        self.now = self.now.max(until);
        self.look();
    }

    pub fn run(&mut self, span: Span) {
        self.run_until(self.now + span);
    }

    /// Runs until `done` holds, and fails the test with the transcript if that takes longer than `limit`.
    pub fn run_till(&mut self, limit: Span, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            let next = self.next_event().filter(|next| *next <= end);
            let Some(next) = next else { panic!("not within {limit}: {what}\n{}", self.story()) };
            self.now = self.now.max(next);
            self.happen();
        }
    }

    fn next_event(&self) -> Option<Time> {
        let timers = self.machines.iter().map(Machine::wakes).min();
        let arrivals = self.network.next_arrival(&self.machines);
        timers.into_iter().chain(arrivals).min().filter(|next| *next < Time::NEVER)
    }

    /// Timers come before messages of the same moment: that is the order that a stalled process sees (E15).
    fn happen(&mut self) {
        if let Some(n) = (0..self.machines.len()).find(|n| self.machines[*n].wakes() <= self.now) {
            self.give(n, NodeInput::Timeout);
        } else if let Some((to, envelope)) = self.network.arrival(self.now, &self.machines) {
            self.give(to, NodeInput::Message(envelope));
        }
    }

    fn look(&mut self) {
        self.judge.looks(&self.leaders());
        if self.judge.has_ruled() {
            let verdict = self.judge.verdict();
            panic!("{verdict} at {}\n{}", self.now, self.story());
        }
    }
}

/// Questions.
impl World {
    /// All that hold a lease at this real moment, those included that are frozen and do not know that time has passed.
    pub fn leaders(&self) -> Vec<usize> {
        (0..self.machines.len()).filter(|n| self.leads(*n)).collect()
    }

    pub fn leads(&self, n: usize) -> bool {
        let machine = &self.machines[n];
        machine.node.as_ref().is_some_and(|node| node.is_leader(machine.clock.read(self.now)))
    }

    /// The only leader; fails the test if there is none.
    pub fn leader(&self) -> usize {
        let leaders = self.leaders();
        assert_eq!(leaders.len(), 1, "leaders at {}\n{}", self.now, self.story());
        leaders[0]
    }

    /// The voters that do not lead, in order.
    pub fn followers(&self) -> Vec<usize> {
        let leader = self.leader();
        let votes = |n: &usize| self.machines[*n].settings.seat == Seat::Voter;
        (0..self.machines.len()).filter(votes).filter(|n| *n != leader).collect()
    }

    /// Runs until somebody leads, and says who.
    pub fn elect(&mut self) -> usize {
        self.run_till(ms(2_000), "a leader", |world| !world.leaders().is_empty());
        self.leader()
    }

    /// Runs until somebody other than `old` leads, and says who.
    pub fn elect_another(&mut self, old: usize) -> usize {
        self.run_till(ms(5_000), "another leader", |world| world.leaders().iter().any(|n| *n != old));
        self.leader()
    }

    pub fn node(&self, n: usize) -> &Node {
        self.machines[n].node.as_ref().expect("the node runs")
    }

    pub fn role(&self, n: usize) -> Role {
        self.node(n).role()
    }

    pub fn tokens(&self) -> Vec<FencingToken> {
        let elected = self.transcript.notifications().filter_map(|(_, _, told)| match told {
            Notification::Elected { token } => Some(token),
            _ => None,
        });
        elected.collect()
    }

    /// How often such a notification was told, by anybody.
    pub fn count(&self, which: impl Fn(usize, Notification) -> bool) -> usize {
        self.transcript.notifications().filter(|(_, n, told)| which(*n, told.clone())).count()
    }

    pub fn elections(&self) -> usize {
        self.count(|_, told| matches!(told, Notification::Elected { .. }))
    }

    /// When such a notification was last told, and its place among all.
    pub fn last(&self, which: impl Fn(usize, Notification) -> bool) -> Option<(usize, Time)> {
        let told = self.transcript.notifications().enumerate();
        told.filter(|(_, (_, n, told))| which(*n, told.clone())).map(|(place, (time, ..))| (place, time)).last()
    }

    /// How many messages of that kind were sent.
    pub fn sent(&self, kind: &str) -> usize {
        self.transcript.messages().filter(|(_, _, message)| is(message, kind)).count()
    }

    /// What has happened, without the messages.
    pub fn story(&self) -> String {
        self.transcript.story(&self.machines)
    }
}
