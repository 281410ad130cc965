//! Single voters and what they do: each state of a voter is kept once, and each step of one is taken once.
//!
//! All clocks show the same present in every state kept here (see [`Node::rebase`]), so a voter that is in the same
//! situation again is the same voter.

use std::collections::HashMap;
use std::rc::Rc;

use qcluster_core::{
    Action, Boot, Command, ElectionMessage, Envelope, Message, Node, NodeInput, NodeKey, Notification, PersistId,
    Rules, Span, Time,
};

use super::change::Stage;
use super::history::Disk;
use super::known::Known;
use super::local::Local;
use super::print::{Fixed, Print};
use super::world::{Memory, SmallWorld};

const PRESENT: Time = SmallWorld::PRESENT;

/// What a voter is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    Timeout,
    Message(u32),
    Written,
    StepDown,
    /// Hand over to that host.
    Transfer(u8),
}

impl Input {
    pub(super) fn message_mut(&mut self) -> Option<&mut u32> {
        match self {
            Self::Message(message) => Some(message),
            Self::Timeout | Self::Written | Self::StepDown | Self::Transfer(_) => None,
        }
    }
}

/// What a step came to.
#[derive(Clone, Debug)]
pub(super) struct Stepped {
    pub(super) local: u32,
    /// Messages of the election, in order.
    pub(super) sent: Vec<u32>,
    /// Messages between incarnations, and of pre-votes where those are quick, in order.
    pub(super) at_once: Vec<u32>,
    /// A round of pre-votes begins: what belongs to earlier ones has the number 0 from now on.
    pub(super) new_round: bool,
    /// The token of a leadership that holds a lease from now on.
    pub(super) elected: Option<u64>,
}

pub(super) struct Locals {
    pub(super) world: SmallWorld,
    /// By step of a change, then by voter.
    rules: Vec<Vec<Rules>>,
    keys: Vec<NodeKey>,
    known: Vec<Local>,
    by_print: HashMap<u128, u32, Fixed>,
    messages: Vec<Known>,
    by_message: HashMap<Envelope, u32, Fixed>,
    steps: HashMap<(u32, Input), Rc<Stepped>, Fixed>,
    passed: HashMap<(u32, Span), u32, Fixed>,
    useless: HashMap<(u32, u32), bool, Fixed>,
}

impl Locals {
    pub(super) fn new(world: &SmallWorld) -> Result<Self, String> {
        let rules = world.rules()?;
        Ok(Self {
            keys: rules[0].iter().map(Rules::key).collect(),
            world: world.clone(),
            rules,
            known: Vec::new(),
            by_print: HashMap::default(),
            messages: Vec::new(),
            by_message: HashMap::default(),
            steps: HashMap::default(),
            passed: HashMap::default(),
            useless: HashMap::default(),
        })
    }

    pub(super) fn get(&self, local: u32) -> &Local {
        &self.known[local as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn message(&self, message: u32) -> &Known {
        &self.messages[message as usize]
    }

    /// Where a message arrives, if there is a way.
    pub(super) fn reaches(&self, message: u32) -> Option<usize> {
        let known = self.message(message);
        let (from, to) = (usize::from(known.from), usize::from(known.to));
        self.world.hears(to, from).then_some(to)
    }

    /// Which voter goes by that key.
    pub(super) fn voter(&self, key: NodeKey) -> usize {
        self.keys.iter().position(|known| *known == key).unwrap_or(0)
    }

    /// A voter before its first start.
    pub(super) fn unborn(&mut self) -> u32 {
        self.intern(Local::unborn())
    }

    /// A process ends, and with it what its disk had not written.
    pub(super) fn crash(&mut self, local: u32) -> u32 {
        let local = Local { node: None, writing: None, ..self.get(local).clone() };
        self.intern(local)
    }

    /// A node starts in a step of a change; its wall clock shows `stamp_ms`.
    ///
    /// # Errors
    /// It does not start, or would do so in an earlier step than its disk knows of.
    pub(super) fn start(&mut self, voter: usize, local: u32, stage: Stage, stamp_ms: u64) -> Result<u32, String> {
        let mut local = self.get(local).clone();
        local.history.restart();
        let seed = (voter as u64) << 8 | u64::from(local.history.incarnation);
        let boot = Boot::new(seed, stamp_ms).with_saved(local.saved.clone());
        let begin = |stage: Stage| Node::new(self.rules[stage as usize][voter].clone(), boot.clone(), PRESENT);
        if let Some(earlier) = Stage::ALL.into_iter().find(|earlier| *earlier < local.stage && begin(*earlier).is_ok())
            && self.world.memory == Memory::Prompt
        {
            return Err(format!("starts with {} although it has taken a later step (E20 (c))", earlier.file()));
        }
        let mut node = begin(stage).map_err(|error| error.to_string())?;
        local.stage = stage;
        node.rebase(PRESENT, PRESENT, &|_| PRESENT);
        local.node = Some(node);
        Ok(self.intern(local))
    }

    /// A voter after some real time in which nothing was given to it.
    pub(super) fn pass(&mut self, voter: usize, local: u32, real: Span) -> u32 {
        let key = (local, real);
        if let Some(known) = self.passed.get(&key) {
            return *known;
        }
        let mut next = self.get(local).clone();
        let shown = |voter: usize| PRESENT + self.world.on_clock(voter, real);
        if let Some(node) = &mut next.node {
            let clocks = |key: NodeKey| shown(self.voter(key));
            node.rebase(shown(voter), PRESENT, &clocks);
        }
        next.history.pass(self.world.on_clock(voter, real), self.world.trusted_lease());
        let next = self.intern(next);
        self.passed.insert(key, next);
        next
    }

    /// Whether a message would change nothing about a living voter, and get no answer.
    pub(super) fn is_idle(&mut self, local: u32, message: u32) -> bool {
        if let Some(known) = self.useless.get(&(local, message)) {
            return *known;
        }
        let idle = self
            .step(local, Input::Message(message))
            .is_ok_and(|stepped| stepped.local == local && stepped.sent.is_empty() && stepped.at_once.is_empty());
        self.useless.insert((local, message), idle);
        idle
    }

    /// A message after some real time; `None` if it is too old.
    pub(super) fn age(&mut self, message: u32, real: Span) -> Option<u32> {
        let Known { mut envelope, from, to, stage, .. } = self.message(message).clone();
        let Message::Election(inner) = &mut envelope.message else { return Some(message) };
        let (sent_at, clock) = match inner {
            ElectionMessage::Heartbeat { sent_at, .. } => (sent_at, from),
            ElectionMessage::HeartbeatAck { sent_at, .. } => (sent_at, to),
            ElectionMessage::StaleTerm { .. }
            | ElectionMessage::PreVoteRequest { .. }
            | ElectionMessage::PreVoteReply { .. }
            | ElectionMessage::VoteRequest { .. }
            | ElectionMessage::VoteReply { .. }
            | ElectionMessage::Release { .. }
            | ElectionMessage::CouldYouWin { .. }
            | ElectionMessage::CouldWin { .. } => return Some(message),
        };
        *sent_at = sent_at.before(self.world.on_clock(usize::from(clock), real));
        let oldest = PRESENT.before(SmallWorld::HEARTBEAT.times(u64::from(self.world.delay)));
        let too_old = *sent_at < oldest;
        (!too_old).then(|| self.message_id(envelope, stage))
    }

    /// A message after its receiver, or its sender, has begun another round of pre-votes.
    pub(super) fn of_earlier_round(&mut self, message: u32, asker: usize) -> u32 {
        let Known { mut envelope, from, to, stage, .. } = self.message(message).clone();
        let (number, of) = match &mut envelope.message {
            Message::Election(ElectionMessage::PreVoteRequest { round, .. }) => (round, from),
            Message::Election(ElectionMessage::PreVoteReply { round, .. }) => (round, to),
            Message::Election(_)
            | Message::Session(_)
            | Message::Observer(_)
            | Message::Membership(_)
            | Message::Registry(_)
            | Message::Incarnations(_) => {
                return message;
            }
        };
        if usize::from(of) != asker {
            return message;
        }
        *number = 0;
        self.message_id(envelope, stage)
    }

    fn intern(&mut self, local: Local) -> u32 {
        let known = &mut self.known;
        *self.by_print.entry(Print::of(&local)).or_insert_with(|| {
            known.push(local);
            u32::try_from(known.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// What a living voter does with an input: found out once.
    ///
    /// # Errors
    /// It breaks a rule.
    pub(super) fn step(&mut self, local: u32, input: Input) -> Result<Rc<Stepped>, String> {
        let key = (local, input);
        if let Some(known) = self.steps.get(&key) {
            return Ok(Rc::clone(known));
        }
        let stepped = Rc::new(self.find_step(local, input)?);
        self.steps.insert(key, Rc::clone(&stepped));
        Ok(stepped)
    }

    fn find_step(&mut self, local: u32, input: Input) -> Result<Stepped, String> {
        let mut local = self.get(local).clone();
        let Some(mut node) = local.node.take() else { return Err("the dead take no steps".into()) };
        let heard = match input {
            Input::Message(message) => Some(self.message(message).clone()),
            Input::Timeout | Input::Written | Input::StepDown | Input::Transfer(_) => None,
        };
        let event = match input {
            Input::Timeout => NodeInput::Timeout,
            Input::Message(message) => NodeInput::Message(self.message(message).envelope.clone()),
            Input::Written => {
                local.saved = local.writing.take();
                NodeInput::Persisted(PersistId(1))
            }
            Input::StepDown => NodeInput::Command(Command::StepDown),
            Input::Transfer(to) => {
                NodeInput::Command(Command::Transfer(Some(self.rules[0][usize::from(to)].id().clone())))
            }
        };
        if let Some(heard) = &heard {
            local.history.hear(&heard.envelope);
        }
        let mut stepped = Stepped { local: 0, sent: Vec::new(), at_once: Vec::new(), new_round: false, elected: None };
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let actions: Vec<Action> = node.step(PRESENT, event).collect();
            // A leadership that ends in this step binds nobody to itself any more, in this step already.
            local.history.settle(&node);
            for action in actions {
                match action {
                    Action::Send(envelope) => self.take_send(&mut local, &envelope, heard.as_ref(), &mut stepped)?,
                    Action::Persist { id, hard_state } => match self.world.memory {
                        Memory::Slow => local.writing = Some(*hard_state),
                        Memory::None | Memory::Prompt => {
                            local.saved = Some(*hard_state);
                            events.push(NodeInput::Persisted(id));
                        }
                    },
                    Action::Notify(Notification::Elected { token }) => {
                        local.history.elected();
                        stepped.elected = Some(token.0);
                    }
                    Action::Notify(_) => {}
                }
            }
        }
        local.history.settle(&node);
        local.term = node.term();
        node.rebase(PRESENT, PRESENT, &|_| PRESENT);
        local.node = Some(node);
        stepped.local = self.intern(local);
        Ok(stepped)
    }

    fn take_send(
        &mut self,
        local: &mut Local,
        envelope: &Envelope,
        heard: Option<&Known>,
        stepped: &mut Stepped,
    ) -> Result<(), String> {
        let disk = match self.world.memory {
            Memory::None => Disk::None,
            Memory::Prompt | Memory::Slow => Disk::Holds(local.saved.as_ref()),
        };
        local.history.say(envelope, heard, disk, local.stage, self.world.trusted_lease())?;
        let mut envelope = envelope.clone();
        if let Message::Election(ElectionMessage::PreVoteRequest { round, .. }) = &mut envelope.message {
            stepped.new_round |= *round > 1;
            *round = 1;
        }
        let kind = envelope.message.clone();
        let id = self.message_id(envelope, local.stage);
        match kind {
            Message::Election(
                ElectionMessage::PreVoteRequest { consent: None, .. } | ElectionMessage::PreVoteReply { .. },
            ) if self.world.quick_rounds => stepped.at_once.push(id),
            Message::Election(_) => stepped.sent.push(id),
            Message::Session(_) | Message::Incarnations(_) => stepped.at_once.push(id),
            // Nobody subscribes, and these nodes have no membership.
            Message::Observer(_) | Message::Membership(_) | Message::Registry(_) => {}
        }
        Ok(())
    }

    fn message_id(&mut self, envelope: Envelope, stage: Stage) -> u32 {
        if let Some(known) = self.by_message.get(&envelope) {
            return *known;
        }
        let place = |key| u8::try_from(self.voter(key)).unwrap_or(0);
        let (from, to) = (place(envelope.from), place(envelope.to));
        self.messages.push(Known { kind: kind_of(&envelope.message), envelope: envelope.clone(), from, to, stage });
        let id = u32::try_from(self.messages.len() - 1).unwrap_or(u32::MAX);
        self.by_message.insert(envelope, id);
        id
    }
}

fn kind_of(message: &Message) -> u8 {
    match message {
        Message::Election(ElectionMessage::Heartbeat { .. }) => 0,
        Message::Election(ElectionMessage::HeartbeatAck { .. }) => 1,
        Message::Election(ElectionMessage::StaleTerm { .. }) => 2,
        Message::Election(ElectionMessage::PreVoteRequest { .. }) => 3,
        Message::Election(ElectionMessage::PreVoteReply { .. }) => 4,
        Message::Election(ElectionMessage::VoteRequest { .. }) => 5,
        Message::Election(ElectionMessage::VoteReply { .. }) => 6,
        Message::Election(ElectionMessage::Release { .. }) => 7,
        Message::Election(ElectionMessage::CouldYouWin { .. }) => 8,
        Message::Election(ElectionMessage::CouldWin { .. }) => 9,
        Message::Session(_)
        | Message::Observer(_)
        | Message::Membership(_)
        | Message::Registry(_)
        | Message::Incarnations(_) => 10,
    }
}
