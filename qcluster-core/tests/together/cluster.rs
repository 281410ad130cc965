//! Endpoints that exchange datagrams in memory, each a fixed time under way.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use qcluster_core::{
    Command, CommandRefused, Endpoint, EndpointBoot, GossipPace, Input, NodeId, Notification, Output, Seat, Settings,
    Span, Time, VoterSettings,
};

const DELAY: Span = Span::from_millis(1);

/// One node and what it has told.
pub(crate) struct Machine {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) told: Vec<Notification>,
    settings: Settings,
    incarnations: u64,
}

pub(crate) struct Cluster {
    pub(crate) now: Time,
    pub(crate) machines: Vec<Machine>,
    /// By time of arrival: from, to, bytes.
    mail: BTreeMap<(Time, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    posted: u64,
    /// Cut off from all others.
    pub(crate) cut: Vec<usize>,
}

pub(crate) fn id(n: usize) -> NodeId {
    NodeId::new(&format!("n{n}")).unwrap()
}

pub(crate) fn address(n: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(n + 1).unwrap()], 7_000))
}

impl Cluster {
    /// Voters, and observers behind them. All know where the voters are.
    pub(crate) fn with_leader(voters: usize, observers: usize) -> Self {
        let list: Vec<_> = (0..voters).map(|n| VoterSettings::new(id(n))).collect();
        let settings = |n: usize| {
            let seat = if n < voters { Seat::Voter } else { Seat::Observer };
            Settings { seat, ..Settings::voter(id(n), list.clone()) }.with_gossip(GossipPace::default())
        };
        let mut cluster = Self::new((0..voters + observers).map(settings).collect());
        for n in 0..voters + observers {
            for peer in 0..voters {
                let resolved = Input::Resolved { peer: id(peer).key(), address: address(peer) };
                cluster.step(n, resolved).unwrap();
            }
        }
        cluster
    }

    /// Nodes without a leader. All know where the first is.
    pub(crate) fn masterless(nodes: usize) -> Self {
        let mut cluster = Self::new((0..nodes).map(|n| Settings::member(id(n))).collect());
        for n in 1..nodes {
            cluster.step(n, Input::Command(Command::Join(address(0)))).unwrap();
        }
        cluster
    }

    fn new(settings: Vec<Settings>) -> Self {
        let machine = |settings| Machine { endpoint: None, told: Vec::new(), settings, incarnations: 0 };
        let machines = settings.into_iter().map(machine).collect();
        let mut cluster = Self { now: Time::ZERO, machines, mail: BTreeMap::new(), posted: 0, cut: Vec::new() };
        for n in 0..cluster.machines.len() {
            cluster.start(n);
        }
        cluster
    }

    /// Starts a node, or its next incarnation, at its address.
    pub(crate) fn start(&mut self, n: usize) {
        let now = self.now;
        let machine = &mut self.machines[n];
        machine.incarnations += 1;
        let stamp_ms = 1_764_000_000_000 + now.as_nanos() / 1_000_000 + machine.incarnations;
        let boot = EndpointBoot { seed: 1 + n as u64 + 1_000 * machine.incarnations, stamp_ms, saved: None };
        machine.endpoint = Some(Endpoint::new(machine.settings.check().unwrap(), boot, now).unwrap());
        machine.told.clear();
    }

    /// A node starts on one machine under the name of another.
    pub(crate) fn impersonate(&mut self, n: usize, other: usize) {
        self.machines[n].settings.id = id(other);
        self.start(n);
    }

    pub(crate) fn crash(&mut self, n: usize) {
        self.machines[n].endpoint = None;
    }

    pub(crate) fn node(&self, n: usize) -> &qcluster_core::Node {
        self.machines[n].endpoint.as_ref().unwrap().node()
    }

    pub(crate) fn ask(&mut self, n: usize, command: Command) -> Result<(), CommandRefused> {
        self.step(n, Input::Command(command))
    }

    /// Gives an input, and carries out what comes of it.
    pub(crate) fn step(&mut self, n: usize, input: Input<'_>) -> Result<(), CommandRefused> {
        let (now, cut) = (self.now, self.cut.contains(&n));
        let machine = &mut self.machines[n];
        let Some(endpoint) = &mut machine.endpoint else { return Ok(()) };
        let mut outputs = endpoint.step(now, input);
        let result = outputs.result().map_err(Clone::clone);
        while let Some(output) = outputs.next() {
            match output {
                Output::Transmit { to, bytes } if !cut => {
                    assert!(bytes.len() <= qcluster_core::DATAGRAM_MAX, "{} bytes", bytes.len());
                    self.posted += 1;
                    self.mail.insert((now + DELAY, self.posted), (address(n), to, bytes.to_vec()));
                }
                Output::Transmit { .. } => {}
                Output::Persist { .. } => unreachable!("all are diskless"),
                Output::Notify(notification) => machine.told.push(notification),
            }
        }
        result
    }

    pub(crate) fn run(&mut self, millis: u64) {
        let end = self.now + Span::from_millis(millis);
        loop {
            let deadlines =
                self.machines.iter().filter_map(|machine| machine.endpoint.as_ref()).map(Endpoint::deadline);
            let timer = deadlines.min().unwrap_or(Time::NEVER);
            let arrival = self.mail.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
            if timer.min(arrival) > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(timer.min(arrival));
            if arrival <= self.now {
                let (_, (from, to, bytes)) = self.mail.pop_first().unwrap();
                let to = (0..self.machines.len()).find(|n| address(*n) == to && !self.cut.contains(n));
                if let Some(to) = to {
                    self.step(to, Input::Datagram { from, bytes: &bytes }).unwrap();
                }
                continue;
            }
            for n in 0..self.machines.len() {
                let is_due = |endpoint: &Endpoint| endpoint.deadline() <= self.now;
                if self.machines[n].endpoint.as_ref().is_some_and(is_due) {
                    self.step(n, Input::Timeout).unwrap();
                }
            }
        }
    }
}
