//! Processes of a crowd begin.

use std::sync::Arc;

use qcluster_core::{Command, Endpoint, EndpointBoot, Input};

use super::host::Host;
use super::oracle::Diary;
use super::{Breach, Crowd};

/// Where a host is when it starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// Where it was.
    Same,
    /// At an address that nobody has heard of.
    Moved,
}

/// Whether a host that starts can look up where the voters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// At once.
    Resolve,
    /// They are unknown where it is: it learns of voters through its seeds.
    Unknown,
}

impl Crowd {
    /// Starts all hosts within a moment, each knowing the first of them.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn start_all(&mut self) -> Result<(), Breach> {
        for host in 0..self.hosts.len() {
            self.start(host, &[0])?;
        }
        Ok(())
    }

    /// Starts a host that is off, which knows where those are.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn start(&mut self, host: usize, seeds: &[usize]) -> Result<(), Breach> {
        self.start_as(host, host, seeds)
    }

    /// Starts a host that is off under the name of another one.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn start_as(&mut self, host: usize, name: usize, seeds: &[usize]) -> Result<(), Breach> {
        self.start_where(host, name, Names::Resolve, seeds)
    }

    /// Starts a host that is off, under some name and where names of voters resolve, or do not.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn start_where(&mut self, host: usize, name: usize, names: Names, seeds: &[usize]) -> Result<(), Breach> {
        let now = self.engine.now;
        let Host { machine, .. } = &mut self.hosts[host];
        let rules =
            self.setup.rules(name, machine.address()).unwrap_or_else(|error| panic!("the setup of a crowd: {error}"));
        let rules = Arc::new(rules);
        let boot = EndpointBoot { seed: self.rng.next(), stamp_ms: machine.unix_ms(now), saved: None };
        let endpoint = Endpoint::new(Arc::clone(&rules), boot, machine.now(now))
            .unwrap_or_else(|error| panic!("the boot values of a crowd: {error}"));
        self.records.started(host, rules.key(), endpoint.node().incarnation());
        self.diaries[host] = Diary::default();
        self.engine.end(machine);
        machine.endpoint = Some(endpoint);
        let this = &mut self.hosts[host];
        (this.name, this.has_left, this.rules) = (name, false, Some(Arc::clone(&rules)));
        this.told.clear();
        let others = rules.voters().iter().filter(|voter| names == Names::Resolve && voter.id != *rules.id());
        for voter in others {
            let Some(at) = self.by_name.get(&voter.id) else { continue };
            let (peer, address) = (voter.id.key(), self.hosts[*at].machine.address());
            self.step(host, Input::Resolved { peer, address })?;
        }
        for seed in seeds {
            let address = self.address(*seed);
            self.step(host, Input::Command(Command::Join(address)))?;
        }
        self.step(host, Input::Timeout)
    }

    /// Starts a host again after a crash, or while it runs, in a new incarnation.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn restart(&mut self, host: usize, whereabouts: Whereabouts, seeds: &[usize]) -> Result<(), Breach> {
        if whereabouts == Whereabouts::Moved {
            self.hosts[host].machine.moves();
        }
        self.start_as(host, self.hosts[host].name, seeds)
    }

    /// The wall clock of a host shows so much more, or less, from its next start on.
    pub fn skew(&mut self, host: usize, wall_ms: i64) {
        self.hosts[host].machine.wall_ms = wall_ms;
    }
}
