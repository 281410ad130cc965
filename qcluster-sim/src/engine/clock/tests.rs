//! Clocks against plain rational arithmetic.

use super::{BILLION, Clock};
use crate::rng::Rng;
use qcluster_core::Time;

fn at(nanos: u64) -> Time {
    Time::from_nanos(nanos)
}

#[test]
fn a_reading_is_the_exact_rational_rounded_down() {
    let mut rng = Rng::new(3);
    for _ in 0..2_000 {
        let (offset, real) = (rng.below(1 << 40), rng.below(1 << 50));
        let rate = rng.between_signed(-200_000_000, 200_000_000);
        let exact = i128::from(real) * (i128::from(BILLION) + i128::from(rate)) / i128::from(BILLION);
        let clock = Clock::new(at(offset), rate);
        assert_eq!(i128::from(clock.read(at(real)).as_nanos()), i128::from(offset) + exact);
    }
}

#[test]
fn when_is_the_first_moment_that_shows_it() {
    let mut rng = Rng::new(4);
    for _ in 0..2_000 {
        let clock = Clock::new(at(rng.below(1 << 30)), rng.between_signed(-200_000_000, 200_000_000));
        let bits = rng.between(1, 45);
        let local = at(clock.local + 1 + rng.below(1 << bits));
        let real = clock.when(local);
        assert!(clock.read(real) >= local);
        assert!(clock.read(at(real.as_nanos() - 1)) < local);
        let earlier = at(real.as_nanos() - rng.below(real.as_nanos()));
        assert_eq!(clock.when_after(earlier, local), real);
    }
}

#[test]
fn a_change_of_rate_keeps_the_reading_and_a_jump_moves_it() {
    let mut clock = Clock::new(at(10), 0);
    clock.set_rate(at(1_000), 500_000_000);
    assert_eq!(clock.read(at(1_000)), at(1_010));
    assert_eq!(clock.read(at(1_100)), at(1_160));
    clock.jump(at(1_100), -60);
    assert_eq!(clock.read(at(1_100)), at(1_100));
    assert_eq!(clock.when(Time::NEVER), Time::NEVER);
}
