//! The arithmetic under the lease, against exact rationals.

use qcluster_core::{Span, Timing};
use qcluster_sim::{Clock, Rng};

/// A trusted lease on a clock as slow as ρ allows ends no later than a promise on one as fast as ρ allows, both from the same
/// moment; and it is the longest that does, to the nanosecond.
#[test]
fn a_trusted_lease_is_the_longest_that_every_promise_outlasts() {
    let mut rng = Rng::new(11);
    for _ in 0..20_000 {
        let lease = Span::from_nanos(rng.between(4_000_000, 3_600_000_000_000));
        let drift_ppm = u32::try_from(rng.between(0, 200_000)).unwrap();
        let timing = Timing { lease, drift_ppm, ..Timing::default() };
        let (trusted, drift) = (u128::from(timing.trusted_lease().as_nanos()), u128::from(drift_ppm));
        let million = 1_000_000_u128;
        // trusted / (1 − ρ) ≤ lease / (1 + ρ), without a fraction.
        let holds = |trusted: u128| trusted * (million + drift) <= u128::from(lease.as_nanos()) * (million - drift);
        assert!(holds(trusted) && !holds(trusted + 1), "{timing:?}");
    }
}

/// The same on the simulator's clocks, which round: a promise outlasts the lease wherever at least a microsecond lies between
/// the sending and the promise.
#[test]
fn simulated_clocks_agree_with_the_arithmetic() {
    let mut rng = Rng::new(12);
    for _ in 0..20_000 {
        let timing = Timing { drift_ppm: u32::try_from(rng.between(0, 200_000)).unwrap(), ..Timing::default() };
        let rate = i64::from(timing.drift_ppm) * 1_000;
        let origin = qcluster_core::Time::from_nanos;
        let (slow, fast) =
            (Clock::new(origin(rng.below(1 << 40)), -rate), Clock::new(origin(rng.below(1 << 40)), rate));
        let sent = origin(rng.below(1 << 40));
        let promised = sent + Span::from_nanos(1_000);
        let lease_ends = slow.when(slow.read(sent) + timing.trusted_lease());
        let promise_ends = fast.when(fast.read(promised) + timing.lease);
        assert!(lease_ends <= promise_ends, "{timing:?}, sent at {sent}");
    }
}
