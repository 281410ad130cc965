//! Whether a setup makes sense: the hosts that it names are there, and every number is within its range.

use qcluster_core::Span;

use super::{HostSet, Plan, Setup};
use crate::disk::DiskQuality;
use crate::engine::LinkQuality;
use crate::engine::RATE_PPB_MAX;

/// The longest time that a schedule may speak of: a year.
pub(crate) const LONGEST: Span = Span::from_millis(LONGEST_MS);
const LONGEST_MS: u64 = 365 * 24 * 3_600 * 1_000;
const MILLION: u32 = 1_000_000;

/// The part of a schedule that something is wrong with, so that its line can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Hosts,
    Plan(usize),
    Durable,
    Clock(usize),
    Link,
    Disk,
    Seal,
    Fault(usize),
    Converge,
    End,
}

/// What is wrong, and with which part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) part: Part,
    pub(crate) reason: String,
}

impl Part {
    /// Blames this part for what is wrong.
    pub(crate) fn blame(self, verdict: Result<(), String>) -> Result<(), Misfit> {
        verdict.map_err(|reason| Misfit { part: self, reason })
    }
}

/// An objection unless `holds`.
pub(crate) fn require(holds: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason()) }
}

impl Setup {
    /// Checks all of it.
    ///
    /// # Errors
    /// The first part that makes no sense.
    pub(crate) fn check(&self) -> Result<(), Misfit> {
        let count = (1..=HostSet::CAPACITY).contains(&self.hosts);
        Part::Hosts
            .blame(require(count, || format!("a world has 1 to {} hosts, not {}", HostSet::CAPACITY, self.hosts)))?;
        Part::Plan(0).blame(require(!self.plans.is_empty(), || "a setup has at least one plan".into()))?;
        for (index, plan) in self.plans.iter().enumerate() {
            Part::Plan(index).blame(self.check_plan(plan))?;
        }
        Part::Durable.blame(self.check_hosts(self.durable))?;
        for (host, clock) in self.clocks.iter().enumerate() {
            let verdict = self
                .check_host(host)
                .and_then(|()| check_rate(clock.rate_ppb))
                .and_then(|()| check_wall(clock.wall_ms))
                .and_then(|()| check_length(Span::from_nanos(clock.local.as_nanos())));
            Part::Clock(host).blame(verdict)?;
        }
        Part::Link.blame(self.link.check())?;
        Part::Disk.blame(self.disk.check())?;
        Part::Seal.blame(self.seal.as_ref().map_or(Ok(()), super::SealSetup::check))
    }

    /// Whether that host is there.
    pub(crate) fn check_host(&self, host: usize) -> Result<(), String> {
        require(host < self.hosts, || format!("there is no host {host} among {}, which count from 0", self.hosts))
    }

    /// Whether there are keys.
    pub(crate) fn check_sealed(&self) -> Result<(), String> {
        require(self.seal.is_some(), || "that needs keys, as in the line `seal require keys 0`".into())
    }

    /// Whether all of them are there.
    pub(crate) fn check_hosts(&self, hosts: HostSet) -> Result<(), String> {
        hosts.iter().try_for_each(|host| self.check_host(host))
    }

    /// All that vote under some plan.
    pub(crate) fn all_voters(&self) -> HostSet {
        self.plans.iter().fold(HostSet::default(), |voters, plan| voters.or(plan.all_voters()))
    }

    fn check_plan(&self, plan: &Plan) -> Result<(), String> {
        self.check_hosts(plan.all_voters())?;
        // They are listed by host, and a voter of a later plan may have one already.
        let most = self.all_voters().iter().last().map_or(0, |host| host + 1);
        require(plan.priorities.len() <= most, || {
            format!("there are {} priorities, by host, and the last voter is the {most}th host", plan.priorities.len())
        })?;
        plan.rules(0, self).map(|_| ())
    }
}

impl LinkQuality {
    pub(crate) fn check(&self) -> Result<(), String> {
        check_range(self.delay_min, self.delay_max)?;
        check_ppm("loss", self.loss_ppm)?;
        check_ppm("duplicate", self.duplicate_ppm)?;
        check_ppm("straggler", self.straggler_ppm)?;
        check_ppm("corrupt", self.corrupt_ppm)?;
        check_ppm("truncate", self.truncate_ppm)
    }
}

impl DiskQuality {
    pub(crate) fn check(&self) -> Result<(), String> {
        check_range(self.delay_min, self.delay_max)?;
        check_ppm("fail", self.fail_ppm)
    }
}

fn check_range(low: Span, high: Span) -> Result<(), String> {
    require(low <= high, || format!("a delay goes from the shortest to the longest, not from {low} to {high}"))
}

fn check_ppm(name: &str, ppm: u32) -> Result<(), String> {
    require(ppm <= MILLION, || format!("`{name}` is a number out of a million, and {ppm} is more"))
}

pub(crate) fn check_rate(ppb: i64) -> Result<(), String> {
    require(ppb.unsigned_abs() <= RATE_PPB_MAX.unsigned_abs(), || {
        format!("a clock is at most {RATE_PPB_MAX} parts in 10⁹ fast or slow, not {ppb}")
    })
}

pub(crate) fn check_wall(ms: i64) -> Result<(), String> {
    require(ms.unsigned_abs() <= LONGEST_MS, || format!("a wall clock is off by a year at most, not by {ms} ms"))
}

pub(crate) fn check_length(span: Span) -> Result<(), String> {
    require(span <= LONGEST, || format!("{span} is more than a year, the longest that can be simulated"))
}
