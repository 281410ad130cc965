//! Saturation is the promise of this module: no reading of a clock can wrap around.

use super::{Span, Time};
use alloc::format;

#[test]
fn arithmetic_saturates_at_both_ends() {
    assert_eq!(Time::NEVER + Span::from_millis(1), Time::NEVER);
    assert_eq!(Time::from_millis(1).since(Time::from_millis(2)), Span::ZERO);
    assert_eq!(Time::from_millis(1).before(Span::from_millis(2)), Time::ZERO);
    assert_eq!(Span::from_millis(u64::MAX).times(2), Span::from_nanos(u64::MAX));
    assert_eq!(Span::from_millis(3).split(0), Span::from_millis(3));
}

#[test]
fn prints_milliseconds() {
    assert_eq!(format!("{}", Time::from_nanos(12_345_678)), "12.345ms");
    assert_eq!(format!("{:?} {:?}", Time::NEVER, Span::from_millis(5)), "never 5.000ms");
    assert_eq!(format!("{} {}", Span::from_millis(150), Span::from_nanos(1_500_000)), "150 ms 1.500ms");
}
