//! A crowd: hundreds to thousands of members in one thread, for the questions that need many. How soon do all know of a
//! crash, what does it cost when nothing happens, do halves find each other again?
//!
//! Like a [`World`](crate::World) it runs real [`Endpoint`](qcluster_core::Endpoint)s over a simulated network, time jumps
//! from one event to the next, and one `u64` decides everything. Unlike it, it has one quality of network for all, cuts that
//! are a rule of sender and receiver, clocks that are right in rate, and no disks: what an election needs is tried there.
//!
//! ```
//! use qcluster_core::Span;
//! use qcluster_sim::crowd::{Crowd, CrowdSetup};
//!
//! let mut crowd = Crowd::new(CrowdSetup::members(20).seed(3));
//! crowd.start_all()?;
//! crowd.run_until(Span::from_millis(10_000), Crowd::agrees)?.ok_or("they agree by now")?;
//! crowd.crash(7);
//! crowd.run_until(Span::from_millis(10_000), Crowd::agrees)?.ok_or("they have noticed by now")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agreement;
mod host;
mod network;
mod oracle;
mod records;
mod setup;
mod start;
mod step;
mod storm;
mod storm_of_records;
mod traffic;

use std::collections::HashMap;
use std::net::SocketAddr;

use qcluster_core::{Command, GossipPace, Input, MemberEvent, Node, NodeId, Notification, Span, Time};

pub use host::Condition;
use host::Host;
use network::Alike;
pub use oracle::{Breach, CrowdRule};
use oracle::{Diary, Goodbyes, Records};
pub use records::Sighting;
pub use setup::{CrowdSetup, Kinds, OwnAddress};
pub use start::{Names, Whereabouts};
pub use storm::storm;
pub use storm_of_records::storm_of_records;
pub use traffic::Traffic;

use crate::engine::{self, LinkQuality, Progress, short};
use crate::rng::Rng;
use crate::trace::TraceHash;

type Engine = engine::Engine<Alike, Job>;

/// What happens in a crowd beside datagrams and timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// A process that stands still goes on, if it is still there.
    GoOn { host: u16, incarnation: u16 },
}

/// That a host was told of a member that it is down or has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// When.
    pub at: Time,
    /// Which host was told.
    pub by: usize,
    /// Of whom.
    pub of: usize,
    /// What.
    pub what: MemberEvent,
    /// Whether the host that it was about was running, or stalled.
    pub was_there: bool,
}

/// Many members in one thread.
#[derive(Debug)]
pub struct Crowd {
    setup: CrowdSetup,
    engine: Engine,
    hosts: Vec<Host>,
    by_name: HashMap<NodeId, usize>,
    rng: Rng,
    hash: TraceHash,
    diaries: Vec<Diary>,
    goodbyes: Goodbyes,
    records: Records,
    watched: Option<String>,
    listens: bool,
    sightings: Vec<Sighting>,
    losses: Vec<Loss>,
    distrusts: u64,
    breach: Option<Breach>,
}

impl Crowd {
    /// All its hosts are off.
    pub fn new(setup: CrowdSetup) -> Self {
        let mut rng = Rng::for_part(setup.seed, 2);
        let host = |index| {
            let origin = Span::from_millis(rng.below(1_000_000_000));
            Host::new(index, origin, rng.between_signed(-60_000, 60_000))
        };
        let hosts: Vec<Host> = (0..setup.nodes).map(host).collect();
        let names = (0..setup.nodes).filter_map(|host| Some((CrowdSetup::id(host).ok()?, host)));
        Self {
            engine: Engine::new(Alike::new(setup.quality, setup.seed), setup.nodes),
            by_name: names.collect(),
            rng,
            hash: TraceHash::new(),
            diaries: (0..setup.nodes).map(|_| Diary::default()).collect(),
            goodbyes: Goodbyes::default(),
            records: Records::new(setup.pace.retention < GossipPace::RETENTION),
            watched: None,
            listens: false,
            sightings: Vec::new(),
            losses: Vec::new(),
            distrusts: 0,
            breach: None,
            hosts,
            setup,
        }
    }

    /// Its process is gone, and nobody was told.
    pub fn crash(&mut self, host: usize) {
        self.engine.end(&mut self.hosts[host].machine);
        self.hosts[host].has_left = false;
    }

    /// It says goodbye and ends.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn leave(&mut self, host: usize) -> Result<(), Breach> {
        if self.condition(host) != Condition::Running {
            return Ok(());
        }
        self.step(host, Input::Command(Command::Shutdown))?;
        if let Some(me) = self.node(host).and_then(|node| node.member(node.rules().key())) {
            self.goodbyes.left(self.hosts[host].name, me.standing, self.engine.now);
        }
        self.engine.end(&mut self.hosts[host].machine);
        self.hosts[host].has_left = true;
        Ok(())
    }

    /// Its loop stands still for so long.
    pub fn stall(&mut self, host: usize, span: Span) {
        let machine = &mut self.hosts[host].machine;
        if machine.is_running() {
            machine.progress = Progress::Frozen;
            let until = self.engine.now + span;
            self.goodbyes.disturbed(until);
            self.engine.plan(until, Job::GoOn { host: short(host), incarnation: machine.incarnation });
        }
    }

    /// From now on nothing passes from the first host to the second where that is so.
    pub fn cut(&mut self, is_cut: impl Fn(usize, usize) -> bool + 'static) {
        self.goodbyes.disturbed(Time::NEVER);
        self.engine.links.cut = Some(Box::new(is_cut));
    }

    /// Cuts the crowd in two: the first `count`, and the rest.
    pub fn cut_after(&mut self, first: usize) {
        self.cut(move |from, to| (from < first) != (to < first));
    }

    /// Everything passes again.
    pub fn heal(&mut self) {
        self.engine.links.cut = None;
        self.goodbyes.heal(self.engine.now);
    }

    /// How all links treat datagrams from now on.
    pub fn set_quality(&mut self, quality: LinkQuality) {
        self.engine.links.link.quality = quality;
        self.goodbyes.disturbed(self.engine.now + self.setup.delay_max());
    }

    /// Gives an input to a host that runs, and carries out what it wants.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn step(&mut self, host: usize, input: Input<'_>) -> Result<(), Breach> {
        self.take_step(host, input);
        self.breach.clone().map_or(Ok(()), Err)
    }

    /// Runs for so long.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn run_for(&mut self, span: Span) -> Result<(), Breach> {
        self.run_to(self.engine.now + span);
        self.breach.clone().map_or(Ok(()), Err)
    }

    /// Runs until that is so, and gives how long it took, to 50 ms; `None` if it was not so within `limit`.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn run_until(&mut self, limit: Span, is_so: impl Fn(&Self) -> bool) -> Result<Option<Span>, Breach> {
        let begun = self.engine.now;
        while !is_so(self) {
            if self.engine.now.since(begun) >= limit {
                return Ok(None);
            }
            self.run_for(Span::from_millis(50))?;
        }
        Ok(Some(self.engine.now.since(begun)))
    }

    /// Compares the tables of all nodes with what they have told.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn audit(&mut self) -> Result<(), Breach> {
        for host in 0..self.hosts.len() {
            let Some(node) = self.node(host) else { continue };
            let verdict = self.diaries[host].audit(node, |id| self.by_name.get(id).copied());
            let verdict = verdict.and_then(|()| self.records.audit(host, node));
            self.judge(host, verdict);
        }
        self.breach.clone().map_or(Ok(()), Err)
    }

    /// Time since the crowd began.
    pub fn now(&self) -> Time {
        self.engine.now
    }

    /// How many hosts there are.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// What a host's process is doing.
    pub fn condition(&self, host: usize) -> Condition {
        self.hosts[host].condition()
    }

    /// Where a host is at the moment.
    pub fn address(&self, host: usize) -> SocketAddr {
        self.hosts[host].machine.address()
    }

    /// The node on a host, while its process is there.
    pub fn node(&self, host: usize) -> Option<&Node> {
        self.hosts[host].machine.node()
    }

    /// The hosts with a process that has not stopped.
    pub fn live(&self) -> impl Iterator<Item = (usize, &Node)> {
        let node = |host| self.node(host).filter(|node| node.role() != qcluster_core::Role::Stopped);
        (0..self.hosts.len()).filter_map(move |host| Some((host, node(host)?)))
    }

    /// From now on all that hosts tell their applications is kept, for [`told`](Self::told).
    pub fn listen(&mut self) {
        self.listens = true;
    }

    /// What a host has told its application in its present incarnation, as far as that was [listened](Self::listen) to.
    pub fn told(&self, host: usize) -> &[Notification] {
        &self.hosts[host].told
    }

    /// Every time that a host was told of another one that it is down or has left.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// Deaths that were told of hosts that were there.
    pub fn false_deaths(&self) -> usize {
        self.losses.iter().filter(|loss| loss.was_there && loss.what == MemberEvent::Down).count()
    }

    /// How often a node said that its view is not to be trusted (G9).
    pub fn distrusts(&self) -> u64 {
        self.distrusts
    }

    /// What that host has sent in all its incarnations.
    pub fn sent(&self, host: usize) -> Traffic {
        self.hosts[host].sent
    }

    /// What all have sent.
    pub fn sent_by_all(&self) -> Traffic {
        self.hosts.iter().map(|host| host.sent).sum()
    }

    /// Equal for equal runs, and as good as never for others.
    pub fn hash(&self) -> TraceHash {
        self.hash
    }

    /// Everybody that runs is told where a host is at the moment, as an adapter does that resolves names again.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn tell_seed(&mut self, seed: usize) -> Result<(), Breach> {
        let address = self.address(seed);
        (0..self.hosts.len()).try_for_each(|host| self.step(host, Input::Command(Command::Join(address))))
    }

    fn breach_of(&self, rule: CrowdRule, what: &str) -> Breach {
        Breach { rule, at: self.engine.now, host: 0, what: what.into(), seed: self.setup.seed }
    }
}
