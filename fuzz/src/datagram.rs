//! Any datagrams, in any order and at any time, into an endpoint with an honest peer: it never panics, never holds on to
//! memory without bound, never answers with more than it may send, and never asks to be called again at once forever. What
//! it sends reads back as what was meant; sealed, it is opened once and only as it was sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use qcluster_core::{
    Command, Config, DATAGRAM_MAX, Endpoint, EndpointBoot, Input, Notification, Output, PersistId, Rules, Service,
    Span, Time, hard_state, read_datagram, write_datagram,
};

use crate::cluster::{OBSERVER, STAMP_MS, address, config, end_with_checksum, introduce, masterless, name, rules};
use crate::memory;
use crate::said::Said;
use crate::sealed::{Sealing, Wire};

/// What an endpoint may hold on to beyond what it started with, whatever was sent to it: all its queues and tables full.
const RETAINED_MAX: usize = 4 << 20;
/// The most that one step sends: sixteen messages, each answered, and each the end of a leadership that all are told of.
const OUTPUTS_MAX: usize = 512;
/// How many datagrams of the honest peer wait to be delivered.
const INBOX_MAX: usize = 32;
/// Version, cluster tag and key id in a datagram.
const FRAME: Range<usize> = 0..6;
/// The digests in a datagram of a cluster whose voters do not change.
const DIGESTS: Range<usize> = 30..39;

/// The node that is attacked stands first among the voters, or is the observer; the honest one is next.
const HONEST: usize = 1;

#[derive(Debug, Arbitrary)]
struct Story<'a> {
    victim: Victim,
    sealing: Sealing,
    seed: u64,
    events: Vec<Happening<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
enum Victim {
    Diskless,
    Durable,
    Observer,
    /// In a cluster without an election.
    Member,
}

#[derive(Debug, Arbitrary)]
enum Happening<'a> {
    /// Time passes.
    Wait { millis: u16 },
    /// Time passes, and nobody sees it pass: a machine that slept.
    Sleep { minutes: u16 },
    /// Time passes until the victim wants to be called.
    Deadline,
    /// The clock is read backwards.
    ClockBack { millis: u16 },
    /// Anything at all arrives.
    Raw { from: u8, bytes: &'a [u8] },
    /// A datagram with a sound frame arrives, from any of the nodes in any of its incarnations. Where there is a secret, somebody
    /// has it who should not.
    Forged { from: u8, sender: u8, incarnation: Incarnation, receiver: Incarnation, messages: &'a [u8] },
    /// The same, with messages about members and services that can be read.
    Told { from: u8, sender: u8, incarnation: Incarnation, receiver: Incarnation, said: Vec<Said> },
    /// A datagram of the honest peer arrives, perhaps late, perhaps damaged, perhaps not for the last time.
    Honest { which: u8, damage: Option<(u16, u8)>, stays: bool },
    /// An answer to what is being saved, or to what never was.
    Saved { id: Option<u64>, well: bool },
    /// Somebody asks for something.
    Asked(Asked),
    /// Nobody takes the outputs of the next step.
    Neglect,
}

#[derive(Debug, Arbitrary)]
enum Incarnation {
    Present,
    Unknown,
    Any(u64),
}

#[derive(Debug, Arbitrary)]
enum Asked {
    Transfer(Option<u8>),
    StepDown,
    Drained,
    Shutdown,
    Resolved { node: u8, address: u8 },
    Seed { address: u8 },
    Register { id: u8, port: u16, ttl_ms: Option<u16> },
    Deregister { id: u8 },
    Beat { id: u8 },
}

pub(crate) fn run(data: &[u8]) {
    let Ok(story) = Story::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut world = World::new(&story);
    let before = memory();
    for happening in &story.events {
        world.happens(happening);
        let retained = memory().saturating_sub(before);
        assert!(retained <= RETAINED_MAX, "{retained} bytes are held on to after {happening:?}");
    }
}

/// The victim, its honest peer, and what is between them.
struct World {
    now: Time,
    rules: Rules,
    sealing: Sealing,
    victim_at: usize,
    victim: Endpoint,
    victim_wire: Wire,
    honest: Endpoint,
    honest_wire: Wire,
    /// By it goes what is forged.
    insider: Wire,
    /// What the honest peer has sent, as it is on the network.
    inbox: VecDeque<Vec<u8>>,
    /// Datagrams of the victim so far.
    sent: usize,
    saving: Option<PersistId>,
    neglect: bool,
    leads: bool,
    votes: bool,
    /// A real datagram of this cluster, to forge others from.
    template: Vec<u8>,
}

impl World {
    fn new(story: &Story<'_>) -> Self {
        let Story { victim: kind, sealing, seed, .. } = *story;
        let victim_at = if kind == Victim::Observer { OBSERVER } else { 0 };
        let config = |node| config_of(kind, sealing, node);
        let mut victim_config = config(victim_at);
        victim_config.data_dir = (kind == Victim::Durable).then(|| "state".to_owned());
        let rules = self::rules(&victim_config);
        let wire = |incarnation| Wire::new(&victim_config, sealing, incarnation);
        let mut world = Self {
            now: Time::ZERO,
            victim_at,
            sealing,
            victim: start(rules.clone(), seed, victim_at),
            victim_wire: wire(1),
            honest: start(self::rules(&config(HONEST)), seed ^ 1, HONEST),
            honest_wire: wire(2),
            insider: wire(3),
            rules,
            inbox: VecDeque::new(),
            sent: 0,
            saving: None,
            neglect: false,
            leads: false,
            votes: matches!(kind, Victim::Diskless | Victim::Durable),
            template: template(&config(HONEST)),
        };
        world.step(world.now, Input::Timeout);
        world
    }

    fn happens(&mut self, happening: &Happening<'_>) {
        match happening {
            Happening::Wait { millis } => self.wait_until(self.now + Span::from_millis(u64::from(*millis))),
            Happening::Sleep { minutes } => {
                self.now = self.now + Span::from_millis(u64::from(*minutes) * 60_000);
            }
            Happening::Deadline => {
                // A node that has stopped never wants to be called again.
                if self.victim.deadline() < Time::NEVER {
                    self.wait_until(self.victim.deadline().max(self.now));
                }
            }
            Happening::ClockBack { millis } => {
                let earlier = self.now.before(Span::from_millis(u64::from(*millis)));
                self.step(earlier, Input::Timeout);
            }
            Happening::Raw { from, bytes } => {
                self.arrives(address(usize::from(*from)), bytes);
            }
            Happening::Forged { from, sender, incarnation, receiver, messages } => {
                let bytes = self.forge(usize::from(*sender), incarnation, receiver, messages);
                self.arrives(address(usize::from(*from)), &bytes);
            }
            Happening::Told { from, sender, incarnation, receiver, said } => {
                let me = self.victim.node().incarnation();
                let messages: Vec<u8> = said.iter().flat_map(|said| said.bytes(me)).collect();
                let bytes = self.forge(usize::from(*sender), incarnation, receiver, &messages);
                self.arrives(address(usize::from(*from)), &bytes);
            }
            Happening::Honest { which, damage, stays } => self.deliver(usize::from(*which), *damage, *stays),
            Happening::Saved { id, well } => {
                let id = id.map(PersistId).or(self.saving).unwrap_or_default();
                self.saving.take_if(|saving| *saving == id);
                let input = if *well { Input::Persisted(id) } else { Input::PersistFailed(id) };
                self.step(self.now, input);
            }
            Happening::Asked(command) => self.command(command),
            Happening::Neglect => self.neglect = true,
        }
    }

    /// Both endpoints are called when they want to be. That one call moves the deadline on is part of their contract: a
    /// deadline that stays in the past would have an embedder spin.
    fn wait_until(&mut self, until: Time) {
        self.now = until;
        self.step(until, Input::Timeout);
        let deadline = self.victim.deadline();
        let role = self.victim.node().role().name();
        assert!(deadline > until, "a {role} called at {until} wants to be called at {deadline}");
        self.honest_step(Input::Timeout);
    }

    /// Something arrives at the victim.
    fn arrives(&mut self, from: SocketAddr, bytes: &[u8]) {
        match self.victim_wire.receive(bytes) {
            Ok(bytes) => self.step(self.now, Input::Datagram { from, bytes: &bytes }),
            Err(reason) => self.step(self.now, Input::Refused(reason)),
        }
    }

    /// Keeps what the honest peer has for the victim, as far as there is room.
    fn honest_step(&mut self, input: Input<'_>) {
        let mut outputs = self.honest.step(self.now, input);
        while let Some(output) = outputs.next() {
            if let Output::Transmit { to, bytes } = output
                && to == address(self.victim_at)
                && self.inbox.len() < INBOX_MAX
            {
                self.inbox.extend(self.honest_wire.send(bytes));
            }
        }
    }

    /// What the victim sends, as the honest peer reads it.
    fn sends(&mut self, bytes: &[u8]) -> Vec<u8> {
        assert!(bytes.len() <= DATAGRAM_MAX, "{} bytes are too many for a datagram", bytes.len());
        self.sent += 1;
        let sent = self.victim_wire.send(bytes).expect("what an endpoint sends can be sealed");
        assert!(sent.len() <= DATAGRAM_MAX, "{} bytes are too many for a sealed datagram", sent.len());
        let received = if self.sealing.seals() {
            // Another bit each time: 8 is no multiple of 13.
            self.honest_wire.receive_once(&sent, self.sent * 13)
        } else {
            self.honest_wire.receive(&sent).expect("what an honest node has sent is read")
        };
        let envelopes = read_datagram(&self.rules, &received).expect("what an endpoint sends can be read");
        for envelope in &envelopes {
            let again = write_datagram(&self.rules, envelope);
            if let ([_], Sealing::Not) = (envelopes.as_slice(), self.sealing) {
                assert_eq!(again, bytes, "the same is written in two ways");
            }
            // Only what a seal has opened is read where seals are required.
            if self.sealing != Sealing::Require {
                assert_eq!(read_datagram(&self.rules, &again).as_deref(), Ok(std::slice::from_ref(envelope)));
            }
        }
        received
    }

    /// One step of the victim, with what must hold for every step.
    fn step(&mut self, now: Time, input: Input<'_>) {
        let mut outputs = self.victim.step(now, input);
        if std::mem::take(&mut self.neglect) {
            return;
        }
        let (mut count, mut sent) = (0, Vec::new());
        while let Some(output) = outputs.next() {
            count += usize::from(!matches!(output, Output::Notify(_)));
            match output {
                Output::Transmit { to, bytes } => sent.push((to, bytes.to_vec())),
                Output::Persist { id, record } => {
                    assert!(self.saving.replace(id).is_none(), "two saves under way");
                    hard_state::decode(record, &self.rules).expect("a record can be read back");
                }
                Output::Notify(Notification::Elected { .. }) => {
                    assert!(!std::mem::replace(&mut self.leads, true), "elected twice");
                    assert!(self.votes, "a node without a vote leads");
                }
                Output::Notify(Notification::Lost { .. }) => {
                    assert!(std::mem::replace(&mut self.leads, false), "lost what it did not have");
                }
                Output::Notify(_) => {}
            }
        }
        assert!(count <= OUTPUTS_MAX, "{count} outputs of one step");
        for (to, bytes) in sent {
            let received = self.sends(&bytes);
            if to == address(HONEST) {
                self.honest_step(Input::Datagram { from: address(self.victim_at), bytes: &received });
            }
        }
    }

    fn deliver(&mut self, which: usize, damage: Option<(u16, u8)>, stays: bool) {
        if self.inbox.is_empty() {
            return;
        }
        let which = which % self.inbox.len();
        let mut bytes = self.inbox[which].clone();
        if !stays {
            self.inbox.remove(which);
        }
        if let Some((at, value)) = damage {
            if self.sealing.seals() {
                let at = usize::from(at) % bytes.len();
                bytes[at] ^= value;
                let refused = self.victim_wire.receive(&bytes).is_err();
                assert!(refused || value == 0, "byte {at} was changed by {value}, and nobody noticed");
                return;
            }
            let body = bytes.len() - 4;
            bytes[usize::from(at) % body] ^= value;
            bytes.truncate(body);
            end_with_checksum(&mut bytes);
        }
        self.arrives(address(HONEST), &bytes);
    }

    fn command(&mut self, command: &Asked) {
        let name = |node: u8| name(usize::from(node));
        let input = match command {
            Asked::Transfer(target) => Input::Command(Command::Transfer(target.map(name))),
            Asked::StepDown => Input::Command(Command::StepDown),
            Asked::Drained => Input::Command(Command::Drained),
            Asked::Shutdown => Input::Command(Command::Shutdown),
            Asked::Resolved { node, address: at } => {
                Input::Resolved { peer: name(*node).key(), address: address(usize::from(*at)) }
            }
            Asked::Seed { address: at } => Input::Command(Command::Join(address(usize::from(*at)))),
            Asked::Register { id, port, ttl_ms } => {
                let mut service = Service::new("service", *port).with_id(id.to_string());
                service.ttl = ttl_ms.map(|ttl| Duration::from_millis(u64::from(ttl)));
                Input::Command(Command::Register(service))
            }
            Asked::Deregister { id } => Input::Command(Command::Deregister { id: id.to_string() }),
            Asked::Beat { id } => Input::Command(Command::Heartbeat { id: id.to_string(), health: None }),
        };
        self.step(self.now, input);
    }

    /// A datagram that passes every check of the frame, so that what comes behind is reached.
    fn forge(&mut self, sender: usize, incarnation: &Incarnation, receiver: &Incarnation, messages: &[u8]) -> Vec<u8> {
        let mut bytes = self.template[FRAME].to_vec();
        bytes.extend_from_slice(&name(sender).key().0.to_le_bytes());
        bytes.extend_from_slice(&number(incarnation, self.honest.node().incarnation().0));
        bytes.extend_from_slice(&number(receiver, self.victim.node().incarnation().0));
        bytes.extend_from_slice(&self.template[DIGESTS]);
        bytes.extend_from_slice(messages);
        end_with_checksum(&mut bytes);
        // What is too long to be sealed is thrown away by the receiver.
        self.insider.send(&bytes).unwrap_or(bytes)
    }
}

fn config_of(kind: Victim, sealing: Sealing, node: usize) -> Config {
    let mut config = if kind == Victim::Member { masterless(node) } else { config(node) };
    sealing.apply(&mut config);
    config
}

/// The first datagram that a node with that configuration sends.
fn template(config: &Config) -> Vec<u8> {
    let mut endpoint = start(rules(config), 1, HONEST);
    let mut outputs = endpoint.step(Time::ZERO, Input::Timeout);
    while let Some(output) = outputs.next() {
        if let Output::Transmit { bytes, .. } = output {
            return bytes.to_vec();
        }
    }
    unreachable!("a node that starts greets")
}

fn start(rules: Rules, seed: u64, node: usize) -> Endpoint {
    let boot = EndpointBoot { seed, stamp_ms: STAMP_MS, saved: None };
    let mut endpoint = Endpoint::new(rules, boot, Time::ZERO).expect("the boot values are right");
    introduce(&mut endpoint, node, Time::ZERO);
    endpoint
}

fn number(incarnation: &Incarnation, present: u64) -> [u8; 8] {
    match incarnation {
        Incarnation::Present => present.to_le_bytes(),
        Incarnation::Unknown => [0; 8],
        Incarnation::Any(value) => value.to_le_bytes(),
    }
}
