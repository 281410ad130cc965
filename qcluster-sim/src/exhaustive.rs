//! Small worlds exhaustively: every order of deliveries, losses, repetitions, timers, crashes and commands of real nodes,
//! breadth first, so that the counterexample is a shortest one.
//!
//! A search of its own rather than a general model checker. A step of a node depends on the node and the input alone, so
//! each is taken once and looked up from then on; a state of the world is a handful of small numbers, and its successors
//! cost a fraction of a microsecond each. A general checker (stateright, say) clones, steps and hashes whole nodes for
//! every state, which is a hundred times the work and memory. What such a checker would add, properties of
//! liveness and symmetry, is not needed here: liveness is judged by the random runs, and clocks of different rates leave
//! little symmetry.
//!
//! How the world is made small without making it harmless:
//!
//! - *Time* is exact, in integers, and relative: a state in which all clocks have moved on and nothing else is the same
//!   state. It jumps to the next moment at which something changes by itself: a deadline, the end of a promise, the end
//!   of a lease, on the clock that comes first. Everything in between may happen in any order at such a moment.
//! - *The network* is a set of messages. Each may arrive at any time, again, or never; the newest few of each kind
//!   on each link are kept. Handshakes between incarnations go without loss and delay.
//! - *Timers* may fire late or never, where a world says so, and never early. Chance is taken out of them, which leaves
//!   who goes first to the order in which they fire.
//! - *Rates* of clocks stand at the ends of ±ρ.
//! - *Changes of voters* begin in any of their steps, so that all three lists are within reach; an operator may restart every host
//!   into its next step at any moment, once each.

mod change;
mod history;
mod known;
mod local;
mod locals;
mod print;
mod state;
mod words;
mod world;
mod worlds;

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use qcluster_core::Term;

pub use change::{Change, Operator, Stage};
pub use world::{Arrivals, Memory, SmallWorld, Start};

use locals::Locals;
use print::{Fixed, Print};
use state::{Action, State};

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
    /// Sees every state within the bounds, or this many of them at most.
    ///
    /// # Errors
    /// The shortest way to a state that breaks a rule, or what is wrong with the world itself.
    pub fn explore(&self) -> Result<Explored, Box<Counterexample>> {
        let refuse = |broken: String| Box::new(Counterexample { broken, steps: Vec::new() });
        let mut locals = Locals::new(self).map_err(refuse)?;
        let first = State::first(&mut locals).map_err(refuse)?;
        first.judge(&locals).map_err(refuse)?;
        let term = first.top_term();
        Search { locals, term, seen: HashSet::default(), origins: Vec::new() }.run(&first)
    }
}

/// What came of each of some worlds.
pub type Results = Vec<(&'static str, Result<Explored, Box<Counterexample>>)>;

/// Searches worlds, `jobs` at a time, and gives what came of each in their order.
pub fn explore_all(worlds: &[(&'static str, SmallWorld)], jobs: usize) -> Results {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, (name, world))) = worlds.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((at, (*name, world.explore())));
        }
        done
    };
    let mut results = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        // A search that panics has found a panic of a node: that is for the caller to see.
        done.flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect::<Vec<_>>()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Where a state was reached from.
#[derive(Clone, Copy)]
struct Origin {
    parent: u32,
    action: Action,
}

struct Search {
    locals: Locals,
    /// The highest term of the first state.
    term: Term,
    seen: HashSet<u128, Fixed>,
    origins: Vec<Origin>,
}

impl Search {
    fn run(mut self, first: &State) -> Result<Explored, Box<Counterexample>> {
        let mut level = vec![(0_u32, first.clone())];
        self.seen.insert(Print::of(first));
        self.origins.push(Origin { parent: u32::MAX, action: Action::Pass });
        let (mut depth, mut with_lease) = (0, 0);
        let mut actions = Vec::new();
        while !level.is_empty() {
            let mut next = Vec::new();
            for (index, state) in level {
                with_lease += usize::from(state.has_lease(&self.locals));
                if state.is_beyond(self.term, &self.locals) {
                    continue;
                }
                actions.clear();
                state.actions(&self.locals, &mut actions);
                for action in &actions {
                    let mut reached = state.clone();
                    if let Err(broken) = reached.apply(*action, &mut self.locals) {
                        return Err(Box::new(self.counterexample(broken, index, *action, first)));
                    }
                    if self.seen.insert(Print::of(&reached)) {
                        let new = u32::try_from(self.origins.len()).unwrap_or(u32::MAX);
                        self.origins.push(Origin { parent: index, action: *action });
                        next.push((new, reached));
                    }
                }
                if self.origins.len() >= self.locals.world.states_max {
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
        Counterexample { broken, steps: words::tell(first, &actions, &mut self.locals) }
    }
}

#[cfg(test)]
mod tests;
