//! The arithmetic under the lease, against exact rationals.

use proptest::prelude::*;
use qcluster_core::{Span, Time, Timing};
use qcluster_sim::Clock;

/// Every timing that a configuration may have, as far as the lease goes.
fn timing() -> impl Strategy<Value = Timing> {
    let shortest = Timing::HEARTBEAT_MIN.times(4).as_nanos();
    (shortest..=Timing::LEASE_MAX.as_nanos(), 0..=Timing::DRIFT_PPM_MAX).prop_map(|(lease, drift_ppm)| Timing {
        lease: Span::from_nanos(lease),
        drift_ppm,
        ..Timing::default()
    })
}

fn time() -> impl Strategy<Value = Time> {
    (0..1_u64 << 45).prop_map(Time::from_nanos)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A trusted lease on a clock as slow as ρ allows ends no later than a promise on one as fast as ρ allows, both from the
    /// same moment; and it is the longest that does, to the nanosecond.
    #[test]
    fn a_trusted_lease_is_the_longest_that_every_promise_outlasts(timing in timing()) {
        let (million, drift) = (1_000_000, u128::from(timing.drift_ppm));
        let (trusted, lease) = (u128::from(timing.trusted_lease().as_nanos()), u128::from(timing.lease.as_nanos()));
        // trusted / (1 − ρ) ≤ lease / (1 + ρ), without a fraction.
        let outlasted = |trusted: u128| trusted * (million + drift) <= lease * (million - drift);
        prop_assert!(outlasted(trusted));
        prop_assert!(!outlasted(trusted + 1));
    }

    /// The same on the simulator's clocks, which round: a promise outlasts the lease wherever at least a microsecond lies
    /// between the sending and the promise.
    #[test]
    fn simulated_clocks_agree_with_the_arithmetic(
        timing in timing(),
        sent in time(),
        (leader_shows, voter_shows) in (time(), time()),
        (slow_part, fast_part) in (0..=1_000_i64, 0..=1_000_i64),
    ) {
        // From exactly right (0) to the very end of what ρ allows (1 000).
        let bound = i64::from(timing.drift_ppm);
        let (leader, voter) =
            (Clock::new(leader_shows, -bound * slow_part), Clock::new(voter_shows, bound * fast_part));
        let promised = sent + Span::from_nanos(1_000);
        let lease_ends = leader.when(leader.read(sent) + timing.trusted_lease());
        let promise_ends = voter.when(voter.read(promised) + timing.lease);
        prop_assert!(lease_ends <= promise_ends);
    }
}
