//! The clock of one machine: an offset and an exact rate against real time, which it may leave by jumping.

use qcluster_core::Time;

/// How fast a clock of rate 0 ppb runs, and what a rate is a part of.
const BILLION: u64 = 1_000_000_000;
/// The fastest and slowest that a clock can be.
pub(crate) const RATE_PPB_MAX: i64 = 900_000_000;

/// A machine's monotonic clock as a function of real time: integer nanoseconds and an exact rational rate, so that leases
/// can be judged on real time to the nanosecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    real: u64,
    local: u64,
    rate_ppb: i64,
}

impl Clock {
    /// A clock that shows `local` at real time zero, and is `rate_ppb` parts in 10⁹ fast (or, below zero, slow). Rates
    /// outside ±0.9 are taken as that.
    pub fn new(local: Time, rate_ppb: i64) -> Self {
        Self { real: 0, local: local.as_nanos(), rate_ppb: bounded(rate_ppb) }
    }

    /// What it shows at real time `at`.
    pub fn read(&self, at: Time) -> Time {
        let real = at.as_nanos().saturating_sub(self.real);
        Time::from_nanos(self.local.saturating_add(scaled(real, self.rate_ppb)))
    }

    /// The first moment of real time at which it shows `local` or more; [`Time::NEVER`] stays that.
    pub fn when(&self, local: Time) -> Time {
        if local == Time::NEVER {
            return local;
        }
        let ahead = local.as_nanos().saturating_sub(self.local);
        let speed = BILLION.saturating_add_signed(self.rate_ppb);
        let real = if let Some(scaled) = ahead.checked_mul(BILLION) {
            scaled.div_ceil(speed)
        } else {
            let wide = (u128::from(ahead) * u128::from(BILLION)).div_ceil(u128::from(speed));
            u64::try_from(wide).unwrap_or(u64::MAX)
        };
        Time::from_nanos(self.real.saturating_add(real))
    }

    /// The same as [`Clock::when`] for what it shows at `at` or later; quick where that is soon.
    pub(crate) fn when_after(&self, at: Time, local: Time) -> Time {
        let ahead = local.since(self.read(at)).as_nanos();
        let Some(scaled) = ahead.checked_mul(BILLION) else { return self.when(local) };
        let guess = scaled / BILLION.saturating_add_signed(self.rate_ppb);
        // The guess lacks the fraction of a nanosecond that the reading at `at` has lost: it is at most two off.
        let mut real = at.as_nanos().saturating_add(guess);
        while self.read(Time::from_nanos(real)) < local {
            real += 1;
        }
        while real > at.as_nanos() && self.read(Time::from_nanos(real - 1)) >= local {
            real -= 1;
        }
        Time::from_nanos(real)
    }

    /// How fast it is, in parts in 10⁹.
    pub fn rate_ppb(&self) -> i64 {
        self.rate_ppb
    }

    /// From `at` on it runs at another rate.
    pub fn set_rate(&mut self, at: Time, rate_ppb: i64) {
        *self = Self { real: at.as_nanos(), local: self.read(at).as_nanos(), rate_ppb: bounded(rate_ppb) };
    }

    /// At `at` it jumps: forward, or back (at most to zero). No clock within a bound on its rate does that.
    pub fn jump(&mut self, at: Time, nanos: i64) {
        let local = self.read(at).as_nanos().saturating_add_signed(nanos);
        *self = Self { real: at.as_nanos(), local, rate_ppb: self.rate_ppb };
    }
}

fn bounded(rate_ppb: i64) -> i64 {
    rate_ppb.clamp(-RATE_PPB_MAX, RATE_PPB_MAX)
}

/// ⌊real · (10⁹ + rate) / 10⁹⌋.
fn scaled(real: u64, rate_ppb: i64) -> u64 {
    let size = rate_ppb.unsigned_abs();
    let Some(drift) = real.checked_mul(size) else {
        let wide = i128::from(real) * (i128::from(BILLION) + i128::from(rate_ppb));
        return u64::try_from(wide.div_euclid(i128::from(BILLION))).unwrap_or(u64::MAX);
    };
    if rate_ppb >= 0 { real.saturating_add(drift / BILLION) } else { real - drift.div_ceil(BILLION) }
}

#[cfg(test)]
mod tests;
