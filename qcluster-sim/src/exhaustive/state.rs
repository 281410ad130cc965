//! A state of a small world: which states its nodes are in, what is under way, and what must be remembered to judge the next.

use qcluster_core::{Role, Time};

use super::locals::{Given, Input, Locals, Wide};
use super::{Repetition, SmallWorld};

const VOTERS: usize = SmallWorld::VOTERS_MAX;

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// A message arrives; it may do so again.
    Deliver(u32),
    /// A timer that is due fires.
    Timeout(u8),
    /// Time goes on.
    Tick,
    /// A process ends without a word.
    Crash(u8),
    /// It starts again.
    Restart(u8),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    tick: u8,
    /// The state of each node; of a dead one, the last.
    locals: [u32; VOTERS],
    /// Which nodes are dead.
    dead: u8,
    lives: [u8; VOTERS],
    crashes: u8,
    /// What is under way, in the order of its numbers, with the last tick in which it may arrive.
    messages: Vec<(u32, u8)>,
    /// The largest token so far.
    token: u64,
}

fn now(world: &SmallWorld, voter: usize, tick: u8) -> Time {
    let rate = i64::from(world.rates_ppm.get(voter).copied().unwrap_or(0));
    let nanos = SmallWorld::TICK.times(u64::from(tick)).as_nanos();
    let speed = 1_000_000_u64.saturating_add_signed(rate);
    Time::from_nanos(nanos / 1_000 * speed / 1_000)
}

/// The state after a calm beginning, in which everything arrives at once.
pub(super) fn first(world: &SmallWorld, locals: &mut Locals) -> Result<State, String> {
    let mut state =
        State { tick: 0, locals: [0; VOTERS], dead: 0, lives: [0; VOTERS], crashes: 0, messages: Vec::new(), token: 0 };
    for voter in 0..world.voters {
        state.locals[voter] = locals.start(voter, 0, Time::ZERO, None)?;
    }
    loop {
        // Nodes talk until they have nothing more to say.
        let due = (0..world.voters).find(|voter| state.is_due(world, locals, *voter));
        if let Some((message, _)) = state.messages.first().copied() {
            state.messages.remove(0);
            let voter = locals.receiver(message);
            state.step(voter, Input::Message(message), world, locals)?;
        } else if let Some(voter) = due {
            state.step(voter, Input::Timeout, world, locals)?;
        } else if state.tick < world.calm {
            state.tick += 1;
        } else {
            return Ok(state);
        }
    }
}

impl State {
    pub(super) fn fingerprint(&self) -> u128 {
        let mut hash = Wide::new();
        hash.add(u64::from(self.tick) | u64::from(self.dead) << 8 | u64::from(self.crashes) << 16);
        for voter in 0..VOTERS {
            hash.add(u64::from(self.locals[voter]) | u64::from(self.lives[voter]) << 32);
        }
        hash.add(self.token);
        for (message, until) in &self.messages {
            hash.add(u64::from(*message) | u64::from(*until) << 32);
        }
        hash.finish()
    }

    fn is_dead(&self, voter: usize) -> bool {
        self.dead & (1 << voter) != 0
    }

    fn is_due(&self, world: &SmallWorld, locals: &Locals, voter: usize) -> bool {
        !self.is_dead(voter) && locals.get(self.locals[voter]).deadline <= now(world, voter, self.tick)
    }

    fn holds_lease(&self, world: &SmallWorld, locals: &Locals, voter: usize) -> bool {
        let lease = locals.get(self.locals[voter]).lease;
        !self.is_dead(voter) && lease.is_some_and(|lease| now(world, voter, self.tick) < lease.valid_until)
    }

    pub(super) fn has_lease(&self, world: &SmallWorld, locals: &Locals) -> bool {
        (0..world.voters).any(|voter| self.holds_lease(world, locals, voter))
    }

    /// Everything that can happen next.
    pub(super) fn actions(&self, world: &SmallWorld, locals: &Locals, actions: &mut Vec<Action>) {
        let alive = self
            .messages
            .iter()
            .map(|(message, _)| *message)
            .filter(|message| !self.is_dead(locals.receiver(*message)));
        actions.extend(alive.map(Action::Deliver));
        let mut due = false;
        for (voter, index) in (0..world.voters).zip(0_u8..) {
            if self.is_due(world, locals, voter) {
                due = true;
                actions.push(Action::Timeout(index));
            }
            if self.is_dead(voter) {
                actions.push(Action::Restart(index));
            } else if self.crashes < world.crashes {
                actions.push(Action::Crash(index));
            }
        }
        if !due && self.tick < world.ticks {
            actions.push(Action::Tick);
        }
    }

    /// The state that an action leads to, or what is wrong with it; `None` if nothing changes.
    pub(super) fn after(
        &self,
        action: Action,
        world: &SmallWorld,
        locals: &mut Locals,
    ) -> Option<Result<Self, String>> {
        let mut next = self.clone();
        let result = match action {
            Action::Deliver(message) => {
                if world.repetition == Repetition::Never {
                    next.messages.retain(|(known, _)| *known != message);
                }
                next.step(locals.receiver(message), Input::Message(message), world, locals)
            }
            Action::Timeout(voter) => next.step(usize::from(voter), Input::Timeout, world, locals),
            Action::Tick => {
                next.tick += 1;
                next.messages.retain(|(_, until)| *until >= next.tick);
                Ok(())
            }
            Action::Crash(voter) => {
                next.dead |= 1 << voter;
                next.crashes += 1;
                Ok(())
            }
            Action::Restart(voter) => next.restart(usize::from(voter), world, locals),
        };
        match result.and_then(|()| next.judge(world, locals)) {
            Err(broken) => Some(Err(broken)),
            Ok(()) if next == *self => None,
            Ok(()) => Some(Ok(next)),
        }
    }

    fn restart(&mut self, voter: usize, world: &SmallWorld, locals: &mut Locals) -> Result<(), String> {
        self.dead &= !(1 << voter);
        self.lives[voter] += 1;
        let saved = locals.get(self.locals[voter]).saved;
        self.locals[voter] = locals.start(voter, self.lives[voter], now(world, voter, self.tick), saved)?;
        Ok(())
    }

    fn step(&mut self, voter: usize, input: Input, world: &SmallWorld, locals: &mut Locals) -> Result<(), String> {
        let (local, given) = locals.step(self.locals[voter], now(world, voter, self.tick), input);
        self.locals[voter] = local;
        for given in given {
            match given {
                Given::Message(message) => self.send(message, world),
                Given::Elected(token) => {
                    let earlier = core::mem::replace(&mut self.token, token);
                    if token <= earlier {
                        return Err(format!("voter {voter} is elected with token {token} after {earlier}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, message: u32, world: &SmallWorld) {
        let until = self.tick.saturating_add(world.delay);
        match self.messages.binary_search_by_key(&message, |(known, _)| *known) {
            Ok(at) => self.messages[at].1 = until,
            Err(at) => self.messages.insert(at, (message, until)),
        }
    }

    /// At most one valid lease, and at most one leader a term, activated or not. Claims begin and grow at steps alone, so
    /// looking after every step misses nothing.
    fn judge(&self, world: &SmallWorld, locals: &Locals) -> Result<(), String> {
        let mut holder = None;
        for voter in (0..world.voters).filter(|voter| !self.is_dead(*voter)) {
            if self.holds_lease(world, locals, voter)
                && let Some(other) = holder.replace(voter)
            {
                return Err(format!("voters {other} and {voter} hold leases at once"));
            }
            let local = locals.get(self.locals[voter]);
            let leads_too = |other: &usize| {
                let other_local = locals.get(self.locals[*other]);
                !self.is_dead(*other) && other_local.role == Role::Leader && other_local.term == local.term
            };
            if local.role == Role::Leader
                && let Some(other) = (0..voter).find(leads_too)
            {
                return Err(format!("voters {other} and {voter} both lead in term {}", local.term));
            }
        }
        Ok(())
    }

    pub(super) fn words(&self, action: Action, world: &SmallWorld, locals: &Locals) -> String {
        match action {
            Action::Deliver(message) => {
                let envelope = locals.message(message);
                let from = locals.keys.iter().position(|key| *key == envelope.from).unwrap_or(0);
                format!("{} gets from {from}: {:?}", locals.receiver(message), envelope.message)
            }
            Action::Timeout(voter) => format!("{voter}'s timer fires"),
            Action::Tick => {
                let clocks: Vec<String> =
                    (0..world.voters).map(|voter| now(world, voter, self.tick + 1).to_string()).collect();
                format!("tick {}: clocks show {}", self.tick + 1, clocks.join(", "))
            }
            Action::Crash(voter) => format!("{voter} crashes"),
            Action::Restart(voter) => format!("{voter} starts again"),
        }
    }
}
