//! One machine: its configuration, its clock, its disk, and the node that runs on it, if any.

use qcluster_core::{HardState, Incarnation, Node, PersistId, Settings, Span, Time};

/// What a disk does with a request to save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// It saves at once.
    Quick,
    /// It keeps the request until the test calls [`World::sync`](super::World::sync).
    Held,
    /// It fails.
    Broken,
}

/// A node's clock shows `world · (1_000_000 + ppm) / 1_000_000 + offset`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    pub offset: Span,
    pub ppm: i64,
}

impl Clock {
    pub fn read(self, world: Time) -> Time {
        let scaled = i128::from(world.as_nanos()) * i128::from(1_000_000 + self.ppm) / 1_000_000;
        Time::from_nanos(u64::try_from(scaled).unwrap()) + self.offset
    }

    /// The first world time at which the clock shows `shown`.
    fn when(self, shown: Time) -> Time {
        if shown == Time::NEVER {
            return shown;
        }
        let nanos = i128::from(shown.since(Time::ZERO + self.offset).as_nanos()) * 1_000_000;
        let rate = i128::from(1_000_000 + self.ppm);
        Time::from_nanos(u64::try_from((nanos + rate - 1) / rate).unwrap())
    }
}

pub struct Machine {
    pub settings: Settings,
    /// What transcripts call it: its identifier, and a prime for a duplicate.
    pub name: String,
    pub node: Option<Node>,
    pub clock: Clock,
    pub disk: Disk,
    pub saved: Option<HardState>,
    pub held: Vec<(PersistId, HardState)>,
    /// The wall clock: Unix milliseconds at world time zero.
    pub wall_ms: u64,
    /// Until then it runs nothing; messages wait.
    pub frozen_until: Time,
    /// Whether it says `Drained` as soon as it drains.
    pub drains_at_once: bool,
}

impl Machine {
    pub fn new(settings: Settings, duplicates: usize) -> Self {
        Self {
            name: format!("{}{}", settings.id, "'".repeat(duplicates)),
            settings,
            node: None,
            clock: Clock::default(),
            disk: Disk::Quick,
            saved: None,
            held: Vec::new(),
            wall_ms: 1_764_000_000_000,
            frozen_until: Time::ZERO,
            drains_at_once: true,
        }
    }

    /// What its node is configured with. Leases are fixed, unless a story is about their length.
    pub fn settings(&self) -> Settings {
        let mut settings = self.settings.clone();
        settings.timing.max_lease = settings.timing.max_lease.max(settings.timing.lease);
        settings
    }

    /// The incarnation that runs on it.
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.node.as_ref().map(Node::incarnation)
    }

    /// When its timer fires, in the world's time.
    pub fn wakes(&self) -> Time {
        let deadline = self.node.as_ref().map_or(Time::NEVER, Node::deadline);
        self.clock.when(deadline).max(self.frozen_until)
    }
}
