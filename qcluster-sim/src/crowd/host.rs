//! One machine of a crowd, and the process on it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use qcluster_core::{Endpoint, Rules, Span, Time};

use super::traffic::Traffic;

/// What its process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Not started yet, or crashed.
    Off,
    /// It runs.
    Running,
    /// Its loop stands still, while its clock goes on and its socket fills.
    Stalled,
    /// It has said goodbye and ended.
    Left,
}

#[derive(Debug)]
pub(super) struct Host {
    /// The host whose name its process bears.
    pub(super) name: usize,
    pub(super) condition: Condition,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) rules: Option<Arc<Rules>>,
    pub(super) address: SocketAddr,
    pub(super) moves: u8,
    /// Counts starts of processes.
    pub(super) incarnation: u32,
    /// What its clock showed when the crowd began: clocks of different hosts have nothing in common.
    pub(super) origin: Span,
    /// How far its wall clock is ahead.
    pub(super) wall_ms: i64,
    /// When a wake-up is planned.
    pub(super) wake_at: Time,
    pub(super) backlog: VecDeque<(SocketAddr, Vec<u8>)>,
    pub(super) sent: Traffic,
}

impl Host {
    /// How many datagrams a socket holds for a process that stands still.
    pub(super) const BACKLOG_MAX: usize = 256;

    pub(super) fn new(name: usize, address: SocketAddr, origin: Span, wall_ms: i64) -> Self {
        Self {
            name,
            condition: Condition::Off,
            endpoint: None,
            rules: None,
            address,
            moves: 0,
            incarnation: 0,
            origin,
            wall_ms,
            wake_at: Time::NEVER,
            backlog: VecDeque::new(),
            sent: Traffic::default(),
        }
    }

    /// Its process is gone.
    pub(super) fn end(&mut self, condition: Condition) {
        self.condition = condition;
        self.endpoint = None;
        self.backlog.clear();
        self.wake_at = Time::NEVER;
    }

    /// What its clock shows.
    pub(super) fn clock(&self, real: Time) -> Time {
        real + self.origin
    }

    /// When its clock will show that.
    pub(super) fn real(&self, clock: Time) -> Time {
        if clock == Time::NEVER { Time::NEVER } else { clock.before(self.origin) }
    }

    /// What its wall clock shows, in Unix milliseconds.
    pub(super) fn unix_ms(&self, real: Time) -> u64 {
        const START_MS: u64 = 1_764_000_000_000;
        (START_MS + real.as_nanos() / 1_000_000).saturating_add_signed(self.wall_ms)
    }
}
