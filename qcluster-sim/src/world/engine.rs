//! What hosts act upon: the queue of events, the network, the oracles and the record.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use qcluster_core::{ElectionMessage, HardState, HeldLease, MemberEvent, NodeKey, Notification, Slow, Span, Time};

use super::{Recording, Stats};
use crate::marks::{Mark, Marks};
use crate::network::{Damage, Network};
use crate::oracle::{Breach, Oracles, Rule, Scene, Violation};
use crate::queue::{Job, Label, Packets, Queue};
use crate::rng::Rng;
use crate::setup::Setup;
use crate::trace::{Happening, Record, Trace, TraceHash};
use crate::wire::{self, Heard, Said};

const PORT: u16 = 7_000;

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) now: Time,
    pub(super) queue: Queue,
    pub(super) packets: Packets,
    pub(super) network: Network,
    pub(super) oracles: Oracles,
    pub(super) violation: Option<Violation>,
    pub(super) hash: TraceHash,
    pub(super) recording: Recording,
    pub(super) trace: Trace,
    pub(super) stats: Stats,
    pub(super) marks: Marks,
    /// By host: what its own name goes by in messages.
    pub(super) keys: Vec<NodeKey>,
    /// By host: which of its addresses is the present one.
    pub(super) generations: Vec<u16>,
    /// The host whose leadership was the last to begin.
    pub(super) last_elected: Option<usize>,
    /// The last candidacy, to notice a second one in its term.
    last_asked: Option<(u64, usize)>,
    /// Writes on their way to the guarded resource.
    pub(super) writes: Vec<(usize, u64)>,
    pub(super) recordings: Recordings,
    pub(super) rng: Rng,
}

/// Datagrams that a stranger has overheard.
#[derive(Debug)]
pub(super) struct Recordings {
    kept: Vec<(SocketAddr, Vec<u8>)>,
    seen: usize,
}

impl Recordings {
    const MAX: usize = 64;
    /// One in this many is kept.
    const EVERY: usize = 13;

    fn overhear(&mut self, from: SocketAddr, bytes: &[u8]) {
        self.seen += 1;
        if !self.seen.is_multiple_of(Self::EVERY) {
            return;
        }
        let at = self.seen / Self::EVERY % Self::MAX;
        match self.kept.get_mut(at) {
            Some((address, kept)) => {
                *address = from;
                kept.clear();
                kept.extend_from_slice(bytes);
            }
            None => self.kept.push((from, bytes.to_vec())),
        }
    }

    pub(super) fn pick(&self, rng: &mut Rng) -> Option<&(SocketAddr, Vec<u8>)> {
        self.kept.get(usize::try_from(rng.below(self.kept.len() as u64)).ok()?)
    }
}

impl Engine {
    pub(super) fn new(setup: &Setup, keys: Vec<NodeKey>, recording: Recording) -> Self {
        Self {
            now: Time::ZERO,
            queue: Queue::new(),
            packets: Packets::default(),
            network: Network::new(setup.hosts, setup.link, setup.seed),
            oracles: Oracles::new(setup),
            violation: None,
            hash: TraceHash::new(),
            recording,
            trace: Trace::default(),
            stats: Stats::default(),
            marks: Marks::default(),
            keys,
            generations: vec![0; setup.hosts],
            last_elected: None,
            last_asked: None,
            writes: Vec::new(),
            recordings: Recordings { kept: Vec::new(), seen: 0 },
            rng: Rng::for_part(setup.seed, u64::MAX),
        }
    }

    /// Where a host is.
    pub(super) fn address(&self, host: usize) -> SocketAddr {
        let [high, low] = self.generations[host].to_be_bytes();
        let last = u8::try_from(host + 1).unwrap_or(u8::MAX);
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, high, low, last)), PORT)
    }

    /// Which host that address belonged to, and the how-manieth of its addresses it is.
    fn host_at(&self, address: SocketAddr) -> Option<(usize, u16)> {
        let IpAddr::V4(ip) = address.ip() else { return None };
        let [10, high, low, last] = ip.octets() else { return None };
        let host = usize::from(last).checked_sub(1).filter(|host| *host < self.keys.len())?;
        Some((host, u16::from_be_bytes([high, low])))
    }

    pub(super) fn note(&mut self, host: usize, what: impl FnOnce() -> Happening) {
        if self.recording == Recording::On {
            self.trace.records.push(Record { at: self.now, host, what: what() });
        }
    }

    /// Keeps the first objection.
    #[inline]
    pub(super) fn judge(&mut self, host: usize, verdict: Result<(), Breach>) {
        if let Err(breach) = verdict
            && self.violation.is_none()
        {
            self.violation =
                Some(Violation { rule: breach.rule, at: self.now, host: Some(host), detail: breach.detail });
        }
    }

    pub(super) fn breach(&mut self, host: usize, rule: Rule, detail: String) {
        self.judge(host, Err(Breach::new(rule, detail)));
    }

    /// A host gives out a datagram.
    pub(super) fn transmit(&mut self, scene: &Scene<'_>, to: SocketAddr, bytes: &[u8]) {
        self.stats.sent += 1;
        self.hash.add_bytes(bytes);
        let from = self.address(scene.host);
        self.recordings.overhear(from, bytes);
        let heard = wire::read(bytes);
        let Some((to_host, to_generation)) = self.host_at(to) else {
            return self.oracles.sent_astray(scene, heard.as_ref());
        };
        if let Some(heard) = heard {
            let verdict = self.oracles.sent(scene, (to_host, heard.to_incarnation), &heard.message);
            self.judge(scene.host, verdict);
        } else {
            self.breach(scene.host, Rule::Readable, format!("sends {} bytes that nobody can read", bytes.len()));
        }
        let message = heard.map(|heard| heard.message);
        let fate = self.network.send(scene.host, to_host);
        if let Some(message) = &message {
            self.mark(scene, message, fate.copies[0].is_none());
        }
        let arrives = fate.copies[0].map(|delay| self.now + delay);
        self.note(scene.host, || Happening::Sent { to: to_host, message, arrives });
        let label = Label {
            from,
            from_host: u8::try_from(scene.host).unwrap_or(u8::MAX),
            to_host: u8::try_from(to_host).unwrap_or(u8::MAX),
            to_generation,
            heard: if fate.damage.is_some() { None } else { heard },
        };
        for delay in fate.copies.into_iter().flatten() {
            let slot = match fate.damage {
                None => self.packets.put(label, bytes),
                Some(damage) => self.packets.put(label, &damaged(bytes, damage)),
            };
            self.queue.push(self.now + delay, Job::Deliver(slot));
        }
    }

    fn mark(&mut self, scene: &Scene<'_>, message: &Said, lost: bool) {
        let Said::Election(message) = message else { return };
        match *message {
            ElectionMessage::StaleTerm { .. } => self.marks.reach(Mark::StaleLeaderAnswered),
            ElectionMessage::Release { successor: Some(_), .. } if lost => self.marks.reach(Mark::TransferLost),
            ElectionMessage::VoteRequest { term, .. } => {
                let asked = (term.0, scene.identity);
                if self.last_asked.is_some_and(|(earlier, who)| earlier == term.0 && who != scene.identity) {
                    self.marks.reach(Mark::SplitVote);
                }
                self.last_asked = Some(asked);
            }
            ElectionMessage::Release { .. }
            | ElectionMessage::Heartbeat { .. }
            | ElectionMessage::HeartbeatAck { .. }
            | ElectionMessage::PreVoteRequest { .. }
            | ElectionMessage::PreVoteReply { .. }
            | ElectionMessage::VoteReply { .. }
            | ElectionMessage::CouldYouWin { .. }
            | ElectionMessage::CouldWin { .. } => {}
        }
    }

    /// A stranger's datagram is on its way to a host; `heard` is what it says, if it is one of ours again.
    pub(super) fn inject(&mut self, from: SocketAddr, to: usize, bytes: &[u8], heard: Option<Heard>) {
        let label = Label {
            from,
            from_host: u8::MAX,
            to_host: u8::try_from(to).unwrap_or(u8::MAX),
            to_generation: self.generations[to],
            heard,
        };
        let slot = self.packets.put(label, bytes);
        self.queue.push(self.now + Span::from_nanos(1_000), Job::Deliver(slot));
    }

    /// A host tells its application.
    pub(super) fn tell(&mut self, scene: &Scene<'_>, notification: &Notification, lease: Option<HeldLease>) {
        let verdict = self.oracles.told(scene, notification, lease);
        self.judge(scene.host, verdict);
        self.note(scene.host, || Happening::Told(notification.clone()));
        match *notification {
            Notification::Elected { token } => {
                self.hash.add(token.0);
                self.stats.elections += 1;
                if self.last_elected.replace(scene.host) != Some(scene.host) {
                    self.stats.changes += 1;
                }
                if scene.plan.next.is_some() {
                    self.marks.reach(Mark::JointQuorums);
                }
                if scene.plan.all_voters().len() == 1 {
                    self.marks.reach(Mark::LedAlone);
                }
            }
            Notification::Lost { token, reason } => self.hash.add(!token.0 ^ reason as u64),
            Notification::Draining { until } => self.hash.add(until.as_nanos()),
            Notification::LeaderChanged { leader, term } => {
                self.hash.add(term.0 ^ leader.map_or(u64::MAX, |leader| leader.position() as u64).rotate_right(8));
                if !scene.plan.all_voters().contains(scene.identity) {
                    self.marks.reach(Mark::ObserverTold);
                }
            }
            Notification::Member(ref change) => {
                self.hash.add(change.member.id.key().0 ^ change.what as u64);
                match change.what {
                    MemberEvent::Down => self.marks.reach(Mark::MemberDown),
                    MemberEvent::Left => self.marks.reach(Mark::MemberLeft),
                    MemberEvent::Joined | MemberEvent::Changed => {}
                }
            }
            Notification::Service(ref change) => self.hash.add(change.instance().owner.0),
            Notification::Trust { is_given } => self.hash.add(u64::from(is_given)),
            Notification::ConfigMismatch { key, .. } => self.hash.add(key.0),
            Notification::StorageFailed => self.hash.add(1),
            Notification::StepEstablished => {
                self.hash.add(2);
                self.marks.reach(Mark::StepEstablished);
            }
            Notification::StepTooEarly { voter } => self.hash.add(3 ^ (voter.position() as u64) << 8),
            Notification::WallClockOff { ahead_ms, .. } => self.hash.add(ahead_ms.unsigned_abs()),
            Notification::TooSlow(slow) => {
                self.hash.add(match slow {
                    Slow::RoundTrip { took, .. } | Slow::Save { took, .. } => took.as_nanos(),
                });
                self.marks.reach(Mark::TooSlow);
            }
            Notification::Superseded { by } => {
                self.hash.add(by.0);
                self.marks.reach(Mark::Superseded);
            }
            Notification::TwinSeen { voter, other } => self.hash.add(other.0 ^ voter.position() as u64),
            Notification::Twin { other } => {
                self.hash.add(other.0);
                self.marks.reach(Mark::TwinRefused);
            }
        }
    }

    /// A host wants a state saved.
    pub(super) fn save(&mut self, scene: &Scene<'_>, state: Option<&HardState>) {
        self.note(scene.host, || Happening::Saves(state.cloned()));
        let verdict = match state {
            Some(state) => self.oracles.saves(scene, state),
            None => Err(Breach::new(Rule::Restartable, "saves a record that cannot be read".into())),
        };
        self.judge(scene.host, verdict);
    }
}

fn damaged(original: &[u8], damage: Damage) -> Vec<u8> {
    let mut bytes = original.to_vec();
    match damage {
        Damage::Flip(random) => {
            let mut rng = Rng::new(random);
            for _ in 0..rng.between(1, 4) {
                let at = usize::try_from(rng.below(bytes.len() as u64)).unwrap_or(0);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
            if bytes == original
                && let Some(byte) = bytes.first_mut()
            {
                // A bit was flipped to and fro.
                *byte ^= 1;
            }
        }
        Damage::Truncate(random) => {
            bytes.truncate(usize::try_from(Rng::new(random).below(bytes.len() as u64)).unwrap_or(0));
        }
    }
    bytes
}
