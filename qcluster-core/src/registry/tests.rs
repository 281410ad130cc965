//! Stories of registries that talk to each other in memory, and the world in which they take place.

mod bounds;
mod claims;
mod convergence;
mod deletion;
mod forms;
mod model;
mod presence;
mod ttl;
mod watch;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Context, Limits, Message, Presence, Registry, RegistryError, Service};
use crate::id::{Incarnation, NodeKey};
use crate::metrics::Counters;
use crate::rng::{Rng, mix};
use crate::time::{Span, Time};

/// Each rumor is told so often.
const TOLD: u16 = 6;
const HOUR: Span = Span::from_millis(3_600_000);

/// One node's registry, with what it counts.
#[derive(Clone)]
struct Node {
    key: NodeKey,
    incarnation: Incarnation,
    registry: Registry,
    counters: Counters,
}

/// Some nodes, all of which see each other, and one clock for all.
#[derive(Clone)]
struct World {
    nodes: Vec<Node>,
    now: Time,
}

impl World {
    fn new(nodes: usize) -> Self {
        Self::with_limits(nodes, Limits::default())
    }

    fn with_limits(nodes: usize, limits: Limits) -> Self {
        let incarnation = Incarnation(1 << 40);
        let keys = (0..nodes as u64).map(|n| NodeKey(mix(n + 1)));
        let node = |key| Node {
            key,
            incarnation,
            registry: Registry::new(key, incarnation, limits),
            counters: Counters::default(),
        };
        let mut world = Self { nodes: keys.map(node).collect(), now: Time::from_millis(1_000) };
        for n in 0..nodes {
            for other in 0..nodes {
                world.sees(n, other, Presence::Here(incarnation));
            }
        }
        world
    }

    fn key(&self, n: usize) -> NodeKey {
        self.nodes[n].key
    }

    fn sees(&mut self, n: usize, other: usize, presence: Presence) {
        let other = self.key(other);
        self.nodes[n].registry.set_presence(other, presence);
    }

    fn at<R>(&mut self, n: usize, act: impl FnOnce(&mut Registry, &mut Context<'_>) -> R) -> R {
        let node = &mut self.nodes[n];
        act(&mut node.registry, &mut Context { now: self.now, counters: &mut node.counters })
    }

    fn register(&mut self, n: usize, service: &Service) {
        self.at(n, |registry, cx| registry.register(cx, service)).expect("the service is fine");
    }

    fn deregister(&mut self, n: usize, id: &str) {
        self.at(n, |registry, cx| registry.deregister(cx, id)).expect("the service is there");
    }

    fn try_register(&mut self, n: usize, service: &Service) -> Result<(), RegistryError> {
        self.at(n, |registry, cx| registry.register(cx, service))
    }

    /// Time goes by, and every registry does what is due on the way.
    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        loop {
            let next = self.nodes.iter().map(|node| node.registry.deadline()).min().unwrap_or(Time::NEVER);
            self.now = next.clamp(self.now, end);
            for n in 0..self.nodes.len() {
                self.at(n, Registry::timeout);
                assert!(self.nodes[n].registry.deadline() > self.now, "what is due is done");
            }
            if self.now == end {
                return;
            }
        }
    }

    /// A message goes over the wire.
    fn deliver(&mut self, from: usize, to: usize, message: &Message) -> Option<Incarnation> {
        let bytes = postcard::to_allocvec(message).expect("plain data serializes");
        assert!(bytes.len() <= 1_300, "{} bytes do not fit a datagram beside its frame", bytes.len());
        let message = postcard::from_bytes(&bytes).expect("and is read back");
        let from = self.key(from);
        self.at(to, |registry, cx| registry.receive(cx, from, message))
    }

    /// Everything that one owes another.
    fn send_owed(&mut self, from: usize, to: usize) -> usize {
        let peer = self.key(to);
        let mut sent = 0;
        while let Some(message) = self.nodes[from].registry.next_owed(peer) {
            self.deliver(from, to, &message);
            sent += 1;
        }
        sent
    }

    /// Two nodes compare what they have, over a perfect link, until neither owes the other anything.
    fn compare(&mut self, one: usize, other: usize) {
        for (from, to) in [(one, other), (other, one)] {
            let (peer, root) = (self.key(from), self.nodes[from].registry.root());
            self.nodes[to].registry.compare(peer, root);
        }
        while self.send_owed(one, other) + self.send_owed(other, one) > 0 {}
    }

    /// Some nodes compare with each other, over and over.
    fn settle(&mut self, nodes: &[usize]) {
        for _ in 0..3 {
            for &one in nodes {
                nodes.iter().filter(|other| **other > one).for_each(|other| self.compare(one, *other));
            }
        }
    }

    /// What a node has to tell for one datagram of that many records.
    fn rumors(&mut self, n: usize, records: usize) -> Vec<Message> {
        let registry = &mut self.nodes[n].registry;
        let mut last = None;
        let next = |_| {
            let (place, message) = registry.rumor(last)?;
            last = Some(place);
            Some((place, message))
        };
        let told: Vec<_> = (0..records).map_while(next).collect();
        for (place, _) in &told {
            registry.told(*place, TOLD);
        }
        told.into_iter().map(|(_, message)| message).collect()
    }

    /// The services that a node shows, one a line.
    fn view(&self, n: usize) -> Vec<String> {
        let show = |instance: super::Instance| {
            format!("{:?} {}", instance.owner, serde_json::to_string(instance.service.as_ref()).unwrap())
        };
        self.nodes[n].registry.services(None).map(show).collect()
    }

    /// What all owners say of themselves, in the order of a view.
    fn truth(&self) -> Vec<String> {
        let own = |node: &Node| {
            let services = node.registry.services(None).filter(|instance| instance.owner == node.key);
            services.collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.nodes.iter().flat_map(own).collect();
        all.sort_by_key(|instance| (instance.service.name.clone(), instance.owner, instance.service.id.clone()));
        let show = |instance: super::Instance| {
            format!("{:?} {}", instance.owner, serde_json::to_string(instance.service.as_ref()).unwrap())
        };
        all.into_iter().map(show).collect()
    }

    fn ids(&self, n: usize) -> Vec<String> {
        self.nodes[n].registry.services(None).map(|instance| instance.service.id.clone()).collect()
    }

    fn assert_agreed(&self) {
        let truth = self.truth();
        for n in 0..self.nodes.len() {
            assert_eq!(self.view(n), truth, "node {n} shows what the owners say");
        }
    }
}

/// A service that can be told from its earlier versions.
fn service(id: &str, port: u16) -> Service {
    Service::new("billing", port).with_id(id)
}

/// The record in which a node tells one of its services now.
fn record_of(world: &mut World, n: usize, id: &str) -> super::Record {
    let me = world.key(n);
    let entry = world.nodes[n].registry.table.find(super::item_of(me, id), me, id);
    entry.expect("the record is there").record()
}

/// Chance for a story.
fn chance(seed: u64) -> Rng {
    Rng::new(mix(seed))
}
