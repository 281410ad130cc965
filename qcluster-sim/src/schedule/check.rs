//! Whether a schedule makes sense beyond its setup, and says which assumptions it breaks.

use qcluster_core::{Span, Time};

use super::{Convergence, Schedule};
use crate::fault::{Fault, Memory};
use crate::setup::check::{Misfit, Part, check_length, check_rate, check_wall, require};
use crate::setup::sealing::check_key;
use crate::setup::{Assumption, HostSet, SealSetup, Setup};

impl Schedule {
    /// Checks all of it: setup, end, convergence, faults and assumptions.
    ///
    /// # Errors
    /// The first part that makes no sense.
    pub(crate) fn check(&self) -> Result<(), Misfit> {
        self.setup.check()?;
        Part::End.blame(
            require(self.end > Time::ZERO, || "a run needs an `end` after its beginning, such as `end 10s`".into())
                .and_then(|()| check_length(self.end.since(Time::ZERO))),
        )?;
        if let Some(convergence) = &self.converge {
            Part::Converge.blame(self.check_convergence(convergence))?;
        }
        for (index, (at, fault)) in self.faults.iter().enumerate() {
            let verdict = require(*at <= self.end, || format!("the run ends before, at {}", self.end));
            Part::Fault(index).blame(verdict.and_then(|()| fault.check(&self.setup)))?;
        }
        self.check_assumptions()
    }

    /// Whether what it breaks is said to be broken; otherwise correct nodes would be blamed.
    ///
    /// # Errors
    /// The first part that breaks an assumption in silence.
    pub(crate) fn check_assumptions(&self) -> Result<(), Misfit> {
        self.check_rates()?;
        self.check_walls()?;
        Part::Converge.blame(self.check_files())
    }

    fn check_convergence(&self, convergence: &Convergence) -> Result<(), String> {
        require(!convergence.hosts.is_empty(), || "nobody is to converge: name hosts".into())?;
        self.setup.check_hosts(convergence.hosts)?;
        require(convergence.from <= self.end, || format!("the run ends before, at {}", self.end))
    }

    /// Who is to agree has to understand each other (S4, S5): their files do, once all is changed.
    fn check_files(&self) -> Result<(), String> {
        let (Some(files), Some(convergence)) = (&self.setup.seal, &self.converge) else { return Ok(()) };
        let mut files = vec![files.clone(); self.setup.hosts];
        let mut changes: Vec<_> = self.faults.iter().collect();
        changes.sort_by_key(|(at, _)| *at);
        for (_, fault) in changes {
            fault.change_files(&mut files);
        }
        let there = convergence.hosts.and(HostSet::first(files.len()));
        let pairs = there.iter().flat_map(|one| there.iter().map(move |other| (one, other)));
        for (one, other) in pairs.filter(|(one, other)| one != other) {
            let (to, from) = (&files[one], &files[other]);
            require(to.hears(from), || {
                format!(
                    "host {one} (`{to}`) is to agree with host {other} (`{from}`), which it does not hear in the end"
                )
            })?;
        }
        Ok(())
    }

    /// Leases rest on clocks within ρ that never jump.
    fn check_rates(&self) -> Result<(), Misfit> {
        let setup = &self.setup;
        if setup.rates == Assumption::Broken {
            return Ok(());
        }
        let drift_ppm = setup.plans.iter().map(|plan| plan.drift_ppm).min().unwrap_or(0);
        let within = |ppb: i64| {
            require(ppb.unsigned_abs() <= u64::from(drift_ppm) * 1_000, || {
                format!("a rate of {ppb} is beyond the drift of {drift_ppm} ppm: that needs the line `broken rates`")
            })
        };
        for (host, clock) in setup.clocks.iter().enumerate() {
            Part::Clock(host).blame(within(clock.rate_ppb))?;
        }
        for (index, (_, fault)) in self.faults.iter().enumerate() {
            let jumps = matches!(fault, Fault::ClockJump { .. });
            let verdict = require(!jumps, || "a clock that jumps needs the line `broken rates`".into());
            let rate = if let Fault::Rate { ppb, .. } = fault { within(*ppb) } else { Ok(()) };
            Part::Fault(index).blame(verdict.and(rate))?;
        }
        Ok(())
    }

    /// Terms and tokens rest on wall clocks that agree, unless every voter has a disk, and keeps it (E12).
    fn check_walls(&self) -> Result<(), Misfit> {
        let (setup, voters) = (&self.setup, self.setup.all_voters());
        let lost = |fault: &Fault| matches!(fault, Fault::Restart { host, memory: Memory::Lost, .. } if voters.contains(*host));
        let lasting = voters.and(setup.durable) == voters && !self.faults.iter().any(|(_, fault)| lost(fault));
        if setup.walls == Assumption::Broken || lasting {
            return Ok(());
        }
        let wall = |host: usize| setup.clocks.get(host).map_or(0, |clock| clock.wall_ms);
        let (low, high) = (voters.iter().map(wall).min().unwrap_or(0), voters.iter().map(wall).max().unwrap_or(0));
        let lease = setup.plans.iter().map(|plan| plan.lease).min().unwrap_or(Span::ZERO);
        let farthest = voters.iter().max_by_key(|host| wall(*host).unsigned_abs()).unwrap_or(0);
        let apart = Span::from_millis(high.abs_diff(low));
        let needs = "where voters have no disk or lose it, that needs the line `broken walls`";
        Part::Clock(farthest).blame(require(apart <= lease.split(4), || {
            format!("wall clocks of voters are {apart} apart, more than a quarter of a lease: {needs}")
        }))?;
        for (index, (_, fault)) in self.faults.iter().enumerate() {
            let jumps = matches!(fault, Fault::WallJump { host, .. } if voters.contains(*host));
            Part::Fault(index).blame(require(!jumps, || format!("the wall clock of a voter jumps: {needs}")))?;
        }
        Ok(())
    }
}

impl Fault {
    /// Whether the hosts and the plan that it names are there, and its numbers within their ranges.
    ///
    /// # Errors
    /// A sentence says what is not.
    pub(crate) fn check(&self, setup: &Setup) -> Result<(), String> {
        match *self {
            Self::Crash { host }
            | Self::CrashDuring { host, .. }
            | Self::Freeze { host }
            | Self::Thaw { host }
            | Self::Shutdown { host }
            | Self::Transfer { to: Some(host) } => setup.check_host(host),
            Self::Lag { host, lag } => setup.check_host(host).and_then(|()| check_length(lag)),
            Self::Restart { host, plan, .. } => {
                setup.check_host(host)?;
                let plans = setup.plans.len();
                require(plan < plans, || format!("there is no plan {plan} among {plans}, which count from 0"))
            }
            Self::Cut { from, to } | Self::Mend { from, to } => {
                setup.check_host(from).and_then(|()| setup.check_host(to))
            }
            Self::Link { from, to, quality } => {
                setup.check_host(from).and_then(|()| setup.check_host(to)).and_then(|()| quality.check())
            }
            Self::Split { group } | Self::Heal { hosts: group } => setup.check_hosts(group),
            Self::MendAll | Self::StepDown | Self::Transfer { to: None } => Ok(()),
            Self::Rate { host, ppb } => setup.check_host(host).and_then(|()| check_rate(ppb)),
            Self::ClockJump { host, nanos } => {
                setup.check_host(host).and_then(|()| check_length(Span::from_nanos(nanos.unsigned_abs())))
            }
            Self::WallJump { host, ms } => setup.check_host(host).and_then(|()| check_wall(ms)),
            Self::Disk { host, quality } => setup.check_host(host).and_then(|()| quality.check()),
            Self::Hostile { to, hostility } => {
                setup.check_host(to)?;
                if hostility.is_about_seals() { setup.check_sealed() } else { Ok(()) }
            }
            Self::Keys { host, key, .. } => {
                setup.check_host(host).and_then(|()| setup.check_sealed()).and_then(|()| check_key(key))
            }
            Self::Seal { host, .. } => setup.check_host(host).and_then(|()| setup.check_sealed()),
            Self::Twin { host, of } => {
                setup.check_host(host).and_then(|()| setup.check_host(of))?;
                require(!setup.all_voters().contains(host), || {
                    format!("host {host} votes, and only a spare host can start under the name of another")
                })
            }
        }
    }

    /// What it does to the files of hosts.
    fn change_files(&self, files: &mut [SealSetup]) {
        let at = |host: usize| files.get(host).cloned();
        let (host, file) = match *self {
            Self::Keys { host, change, key } => {
                let Some(mut file) = at(host) else { return };
                file.change(change, key);
                (host, file)
            }
            Self::Seal { host, mode } => {
                let Some(file) = at(host) else { return };
                (host, SealSetup { mode, ..file })
            }
            Self::Twin { host, of } => {
                let Some(file) = at(of) else { return };
                (host, file)
            }
            Self::Crash { .. }
            | Self::CrashDuring { .. }
            | Self::Restart { .. }
            | Self::Freeze { .. }
            | Self::Thaw { .. }
            | Self::Cut { .. }
            | Self::Mend { .. }
            | Self::Split { .. }
            | Self::MendAll
            | Self::Link { .. }
            | Self::Rate { .. }
            | Self::ClockJump { .. }
            | Self::WallJump { .. }
            | Self::Lag { .. }
            | Self::Disk { .. }
            | Self::Transfer { .. }
            | Self::StepDown
            | Self::Shutdown { .. }
            | Self::Hostile { .. }
            | Self::Heal { .. } => return,
        };
        if let Some(place) = files.get_mut(host) {
            *place = file;
        }
    }

    /// The same in a world of the first `setup.hosts` hosts, if it has a place there.
    pub(crate) fn within(self, setup: &Setup) -> Option<Self> {
        let all = HostSet::first(setup.hosts);
        match self {
            Self::Split { group } => Some(Self::Split { group: group.and(all) }),
            Self::Heal { hosts } => Some(Self::Heal { hosts: hosts.and(all) }),
            other => other.check(setup).is_ok().then_some(other),
        }
    }
}
