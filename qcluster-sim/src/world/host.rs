//! One host of the world: a machine with a disk, the application on it, and what was set for it.

use std::sync::Arc;

use qcluster_core::{HardState, Role, Rules, Time};

use super::Job;
use super::seals::Keys;
use crate::disk::Disk;
use crate::engine::{Clock, Machine};
use crate::rng::Rng;
use crate::setup::{ClockSetup, Setup};
use crate::tape::Tape;

#[derive(Debug)]
pub(super) struct Host {
    pub(super) machine: Machine<Job>,
    /// Whose name it bears.
    pub(super) identity: usize,
    pub(super) plan: usize,
    /// The configuration of the present incarnation, or of the last.
    pub(super) rules: Arc<Rules>,
    /// Timeouts in a row that left the deadline in the past.
    pub(super) spins: u32,
    pub(super) disk: Disk,
    pub(super) durable: bool,
    /// What the disk holds, read.
    pub(super) synced: Option<HardState>,
    /// Ends in the middle of the next step, after that many outputs.
    pub(super) crash_after: Option<u8>,
    /// The token that a frozen application had in hand.
    pub(super) in_hand: Option<u64>,
    /// What was recorded of it last.
    pub(super) shown: (Option<Role>, Option<Time>),
    pub(super) rng: Rng,
    /// What stands between it and the network, in a world with keys.
    pub(super) keys: Option<Box<Keys>>,
    /// What goes in and comes out, where somebody asked for it.
    pub(super) tape: Option<Tape>,
}

impl Host {
    pub(super) fn new(index: usize, rules: Arc<Rules>, setup: &Setup) -> Self {
        let ClockSetup { rate_ppb, wall_ms, local } = setup.clocks.get(index).copied().unwrap_or_default();
        let part = |part: u64| Rng::for_part(setup.seed, part * 64 + index as u64);
        Self {
            machine: Machine::new(index, Clock::new(local, rate_ppb), wall_ms),
            identity: index,
            plan: 0,
            rules,
            spins: 0,
            disk: Disk::new(setup.disk, part(1)),
            durable: setup.durable.contains(index),
            synced: None,
            crash_after: None,
            in_hand: None,
            shown: (None, None),
            rng: part(2),
            keys: setup.seal.as_ref().map(|files| Box::new(Keys::new(files.clone(), part(5)))),
            tape: None,
        }
    }

    /// Reads back what the disk holds, for the oracles.
    pub(super) fn read_disk(&mut self) {
        let record = self.disk.synced();
        self.synced = record.and_then(|record| qcluster_core::hard_state::decode(record, &self.rules).ok());
    }
}
