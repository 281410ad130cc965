//! The nodes, what is under way between them, and the script that decides over both.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::OnceLock;

use qcluster_core::{
    Command, DATAGRAM_MAX, Endpoint, Input, Output, PersistId, hard_state, read_datagram, write_datagram,
};

use super::judge::{Judge, holders, one_leads};
use super::machine::{Machine, NODES};
use super::{Memory, Move, Story};
use crate::cluster::{address, name, node_at};

/// How many datagrams are under way; of more, the oldest are lost.
const UNDER_WAY_MAX: usize = 256;
/// The most that one step sends and saves.
const OUTPUTS_MAX: usize = 512;
/// The most rounds of calm or silence in one script: enough for several elections.
const ROUNDS_MAX: u32 = 1_000;
/// How many times a datagram may lead to another one at once, within a round.
const ECHOES_MAX: usize = 64;

/// A datagram under way.
#[derive(Clone, Debug)]
struct Letter {
    from: usize,
    to: usize,
    bytes: Vec<u8>,
}

/// Who takes part in a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    Calm,
    Without(usize),
    Silent,
}

impl Weather {
    fn carries(self, letter: &Letter) -> bool {
        match self {
            Self::Calm => true,
            Self::Without(node) => letter.from != node && letter.to != node,
            Self::Silent => false,
        }
    }
}

/// The whole cluster.
#[derive(Clone)]
pub(super) struct World {
    /// In nanoseconds, and known to nobody in the cluster.
    real: u64,
    machines: [Machine; NODES],
    under_way: VecDeque<Letter>,
    judge: Judge,
    seed: u64,
    rounds: u32,
}

/// What a step gives out, apart from the endpoint that lends it.
enum Given {
    Sent(SocketAddr, Vec<u8>),
    Saves(PersistId, Vec<u8>),
}

impl World {
    /// A world as the story begins.
    pub(super) fn new(story: &Story) -> Self {
        let Story { memory, gossips, led, seed, rates, .. } = *story;
        let mut world = if led {
            // An election is many steps, which a story of a leader should not take again and again.
            static LED: [[OnceLock<World>; 2]; 2] = [const { [const { OnceLock::new() }; 2] }; 2];
            LED[usize::from(memory == Memory::Disk)][usize::from(gossips)]
                .get_or_init(|| Self::led(memory, gossips))
                .clone()
        } else {
            Self::started(memory, gossips, seed)
        };
        world.seed = seed;
        for (machine, rate) in world.machines.iter_mut().zip(rates) {
            machine.set_rate(world.real, rate);
        }
        world
    }

    fn started(memory: Memory, gossips: bool, seed: u64) -> Self {
        let mut world = Self {
            real: 0,
            machines: std::array::from_fn(|node| Machine::new(node, memory, gossips)),
            under_way: VecDeque::new(),
            judge: Judge::default(),
            seed,
            rounds: 0,
        };
        for node in 0..NODES {
            world.start(node);
        }
        world
    }

    fn led(memory: Memory, gossips: bool) -> Self {
        let mut world = Self::started(memory, gossips, 0);
        while holders(&world.machines, world.real) == 0 {
            assert!(world.rounds < ROUNDS_MAX, "nobody is elected in calm weather");
            world.passes(Weather::Calm, 1);
        }
        world.passes(Weather::Calm, u8::MAX);
        Self { rounds: 0, ..world }
    }

    pub(super) fn takes(&mut self, step: Move) {
        let at = |node: u8| usize::from(node) % NODES;
        match step {
            Move::Wait { micros } => self.real += u64::from(micros) * 1_000,
            Move::Due => self.due(),
            Move::Call { node } => self.step(at(node), Input::Timeout),
            Move::Arrives { which, stays } => {
                if let Some(letter) = self.letter(which, stays) {
                    self.arrives(&letter);
                }
            }
            Move::Lost { which } => _ = self.letter(which, false),
            Move::Saved { node, well } => self.saved(at(node), well),
            Move::Crash { node, saved } => self.end(at(node), saved),
            Move::Start { node } => self.start(at(node)),
            Move::Transfer { node, to } => {
                self.command(at(node), Command::Transfer(to.map(|to| name(at(to)))));
            }
            Move::StepDown { node } => self.command(at(node), Command::StepDown),
            Move::Drained { node } => self.command(at(node), Command::Drained),
            Move::Shutdown { node } => self.command(at(node), Command::Shutdown),
            Move::Rate { node, rate } => self.machines[at(node)].set_rate(self.real, rate),
            Move::Calm { rounds } => self.passes(Weather::Calm, rounds),
            Move::Apart { node, rounds } => self.passes(Weather::Without(at(node)), rounds),
            Move::Silence { rounds } => self.passes(Weather::Silent, rounds),
        }
        one_leads(&self.machines, self.real);
    }

    fn start(&mut self, node: usize) {
        if self.machines[node].endpoint.is_none() {
            let machine = &mut self.machines[node];
            machine.start(self.real, self.seed);
            let given = machine.disk.saved().map(|record| hard_state::decode(record, &machine.rules));
            let given = given.transpose().expect("what was saved can be read");
            machine.endpoint.iter().for_each(|endpoint| self.judge.started(node, given.as_ref(), endpoint));
            self.step(node, Input::Timeout);
        }
    }

    fn end(&mut self, node: usize, saved: bool) {
        let machine = &mut self.machines[node];
        if machine.endpoint.is_none() {
            return;
        }
        machine.end(saved);
        self.judge.ended(node, saved);
    }

    fn saved(&mut self, node: usize, well: bool) {
        if let Some(id) = self.machines[node].disk.ends(well) {
            self.judge.save_ended(node, well);
            self.step(node, if well { Input::Persisted(id) } else { Input::PersistFailed(id) });
        }
    }

    fn command(&mut self, node: usize, command: Command) {
        self.step(node, Input::Command(command));
    }

    fn letter(&mut self, which: u8, stays: bool) -> Option<Letter> {
        let which = usize::from(which) % self.under_way.len().max(1);
        if stays { self.under_way.get(which).cloned() } else { self.under_way.remove(which) }
    }

    fn arrives(&mut self, letter: &Letter) {
        self.step(letter.to, Input::Datagram { from: address(letter.from), bytes: &letter.bytes });
    }

    /// Who wants to be called next, and when.
    fn next_due(&self) -> Option<(u64, usize)> {
        let machines = self.machines.iter().enumerate();
        machines.filter_map(|(node, machine)| Some((machine.deadline(self.real)?, node))).min()
    }

    /// The next deadline. One call moves it on: a deadline that stays in the past would have an embedder spin.
    fn due(&mut self) {
        let Some((at, node)) = self.next_due() else { return };
        self.real = at;
        self.step(node, Input::Timeout);
        let machine = &self.machines[node];
        let (now, deadline) = (machine.now(self.real), machine.endpoint.as_ref().map(Endpoint::deadline));
        assert!(deadline.is_none_or(|deadline| deadline > now), "node {node} called at {now} wants to be called again");
    }

    /// Rounds in which everybody is called in time, and what is carried arrives at once. What is not is lost.
    fn passes(&mut self, weather: Weather, rounds: u8) {
        for _ in 0..rounds {
            self.rounds += 1;
            if self.rounds > ROUNDS_MAX {
                return;
            }
            self.due();
            for _ in 0..ECHOES_MAX {
                for node in 0..NODES {
                    self.saved(node, true);
                }
                if self.under_way.is_empty() {
                    break;
                }
                for letter in std::mem::take(&mut self.under_way) {
                    if weather.carries(&letter) {
                        self.arrives(&letter);
                    }
                }
            }
        }
    }

    /// A step of a node, with what must hold for every step.
    fn step(&mut self, node: usize, input: Input<'_>) {
        let now = self.machines[node].now(self.real);
        let Some(endpoint) = &mut self.machines[node].endpoint else { return };
        let mut given = Vec::new();
        let mut outputs = endpoint.step(now, input);
        while let Some(output) = outputs.next() {
            match output {
                Output::Transmit { to, bytes } => given.push(Given::Sent(to, bytes.to_vec())),
                Output::Persist { id, record } => given.push(Given::Saves(id, record.to_vec())),
                Output::Notify(notification) => self.judge.told(node, &notification),
            }
        }
        self.judge.stepped(node, endpoint, now);
        assert!(given.len() <= OUTPUTS_MAX, "{} outputs of one step", given.len());
        for given in given {
            match given {
                Given::Sent(to, bytes) => self.sent(node, to, bytes),
                Given::Saves(id, record) => self.saves(node, id, record),
            }
        }
        one_leads(&self.machines, self.real);
    }

    fn sent(&mut self, from: usize, to: SocketAddr, bytes: Vec<u8>) {
        assert!(bytes.len() <= DATAGRAM_MAX, "{} bytes are too many for a datagram", bytes.len());
        let Some(to) = node_at(to) else { return };
        let rules = &self.machines[to].rules;
        let envelopes = read_datagram(rules, &bytes).expect("what an endpoint sends can be read");
        if let [only] = envelopes.as_slice() {
            assert_eq!(write_datagram(rules, only), bytes, "the same is written in two ways");
        }
        for envelope in &envelopes {
            self.judge.sends(from, envelope);
        }
        if self.under_way.len() >= UNDER_WAY_MAX {
            self.under_way.pop_front();
        }
        self.under_way.push_back(Letter { from, to, bytes });
    }

    fn saves(&mut self, node: usize, id: PersistId, record: Vec<u8>) {
        let machine = &mut self.machines[node];
        let state = hard_state::decode(&record, &machine.rules).expect("a record can be read back");
        self.judge.saves(node, state);
        assert!(machine.disk.saving.replace((id, record)).is_none(), "two saves under way");
    }
}
