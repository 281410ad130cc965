//! A state of a small world: which states its voters are in, what is under way, and what must be remembered to judge the next.

mod first;
mod judge;

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use qcluster_core::{ElectionMessage, Message, Role, Span, Term};

use super::change::Stage;
use super::locals::{Input, Locals};
use super::world::{Arrivals, SmallWorld};

const VOTERS: usize = SmallWorld::VOTERS_MAX;

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// A message arrives.
    Deliver(u32),
    /// A timer that is due fires.
    Fire(u8),
    /// A disk has written, and says so.
    Written(u8),
    /// Time goes on to the next moment at which something changes by itself.
    Pass,
    /// A process ends without a word.
    Crash(u8),
    /// It starts again, in that step of a change of voters; a living one ends before.
    Restart(u8, Stage),
    /// An operator asks a leader to step down.
    StepDown(u8),
    /// An operator asks a leader to hand over to another host.
    Transfer(u8, u8),
}

/// What waits to arrive: the older first where there are several of a kind on a link.
type UnderWay = Vec<u32>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The state of each voter.
    pub(super) locals: [u32; VOTERS],
    messages: UnderWay,
    crashes: u8,
    commands: u8,
    /// The largest token so far.
    token: u64,
    /// The highest term or stamp that there was.
    top: Term,
    /// Whether a leader was elected in the middle step of a change of voters.
    established: bool,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for local in self.locals {
            state.write_u32(local);
        }
        state.write_u64(u64::from(self.crashes) | u64::from(self.commands) << 8 | u64::from(self.established) << 16);
        state.write_u64(self.token);
        state.write_u64(self.top.0);
        for message in &self.messages {
            state.write_u32(*message);
        }
    }
}

impl State {
    pub(super) fn is_beyond(&self, first: Term, locals: &Locals) -> bool {
        self.top.0 > first.0 + locals.world.terms
    }

    /// The highest term or stamp that there was.
    pub(super) fn top_term(&self) -> Term {
        self.top
    }

    pub(super) fn has_lease(&self, locals: &Locals) -> bool {
        (0..locals.world.voters).any(|voter| locals.get(self.locals[voter]).lease().is_some())
    }

    /// Everything that can happen next.
    pub(super) fn actions(&self, locals: &Locals, actions: &mut Vec<Action>) {
        let world = &locals.world;
        let alive = |message: &&u32| {
            let to = usize::from(locals.message(**message).to);
            locals.get(self.locals[to]).node.is_some()
        };
        actions.extend(self.messages.iter().filter(alive).map(|message| Action::Deliver(*message)));
        let mut in_time = true;
        for (voter, index) in (0..world.voters).zip(0_u8..) {
            let local = locals.get(self.locals[voter]);
            let change = world.change.as_ref();
            let next = change.and_then(|change| change.next(voter, local.stage, self.established));
            actions.extend(next.map(|stage| Action::Restart(index, stage)));
            if local.node.is_none() {
                actions.extend(world.votes(voter, local.stage).then_some(Action::Restart(index, local.stage)));
                continue;
            }
            let fires = world.punctual.contains(voter) || world.late.contains(voter);
            if fires && local.is_due() {
                actions.push(Action::Fire(index));
                in_time &= world.late.contains(voter);
            }
            if local.writing.is_some() {
                actions.push(Action::Written(index));
            }
            if self.crashes < world.crashes.0 && world.crashes.1.contains(voter) {
                actions.push(Action::Crash(index));
            }
            if self.commands < world.commands && local.lease().is_some() {
                actions.push(Action::StepDown(index));
                let others = (0..world.voters).zip(0_u8..).filter(|(other, _)| *other != voter);
                actions.extend(others.map(|(_, other)| Action::Transfer(index, other)));
            }
        }
        if in_time {
            actions.push(Action::Pass);
        }
    }

    /// Forgets what has come too late to matter: it would change nothing, now or ever.
    fn forget_useless(&mut self, locals: &mut Locals) {
        let mut messages = std::mem::take(&mut self.messages);
        messages.retain(|message| !self.is_useless(*message, locals));
        self.messages = messages;
    }

    fn is_useless(&self, message: u32, locals: &mut Locals) -> bool {
        let known = locals.message(message).clone();
        let receiver = self.locals[usize::from(known.to)];
        let (from, to) = (locals.get(self.locals[usize::from(known.from)]), locals.get(receiver));
        let Message::Election(inner) = known.envelope.message else { return false };
        match inner {
            // Each is good for one term, and for something newer than all before or missing so far.
            ElectionMessage::Heartbeat { .. }
            | ElectionMessage::HeartbeatAck { .. }
            | ElectionMessage::PreVoteReply { .. }
            | ElectionMessage::VoteReply { .. } => locals.is_idle(receiver, message),
            ElectionMessage::StaleTerm { term } => term <= to.term,
            // Nobody counts the answers any more.
            ElectionMessage::PreVoteRequest { consent, .. } => {
                consent.is_none() && from.node.as_ref().is_none_or(|node| node.role() != Role::PreCandidate)
            }
            ElectionMessage::VoteRequest { term, .. } => {
                let asks = from.node.as_ref().is_some_and(|node| node.role() == Role::Candidate && node.term() == term);
                to.term > term && !asks
            }
            ElectionMessage::Release { term, .. } => to.term > term && locals.is_idle(receiver, message),
            ElectionMessage::CouldYouWin { .. } | ElectionMessage::CouldWin { .. } => false,
        }
    }

    /// Goes on.
    ///
    /// # Errors
    /// What is wrong then.
    pub(super) fn apply(&mut self, action: Action, locals: &mut Locals) -> Result<(), String> {
        self.act(action, locals)?;
        self.forget_useless(locals);
        self.judge(locals)
    }

    fn act(&mut self, action: Action, locals: &mut Locals) -> Result<(), String> {
        match action {
            Action::Deliver(message) => {
                if locals.world.arrivals == Arrivals::Once {
                    self.messages.retain(|known| *known != message);
                }
                let to = usize::from(locals.message(message).to);
                self.step(to, Input::Message(message), locals)
            }
            Action::Fire(voter) => self.fire(usize::from(voter), locals),
            Action::Written(voter) => self.step(usize::from(voter), Input::Written, locals),
            Action::Pass => {
                let Some(real) = self.next_moment(locals) else { return Ok(()) };
                self.pass(real, locals)
            }
            Action::Crash(voter) => {
                self.crashes += 1;
                self.end(usize::from(voter), locals);
                Ok(())
            }
            Action::Restart(voter, stage) => self.start(usize::from(voter), stage, locals),
            Action::StepDown(voter) => {
                self.commands += 1;
                self.step(usize::from(voter), Input::StepDown, locals)
            }
            Action::Transfer(voter, to) => {
                self.commands += 1;
                self.step(usize::from(voter), Input::Transfer(to), locals)
            }
        }
    }

    /// Real time until something changes by itself.
    pub(super) fn next_moment(&self, locals: &Locals) -> Option<Span> {
        let of = |voter: usize| {
            let moment = locals.get(self.locals[voter]).next_moment()?;
            Some(locals.world.until_clock(voter, moment))
        };
        (0..locals.world.voters).filter_map(of).min()
    }

    fn pass(&mut self, real: Span, locals: &mut Locals) -> Result<(), String> {
        let voters = locals.world.voters;
        for voter in 0..voters {
            self.locals[voter] = locals.pass(voter, self.locals[voter], real);
        }
        self.messages = self.messages.iter().filter_map(|message| locals.age(*message, real)).collect();
        // Who waits for the end of its boot wait is in time: that is the worst it can do, and what it says until then are
        // greetings.
        for voter in 0..voters {
            let local = locals.get(self.locals[voter]);
            if local.is_booting() && local.is_due() {
                self.fire(voter, locals)?;
            }
        }
        Ok(())
    }

    fn fire(&mut self, voter: usize, locals: &mut Locals) -> Result<(), String> {
        self.step(voter, Input::Timeout, locals)
    }

    fn end(&mut self, voter: usize, locals: &mut Locals) {
        self.locals[voter] = locals.crash(self.locals[voter]);
        // What is under way to an incarnation that has ended opens nothing in the next.
        self.messages.retain(|message| usize::from(locals.message(*message).to) != voter);
    }

    fn start(&mut self, voter: usize, stage: Stage, locals: &mut Locals) -> Result<(), String> {
        self.end(voter, locals);
        // Within the rules (E12) a wall clock is ahead of every term that there was.
        let stamp_ms = self.top.0;
        let started = locals.start(voter, self.locals[voter], stage, stamp_ms);
        self.locals[voter] = started.map_err(|broken| format!("host {voter} {broken}"))?;
        self.fire(voter, locals)
    }

    /// One step of a voter, and of all to whom incarnations of nodes make themselves known by it: that goes without loss and delay,
    /// or the search would be one for orders of greetings.
    fn step(&mut self, voter: usize, input: Input, locals: &mut Locals) -> Result<(), String> {
        let mut inputs = VecDeque::from([(voter, input)]);
        while let Some((voter, input)) = inputs.pop_front() {
            if locals.get(self.locals[voter]).node.is_none() {
                continue;
            }
            let stepped = match locals.step(self.locals[voter], input) {
                Ok(stepped) => stepped,
                Err(broken) => return Err(format!("host {voter} {broken}")),
            };
            self.locals[voter] = stepped.local;
            self.top = self.top.max(locals.get(stepped.local).term);
            if stepped.new_round {
                let at_once = inputs.iter_mut().filter_map(|(_, input)| input.message_mut());
                for message in self.messages.iter_mut().chain(at_once) {
                    *message = locals.of_earlier_round(*message, voter);
                }
            }
            for message in &stepped.sent {
                self.send(*message, locals);
            }
            for message in &stepped.at_once {
                inputs.extend(locals.reaches(*message).map(|to| (to, Input::Message(*message))));
            }
            if let Some(token) = stepped.elected {
                self.established |= locals.get(stepped.local).stage == Stage::Both;
                let earlier = std::mem::replace(&mut self.token, token);
                if token <= earlier {
                    return Err(format!("host {voter} is elected with token {token} after token {earlier} (E1, E7)"));
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, message: u32, locals: &Locals) {
        let new = locals.message(message);
        let is_alive = |to: usize| locals.get(self.locals[to]).node.is_some();
        if !locals.reaches(message).is_some_and(is_alive) || self.messages.contains(&message) {
            return;
        }
        let alike = |known: &u32| {
            let known = locals.message(*known);
            (known.from, known.to, known.kind) == (new.from, new.to, new.kind)
        };
        if self.messages.iter().filter(|known| alike(known)).count() >= locals.world.kept
            && let Some(oldest) = self.messages.iter().position(alike)
        {
            self.messages.remove(oldest);
        }
        // Sorted by link and kind, so that the order of sending on different links makes no difference.
        let place = |message: u32| {
            let known = locals.message(message);
            (known.from, known.to, known.kind)
        };
        let at = self.messages.partition_point(|known| place(*known) <= place(message));
        self.messages.insert(at, message);
    }
}

/// The boot stamp of every first incarnation.
const FIRST_STAMP: Term = Term(1_000);
