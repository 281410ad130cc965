//! A cluster that a test has in its hands.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::time::{Duration, Instant};

use qcluster_core::{Config, Mode, Peer, TimingValues};

use super::machine::{Machine, Processor};
use super::network::Network;
use crate::error::StartError;
use crate::handle::Handle;

/// The port of the first node. Nobody listens there: it tells the nodes apart.
const FIRST_PORT: u16 = 7_001;

/// A leader that has not been found after this long will not be.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks for a leader.
const PAUSE: Duration = Duration::from_millis(1);

/// An adapter whose nodes can run on a [`Machine`] in memory.
pub trait StartInMemory: Clone + Deref<Target = Handle> {
    /// Starts a node there rather than on sockets of the system.
    ///
    /// # Errors
    /// As when it starts in service.
    fn start_in_memory(config: Config, machine: Machine) -> impl Future<Output = Result<Self, StartError>> + Send;
}

/// A cluster of nodes in one process, whose lives and links a test has in its hands. `Q` is the `QCluster` of an adapter.
///
/// Nodes are counted from 0 and named `server_0`, `server_1` and so on. They are voters with a lease of 150 ms, so that another leads
/// about as long after the leader has gone, and the first leader is there within a second on a machine that is not busy. A test that wants something
/// else of them says so by [`start_with`](Self::start_with).
///
/// The lease of a node that is killed, cut off or frozen ends by the clock, as it does in service, and
/// [`wait_for_leader`](Self::wait_for_leader) waits for the next leader. A machine that is very busy may unseat a leader by itself: a
/// test should ask who leads rather than remember it.
///
/// Dropped, it lets go of all nodes: each of them stops by itself then, unless somebody has another handle of it.
pub struct TestCluster<Q> {
    network: Network,
    members: Vec<Member<Q>>,
}

struct Member<Q> {
    config: Config,
    address: SocketAddr,
    processor: Processor,
    /// None once it was killed.
    node: Option<Q>,
}

impl<Q: Deref<Target = Handle>> Member<Q> {
    /// The node, if it runs.
    fn running(&self) -> Option<&Q> {
        self.node.as_ref().filter(|node| node.why_stopped().is_none())
    }
}

impl<Q: StartInMemory> TestCluster<Q> {
    /// Starts a cluster of `count` voters.
    ///
    /// # Errors
    /// As when a node starts in service; there can be no more than 63 voters, for instance. Nodes that have started stop then.
    pub async fn start(count: usize) -> Result<Self, StartError> {
        Self::start_with(count, |config| config).await
    }

    /// The same with what else the test wants of the configuration of each: services, metadata, another timing. Names, hosts, ports and
    /// peers have to stay as they are.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(count: usize, configure: impl Fn(Config) -> Config) -> Result<Self, StartError> {
        let network = Network::default();
        let member = |index| Member {
            config: configure(config(index, count)),
            address: address(index),
            processor: Processor::default(),
            node: None,
        };
        let mut cluster = Self { members: (0..count).map(member).collect(), network };
        for index in 0..count {
            cluster.restart(index).await?;
        }
        Ok(cluster)
    }

    /// A node, one that its own handle has stopped too.
    ///
    /// # Panics
    /// There is no such node, or it was killed.
    #[track_caller]
    pub fn node(&self, index: usize) -> &Q {
        self.member(index).node.as_ref().unwrap_or_else(|| panic!("server_{index} was killed"))
    }

    /// All that run, with their indices.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, &Q)> {
        self.members.iter().enumerate().filter_map(|(index, member)| Some((index, member.running()?)))
    }

    /// The node that leads at this instant, if it runs and is linked to most of the others: not a leader that was just frozen or cut off
    /// and whose lease has not ended yet.
    pub fn leader(&self) -> Option<usize> {
        let leads = |(_, node): &(usize, &Q)| node.is_leader();
        self.nodes().filter(leads).map(|(index, _)| index).find(|index| self.reaches_most(*index))
    }

    /// Waits until there is a [`leader`](Self::leader), and gives its index.
    ///
    /// # Panics
    /// There is none after a minute, or the cluster is masterless. The message lists the state of each node.
    pub async fn wait_for_leader(&self) -> usize {
        let begun = Instant::now();
        let is_masterless = self.members.iter().any(|member| member.config.mode == Mode::Masterless);
        assert!(!is_masterless, "a masterless cluster has no leader");
        loop {
            if let Some(leader) = self.leader() {
                return leader;
            }
            assert!(begun.elapsed() < PATIENCE, "no node leads after {PATIENCE:?}: {self:?}");
            self.pause().await;
        }
    }

    /// Ends a node as a crash of its process would: nobody is told, and what it led stays taken until its lease has run out. What
    /// handles of it are left say that it has stopped. Killed again, it stays as it is.
    ///
    /// # Panics
    /// There is no such node.
    pub async fn kill(&mut self, index: usize) {
        let member = self.member_mut(index);
        let Some(node) = &member.node else { return };
        node.abort_soon();
        // One that stands still would not see that it has ended.
        member.processor.thaw();
        node.stopped().await;
        member.node = None;
    }

    /// Starts a node again that was killed or has stopped, with nothing left of what it knew but its `data_dir`, if it has one. One that
    /// runs stays as it is.
    ///
    /// # Errors
    /// As when a node starts in service.
    ///
    /// # Panics
    /// There is no such node.
    pub async fn restart(&mut self, index: usize) -> Result<(), StartError> {
        let network = self.network.clone();
        let member = self.member_mut(index);
        if member.running().is_some() {
            return Ok(());
        }
        if let Some(stopped) = member.node.take() {
            stopped.stopped().await;
        }
        member.processor = Processor::default();
        let machine = Machine::new(&network, member.address, member.processor.clone());
        member.node = Some(Q::start_in_memory(member.config.clone(), machine).await?);
        Ok(())
    }

    /// Cuts a node off from all others, until [`heal`](Self::heal).
    ///
    /// # Panics
    /// There is no such node.
    #[track_caller]
    pub fn cut(&self, index: usize) {
        let _ = self.member(index);
        for other in (0..self.members.len()).filter(|other| *other != index) {
            self.cut_between(index, other);
        }
    }

    /// Cuts the link between two nodes, until [`heal`](Self::heal).
    ///
    /// # Panics
    /// There is no such node.
    #[track_caller]
    pub fn cut_between(&self, one: usize, other: usize) {
        self.network.cut(self.member(one).address, self.member(other).address);
    }

    /// Takes all cuts back.
    pub fn heal(&self) {
        self.network.heal();
    }

    /// Has a node stand still, as a stopped process would: once it has done what it is doing, it neither hears nor says anything, and what
    /// is asked of it waits. Its lease runs out all the same, and [`is_leader`](Handle::is_leader) says so. Tasks of the test go on,
    /// work of `run_as_leader` among them. Everything that is asked of the node waits until [`thaw`](Self::thaw), also
    /// [`Handle::abort`] and [`Handle::shutdown`]; [`kill`](Self::kill) ends a frozen node.
    ///
    /// # Panics
    /// There is no such node.
    #[track_caller]
    pub fn freeze(&self, index: usize) {
        self.member(index).processor.freeze();
    }

    /// Has a frozen node go on.
    ///
    /// # Panics
    /// There is no such node.
    #[track_caller]
    pub fn thaw(&self, index: usize) {
        self.member(index).processor.thaw();
    }

    #[track_caller]
    fn member(&self, index: usize) -> &Member<Q> {
        let count = self.members.len();
        self.members.get(index).unwrap_or_else(|| panic!("there is no server_{index} among {count} nodes"))
    }

    fn member_mut(&mut self, index: usize) -> &mut Member<Q> {
        let count = self.members.len();
        self.members.get_mut(index).unwrap_or_else(|| panic!("there is no server_{index} among {count} nodes"))
    }

    /// Whether it is one of a majority that can hear it.
    fn reaches_most(&self, index: usize) -> bool {
        let me = self.member(index);
        let is_there = |other: &&Member<Q>| other.running().is_some() && !other.processor.is_frozen();
        let hears = |other: &&Member<Q>| !self.network.is_cut(me.address, other.address);
        let reached = self.members.iter().filter(is_there).filter(hears).count();
        is_there(&me) && reached > self.members.len() / 2
    }

    async fn pause(&self) {
        match self.nodes().next() {
            Some((_, node)) => node.runtime.sleep(PAUSE).await,
            None => panic!("no node leads: none runs"),
        }
    }
}

impl<Q> Drop for TestCluster<Q> {
    fn drop(&mut self) {
        // With its handle a node stops, but for one that stands still.
        self.members.iter().for_each(|member| member.processor.thaw());
    }
}

impl<Q: StartInMemory> fmt::Debug for TestCluster<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = |(index, member): (usize, &Member<Q>)| {
            let role = match &member.node {
                None => "killed".to_owned(),
                Some(_) if member.processor.is_frozen() => "frozen".to_owned(),
                Some(node) => node.status().role,
            };
            (format!("server_{index}"), role)
        };
        f.debug_map().entries(self.members.iter().enumerate().map(state)).finish()
    }
}

fn address(index: usize) -> SocketAddr {
    let port = u16::try_from(index).ok().and_then(|index| FIRST_PORT.checked_add(index));
    SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(u16::MAX)))
}

fn config(index: usize, count: usize) -> Config {
    let name = |index: usize| format!("server_{index}");
    let host = Ipv4Addr::LOCALHOST.to_string();
    let peer = |other: usize| Peer::new(name(other), host.clone(), address(other).port());
    let timing = TimingValues::default().with_heartbeat_ms(25).with_lease_ms(150).with_max_lease_ms(300);
    Config::new(name(index), host.clone(), address(index).port())
        .with_timing(timing)
        .with_peers((0..count).filter(|other| *other != index).map(peer))
}
