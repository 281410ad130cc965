//! Figures as people read them.

use super::{count, median, ms, time};

#[test]
fn the_median_is_in_the_middle() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[7]), Some(7));
    assert_eq!(median(&[1, 9]), Some(5));
    assert_eq!(median(&[1, 2, 9]), Some(2));
}

#[test]
fn times_are_told_to_the_microsecond() {
    assert_eq!((ms(812), ms(-12_300), ms(0)), ("0.812 ms".into(), "-12.300 ms".into(), "0.000 ms".into()));
    assert_eq!(time(1_764_000_000_123_456), "2025-11-24T16:00:00.123456Z");
    assert_eq!((count(1, "token"), count(2, "token")), ("1 token".into(), "2 tokens".into()));
}
