//! Endpoints that speak bytes, and a network that can make their datagrams come from other ports than they listen on.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};

use qcluster_core::{
    Command, Endpoint, EndpointBoot, Envelope, GossipPace, Incarnation, Input, Message, NodeKey, Output, Outputs,
    RegistryMessage, Rules, Service, Session, Settings, Span, Time, read_datagram, write_datagram,
};

use crate::world::{hello_of, id, ms, voters};

pub fn port(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Everything that is to be sent.
pub fn drain(mut outputs: Outputs<'_>) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut sent = Vec::new();
    while let Some(output) = outputs.next() {
        if let Output::Transmit { to, bytes } = output {
            sent.push((to, bytes.to_vec()));
        }
    }
    sent
}

/// One of so many voters, with members and services.
pub fn voter(n: usize, count: usize) -> Settings {
    Settings::voter(id(n), voters(0..count)).with_gossip(GossipPace::default())
}

pub struct Net {
    pub now: Time,
    pub nodes: Vec<Endpoint>,
    pub rules: Vec<Rules>,
    /// Where the datagrams of each node come from, which is where it is reached.
    ports: Vec<SocketAddr>,
    /// All that was ever sent: by whom, to where, and what.
    pub sent: Vec<(usize, SocketAddr, Vec<u8>)>,
}

impl Net {
    pub fn new() -> Self {
        Self { now: Time::ZERO, nodes: Vec::new(), rules: Vec::new(), ports: Vec::new(), sent: Vec::new() }
    }

    /// So many voters whose names are resolved, one of whom leads.
    pub fn led(count: usize) -> (Self, usize) {
        let mut net = Self::new();
        for n in 0..count {
            net.start(&voter(n, count));
        }
        net.resolve();
        net.run(ms(2_000));
        let leader = net.leader().expect("somebody leads");
        (net, leader)
    }

    /// Starts a node, and gives its number; its port is the same.
    pub fn start(&mut self, settings: &Settings) -> usize {
        let n = self.nodes.len();
        let rules = settings.check().unwrap();
        let boot = EndpointBoot { seed: n as u64 + 1, stamp_ms: 1_764_000_000_000, saved: None };
        self.nodes.push(Endpoint::new(rules.clone(), boot, self.now).unwrap());
        self.rules.push(rules);
        self.ports.push(Self::port_of(n));
        n
    }

    /// The port that a node listens on, and that its name stands for.
    pub fn port_of(n: usize) -> SocketAddr {
        port(u16::try_from(n).unwrap() + 1)
    }

    /// The names of all voters stand for the ports that they listen on.
    pub fn resolve(&mut self) {
        for n in 0..self.nodes.len() {
            for (at, voter) in self.rules[n].voters().to_vec().iter().enumerate() {
                let input = Input::Resolved { peer: voter.key, address: Self::port_of(at) };
                let sent = drain(self.nodes[n].step(self.now, input));
                self.carry(n, sent);
            }
        }
    }

    /// From now on the datagrams of that node come from another port, and no longer reach it at the one before.
    pub fn moves(&mut self, n: usize) -> SocketAddr {
        self.ports[n] = port(self.ports[n].port() + 100);
        self.ports[n]
    }

    pub fn run(&mut self, time: Span) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + ms(1);
            for n in 0..self.nodes.len() {
                if self.nodes[n].deadline() <= self.now {
                    self.give(n, Input::Timeout);
                }
            }
        }
    }

    pub fn give(&mut self, n: usize, input: Input<'_>) {
        let sent = drain(self.nodes[n].step(self.now, input));
        self.carry(n, sent);
    }

    /// Delivers datagrams, and what is said to them, without delay.
    fn carry(&mut self, n: usize, sent: Vec<(SocketAddr, Vec<u8>)>) {
        let mut mail: VecDeque<_> = sent.into_iter().map(|(to, bytes)| (n, to, bytes)).collect();
        while let Some((from, to, bytes)) = mail.pop_front() {
            self.sent.push((from, to, bytes.clone()));
            let Some(receiver) = self.ports.iter().position(|port| *port == to) else { continue };
            let input = Input::Datagram { from: self.ports[from], bytes: &bytes };
            let sent = drain(self.nodes[receiver].step(self.now, input));
            mail.extend(sent.into_iter().map(|(to, bytes)| (receiver, to, bytes)));
        }
    }

    /// What `who` answers to the probe that node `n` sends to `from`, having been greeted from there.
    pub fn answer_to_probe(&mut self, n: usize, who: Name, from: SocketAddr) -> Vec<u8> {
        let (mut node, now) = (self.nodes[n].clone(), self.now);
        let ack = self.answer_at(&mut node, n, who, from, now);
        self.nodes[n] = node;
        ack
    }

    /// The same of such a node at that time.
    pub fn answer_at(&self, node: &mut Endpoint, n: usize, who: Name, from: SocketAddr, now: Time) -> Vec<u8> {
        let nonce = self.asked(node, n, who, from, now);
        let ack = Message::Session(Session::ProbeAck { nonce, booting: true });
        self.datagram(n, who, self.name(n).incarnation, ack)
    }

    /// The number of the probe that node `n` sends to `from` when `who` greets it from there.
    pub fn asks(&self, n: usize, who: Name, from: SocketAddr) -> u64 {
        self.asked(&mut self.nodes[n].clone(), n, who, from, self.now)
    }

    fn asked(&self, node: &mut Endpoint, n: usize, who: Name, from: SocketAddr, now: Time) -> u64 {
        let me = self.name(n);
        let hello = Message::Session(hello_of(me.key, false, true, Incarnation::UNKNOWN));
        let hello = self.datagram(n, who, me.incarnation, hello);
        let asked = drain(node.step(now, Input::Datagram { from, bytes: &hello }));
        let [Message::Session(Session::Probe { nonce })] = self.read(&asked[0].1)[..] else { panic!("{asked:?}") };
        nonce
    }

    /// `who` proves to node `n` that it is at `from`: what it is sent for that.
    pub fn proves(&mut self, n: usize, who: Name, from: SocketAddr) -> Vec<(SocketAddr, Vec<u8>)> {
        let ack = self.answer_to_probe(n, who, from);
        drain(self.nodes[n].step(self.now, Input::Datagram { from, bytes: &ack }))
    }

    pub fn leader(&self) -> Option<usize> {
        self.nodes.iter().position(|node| node.node().is_leader(self.now))
    }

    pub fn register(&mut self, n: usize, count: usize) {
        for service in 0..count {
            let service = Service::new("web", 8_000).with_id(format!("web-{service}"));
            self.give(n, Input::Command(Command::Register(service)));
        }
    }

    pub fn services(&self, n: usize) -> usize {
        self.nodes[n].node().services(Some("web")).count()
    }

    /// What a node `from`, of the rules of `like`, sends to `to` in whichever incarnation of that.
    pub fn datagram(&self, like: usize, from: Name, to_incarnation: Incarnation, message: Message) -> Vec<u8> {
        let (rules, Name { key, incarnation }) = (&self.rules[like], from);
        let envelope = Envelope {
            from: key,
            from_incarnation: incarnation,
            to: rules.key(),
            to_incarnation,
            digests: rules.digests(),
            message,
        };
        write_datagram(rules, &envelope)
    }

    pub fn name(&self, n: usize) -> Name {
        Name { key: self.rules[n].key(), incarnation: self.nodes[n].node().incarnation() }
    }

    /// The messages in a datagram.
    pub fn read(&self, bytes: &[u8]) -> Vec<Message> {
        read_datagram(&self.rules[0], bytes).unwrap().into_iter().map(|envelope| envelope.message).collect()
    }
}

/// Who speaks.
#[derive(Clone, Copy)]
pub struct Name {
    pub key: NodeKey,
    pub incarnation: Incarnation,
}

/// How often each service is told of as news.
pub fn services_of(sent: &[Vec<Message>]) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for message in sent.iter().flatten() {
        if let Message::Registry(message) = message
            && let RegistryMessage::Record(record) = &**message
        {
            *told.entry(record.id.clone()).or_default() += 1;
        }
    }
    told
}
