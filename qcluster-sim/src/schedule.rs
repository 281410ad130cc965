//! A schedule: a setup, faults with their times, and what must come of it. Plain data, with a text form of one line a fault.

mod check;
mod read;
mod write;

pub use read::BadSchedule;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use qcluster_core::{Span, Time};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::marks::Marks;
use crate::oracle::{Rule, Violation};
use crate::setup::{HostSet, Setup};
use crate::trace::{Trace, TraceHash};
use crate::world::{Recording, Stats, World};

/// From some moment on these hosts can work together, and must come to a leader in time and agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convergence {
    /// Those that must agree; one of them leads.
    pub hosts: HostSet,
    /// When the time that they have begins.
    pub from: Time,
    /// How long they have until one of them holds a lease.
    pub within: Span,
}

/// Everything that decides a run, and what is asked of it beyond what the oracles watch anyway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// What the world is made of.
    pub setup: Setup,
    /// What is done to it, and when.
    pub faults: Vec<(Time, Fault)>,
    /// When the run ends.
    pub end: Time,
    /// Who must come to a leader, if anybody.
    pub converge: Option<Convergence>,
    /// How often leadership may pass to another host, if that is limited. The first leader is a change too.
    pub changes_max: Option<u64>,
}

/// How a run came out.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The objection, if an oracle had one.
    pub violation: Option<Violation>,
    /// What happened, as a number.
    pub hash: TraceHash,
    /// What happened, in full, where that was asked for.
    pub trace: Trace,
    /// Counts.
    pub stats: Stats,
    /// Marks reached.
    pub marks: Marks,
    /// When the run ended.
    pub end: Time,
    /// How long it took to converge, where that was asked for and happened.
    pub converged: Option<Worked>,
}

/// How convergence came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worked {
    /// From the heal to the lease.
    pub took: Span,
    /// What it was allowed to take.
    pub within: Span,
}

impl Schedule {
    /// A run of `length` in which nothing is done.
    pub fn quiet(setup: Setup, length: Span) -> Self {
        Self { setup, faults: Vec::new(), end: Time::ZERO + length, converge: None, changes_max: None }
    }

    /// Runs it.
    ///
    /// # Errors
    /// The setup is none: a sentence says why.
    pub fn run(&self, recording: Recording) -> Result<Outcome, String> {
        let mut world = World::recording(self.setup.clone(), recording)?;
        for (at, fault) in &self.faults {
            world.plan_fault(*at, *fault);
        }
        let mut converged = None;
        let watched = catch_unwind(AssertUnwindSafe(|| self.watch(&mut world, &mut converged)));
        let violation = match watched {
            Ok(watched) => watched.err(),
            Err(panic) => Some(world.object(Rule::NoPanic, None, words_of(panic.as_ref()))),
        };
        Ok(Outcome {
            violation,
            hash: world.hash(),
            stats: world.stats(),
            marks: world.marks(),
            end: world.now(),
            trace: world.into_trace(),
            converged,
        })
    }

    fn watch(&self, world: &mut World, converged: &mut Option<Worked>) -> Result<(), Violation> {
        if let Some(convergence) = &self.converge {
            *converged = Some(convergence.watch(world)?);
        }
        world.run_until(self.end)?;
        let changes = world.stats().changes;
        match self.changes_max {
            Some(most) if changes > most => Err(world.object(
                Rule::Stability,
                None,
                format!("leadership began on another host {changes} times, {most} are the most"),
            )),
            Some(_) | None => Ok(()),
        }
    }
}

impl Convergence {
    /// A leader in time; then, when everybody must have heard, the same one in all eyes.
    fn watch(&self, world: &mut World) -> Result<Worked, Violation> {
        world.run_until(self.from)?;
        let plan = self.hosts.iter().find_map(|host| world.plan_of(host)).unwrap_or(0);
        let lease = world.setup().plans[plan].lease;
        let step = Span::from_nanos((lease.as_nanos() / 32).max(1));
        let from = |world: &World| self.from.max(world.started_again());
        let leads = |world: &World| world.leader().is_some_and(|host| self.hosts.contains(host));
        while !leads(world) {
            if world.now() >= from(world) + self.within {
                let detail = format!("none of hosts {} leads {} after they could", self.hosts, self.within);
                return Err(world.object(Rule::Liveness, None, detail));
            }
            world.run_for(step)?;
        }
        let worked = Worked { took: world.now().since(from(world)), within: self.within };
        self.watch_agreement(world, lease)?;
        Ok(worked)
    }

    fn watch_agreement(&self, world: &mut World, lease: Span) -> Result<(), Violation> {
        // A first leader may have been about to go; then there is another election.
        let began = world.now();
        let deadline = |world: &World| began.max(world.started_again()) + self.within + lease.times(6);
        loop {
            let leader = world.leader();
            let name = leader.and_then(|leader| world.identity_of(leader));
            let agreed = leader.is_some_and(|leader| self.hosts.contains(leader))
                && self.hosts.iter().all(|host| world.leader_seen_by(host) == name);
            if agreed {
                return Ok(());
            }
            if world.now() >= deadline(world) {
                let seen: Vec<_> = self.hosts.iter().map(|host| (host, world.leader_seen_by(host))).collect();
                let detail = format!("leader {leader:?}, and what the hosts see is {seen:?}");
                return Err(world.object(Rule::Agreement, None, detail));
            }
            world.run_for(Span::from_nanos((lease.as_nanos() / 8).max(1)))?;
        }
    }
}

/// What a panic said.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().cloned();
    let words = words.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    words.unwrap_or_else(|| "a panic without words".into())
}

#[cfg(test)]
mod tests;
