//! What is searched: a few voters, clocks at the ends of ±ρ, and how much may go wrong.

use qcluster_core::{Durability, Rules, Seat, Settings, Span, Time, Timing, VoterSettings};

use super::change::{Change, Stage};
use crate::setup::{HostSet, id_of};

/// A small world. Its states are all that can come of any order of deliveries, losses, repetitions, timers, crashes,
/// restarts and commands within these bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallWorld {
    /// How many voters, 2 to [`SmallWorld::VOTERS_MAX`].
    pub voters: usize,
    /// What they remember over a crash.
    pub memory: Memory,
    /// ρ, in parts per million, as the voters are told.
    pub drift_ppm: u32,
    /// How far each clock is off, in parts per million; of hosts beyond the end, not at all. Multiples of 100 000.
    pub rates_ppm: &'static [i32],
    /// Where the search begins.
    pub start: Start,
    /// Hosts whose timers fire, and in time unless they are among `late`. The timers of the others never do: such a host
    /// is late forever, and still answers.
    pub punctual: HostSet,
    /// Hosts whose timers fire in time, late, or never.
    pub late: HostSet,
    /// How many messages of one kind are under way on a link: a newer one makes the oldest disappear.
    pub kept: usize,
    /// How often a message may arrive.
    pub arrivals: Arrivals,
    /// How old, in heartbeats, a heartbeat may be when it or the ack to it arrives. All other messages may arrive at any
    /// later time.
    pub delay: u32,
    /// How many times as long as the shortest the longest lease is (E23).
    pub longest: u64,
    /// How many crashes there may be, and whose.
    pub crashes: (u8, HostSet),
    /// The change of voters that goes on meanwhile, if one does.
    pub change: Option<Change>,
    /// Who hears whom from the first state on: hosts that are in one of these sets together. Everybody if there is none.
    pub reach: &'static [HostSet],
    /// Whether rounds of pre-votes go without loss and delay, as handshakes do. They bind nobody (E5), so that they only decide
    /// who asks for votes.
    pub quick_rounds: bool,
    /// How many times an operator may ask a leader to step down or to hand over.
    pub commands: u8,
    /// How far terms may rise above that of the first state. States beyond are judged, and not followed.
    pub terms: u64,
    /// The search ends after this many states.
    pub states_max: usize,
}

/// What a voter remembers over a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Nothing (E12). The wall clock of a new incarnation shows the highest term that there was, the least that is within the
    /// rules.
    None,
    /// Everything: a disk writes at once.
    Prompt,
    /// What was written: a disk takes its time, and a crash comes before the end of a write.
    Slow,
}

/// Where a search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All have started and know each other's incarnations, and at this very moment everybody's timer is due. Where a
    /// change is under way, those that have come furthest in it have just sat out their boot wait.
    Fresh,
    /// All have started, and have saved each other's incarnations; each has asked for pre-votes in vain.
    Asked,
    /// The first living host leads, or the last one of those that are in a later step of a change. Everybody has just promised
    /// itself to it and says so, and nothing is under way.
    Led,
}

/// How often a message may arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// At most once.
    Once,
    /// As long as it is kept.
    Any,
}

impl SmallWorld {
    /// The most voters of a small world.
    pub const VOTERS_MAX: usize = 5;
    /// What the clocks of all nodes show in every state; what is longer ago than that counts as never.
    pub(super) const PRESENT: Time = Time::from_nanos(Self::HEARTBEAT.as_nanos() * 12);
    /// Divisible by 8, 9, 10, 11 and 12, so that all moments stay whole on clocks that are one or two tenths off.
    pub(super) const HEARTBEAT: Span = Span::from_nanos(1_188_000);
    /// The shortest lease that is allowed: what takes longer only takes more states.
    pub(super) const LEASE: Span = Self::HEARTBEAT.times(4);
    const MILLION: u64 = 1_000_000;

    /// Real time goes in steps of this many nanoseconds, so that every clock shows whole ones.
    pub(super) const GRAIN: u64 = 10;

    pub(super) fn durability(&self) -> Durability {
        match self.memory {
            Memory::None => Durability::Diskless,
            Memory::Prompt | Memory::Slow => Durability::Durable,
        }
    }

    /// The longest lease.
    pub(super) fn max_lease(&self) -> Span {
        Self::LEASE.times(self.longest)
    }

    /// How long a leader may trust that.
    pub(super) fn trusted_lease(&self) -> Span {
        self.timing().trusted(self.max_lease())
    }

    fn timing(&self) -> Timing {
        // A slot of a nanosecond takes chance out of the timers.
        let (heartbeat, lease, slot) = (Self::HEARTBEAT, Self::LEASE, Span::from_nanos(1));
        Timing { heartbeat, lease, max_lease: self.max_lease(), slot, drift_ppm: self.drift_ppm }
    }

    /// The rules of each voter in each step of a change.
    pub(super) fn rules(&self) -> Result<Vec<Vec<Rules>>, String> {
        if self.voters < 2 || self.voters > Self::VOTERS_MAX {
            return Err(format!("a small world has 2 to {} voters", Self::VOTERS_MAX));
        }
        if self.rates_ppm.iter().any(|rate| rate % 100_000 != 0 || rate.abs() > 500_000) {
            return Err("clocks are off by tenths, and by half at most".into());
        }
        let stages = if self.change.is_some() { &Stage::ALL[..] } else { &[Stage::Old] };
        let of = |stage: &Stage| (0..self.voters).map(|voter| self.rules_of(voter, *stage)).collect();
        stages.iter().map(of).collect()
    }

    fn rules_of(&self, voter: usize, stage: Stage) -> Result<Rules, String> {
        let list = |votes: &dyn Fn(usize) -> bool| {
            let ids = (0..self.voters).filter(|voter| votes(*voter)).map(id_of);
            ids.map(|id| id.map(VoterSettings::new)).collect::<Result<Vec<_>, _>>()
        };
        let new = list(&|voter| self.votes(voter, Stage::New))?;
        let (voters, next_voters) = match stage {
            Stage::Old => (list(&|voter| self.votes(voter, Stage::Old))?, None),
            Stage::Both => (list(&|voter| self.votes(voter, Stage::Old))?, Some(new)),
            Stage::New => (new, None),
        };
        let mut settings = Settings::voter(id_of(voter)?, voters);
        settings.seat = if self.votes(voter, stage) { Seat::Voter } else { Seat::Observer };
        settings.next_voters = next_voters;
        settings.timing = self.timing();
        settings.durability = self.durability();
        settings.drain = Span::ZERO;
        settings.check().map_err(|error| error.to_string())
    }

    /// Whether a host votes in that step of a change.
    pub(super) fn votes(&self, voter: usize, stage: Stage) -> bool {
        self.change.as_ref().is_none_or(|change| change.votes(voter, stage))
    }

    /// Whether those who have promised themselves, each in the step beside it, are a quorum in step `stage`.
    pub(super) fn is_quorum(&self, stage: Stage, givers: &[(usize, Stage)]) -> bool {
        match &self.change {
            Some(change) => change.is_quorum(stage, givers),
            None => givers.len() > self.voters / 2,
        }
    }

    pub(super) fn hears(&self, to: usize, from: usize) -> bool {
        self.reach.is_empty() || self.reach.iter().any(|side| side.contains(to) && side.contains(from))
    }

    fn speed(&self, voter: usize) -> u64 {
        let rate = self.rates_ppm.get(voter).copied().unwrap_or(0);
        Self::MILLION.saturating_add_signed(i64::from(rate))
    }

    /// How far a clock moves in a stretch of real time, exactly.
    pub(super) fn on_clock(&self, voter: usize, real: Span) -> Span {
        Span::from_nanos(real.as_nanos() / Self::GRAIN * (self.speed(voter) / (Self::MILLION / Self::GRAIN)))
    }

    /// The first grain of real time in which a clock has moved so far.
    pub(super) fn until_clock(&self, voter: usize, moved: Span) -> Span {
        let per_grain = self.speed(voter) / (Self::MILLION / Self::GRAIN);
        Span::from_nanos(moved.as_nanos().div_ceil(per_grain) * Self::GRAIN)
    }
}
