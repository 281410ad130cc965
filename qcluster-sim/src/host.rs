//! One machine: its clocks and its disk, and the process on it, which comes and goes.

use std::collections::VecDeque;
use std::sync::Arc;

use qcluster_core::{Endpoint, HardState, Role, Rules, Span, Time};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::queue::Job;
use crate::rng::Rng;
use crate::setup::{ClockSetup, Setup};
use crate::tape::Tape;

/// Whether the process makes progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Running,
    /// It was asked to stop, and has a leadership to end first.
    Stopping,
    /// It stands still, while its clocks go on.
    Frozen,
}

#[derive(Debug)]
pub(crate) struct Host {
    /// Whose name it bears.
    pub(crate) identity: usize,
    pub(crate) plan: usize,
    pub(crate) endpoint: Option<Endpoint>,
    /// The configuration of the present incarnation, or of the last.
    pub(crate) rules: Arc<Rules>,
    pub(crate) clock: Clock,
    pub(crate) wall_ms: i64,
    /// What the machine's clock showed when the process started: its own time counts from there.
    pub(crate) epoch: Time,
    /// Counts starts of processes.
    pub(crate) incarnation: u16,
    pub(crate) progress: Progress,
    /// What waits for a frozen process.
    pub(crate) backlog: VecDeque<Job>,
    /// The deadline, on the process's clock, for which a wake-up is planned, and when on real time.
    pub(crate) wake_for: Time,
    pub(crate) wake_at: Time,
    /// How late its timers fire.
    pub(crate) lag: Span,
    /// Timeouts in a row that left the deadline in the past.
    pub(crate) spins: u32,
    pub(crate) disk: Disk,
    pub(crate) durable: bool,
    /// What the disk holds, read.
    pub(crate) synced: Option<HardState>,
    /// Ends in the middle of the next step, after that many outputs.
    pub(crate) crash_after: Option<u8>,
    /// The token that a frozen application had in hand.
    pub(crate) in_hand: Option<u64>,
    /// What was recorded of it last.
    pub(crate) shown: (Option<Role>, Option<Time>),
    pub(crate) rng: Rng,
    /// What goes in and comes out, where somebody asked for it.
    pub(crate) tape: Option<Tape>,
}

impl Host {
    /// How many datagrams a socket holds for a frozen process.
    pub(crate) const BACKLOG_MAX: usize = 256;

    pub(crate) fn new(index: usize, rules: Arc<Rules>, setup: &Setup) -> Self {
        let ClockSetup { rate_ppb, wall_ms, local } = setup.clocks.get(index).copied().unwrap_or_default();
        let part = |part: u64| Rng::for_part(setup.seed, part * 64 + index as u64);
        Self {
            identity: index,
            plan: 0,
            endpoint: None,
            rules,
            clock: Clock::new(local, rate_ppb),
            wall_ms,
            epoch: Time::ZERO,
            incarnation: 0,
            progress: Progress::Running,
            backlog: VecDeque::new(),
            wake_for: Time::NEVER,
            wake_at: Time::NEVER,
            lag: Span::ZERO,
            spins: 0,
            disk: Disk::new(setup.disk, part(1)),
            durable: setup.durable.contains(index),
            synced: None,
            crash_after: None,
            in_hand: None,
            shown: (None, None),
            rng: part(2),
            tape: None,
        }
    }

    /// What the process's clock shows.
    pub(crate) fn now(&self, real: Time) -> Time {
        Time::ZERO + self.clock.read(real).since(self.epoch)
    }

    /// What the machine's wall clock shows, in Unix milliseconds.
    pub(crate) fn unix_ms(&self, real: Time) -> u64 {
        const START_MS: u64 = 1_764_000_000_000;
        (START_MS + real.as_nanos() / 1_000_000).saturating_add_signed(self.wall_ms)
    }

    /// Reads back what the disk holds, for the oracles.
    pub(crate) fn read_disk(&mut self) {
        let record = self.disk.synced();
        self.synced = record.and_then(|record| qcluster_core::hard_state::decode(record, &self.rules).ok());
    }
}
