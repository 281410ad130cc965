//! The node's clock: on Linux one that also counts the time that the machine sleeps, since a lease runs out meanwhile (E15).

use std::time::{Duration, SystemTime};

use qcluster_core::Time;

/// Counts from its own start, so that times stay short on the wire. Copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: system::Reading,
}

impl Clock {
    /// A clock that shows zero now.
    pub fn start() -> Self {
        Self { origin: system::read() }
    }

    /// One that has run for so long that it shows `now`.
    #[cfg(any(test, feature = "test-support"))]
    pub fn showing(now: Time) -> Self {
        Self { origin: system::before(now.as_nanos()) }
    }

    /// A fresh reading. It never goes back, and never fails.
    pub fn now(self) -> Time {
        Time::from_nanos(system::nanos_since(self.origin))
    }

    /// A fresh reading of both clocks.
    pub(crate) fn moment(self) -> Moment {
        /// Readings, until two of them are as close as they are on an idle machine.
        const READINGS_MAX: u32 = 4;
        const APART_MAX: Duration = Duration::from_micros(50);
        let read = || {
            let before = SystemTime::now();
            Moment { before, now: self.now(), wall: SystemTime::now() }
        };
        let mut moment = read();
        for _ in 1..READINGS_MAX {
            if moment.wall.duration_since(moment.before).is_ok_and(|apart| apart < APART_MAX) {
                break;
            }
            moment = read();
        }
        moment
    }
}

/// What the node's clock shows, and the wall clock just before and just after it, so that a time of the one can be told in the other.
/// The thread may stand still between any two of the readings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    before: SystemTime,
    pub(crate) now: Time,
    pub(crate) wall: SystemTime,
}

impl Moment {
    /// What the wall clock showed at `time` or before it, if nobody sets it in between: for what begins.
    pub(crate) fn at_earliest(self, time: Time) -> SystemTime {
        self.shifted(self.before, time)
    }

    /// What the wall clock shows at `time` or after it, if nobody sets it in between: for what ends.
    pub(crate) fn at_latest(self, time: Time) -> SystemTime {
        self.shifted(self.wall, time)
    }

    /// What it cannot show is told as this moment.
    fn shifted(self, wall: SystemTime, time: Time) -> SystemTime {
        let shown = if time < self.now {
            wall.checked_sub(Duration::from(self.now.since(time)))
        } else {
            wall.checked_add(Duration::from(time.since(self.now)))
        };
        shown.unwrap_or(wall)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::time::{ClockId, clock_gettime};

    pub(super) type Reading = u64;

    /// `CLOCK_BOOTTIME` in nanoseconds. `CLOCK_MONOTONIC` stands still while the machine is suspended.
    pub(super) fn read() -> Reading {
        let reading = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(reading.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(reading.tv_nsec).unwrap_or(0);
        seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
    }

    pub(super) fn nanos_since(origin: Reading) -> u64 {
        read().saturating_sub(origin)
    }

    #[cfg(any(test, feature = "test-support"))]
    pub(super) fn before(nanos: u64) -> Reading {
        read().checked_sub(nanos).expect("the machine has run for longer")
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::time::Instant;

    pub(super) type Reading = Instant;

    pub(super) fn read() -> Reading {
        Instant::now()
    }

    pub(super) fn nanos_since(origin: Reading) -> u64 {
        u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    #[cfg(any(test, feature = "test-support"))]
    pub(super) fn before(nanos: u64) -> Reading {
        let earlier = Instant::now().checked_sub(std::time::Duration::from_nanos(nanos));
        earlier.expect("the machine has run for longer")
    }
}

#[cfg(test)]
mod tests;
