//! Makes a failing schedule small: fewer faults by delta debugging (Zeller and Hildebrandt, 2002), then a plainer setup, as
//! long as the same rule is broken.

use qcluster_core::{Span, Time};

use crate::disk::DiskQuality;
use crate::engine::LinkQuality;
use crate::oracle::Rule;
use crate::schedule::Schedule;
use crate::setup::HostSet;
use crate::world::Recording;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimized {
    /// The smallest schedule that was found.
    pub schedule: Schedule,
    /// How many runs it took.
    pub runs: u32,
}

/// Looks for a smaller schedule that breaks `rule`, with at most `runs_max` runs.
pub fn minimize(schedule: &Schedule, rule: Rule, runs_max: u32) -> Minimized {
    let keeps_to_it = schedule.check_assumptions().is_ok();
    let mut search = Search { best: schedule.clone(), rule, runs: 0, runs_max, keeps_to_it };
    loop {
        let before = (search.best.faults.len(), search.best.to_string().len());
        search.fewer_faults();
        search.shorter();
        search.plainer();
        if (search.best.faults.len(), search.best.to_string().len()) == before || search.runs >= runs_max {
            return Minimized { schedule: search.best, runs: search.runs };
        }
    }
}

struct Search {
    best: Schedule,
    rule: Rule,
    runs: u32,
    runs_max: u32,
    /// Whether it breaks no assumption in silence.
    keeps_to_it: bool,
}

impl Search {
    /// Keeps `candidate` if it fails in the same way.
    fn try_out(&mut self, candidate: Schedule) -> bool {
        if self.runs >= self.runs_max || candidate == self.best {
            return false;
        }
        // Correct nodes may break the same rule where nothing holds any more: without disks under wild wall clocks, say.
        if self.keeps_to_it && candidate.check_assumptions().is_err() {
            return false;
        }
        self.runs += 1;
        let fails = candidate
            .run(Recording::Off)
            .is_ok_and(|outcome| outcome.violation.is_some_and(|violation| violation.rule == self.rule));
        if fails {
            self.best = candidate;
        }
        fails
    }

    /// Takes out runs of faults, ever shorter ones.
    fn fewer_faults(&mut self) {
        let mut size = self.best.faults.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.best.faults.len() {
                let end = (at + size).min(self.best.faults.len());
                let mut candidate = self.best.clone();
                // Without its heal, and the cuts around that, a schedule has no right to ask for convergence.
                let from = candidate.converge.map_or(Time::NEVER, |converge| converge.from);
                let kept: Vec<_> = candidate.faults.drain(at..end).filter(|(at, _)| *at >= from).collect();
                let count = kept.len();
                candidate.faults.splice(at..at, kept);
                at = if self.try_out(candidate) { at + count } else { end };
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    /// Nothing needs to go on after the breach.
    fn shorter(&mut self) {
        let Ok(outcome) = self.best.run(Recording::Off) else { return };
        let end = outcome.end + Span::from_millis(1);
        if self.best.converge.is_none() && end < self.best.end {
            self.try_out(until(&self.best, end));
        }
        let without = Schedule { converge: None, ..until(&self.best, self.best.end.min(end)) };
        if self.best.converge.is_some() {
            self.try_out(without);
        }
    }

    /// Everything that need not be unusual is made usual.
    fn plainer(&mut self) {
        let changes: [fn(&mut Schedule); 11] = [
            |schedule| schedule.setup.clocks.clear(),
            |schedule| schedule.setup.clocks.iter_mut().for_each(|clock| clock.wall_ms = 0),
            |schedule| schedule.setup.clocks.iter_mut().for_each(|clock| clock.local = Time::ZERO),
            |schedule| schedule.setup.link = LinkQuality::default(),
            |schedule| {
                let LinkQuality { delay_min, delay_max, .. } = schedule.setup.link;
                schedule.setup.link = LinkQuality { delay_min, delay_max, ..LinkQuality::default() };
            },
            |schedule| schedule.setup.disk = DiskQuality::default(),
            |schedule| schedule.setup.durable = HostSet::default(),
            |schedule| schedule.setup.work = Span::ZERO,
            |schedule| schedule.setup.gossip = None,
            |schedule| {
                let Schedule { setup, faults, .. } = schedule;
                setup.seal = None;
                faults.retain(|(_, fault)| fault.check(setup).is_ok());
            },
            |schedule| schedule.setup.plans.iter_mut().for_each(|plan| plan.priorities.clear()),
        ];
        for change in changes {
            let mut candidate = self.best.clone();
            change(&mut candidate);
            self.try_out(candidate);
        }
        for host in 0..self.best.setup.clocks.len() {
            let mut candidate = self.best.clone();
            candidate.setup.clocks[host] = crate::setup::ClockSetup::default();
            self.try_out(candidate);
        }
        let voters = self.best.setup.all_voters().iter().last().map_or(0, |host| host + 1);
        if (1..self.best.setup.hosts).contains(&voters) {
            self.try_out(first_hosts(&self.best, voters));
        }
    }
}

/// The same, up to `end`.
fn until(schedule: &Schedule, end: Time) -> Schedule {
    let mut shorter = Schedule { end, ..schedule.clone() };
    shorter.faults.retain(|(at, _)| *at <= end);
    shorter
}

/// The same with fewer hosts, and without what is done to the others.
fn first_hosts(schedule: &Schedule, hosts: usize) -> Schedule {
    let mut fewer = schedule.clone();
    let (setup, all) = (&mut fewer.setup, HostSet::first(hosts));
    setup.hosts = hosts;
    setup.clocks.truncate(hosts);
    setup.durable = setup.durable.and(all);
    let setup = &fewer.setup;
    fewer.faults = schedule.faults.iter().filter_map(|(at, fault)| Some((*at, fault.within(setup)?))).collect();
    if let Some(converge) = &mut fewer.converge {
        converge.hosts = converge.hosts.and(all);
    }
    fewer
}

#[cfg(test)]
mod tests;
