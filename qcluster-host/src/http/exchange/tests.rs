//! What is written in the head of an answer.

use std::time::{Duration, UNIX_EPOCH};

use super::date;

/// A machine without a battery starts in 1970 or before it, and a node runs there like anywhere.
#[test]
fn a_clock_that_shows_what_http_cannot_write_costs_the_date_alone() {
    let at = |seconds| date(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(at(0).unwrap(), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(at(253_402_300_799).unwrap(), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(at(253_402_300_800), None);
    assert_eq!(date(UNIX_EPOCH - Duration::from_nanos(1)), None);
    assert_eq!(date(UNIX_EPOCH - Duration::from_secs(40_000_000_000)), None);
}
