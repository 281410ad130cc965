//! The world: hosts, a network and time that jumps from one event to the next.

mod apply;
mod deliver;
mod host;
mod monitor;
mod overheard;
mod seals;
mod step;
mod strangers;
mod tape;

use std::sync::Arc;

use qcluster_core::{Node, NodeKey, Role, Rules, Span, Time};

use crate::engine::{self, Network};
use crate::fault::Fault;
use crate::marks::Marks;
use crate::oracle::{Rule, Violation};
use crate::rng::Rng;
use crate::secrets::Secrets;
use crate::setup::{HostSet, Setup, id_of};
use crate::trace::{Trace, TraceHash};
use host::Host;
use monitor::Monitor;

type Engine = engine::Engine<Network, Job>;

/// What happens in a world beside datagrams and timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// A write is done, for that incarnation of the host.
    DiskDone { host: u16, incarnation: u16 },
    /// The work of a leader has ended.
    Drained { host: u16, incarnation: u16 },
    /// A fault of the schedule is due.
    Fault(u32),
    /// A host looks up where a peer is.
    Resolve { host: u16, peer: u16 },
    /// The application of a host writes to the guarded resource, if it leads.
    Write { host: u16, incarnation: u16 },
    /// A write arrives there.
    WriteArrives(u32),
}

/// Whether everything is written down, or only hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Only the hash: fast.
    Off,
    /// Every event, for reports and pictures.
    On,
}

/// What a run amounted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams, timers, writes and faults that hosts were given.
    pub events: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams given to nodes.
    pub delivered: u64,
    /// Leaderships that began.
    pub elections: u64,
    /// Renewals of leases.
    pub renewals: u64,
    /// Changes of the node that leads.
    pub changes: u64,
}

/// Real nodes in a simulated world. Everything in it follows from its [`Setup`] and the faults that are applied.
#[derive(Debug)]
pub struct World {
    setup: Setup,
    /// By plan, then by host.
    rules: Vec<Vec<Arc<Rules>>>,
    hosts: Vec<Host>,
    engine: Engine,
    monitor: Monitor,
    /// By host: what its own name goes by in messages.
    keys: Vec<NodeKey>,
    faults: Vec<Fault>,
    /// Writes on their way to the guarded resource.
    writes: Vec<(usize, u64)>,
    /// Chance that belongs to no host and no link.
    rng: Rng,
    /// The secrets behind the numbers of keys.
    secrets: Secrets,
    /// The last plan under which a leadership has begun: no host goes further than to the plan after it. That is the rule which
    /// an operator has to keep (E20).
    established: usize,
    /// Those that are to work together from some moment on: an operator looks after each of them once.
    healed: HostSet,
    /// Those of them that the operator has started again since.
    looked_after: HostSet,
    /// When the operator last had to start one of them again.
    started_again: Time,
}

impl World {
    /// A world in which every host starts within the first millisecond. The last hosts of a setup with twins are spare.
    ///
    /// # Errors
    /// A plan is not a valid configuration, there are no hosts or too many, a plan or a clock is of a host that there is not,
    /// or something is out of its range: a sentence says what is wrong.
    pub fn new(setup: Setup) -> Result<Self, String> {
        Self::recording(setup, Recording::Off)
    }

    /// The same, and maybe everything is written down.
    ///
    /// # Errors
    /// See [`World::new`].
    pub fn recording(setup: Setup, recording: Recording) -> Result<Self, String> {
        setup.check().map_err(|misfit| misfit.reason)?;
        let of_plan = |plan: &crate::setup::Plan| {
            (0..setup.hosts).map(|host| plan.rules(host, &setup).map(Arc::new)).collect::<Result<Vec<_>, _>>()
        };
        let rules: Vec<Vec<Arc<Rules>>> = setup.plans.iter().map(of_plan).collect::<Result<_, _>>()?;
        let first = rules.first().ok_or("a setup has at least one plan")?;
        let hosts: Vec<Host> =
            first.iter().enumerate().map(|(host, rules)| Host::new(host, Arc::clone(rules), &setup)).collect();
        let keys = (0..setup.hosts).map(|host| id_of(host).map(|id| id.key())).collect::<Result<_, _>>()?;
        let mut world = Self {
            rules,
            hosts,
            engine: Engine::new(Network::new(setup.hosts, setup.link, setup.seed), setup.hosts),
            monitor: Monitor::new(&setup, recording),
            keys,
            faults: Vec::new(),
            writes: Vec::new(),
            rng: Rng::for_part(setup.seed, u64::MAX),
            secrets: Secrets::new(Rng::for_part(setup.seed, u64::MAX - 8)),
            established: 0,
            healed: HostSet::default(),
            looked_after: HostSet::default(),
            started_again: Time::ZERO,
            setup,
        };
        for host in 0..world.hosts.len() {
            world.start(host, 0);
        }
        Ok(world)
    }

    /// Real time.
    pub fn now(&self) -> Time {
        self.engine.now
    }

    /// What it was made from.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The network, to read or to change.
    pub fn network(&mut self) -> &mut Network {
        &mut self.engine.links
    }

    /// Lets `span` of real time pass.
    ///
    /// # Errors
    /// An oracle objects. The world stands still from then on.
    pub fn run_for(&mut self, span: Span) -> Result<(), Violation> {
        self.run_until(self.engine.now + span)
    }

    /// Lets time pass until `end`, if that lies ahead.
    ///
    /// # Errors
    /// An oracle objects. The world stands still from then on.
    pub fn run_until(&mut self, end: Time) -> Result<(), Violation> {
        while self.monitor.violation.is_none()
            && let Some(event) = self.engine.next_until(end)
        {
            self.monitor.now = self.engine.now;
            self.perform(event);
        }
        if let Some(violation) = &self.monitor.violation {
            return Err(violation.clone());
        }
        self.engine.rest_until(end);
        self.monitor.now = self.engine.now;
        Ok(())
    }

    /// Does something to the world at a moment to come; at once if it has passed.
    pub fn plan_fault(&mut self, at: Time, fault: Fault) {
        let index = u32::try_from(self.faults.len()).unwrap_or(u32::MAX);
        self.faults.push(fault);
        self.engine.plan_ahead(at.max(self.engine.now), Job::Fault(index));
    }

    /// The host that holds the lease at this instant, on the clock of its machine.
    pub fn leader(&self) -> Option<usize> {
        self.monitor.oracles.holder(self.engine.now)
    }

    /// The node of a host, if its process runs.
    pub fn node(&self, host: usize) -> Option<&Node> {
        self.hosts.get(host)?.machine.node()
    }

    /// The host whose name a host bears: its own, but for one that has taken the place of another.
    pub fn identity_of(&self, host: usize) -> Option<usize> {
        self.hosts.get(host).map(|host| host.identity)
    }

    /// Who leads in the eyes of a host, by the host that the name belongs to.
    pub fn leader_seen_by(&self, host: usize) -> Option<usize> {
        let key = self.node(host)?.leader()?.key;
        self.keys.iter().position(|known| *known == key)
    }

    /// What a host is, if its process runs.
    pub fn role(&self, host: usize) -> Option<Role> {
        self.node(host).map(Node::role)
    }

    /// When a healed process that had stopped was last started again, which needs an operator.
    pub fn started_again(&self) -> Time {
        self.started_again
    }

    /// The plan that a host started with last.
    pub fn plan_of(&self, host: usize) -> Option<usize> {
        self.hosts.get(host).map(|host| host.plan)
    }

    /// Whether the process of a host runs and makes progress.
    pub fn is_running(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|host| host.machine.is_running())
    }

    /// What an oracle has objected to, if one has.
    pub fn violation(&self) -> Option<&Violation> {
        self.monitor.violation.as_ref()
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> TraceHash {
        self.monitor.hash
    }

    /// What was written down, where that was asked for.
    pub fn trace(&self) -> &Trace {
        &self.monitor.trace
    }

    /// What was written down, without the world.
    pub(crate) fn into_trace(self) -> Trace {
        self.monitor.trace
    }

    /// Counts so far.
    pub fn stats(&self) -> Stats {
        Stats { renewals: self.monitor.oracles.renewals, ..self.monitor.stats }
    }

    /// The marks reached so far, those in the counters of running nodes too.
    pub fn marks(&self) -> Marks {
        let mut marks = self.monitor.marks.clone();
        for node in (0..self.hosts.len()).filter_map(|host| self.node(host)) {
            marks.learn(node.counters());
        }
        marks
    }

    /// Reports a breach that only the driver of a world can see.
    pub(crate) fn object(&mut self, rule: Rule, host: Option<usize>, detail: String) -> Violation {
        let violation = Violation { rule, at: self.engine.now, host, detail };
        self.monitor.violation.get_or_insert(violation).clone()
    }
}
