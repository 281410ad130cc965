//! The end of a leadership is its last deadline, or when it was given up.

use qcluster_core::{FencingToken, HeldLease, Span, Time};

use super::LeaseEnds;
use crate::clock::Clock;

const TOKEN: FencingToken = FencingToken(7);
const HOUR: Span = Span::from_millis(3_600_000);

fn until(token: u64, valid_until: Time) -> HeldLease {
    HeldLease { token: FencingToken(token), valid_until }
}

#[test]
fn a_lease_that_holds_ends_at_its_last_deadline() {
    let (clock, mut ends) = (Clock::start(), LeaseEnds::default());
    assert_eq!(ends.of(TOKEN), None);
    let first = clock.now() + HOUR;
    ends.published(Some(until(7, first)), clock);
    assert_eq!(ends.of(TOKEN), Some(first));
    ends.published(Some(until(7, first + HOUR)), clock);
    assert_eq!(ends.of(TOKEN), Some(first + HOUR), "a renewal counts");
    assert_eq!(ends.of(FencingToken(8)), None);
}

#[test]
fn a_lease_that_ran_out_unnoticed_ended_at_its_deadline() {
    // Given a lease that ended while the loop stood still.
    let (clock, mut ends) = (Clock::showing(Time::from_millis(1_000)), LeaseEnds::default());
    let deadline = Time::from_millis(500);
    ends.published(Some(until(7, deadline)), clock);

    // When the loop learns of it, and however often it says so.
    ends.published(None, clock);
    ends.published(None, clock);

    // Then it ended when it ended.
    assert_eq!(ends.of(TOKEN), Some(deadline));
}

#[test]
fn a_lease_that_is_given_up_ends_when_nobody_can_see_it_any_more() {
    let (clock, mut ends) = (Clock::start(), LeaseEnds::default());
    ends.published(Some(until(7, clock.now() + HOUR)), clock);
    let before = clock.now();
    ends.published(None, clock);
    let ended = ends.of(TOKEN).unwrap();
    assert!(before <= ended && ended <= clock.now(), "{ended:?}");
}

#[test]
fn the_end_of_one_leadership_is_told_after_the_next_has_begun() {
    let (clock, mut ends) = (Clock::start(), LeaseEnds::default());
    let second = clock.now() + HOUR;
    ends.published(Some(until(7, Time::from_nanos(1))), clock);
    ends.published(Some(until(8, second)), clock);
    assert_eq!((ends.of(TOKEN), ends.of(FencingToken(8))), (Some(Time::from_nanos(1)), Some(second)));
}
