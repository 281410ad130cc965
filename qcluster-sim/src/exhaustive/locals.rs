//! Single nodes and what they do: each state of a node is kept once, and each step of one is taken once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, Hasher};

use qcluster_core::{
    Action, Boot, Durability, Envelope, Event, HardState, Lease, Node, NodeKey, Notification, PersistId, Role, Rules,
    Settings, Time, VoterSettings,
};

use super::SmallWorld;
use crate::setup::id_of;

/// Hashes alike on every machine.
pub(super) type Fixed = BuildHasherDefault<Mixer>;

#[derive(Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        crate::rng::mix(self.0)
    }
}

/// A hash of 128 bits, of words.
#[derive(Clone, Copy)]
pub(super) struct Wide(u64, u64);

impl Wide {
    pub(super) const fn new() -> Self {
        Self(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344)
    }

    pub(super) fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.1 = (self.1.rotate_left(37) ^ word).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }

    pub(super) fn finish(self) -> u128 {
        (u128::from(crate::rng::mix(self.0)) << 64) | u128::from(crate::rng::mix(self.1))
    }
}

/// What can be asked about a node without looking into it.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) node: Node,
    pub(super) deadline: Time,
    pub(super) lease: Option<Lease>,
    pub(super) role: Role,
    pub(super) term: u64,
    /// What its disk holds.
    pub(super) saved: Option<HardState>,
}

/// What a step gave out beside a new state of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Message(u32),
    Elected(u64),
}

/// What a node is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    Timeout,
    Message(u32),
}

/// The state that a node goes to, and what it gives out on the way.
type Step = (u32, Vec<Given>);

pub(super) struct Locals {
    rules: Vec<Rules>,
    durability: Durability,
    pub(super) keys: Vec<NodeKey>,
    known: Vec<Local>,
    by_print: HashMap<u128, u32, Fixed>,
    messages: Vec<Envelope>,
    by_message: HashMap<Envelope, u32, Fixed>,
    steps: HashMap<(u32, u64, Input), Step, Fixed>,
    text: String,
}

impl Locals {
    /// What is left out of a node's text when states are compared.
    const COUNTERS: &str = "counters: Counters {";

    pub(super) fn new(world: &SmallWorld) -> Result<Self, String> {
        if world.voters == 0 || world.voters > SmallWorld::VOTERS_MAX {
            return Err(format!("a small world has 1 to {} voters", SmallWorld::VOTERS_MAX));
        }
        let ids = (0..world.voters).map(id_of).collect::<Result<Vec<_>, _>>()?;
        let voters: Vec<VoterSettings> = ids.iter().cloned().map(VoterSettings::new).collect();
        let rules = |id: &qcluster_core::NodeId| {
            let settings = Settings::voter(id.clone(), voters.clone());
            let settings = Settings { timing: world.timing(), durability: world.durability, ..settings };
            settings.check().map_err(|error| error.to_string())
        };
        Ok(Self {
            rules: ids.iter().map(rules).collect::<Result<_, _>>()?,
            durability: world.durability,
            keys: ids.iter().map(qcluster_core::NodeId::key).collect(),
            known: Vec::new(),
            by_print: HashMap::default(),
            messages: Vec::new(),
            by_message: HashMap::default(),
            steps: HashMap::default(),
            text: String::new(),
        })
    }

    pub(super) fn get(&self, local: u32) -> &Local {
        &self.known[local as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn message(&self, message: u32) -> &Envelope {
        &self.messages[message as usize]
    }

    /// Which voter a message is for.
    pub(super) fn receiver(&self, message: u32) -> usize {
        let to = self.message(message).to;
        self.keys.iter().position(|key| *key == to).unwrap_or(0)
    }

    /// A node that starts, with what its disk holds.
    pub(super) fn start(&mut self, voter: usize, life: u8, now: Time, saved: Option<HardState>) -> Result<u32, String> {
        let saved = saved.filter(|_| self.durability == Durability::Durable);
        // The wall clock goes a millisecond a tick: what is random about a life is its number.
        let stamp_ms = 1_000 + now.as_nanos() / 1_000_000;
        let seed = (voter as u64) << 8 | u64::from(life);
        let node = Node::new(self.rules[voter].clone(), Boot { seed, stamp_ms, saved }, now);
        Ok(self.intern(node.map_err(|error| error.to_string())?, saved, now))
    }

    fn intern(&mut self, node: Node, saved: Option<HardState>, now: Time) -> u32 {
        self.text.clear();
        let _ = write!(self.text, "{node:?} {saved:?}");
        // Counters tell how a node got here, and decide nothing.
        let begin = self.text.find(Self::COUNTERS).unwrap_or(self.text.len());
        let end = self.text[begin..].find('}').map_or(self.text.len(), |len| begin + len);
        let mut hash = Wide::new();
        for part in [&self.text.as_bytes()[..begin], &self.text.as_bytes()[end..]] {
            for chunk in part.chunks(8) {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                hash.add(u64::from_le_bytes(word));
            }
        }
        let known = &mut self.known;
        *self.by_print.entry(hash.finish()).or_insert_with(|| {
            let lease = node.lease(now);
            let (deadline, role, term) = (node.deadline(), node.role(), node.term().0);
            known.push(Local { node, deadline, lease, role, term, saved });
            u32::try_from(known.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// What a node does with an input: computed once.
    pub(super) fn step(&mut self, local: u32, now: Time, input: Input) -> Step {
        let key = (local, now.as_nanos(), input);
        if let Some(known) = self.steps.get(&key) {
            return known.clone();
        }
        let Local { mut node, mut saved, .. } = self.get(local).clone();
        let mut events = vec![match input {
            Input::Timeout => Event::Timeout,
            Input::Message(message) => Event::Message(*self.message(message)),
        }];
        let mut given = Vec::new();
        while let Some(event) = events.pop() {
            let actions: Vec<Action> = node.step(now, event).collect();
            for action in actions {
                match action {
                    Action::Send(envelope) => given.push(Given::Message(self.message_id(envelope))),
                    Action::Persist { id, hard_state } => {
                        saved = Some(hard_state);
                        events.push(Event::Persisted(PersistId(id.0)));
                    }
                    Action::Notify(Notification::Elected { token }) => given.push(Given::Elected(token.0)),
                    Action::Notify(_) => {}
                }
            }
        }
        let result = (self.intern(node, saved, now), given);
        self.steps.insert(key, result.clone());
        result
    }

    fn message_id(&mut self, envelope: Envelope) -> u32 {
        let messages = &mut self.messages;
        *self.by_message.entry(envelope).or_insert_with(|| {
            messages.push(envelope);
            u32::try_from(messages.len() - 1).unwrap_or(u32::MAX)
        })
    }
}
