//! What was restored goes on byte for byte, from any moment of any run; what was damaged is refused.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::{Endpoint, SnapshotError};
use crate::config::{Durability, Rules, SealMode, Seat, Settings, VoterSettings};
use crate::election::PersistId;
use crate::endpoint::{EndpointBoot, Input, Output};
use crate::id::{Incarnation, NodeId};
use crate::node::{Command, Notification};
use crate::reason::DropReason;
use crate::rng::Rng;
use crate::time::{Span, Time};
use crate::wire::Header;

const VOTERS: [&str; 3] = ["a", "b", "c"];
const NODES: usize = VOTERS.len() + 1;

/// A link-local address has a scope, which must not be lost.
fn address(node: usize) -> SocketAddr {
    let port = u16::try_from(node).unwrap();
    if node == 1 {
        let ip = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        return SocketAddr::V6(SocketAddrV6::new(ip, port, 0, 7));
    }
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn node_id(text: &str) -> NodeId {
    NodeId::new(text).unwrap()
}

/// Three voters, two of which save, and an observer.
fn settings(node: usize) -> Settings {
    let voters =
        VOTERS.iter().zip([0, 1, 1]).map(|(id, priority)| VoterSettings::new(node_id(id)).with_priority(priority));
    let voters: Vec<VoterSettings> = voters.collect();
    let mut settings = Settings::voter(node_id(VOTERS.get(node).unwrap_or(&"o")), voters);
    settings.timing.max_lease = settings.timing.lease.times(2);
    settings.seat = if node < VOTERS.len() { Seat::Voter } else { Seat::Observer };
    settings.durability = if node < 2 { Durability::Durable } else { Durability::Diskless };
    settings
}

fn rules(node: usize) -> Rules {
    settings(node).check().unwrap()
}

/// An output that outlives its endpoint's buffer.
#[derive(Debug, PartialEq, Eq)]
enum Done {
    Sent(SocketAddr, Vec<u8>),
    Saves(PersistId, Vec<u8>),
    Told(Notification),
}

fn step(endpoint: &mut Endpoint, now: Time, input: Input<'_>) -> Vec<Done> {
    let mut outputs = endpoint.step(now, input);
    let mut all = Vec::new();
    while let Some(output) = outputs.next() {
        all.push(match output {
            Output::Transmit { to, bytes } => Done::Sent(to, bytes.to_vec()),
            Output::Persist { id, record } => Done::Saves(id, record.to_vec()),
            Output::Notify(notification) => Done::Told(notification),
        });
    }
    all
}

/// An endpoint, and another that is restored from it again and again.
struct Pair {
    original: Endpoint,
    restored: Endpoint,
    saving: Option<PersistId>,
}

impl Pair {
    fn start(node: usize, seed: u64) -> Self {
        let boot = EndpointBoot { seed, stamp_ms: 1_764_000_000_000, saved: None };
        let original = Endpoint::new(rules(node), boot, Time::ZERO).unwrap();
        Self { restored: original.clone(), original, saving: None }
    }

    fn step(&mut self, now: Time, input: &Input<'_>) -> Vec<Done> {
        let done = step(&mut self.original, now, input.clone());
        assert_eq!(step(&mut self.restored, now, input.clone()), done);
        assert_eq!(self.restored.deadline(), self.original.deadline());
        assert_eq!(self.restored.node().lease(now), self.original.node().lease(now));
        done
    }
}

/// A run in which datagrams are lost, repeated and overtaken, saves take their time and fail, and people give commands.
struct Run {
    dice: Rng,
    now: Time,
    pairs: Vec<Pair>,
    mail: VecDeque<(usize, usize, Vec<u8>)>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut dice = Rng::new(seed);
        let pairs = (0..NODES).map(|node| Pair::start(node, dice.next())).collect();
        let mut run = Self { dice, now: Time::ZERO, pairs, mail: VecDeque::new() };
        for node in 0..NODES {
            for (place, peer) in VOTERS.iter().enumerate() {
                let resolved = Input::Resolved { peer: node_id(peer).key(), address: address(place) };
                run.step(node, &resolved);
            }
        }
        run
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.dice.below(n) == 0
    }

    fn step(&mut self, node: usize, input: &Input<'_>) -> usize {
        if self.one_in(8) {
            let pair = &mut self.pairs[node];
            pair.restored = Endpoint::restore(rules(node), &pair.original.snapshot()).unwrap();
        }
        let done = self.pairs[node].step(self.now, input);
        let mut elections = 0;
        for done in done {
            match done {
                Done::Sent(to, bytes) => self.mail.push_back((node, usize::from(to.port()), bytes)),
                Done::Saves(id, _) => self.pairs[node].saving = Some(id),
                Done::Told(told) => elections += usize::from(matches!(told, Notification::Elected { .. })),
            }
        }
        elections
    }

    fn deliver(&mut self) -> usize {
        let mut elections = 0;
        for _ in 0..self.mail.len() {
            let Some((from, to, bytes)) = self.mail.pop_front() else { break };
            if self.one_in(10) || to >= NODES {
                continue;
            }
            if self.one_in(4) {
                self.mail.push_back((from, to, bytes));
                continue;
            }
            elections += self.step(to, &Input::Datagram { from: address(from), bytes: &bytes });
            if self.one_in(20) {
                self.mail.push_back((from, to, bytes));
            }
        }
        elections
    }

    fn save(&mut self, node: usize) -> usize {
        if !self.one_in(3) {
            return 0;
        }
        let Some(id) = self.pairs[node].saving.take() else { return 0 };
        let failed = self.one_in(200);
        self.step(node, &if failed { Input::PersistFailed(id) } else { Input::Persisted(id) })
    }

    fn command(&mut self, node: usize) -> usize {
        if !self.one_in(60) {
            return 0;
        }
        let target = node_id(VOTERS[(node + 1) % VOTERS.len()]);
        let command = match self.dice.below(8) {
            0 | 1 => Input::Command(Command::Transfer(Some(target))),
            2 | 3 => Input::Command(Command::Transfer(None)),
            4 | 5 => Input::Command(Command::StepDown),
            6 => Input::Command(Command::Drained),
            _ => Input::Timeout,
        };
        self.step(node, &command)
    }
}

#[test]
fn what_was_restored_goes_on_byte_for_byte() {
    let mut elections = 0;
    for seed in 0..50 {
        let mut run = Run::new(seed);
        for _ in 0..800 {
            run.now = run.now + Span::from_nanos(run.dice.below(8_000_000));
            for node in 0..NODES {
                if run.now >= run.pairs[node].original.deadline() {
                    elections += run.step(node, &Input::Timeout);
                }
                elections += run.save(node) + run.command(node);
            }
            elections += run.deliver();
        }
        for pair in &run.pairs {
            assert_eq!(pair.restored.node(), pair.original.node());
            assert_eq!(pair.restored.snapshot(), pair.original.snapshot());
        }
    }
    assert!(elections > 100, "only {elections} elections: this shows little");
}

#[test]
fn outputs_that_were_not_taken_are_part_of_it() {
    let mut original = Pair::start(0, 1).original;
    _ = original.step(Time::ZERO, Input::Timeout);
    let mut restored = Endpoint::restore(rules(0), &original.snapshot()).unwrap();
    let outputs = step(&mut original, Time::ZERO, Input::Timeout);
    assert!(matches!(outputs[..], [Done::Saves(..)]), "{outputs:?}");
    assert_eq!(step(&mut restored, Time::ZERO, Input::Timeout), outputs);
}

/// A recording begins at a snapshot with the settings of the start, which know nothing of the change.
#[test]
fn s4_how_datagrams_are_sealed_by_now_is_part_of_it() {
    let mut original = Pair::start(0, 1).original;
    step(&mut original, Time::ZERO, Input::SealChanged(SealMode::Require));
    let mut restored = Endpoint::restore(rules(0), &original.snapshot()).unwrap();
    let from = rules(2);
    let (from_incarnation, to_incarnation) = (Incarnation(1), original.node().incarnation());
    let header = Header { from: from.key, from_incarnation, to_incarnation, digests: from.digests };
    let mut plain = Vec::new();
    crate::wire::encode(&from, &header, &1_u64, &mut plain);
    for endpoint in [&mut original, &mut restored] {
        step(endpoint, Time::ZERO, Input::Datagram { from: address(2), bytes: &plain });
        let dropped: Vec<_> = endpoint.node().counters().dropped.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(dropped, [(DropReason::NotSealed, 1)]);
    }
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let snapshot = Pair::start(0, 1).original.snapshot();
    for at in 0..snapshot.len() {
        let mut damaged = snapshot.clone();
        damaged[at] ^= 0x10;
        assert_eq!(Endpoint::restore(rules(0), &damaged), Err(SnapshotError::Damaged));
        assert_eq!(Endpoint::restore(rules(0), &snapshot[..at]), Err(SnapshotError::Damaged));
    }
}

#[test]
fn a_snapshot_is_of_one_node_with_one_set_of_rules() {
    let snapshot = Pair::start(0, 1).original.snapshot();
    assert_eq!(Endpoint::restore(rules(1), &snapshot), Err(SnapshotError::OtherRules));
    let mut other = settings(0);
    other.drain = Span::from_millis(1);
    assert_eq!(Endpoint::restore(other.check().unwrap(), &snapshot), Err(SnapshotError::OtherRules));
}

#[test]
fn a_snapshot_of_another_version_is_refused_as_such() {
    let mut bytes = Vec::new();
    crate::wire::append(&"0.0.0", &mut bytes);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    assert_eq!(Endpoint::restore(rules(0), &bytes), Err(SnapshotError::Version));
}
