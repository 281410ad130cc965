//! One machine: where it is, its clocks, and the process on it, which comes and goes.

use std::collections::VecDeque;
use std::net::SocketAddr;

use qcluster_core::{Endpoint, Node, Span, Time};

use super::address::address_of;
use super::clock::Clock;
use super::packets::Place;
use super::{Event, Taken, short};

/// How many datagrams a socket holds for a process that stands still.
pub(crate) const SOCKET_MAX: usize = 256;

/// Whether a process makes progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Running,
    /// It was asked to stop, and has a leadership to end first.
    Stopping,
    /// It stands still, while its clocks go on.
    Frozen,
}

#[derive(Debug)]
pub(crate) struct Machine<J> {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) progress: Progress,
    pub(crate) clock: Clock,
    /// How far its wall clock is ahead.
    pub(crate) wall_ms: i64,
    /// What its clock shows when the time of the process begins.
    pub(crate) epoch: Time,
    /// Counts processes that have ended.
    pub(crate) incarnation: u16,
    /// How late its timers fire.
    pub(crate) lag: Span,
    /// The deadline of the process, on its own clock.
    pub(super) deadline: Time,
    /// The deadline for which a wake-up is planned, and when on real time.
    pub(super) wake_for: Time,
    pub(super) wake_at: Time,
    /// What waits for a process that stands still.
    pub(super) backlog: VecDeque<Event<J>>,
    place: Place,
    address: SocketAddr,
}

impl<J> Machine<J> {
    pub(crate) fn new(index: usize, clock: Clock, wall_ms: i64) -> Self {
        let place = Place { host: short(index), generation: 0 };
        Self {
            endpoint: None,
            progress: Progress::Running,
            clock,
            wall_ms,
            epoch: Time::ZERO,
            incarnation: 0,
            lag: Span::ZERO,
            deadline: Time::NEVER,
            wake_for: Time::NEVER,
            wake_at: Time::NEVER,
            backlog: VecDeque::new(),
            place,
            address: address_of(place),
        }
    }

    pub(crate) fn node(&self) -> Option<&Node> {
        self.endpoint.as_ref().map(Endpoint::node)
    }

    /// Whether its process is there and makes progress.
    pub(crate) fn is_running(&self) -> bool {
        self.endpoint.is_some() && self.progress == Progress::Running
    }

    /// What the process's clock shows.
    pub(crate) fn now(&self, real: Time) -> Time {
        Time::ZERO + self.clock.read(real).since(self.epoch)
    }

    /// A time of the process, as the machine's clock shows it.
    pub(crate) fn on_machine(&self, local: Time) -> Time {
        Time::from_nanos(self.epoch.as_nanos().saturating_add(local.as_nanos()))
    }

    /// What its wall clock shows, in Unix milliseconds.
    pub(crate) fn unix_ms(&self, real: Time) -> u64 {
        const START_MS: u64 = 1_764_000_000_000;
        (START_MS + real.as_nanos() / 1_000_000).saturating_add_signed(self.wall_ms)
    }

    /// When to step its process at the latest, on the process's clock, as of its last step.
    pub(crate) fn deadline(&self) -> Time {
        self.deadline
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn generation(&self) -> u16 {
        self.place.generation
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// From now on it is at an address that nobody has heard of.
    pub(crate) fn moves(&mut self) {
        self.place.generation = self.place.generation.wrapping_add(1);
        self.address = address_of(self.place);
    }

    /// Its clock was changed, or it stood still: what was planned by it holds no longer.
    pub(crate) fn forget_wake(&mut self) {
        (self.wake_at, self.wake_for) = (Time::NEVER, Time::NEVER);
    }

    /// Its process goes on. Gives what has happened to it meanwhile; its timer has to be planned again.
    pub(crate) fn thaw(&mut self) -> VecDeque<Event<J>> {
        self.progress = Progress::Running;
        self.forget_wake();
        core::mem::take(&mut self.backlog)
    }

    pub(super) fn take(&mut self, event: Event<J>) -> Taken {
        if self.endpoint.is_none() {
            return Taken::Never;
        }
        match self.progress {
            Progress::Running | Progress::Stopping => Taken::Now,
            Progress::Frozen if self.backlog.len() < SOCKET_MAX || !matches!(event, Event::Arrival(_)) => {
                self.backlog.push_back(event);
                Taken::Later
            }
            Progress::Frozen => Taken::Never,
        }
    }

    pub(super) fn end(&mut self) -> Option<Endpoint> {
        let endpoint = self.endpoint.take()?;
        self.incarnation = self.incarnation.wrapping_add(1);
        self.progress = Progress::Running;
        self.forget_wake();
        Some(endpoint)
    }
}
