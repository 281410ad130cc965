//! A small deterministic world for the scenarios: typed nodes, a network that the test cuts and delays, disks that the test
//! breaks, and a transcript of what was notified. Leases are judged on the world's own time after every event.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use qcluster_core::{
    Action, Boot, Envelope, Event, FencingToken, HardState, Message, Node, NodeId, NodeKey, Notification, PersistId,
    Settings, Span, Time, VoterSettings,
};

/// How long a message takes unless a test says otherwise.
const DELAY: Span = Span::from_millis(1);

pub fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

pub fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

/// The identifier of node `n`: `a`, `b`, …
pub fn id(n: usize) -> NodeId {
    let letter = char::from(b'a' + u8::try_from(n).unwrap());
    NodeId::new(&letter.to_string()).unwrap()
}

/// What a disk does with a request to save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// It saves at once.
    Quick,
    /// It keeps the request until the test calls [`World::sync`].
    Held,
    /// It fails.
    Broken,
}

/// What the network does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Deliver(Span),
    Lose,
    /// Delivered after both delays.
    Twice(Span, Span),
}

type Rule = Box<dyn Fn(usize, usize, &Message) -> Option<Fate>>;

/// A node's clock shows `offset + world · (1_000_000 + ppm) / 1_000_000`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    pub offset: Span,
    pub ppm: i64,
}

impl Clock {
    pub fn read(self, world: Time) -> Time {
        let scaled = i128::from(world.as_nanos()) * i128::from(1_000_000 + self.ppm) / 1_000_000;
        Time::from_nanos(u64::try_from(scaled).unwrap()) + self.offset
    }

    /// The first world time at which the clock shows `shown`.
    fn when(self, shown: Time) -> Time {
        if shown == Time::NEVER {
            return shown;
        }
        let nanos = i128::from(shown.since(Time::ZERO + self.offset).as_nanos()) * 1_000_000;
        let rate = i128::from(1_000_000 + self.ppm);
        Time::from_nanos(u64::try_from((nanos + rate - 1) / rate).unwrap())
    }
}

/// One machine: its configuration, its running node if any, and what its disk holds.
pub struct Machine {
    pub settings: Settings,
    pub node: Option<Node>,
    pub clock: Clock,
    pub disk: Disk,
    pub saved: Option<HardState>,
    pub held: Vec<(PersistId, HardState)>,
    /// The wall clock: Unix milliseconds at world time zero.
    pub wall_ms: u64,
    /// Until then it runs nothing; messages wait.
    pub frozen_until: Time,
    /// Whether it says `Drained` as soon as it drains.
    pub drains_at_once: bool,
}

pub struct World {
    pub now: Time,
    pub machines: Vec<Machine>,
    /// Whether messages of `from` reach `to`.
    pub links: Vec<Vec<bool>>,
    rules: Vec<Rule>,
    /// Messages on their way, by arrival and number.
    in_flight: BTreeMap<(Time, u64), (usize, Envelope)>,
    sequence: u64,
    seed: u64,
    /// Every notification: when, who, what.
    pub told: Vec<(Time, usize, Notification)>,
    /// Every message sent: when, from, to, what.
    pub sent: Vec<(Time, usize, usize, Message)>,
    /// Whether two leases at once fail the test at once.
    pub strict: bool,
    pub overlaps: usize,
    /// Messages that the test holds back, to deliver when it likes.
    pub caught: Vec<(usize, Envelope)>,
    catching: Option<fn(&Message) -> bool>,
}

impl World {
    /// `n` diskless voters with default timing.
    pub fn of(n: usize) -> Self {
        Self::with(n, |_, _| {})
    }

    /// `n` voters, each with settings that `adjust` may change; they have not started.
    pub fn with(n: usize, adjust: impl Fn(usize, &mut Settings)) -> Self {
        let voters: Vec<VoterSettings> = (0..n).map(|n| VoterSettings::new(id(n))).collect();
        let machines = (0..n)
            .map(|n| {
                let mut settings = Settings::voter(id(n), voters.clone());
                adjust(n, &mut settings);
                Machine::new(settings)
            })
            .collect();
        Self {
            now: Time::ZERO,
            machines,
            links: vec![vec![true; 16]; 16],
            rules: Vec::new(),
            in_flight: BTreeMap::new(),
            sequence: 0,
            seed: 1,
            told: Vec::new(),
            sent: Vec::new(),
            strict: true,
            overlaps: 0,
            caught: Vec::new(),
            catching: None,
        }
    }

    /// The same with another seed for all chance.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed * 1_000;
        self
    }

    pub fn start_all(&mut self) {
        for n in 0..self.machines.len() {
            self.start(n);
        }
    }

    /// Starts a node, with what its disk holds.
    pub fn start(&mut self, n: usize) {
        self.seed += 1;
        let machine = &mut self.machines[n];
        let rules = machine.settings.check().expect("scenario settings are valid");
        let stamp_ms = machine.wall_ms + self.now.since(Time::ZERO).as_millis();
        let boot = Boot { seed: self.seed, stamp_ms, saved: machine.saved };
        machine.node = Some(Node::new(rules, boot, machine.clock.read(self.now)).expect("scenario boots are valid"));
        machine.held.clear();
    }

    pub fn crash(&mut self, n: usize) {
        self.machines[n].node = None;
        self.machines[n].held.clear();
    }

    /// A crash after which the disk is empty.
    pub fn crash_with_amnesia(&mut self, n: usize) {
        self.crash(n);
        self.machines[n].saved = None;
    }

    pub fn freeze(&mut self, n: usize, span: Span) {
        self.machines[n].frozen_until = self.now + span;
    }

    /// Cuts (or heals) both directions between `a` and `b`.
    pub fn link(&mut self, a: usize, b: usize, up: bool) {
        self.links[a][b] = up;
        self.links[b][a] = up;
    }

    /// Only the given pairs can talk, both ways.
    pub fn only_links(&mut self, pairs: &[(usize, usize)]) {
        self.links = vec![vec![false; 16]; 16];
        for &(a, b) in pairs {
            self.link(a, b, true);
        }
    }

    pub fn isolate(&mut self, n: usize) {
        for other in 0..16 {
            self.link(n, other, false);
        }
    }

    pub fn heal(&mut self) {
        self.links = vec![vec![true; 16]; 16];
    }

    /// Adds a rule for single messages; the first that says something decides.
    pub fn network(&mut self, rule: impl Fn(usize, usize, &Message) -> Option<Fate> + 'static) {
        self.rules.push(Box::new(rule));
    }

    pub fn clear_network(&mut self) {
        self.rules.clear();
    }

    /// From now on, keeps such messages in [`World::caught`] instead of delivering them.
    pub fn catch(&mut self, which: fn(&Message) -> bool) {
        self.catching = Some(which);
    }

    pub fn stop_catching(&mut self) {
        self.catching = None;
    }

    /// Delivers what was caught, now.
    pub fn release_caught(&mut self) {
        for (to, envelope) in std::mem::take(&mut self.caught) {
            self.deliver(to, envelope);
        }
    }

    pub fn deliver(&mut self, to: usize, envelope: Envelope) {
        self.give(to, Event::Message(envelope));
    }

    /// Gives an event to a node at the present time.
    pub fn give(&mut self, n: usize, event: Event) {
        let machine = &mut self.machines[n];
        let now = machine.clock.read(self.now);
        let Some(node) = &mut machine.node else { return };
        let actions: Vec<Action> = node.step(now, event).collect();
        for action in actions {
            self.carry_out(n, action);
        }
        self.judge();
    }

    /// Reports every held save of `n` as done.
    pub fn sync(&mut self, n: usize) {
        for (id, hard_state) in std::mem::take(&mut self.machines[n].held) {
            self.machines[n].saved = Some(hard_state);
            self.give(n, Event::Persisted(id));
        }
    }

    fn carry_out(&mut self, n: usize, action: Action) {
        match action {
            Action::Send(envelope) => self.send(n, envelope),
            Action::Persist { id, hard_state } => match self.machines[n].disk {
                Disk::Quick => {
                    self.machines[n].saved = Some(hard_state);
                    self.give(n, Event::Persisted(id));
                }
                Disk::Held => self.machines[n].held.push((id, hard_state)),
                Disk::Broken => self.give(n, Event::PersistFailed(id)),
            },
            Action::Notify(notification) => {
                self.told.push((self.now, n, notification));
                if matches!(notification, Notification::Draining { .. }) && self.machines[n].drains_at_once {
                    self.give(n, Event::Drained);
                }
            }
        }
    }

    fn send(&mut self, from: usize, envelope: Envelope) {
        let Some(to) = self.find(envelope.to) else { return };
        self.sent.push((self.now, from, to, envelope.message));
        if self.catching.is_some_and(|which| which(&envelope.message)) {
            self.caught.push((to, envelope));
            return;
        }
        if !self.links[from][to] {
            return;
        }
        let said = self.rules.iter().find_map(|rule| rule(from, to, &envelope.message));
        match said.unwrap_or(Fate::Deliver(DELAY)) {
            Fate::Lose => {}
            Fate::Deliver(delay) => self.put(delay, to, envelope),
            Fate::Twice(first, second) => {
                self.put(first, to, envelope);
                self.put(second, to, envelope);
            }
        }
    }

    fn put(&mut self, delay: Span, to: usize, envelope: Envelope) {
        self.sequence += 1;
        self.in_flight.insert((self.now + delay, self.sequence), (to, envelope));
    }

    pub fn find(&self, key: NodeKey) -> Option<usize> {
        self.machines.iter().position(|machine| machine.settings.id.key() == key)
    }

    /// Runs until `until`, event by event.
    pub fn run_until(&mut self, until: Time) {
        while let Some(next) = self.next_event().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.happen();
        }
        self.now = self.now.max(until);
        self.judge();
    }

    pub fn run(&mut self, span: Span) {
        self.run_until(self.now + span);
    }

    /// Runs until `done` holds, and fails the test with the transcript if that takes longer than `limit`.
    pub fn run_till(&mut self, limit: Span, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            let next = self.next_event().filter(|next| *next <= end);
            let Some(next) = next else { panic!("not within {limit}: {what}\n{}", self.transcript()) };
            self.now = self.now.max(next);
            self.happen();
        }
    }

    fn wakes(&self, n: usize) -> Time {
        let machine = &self.machines[n];
        let deadline = machine.node.as_ref().map_or(Time::NEVER, Node::deadline);
        machine.clock.when(deadline).max(machine.frozen_until)
    }

    fn arrives(&self, (time, _): (Time, u64), to: usize) -> Time {
        time.max(self.machines[to].frozen_until)
    }

    fn next_event(&self) -> Option<Time> {
        let timers = (0..self.machines.len()).map(|n| self.wakes(n)).min();
        let arrivals = self.in_flight.iter().map(|(key, (to, _))| self.arrives(*key, *to)).min();
        timers.into_iter().chain(arrivals).min().filter(|next| *next < Time::NEVER)
    }

    /// Timers come before messages of the same moment: that is the order that a stalled process sees (E15).
    fn happen(&mut self) {
        if let Some(n) = (0..self.machines.len()).find(|n| self.wakes(*n) <= self.now) {
            return self.give(n, Event::Timeout);
        }
        let due = self.in_flight.iter().find(|(key, (to, _))| self.arrives(**key, *to) <= self.now);
        if let Some(key) = due.map(|(key, _)| *key) {
            let (to, envelope) = self.in_flight.remove(&key).unwrap();
            self.give(to, Event::Message(envelope));
        }
    }

    /// Nobody holds a lease while somebody else does, frozen or not.
    fn judge(&mut self) {
        let holders = self.leaders();
        if holders.len() > 1 {
            self.overlaps += 1;
            assert!(!self.strict, "two leases at {}: {holders:?}\n{}", self.now, self.transcript());
        }
    }

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
        assert_eq!(leaders.len(), 1, "at {}\n{}", self.now, self.transcript());
        leaders[0]
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

    pub fn tokens(&self) -> Vec<FencingToken> {
        let elected = self.told.iter().filter_map(|(_, _, told)| match told {
            Notification::Elected { token } => Some(*token),
            _ => None,
        });
        elected.collect()
    }

    pub fn assert_tokens_grow(&self) {
        let tokens = self.tokens();
        assert!(tokens.windows(2).all(|pair| pair[0] < pair[1]), "{tokens:?}\n{}", self.transcript());
    }

    /// How often such a notification was told, by anybody.
    pub fn count(&self, which: impl Fn(usize, &Notification) -> bool) -> usize {
        self.told.iter().filter(|(_, n, told)| which(*n, told)).count()
    }

    pub fn elections(&self) -> usize {
        self.count(|_, told| matches!(told, Notification::Elected { .. }))
    }

    /// When `which` was first told.
    pub fn first(&self, which: impl Fn(usize, &Notification) -> bool) -> Option<Time> {
        self.told.iter().find(|(_, n, told)| which(*n, told)).map(|(time, ..)| *time)
    }

    /// What everybody was told, a line each, terms and tokens relative to the first so that it reads well.
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        for (time, n, told) in &self.told {
            let _ = writeln!(text, "{:>12} {} {told}", time.to_string(), id(*n));
        }
        text
    }
}

impl Machine {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            node: None,
            clock: Clock::default(),
            disk: Disk::Quick,
            saved: None,
            held: Vec::new(),
            wall_ms: 1_764_000_000_000,
            frozen_until: Time::ZERO,
            drains_at_once: true,
        }
    }
}
