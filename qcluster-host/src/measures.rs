//! How long things take, as the loop sees it: plain histograms that it alone writes.

use std::time::Duration;

use qcluster_core::{Node, Role, Span, Time};

/// The upper bounds of the buckets: 100 µs to 10 s, in nanoseconds.
const BOUNDS_NS: [u64; 16] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Times, counted by bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// One for each bound, and one for what is above all of them.
    counts: [u64; BOUNDS_NS.len() + 1],
    sum_ns: u64,
}

impl Histogram {
    /// Counts one more.
    pub(crate) fn observe(&mut self, span: Span) {
        let nanos = span.as_nanos();
        self.counts[BOUNDS_NS.iter().position(|bound| nanos <= *bound).unwrap_or(BOUNDS_NS.len())] += 1;
        self.sum_ns = self.sum_ns.saturating_add(nanos);
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns)
    }

    /// For each bucket its upper bound, none for the last one, and how many times were above the bound before and at most this one.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = BOUNDS_NS.iter().map(|nanos| Some(Duration::from_nanos(*nanos))).chain([None]);
        bounds.zip(self.counts)
    }
}

/// All that is measured.
#[derive(Clone, Debug, Default)]
pub struct Measures {
    /// From losing sight of a leader to knowing the next, this node included.
    pub fail_over: Histogram,
    /// From a deadline to the step that it called for.
    pub timer_lateness: Histogram,
    /// From the wish to save a record to the report that it is saved, or cannot be.
    pub persist: Histogram,
    /// While leading: from sending a heartbeat to its echo, by the voter's place in the rules.
    pub round_trips: Vec<Histogram>,
    echoes: Vec<Time>,
    vacant_since: Option<Time>,
    saving_since: Option<Time>,
    stepped_at: Time,
}

impl Measures {
    /// Nothing measured yet, of a cluster with that many voters.
    pub fn new(voters: usize) -> Self {
        Self { round_trips: vec![Histogram::default(); voters], echoes: vec![Time::ZERO; voters], ..Self::default() }
    }

    /// Whether somebody is known to lead. The time before the first leader is not a fail-over.
    pub fn leader_is_known(&mut self, now: Time, is_known: bool, was_known: bool) -> Option<Span> {
        if !is_known {
            if was_known {
                self.vacant_since = Some(now);
            }
            return None;
        }
        let took = now.since(self.vacant_since.take()?);
        self.fail_over.observe(took);
        Some(took)
    }

    /// The node has decided something: its deadline may have come forward.
    pub fn stepped(&mut self, now: Time) {
        self.stepped_at = now;
    }

    /// A deadline is over. One that was set in the past, since there is something to do that was due then, counts from when it was set.
    pub fn deadline_over(&mut self, deadline: Time, now: Time) {
        self.timer_lateness.observe(now.since(deadline.max(self.stepped_at)));
    }

    /// A save begins.
    pub fn saving(&mut self, now: Time) {
        self.saving_since = Some(now);
    }

    /// A save has ended. Gives how long it took.
    pub fn saved(&mut self, now: Time) -> Option<Span> {
        let took = now.since(self.saving_since.take()?);
        self.persist.observe(took);
        Some(took)
    }

    /// Looks for echoes of heartbeats in what the node has just received.
    pub fn received(&mut self, node: &Node, now: Time) {
        if node.role() != Role::Leader {
            return;
        }
        let rules = node.rules();
        for index in rules.indices().filter(|index| rules.at(*index).key != rules.key()) {
            let (place, echo) = (index.position(), node.last_echo(index).unwrap_or(Time::ZERO));
            if echo > self.echoes[place] {
                self.echoes[place] = echo;
                self.round_trips[place].observe(now.since(echo));
            }
        }
    }
}

#[cfg(test)]
mod tests;
