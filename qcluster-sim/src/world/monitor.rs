//! Everything that looks on: the oracles, the hash and the record of what happens, counts and marks. It changes nothing.

use qcluster_core::{ElectionMessage, HardState, HeldLease, MemberEvent, Notification, Slow, Time};

use super::overheard::{Overheard, Sealed};
use super::{Recording, Stats};
use crate::engine::Place;
use crate::marks::{Mark, Marks};
use crate::oracle::{Breach, Oracles, Rule, Scene, Violation};
use crate::rng::Rng;
use crate::setup::Setup;
use crate::trace::{Happening, Record, Trace, TraceHash};
use crate::wire::{Heard, Reader, Said};

#[derive(Debug)]
pub(super) struct Monitor {
    /// Real time.
    pub(super) now: Time,
    pub(super) oracles: Oracles,
    pub(super) violation: Option<Violation>,
    pub(super) hash: TraceHash,
    pub(super) recording: Recording,
    pub(super) trace: Trace,
    pub(super) stats: Stats,
    pub(super) marks: Marks,
    /// The host whose leadership was the last to begin.
    last_elected: Option<usize>,
    /// The last candidacy, to notice a second one in its term.
    last_asked: Option<(u64, usize)>,
    reader: Reader,
    pub(super) overheard: Overheard,
}

impl Monitor {
    pub(super) fn new(setup: &Setup, recording: Recording) -> Self {
        Self {
            now: Time::ZERO,
            oracles: Oracles::new(setup),
            violation: None,
            hash: TraceHash::new(),
            recording,
            trace: Trace::default(),
            stats: Stats::default(),
            marks: Marks::default(),
            last_elected: None,
            last_asked: None,
            reader: Reader::default(),
            overheard: Overheard::new(
                setup.seal.as_ref().map(|_| Sealed::new(setup.hosts, Rng::for_part(setup.seed, u64::MAX - 7))),
            ),
        }
    }

    pub(super) fn note(&mut self, host: usize, what: impl FnOnce() -> Happening) {
        if self.recording == Recording::On {
            self.trace.records.push(Record { at: self.now, host, what: what() });
        }
    }

    /// Keeps the first objection.
    #[inline]
    pub(super) fn judge(&mut self, host: usize, verdict: Result<(), Breach>) {
        if let Err(breach) = verdict {
            self.object(host, breach);
        }
    }

    #[cold]
    fn object(&mut self, host: usize, Breach { rule, detail }: Breach) {
        self.violation.get_or_insert(Violation { rule, at: self.now, host: Some(host), detail });
    }

    pub(super) fn breach(&mut self, host: usize, rule: Rule, detail: String) {
        self.judge(host, Err(Breach::new(rule, detail)));
    }

    /// A host gives out a datagram to a host, or to an address that nobody has. Gives what is in it.
    pub(super) fn sends(&mut self, scene: &Scene<'_>, to: Option<Place>, bytes: &[u8]) -> Option<Heard> {
        self.stats.sent += 1;
        self.hash.add_bytes(bytes);
        let heard = self.reader.read(bytes);
        let Some(to) = to else {
            self.oracles.sent_astray(scene, heard.as_ref());
            return heard;
        };
        if let Some(heard) = &heard {
            let verdict = self.oracles.sent(scene, (usize::from(to.host), heard.to_incarnation), &heard.message);
            self.judge(scene.host, verdict);
        } else {
            self.breach(scene.host, Rule::Readable, format!("sends {} bytes that nobody can read", bytes.len()));
        }
        heard
    }

    /// What a host has sent is under way, or lost.
    pub(super) fn sent(&mut self, scene: &Scene<'_>, to: Place, message: Option<&Said>, arrives: Option<Time>) {
        if let Some(message) = message {
            self.mark(scene, message, arrives.is_none());
        }
        self.note(scene.host, || Happening::Sent { to: usize::from(to.host), message: message.copied(), arrives });
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

    /// A step is over, before which so many datagrams had been sent by all.
    #[inline]
    pub(super) fn stepped(&mut self, scene: &Scene<'_>, sent_before: u64) {
        let sent = u32::try_from(self.stats.sent - sent_before).unwrap_or(u32::MAX);
        let verdict = self.oracles.stepped(scene, sent);
        self.judge(scene.host, verdict);
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
                if self.oracles.seals.requires(scene.host) {
                    self.marks.reach(Mark::Sealed);
                }
                if scene.plan.next.is_some() {
                    self.marks.reach(Mark::JointQuorums);
                }
                if scene.plan.all_voters().len() == 1 {
                    self.marks.reach(Mark::LedAlone);
                }
            }
            Notification::Lost { token, reason, .. } => self.hash.add(!token.0 ^ reason as u64),
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
            Notification::StepsDiffer { one, other } => {
                self.hash.add(5 ^ (one.position() as u64) << 8 ^ (other.position() as u64) << 16);
            }
            Notification::StepTooEarly { voter } => self.hash.add(3 ^ (voter.position() as u64) << 8),
            Notification::WallClockOff { ahead_ms, .. } => self.hash.add(ahead_ms.unsigned_abs()),
            Notification::LeaseLengthChanged { lease, .. } => {
                self.hash.add(lease.as_nanos());
                self.marks.reach(Mark::LeaseLength);
            }
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
            Notification::DuplicateSeen { voter, other } => self.hash.add(other.0 ^ voter.position() as u64),
            Notification::DuplicateIdentifier { other } => {
                self.hash.add(other.0);
                self.marks.reach(Mark::TwinRefused);
            }
            ref other => unreachable!("a notification that the hash of a run does not cover: {other}"),
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
