//! Many runs on several cores, added up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use qcluster_core::{Span, Time};

use crate::marks::Marks;
use crate::oracle::Violation;
use crate::schedule::{Outcome, Schedule};
use crate::swarm::{Limits, draw};
use crate::world::{Recording, Stats};

/// When a campaign ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// After this many runs.
    Runs(u64),
    /// After so much time on the wall.
    Elapsed(Duration),
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed; the next run has the next one.
    pub seed: u64,
    /// When to stop.
    pub until: Until,
    /// How many threads run at once.
    pub jobs: usize,
    /// What the drawing is held to.
    pub limits: Limits,
    /// After how many failures of one thread it ends before its time.
    pub failures_max: usize,
}

/// What there is to say while it runs.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// How many runs are done.
    Done(u64),
    /// An oracle objects.
    Failed {
        /// To the run of that seed.
        seed: u64,
        /// And why.
        violation: &'a Violation,
    },
}

/// What the runs amounted to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Runs.
    pub runs: u64,
    /// Time that processors spent on them, all threads together: what events a second of a core are counted by.
    pub processor: Duration,
    /// Simulated time, all runs together.
    pub simulated: Span,
    /// Simulated time of each host, all runs together.
    pub node_time: Span,
    /// Counts.
    pub stats: Stats,
    /// Faults of the schedules, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Marks reached.
    pub marks: Marks,
    /// How long healed majorities took, in parts in a thousand of what they had: how many took at most so much.
    pub convergence: Vec<u64>,
    /// The failures, by seed.
    pub failures: BTreeMap<u64, Violation>,
}

impl Summary {
    fn add(&mut self, seed: u64, schedule: &Schedule, outcome: &Outcome) {
        self.runs += 1;
        let length = outcome.end.since(Time::ZERO);
        self.simulated = self.simulated + length;
        self.node_time = self.node_time + length.times(schedule.setup.hosts as u64);
        self.stats.add(&outcome.stats);
        for (_, fault) in &schedule.faults {
            *self.faults.entry(fault.kind()).or_default() += 1;
        }
        self.marks.merge(&outcome.marks);
        if let Some(worked) = outcome.converged {
            let part = worked.took.times(1_000).as_nanos() / worked.within.as_nanos().max(1);
            self.count_convergence(usize::try_from(part).unwrap_or(0), 1);
        }
        if let Some(violation) = &outcome.violation {
            self.failures.insert(seed, violation.clone());
        }
    }

    fn count_convergence(&mut self, part: usize, count: u64) {
        if self.convergence.len() <= part {
            self.convergence.resize(part + 1, 0);
        }
        self.convergence[part] += count;
    }

    fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.processor += other.processor;
        self.simulated = self.simulated + other.simulated;
        self.node_time = self.node_time + other.node_time;
        self.stats.add(&other.stats);
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.marks.merge(&other.marks);
        for (part, count) in other.convergence.into_iter().enumerate() {
            self.count_convergence(part, count);
        }
        self.failures.extend(other.failures);
    }

    /// How much of their time healed majorities took, in parts in a thousand: that many of a thousand took no more.
    pub fn convergence_quantile(&self, of_thousand: u64) -> Option<usize> {
        let total: u64 = self.convergence.iter().sum();
        let wanted = (total * of_thousand).div_ceil(1_000).max(1);
        let mut seen = 0;
        self.convergence.iter().position(|count| {
            seen += count;
            seen >= wanted
        })
    }
}

impl Stats {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.elections += other.elections;
        self.renewals += other.renewals;
        self.changes += other.changes;
    }
}

impl Campaign {
    /// More failures than these say no more.
    pub const FAILURES_MAX: usize = 8;

    /// Runs it, and calls `tell` after every run, and at once when one fails.
    ///
    /// # Errors
    /// A drawn setup is none, which is a mistake in the drawing: a sentence with the seed.
    pub fn run(&self, tell: &(dyn Fn(News<'_>) + Sync)) -> Result<Summary, String> {
        let (next, done, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let started = Instant::now();
        let work = || -> Result<Summary, String> {
            let mut summary = Summary::default();
            let busy = Busy::start();
            while !over.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let finished = match self.until {
                    Until::Runs(runs) => index >= runs,
                    Until::Elapsed(limit) => started.elapsed() >= limit,
                };
                if finished {
                    break;
                }
                let seed = self.seed.wrapping_add(index);
                let schedule = draw(seed, self.limits);
                let outcome = schedule.run(Recording::Off).map_err(|error| format!("seed {seed}: {error}"))?;
                summary.add(seed, &schedule, &outcome);
                if let Some(violation) = &outcome.violation {
                    tell(News::Failed { seed, violation });
                }
                if summary.failures.len() >= self.failures_max {
                    over.store(true, Ordering::Relaxed);
                }
                tell(News::Done(done.fetch_add(1, Ordering::Relaxed) + 1));
            }
            summary.processor = busy.elapsed();
            Ok(summary)
        };
        let mut total = Summary::default();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            for thread in threads {
                let summary = thread.join().map_err(|_| "a run panicked: see above".to_owned())??;
                total.merge(summary);
            }
            Ok::<(), String>(())
        })?;
        Ok(total)
    }
}

/// The time that a processor has spent on this thread. Where that cannot be asked, the time that has passed.
struct Busy {
    #[cfg(not(unix))]
    since: Instant,
    #[cfg(unix)]
    since: Duration,
}

#[cfg(not(unix))]
impl Busy {
    fn start() -> Self {
        Self { since: Instant::now() }
    }

    fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

#[cfg(unix)]
impl Busy {
    fn start() -> Self {
        Self { since: Self::now() }
    }

    fn elapsed(&self) -> Duration {
        Self::now().saturating_sub(self.since)
    }

    fn now() -> Duration {
        let reading = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(reading).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
