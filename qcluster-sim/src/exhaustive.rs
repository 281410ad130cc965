//! Small worlds exhaustively: every order of deliveries, losses, repetitions, timeouts and crashes of real nodes, breadth first,
//! so that the counterexample is a shortest one.
//!
//! A search of its own rather than a general model checker: nodes are deterministic, so what a node does with an event is
//! computed once and looked up from then on, and a state of the world is a handful of small numbers. A general checker
//! would clone and hash whole nodes for every state.
//!
//! Time goes in ticks of one heartbeat, and clocks run at the ends of ±ρ. Timers fire within the tick in which they are
//! due. A message may be delivered at any moment until it expires, any number of times, or never.

mod locals;
mod state;

use std::collections::HashSet;
use std::fmt;

use qcluster_core::{Durability, Span, Timing};

use locals::{Fixed, Locals};
use state::{Action, State};

/// What to search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallWorld {
    /// How many voters, at most [`SmallWorld::VOTERS_MAX`].
    pub voters: usize,
    /// Whether they have disks, whose writes are synced at once.
    pub durability: Durability,
    /// ρ, in parts per million.
    pub drift_ppm: u32,
    /// How fast each clock is, in parts per million; shorter lists go on with 0.
    pub rates_ppm: Vec<i32>,
    /// How many ticks after the start of the nodes the search begins; everything arrives at once until then.
    pub calm: u8,
    /// The last tick.
    pub ticks: u8,
    /// How many ticks a message may be under way.
    pub delay: u8,
    /// Whether messages may arrive more than once.
    pub repetition: Repetition,
    /// How many crashes there may be.
    pub crashes: u8,
    /// The search ends after so many states.
    pub states_max: usize,
}

/// Whether messages may arrive more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// Once at most: fewer states, and so more time within reach.
    Never,
    /// As often as there is time for.
    Any,
}

/// What a search has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    /// Distinct states.
    pub states: usize,
    /// Steps from the first state to the last level that was seen whole.
    pub depth: usize,
    /// Whether every state within the bounds was seen.
    pub complete: bool,
    /// Distinct states of single nodes.
    pub locals: usize,
    /// States in which somebody held a lease.
    pub with_lease: usize,
}

/// A way to break a rule, as short as there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// What is wrong in the end.
    pub broken: String,
    /// What leads there, one step a line.
    pub steps: Vec<String>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, after {} steps:", self.broken, self.steps.len())?;
        self.steps.iter().try_for_each(|step| writeln!(f, "    {step}"))
    }
}

impl std::error::Error for Counterexample {}

impl SmallWorld {
    /// The most voters of a small world.
    pub const VOTERS_MAX: usize = 5;
    /// One tick, and one heartbeat.
    const TICK: Span = Span::from_millis(10);

    fn timing(&self) -> Timing {
        // The shortest lease that is allowed: what takes longer only takes more states.
        Timing {
            heartbeat: Self::TICK,
            lease: Self::TICK.times(4),
            slot: Span::from_millis(1),
            drift_ppm: self.drift_ppm,
        }
    }

    /// The worlds that are searched by default, each with a name, and each up to `states_max` states.
    pub fn usual(states_max: usize) -> Vec<(&'static str, Self)> {
        let base = Self {
            voters: 3,
            durability: Durability::Diskless,
            drift_ppm: 100_000,
            rates_ppm: vec![100_000, -100_000, 0],
            calm: 4,
            ticks: 7,
            delay: 1,
            repetition: Repetition::Never,
            crashes: 0,
            states_max,
        };
        // In the seventh tick there is a leader, and everybody has promised.
        let led = Self { calm: 7, ticks: 14, delay: 0, ..base.clone() };
        vec![
            ("3 voters, first election", base.clone()),
            ("3 voters, first election, repetition", Self { repetition: Repetition::Any, ..base.clone() }),
            (
                "3 voters, first election with disks, a crash",
                Self { durability: Durability::Durable, crashes: 1, ..base.clone() },
            ),
            ("3 voters, a leader", led.clone()),
            ("3 voters, a leader, two crashes", Self { crashes: 2, ..led.clone() }),
            ("2 voters, a leader, two crashes", Self { voters: 2, crashes: 2, ..led.clone() }),
            ("4 voters, a leader", Self { voters: 4, ..led.clone() }),
            ("4 voters, first election", Self { voters: 4, delay: 0, ..base.clone() }),
            ("5 voters, first election", Self { voters: 5, delay: 0, ..base }),
            ("5 voters, a leader, a crash", Self { voters: 5, crashes: 1, ..led }),
        ]
    }

    /// Sees every state within the bounds, or the first so many.
    ///
    /// # Errors
    /// The shortest way to a state that breaks a rule.
    pub fn explore(&self) -> Result<Explored, Box<Counterexample>> {
        let refuse = |broken: String| Box::new(Counterexample { broken, steps: Vec::new() });
        let mut locals = Locals::new(self).map_err(refuse)?;
        let first = state::first(self, &mut locals).map_err(refuse)?;
        Search { world: self, locals, seen: HashSet::default(), origins: Vec::new() }.run(&first)
    }
}

/// Where a state was reached from.
#[derive(Clone, Copy)]
struct Origin {
    parent: u32,
    action: Action,
}

struct Search<'a> {
    world: &'a SmallWorld,
    locals: Locals,
    /// By fingerprint: 128 bits, so that no two of a few hundred million states are taken for one.
    seen: HashSet<u128, Fixed>,
    origins: Vec<Origin>,
}

impl Search<'_> {
    fn run(mut self, first: &State) -> Result<Explored, Box<Counterexample>> {
        let mut level = vec![(0_u32, first.clone())];
        self.seen.insert(first.fingerprint());
        self.origins.push(Origin { parent: u32::MAX, action: Action::Tick });
        let (mut depth, mut with_lease) = (0, 0);
        let mut actions = Vec::new();
        while !level.is_empty() {
            let mut next = Vec::new();
            for (index, state) in &level {
                with_lease += usize::from(state.has_lease(self.world, &self.locals));
                actions.clear();
                state.actions(self.world, &self.locals, &mut actions);
                for action in &actions {
                    let Some(result) = state.after(*action, self.world, &mut self.locals) else { continue };
                    let reached = match result {
                        Ok(reached) => reached,
                        Err(broken) => return Err(Box::new(self.counterexample(broken, *index, *action, first))),
                    };
                    if self.seen.insert(reached.fingerprint()) {
                        let new = u32::try_from(self.origins.len()).unwrap_or(u32::MAX);
                        self.origins.push(Origin { parent: *index, action: *action });
                        next.push((new, reached));
                    }
                }
                if self.origins.len() >= self.world.states_max {
                    return Ok(self.explored(depth, false, with_lease));
                }
            }
            depth += 1;
            level = next;
        }
        Ok(self.explored(depth, true, with_lease))
    }

    fn explored(&self, depth: usize, complete: bool, with_lease: usize) -> Explored {
        Explored { states: self.origins.len(), depth, complete, locals: self.locals.len(), with_lease }
    }

    /// Walks the way back, and then forth again to put it into words.
    fn counterexample(&mut self, broken: String, last: u32, action: Action, first: &State) -> Counterexample {
        let mut actions = vec![action];
        let mut at = last;
        while let Some(origin) = self.origins.get(at as usize).filter(|origin| origin.parent != u32::MAX) {
            actions.push(origin.action);
            at = origin.parent;
        }
        actions.reverse();
        let mut state = first.clone();
        let mut steps = Vec::new();
        for action in actions {
            steps.push(state.words(action, self.world, &self.locals));
            if let Some(Ok(next)) = state.after(action, self.world, &mut self.locals) {
                state = next;
            }
        }
        Counterexample { broken, steps }
    }
}

#[cfg(test)]
mod tests;
