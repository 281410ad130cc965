//! When a lease gets longer, and when shorter again.

use alloc::vec::Vec;

use super::{LeaseLength, heartbeat_of, within};
use crate::config::Timing;
use crate::time::{Span, Time};

const fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

const fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

/// Heartbeat 25 ms, lease 150 ms to 1,200 ms.
fn lan() -> Timing {
    Timing::default()
}

#[test]
fn a_delay_of_a_third_of_the_lease_is_borne_and_a_longer_one_doubles_it_until_it_is() {
    for (delay, lease) in [(0, 150), (50, 150), (51, 300), (100, 300), (101, 600), (201, 1_200), (1_199, 1_200)] {
        let mut length = LeaseLength::new(&lan());
        assert_eq!(length.delayed(&lan(), at(1_000), ms(delay)), lease > 150, "{delay}");
        assert_eq!(length.current(), ms(lease), "{delay}");
    }
}

#[test]
fn what_no_lease_could_have_borne_changes_nothing() {
    let mut length = LeaseLength::new(&lan());
    assert!(!length.delayed(&lan(), at(1_000), ms(1_200)));
    assert!(!length.delayed(&lan(), at(1_000), Span::from_nanos(u64::MAX)));
    assert_eq!(length, LeaseLength::new(&lan()));
}

#[test]
fn a_lease_that_is_fixed_stays_as_it_is() {
    let fixed = Timing { max_lease: lan().lease, ..lan() };
    let mut length = LeaseLength::new(&fixed);
    assert!(!length.delayed(&fixed, at(1_000), ms(149)));
    assert!(!length.rest(&fixed, at(1_000_000)));
    assert_eq!(length, LeaseLength::new(&fixed));
}

#[test]
fn it_falls_by_a_quarter_each_half_minute_of_quiet_and_not_below_the_shortest() {
    let mut length = LeaseLength::new(&lan());
    assert!(length.delayed(&lan(), at(0), ms(80)));
    assert!(!length.rest(&lan(), at(29_999)), "of 300 ms");
    let mut fell = Vec::new();
    for second in 30..200 {
        if length.rest(&lan(), at(second * 1_000)) {
            fell.push((second, length.current()));
        }
    }
    assert_eq!(fell, [(30, ms(225)), (60, Span::from_nanos(168_750_000)), (90, ms(150))]);
    assert_eq!(length, LeaseLength::new(&lan()), "nothing is left to remember");
}

/// Else it would fall and rise for good.
#[test]
fn it_does_not_fall_to_what_delays_lately_would_come_near() {
    for (delay, falls) in [(37, true), (38, false)] {
        let mut length = LeaseLength::new(&lan());
        assert!(length.delayed(&lan(), at(0), ms(80)));
        assert!(!length.delayed(&lan(), at(10_000), ms(delay)), "300 ms bear it");
        assert_eq!(length.rest(&lan(), at(30_000)), falls, "{delay} ms, six times which is 225 ms at most");
        // Each half minute is looked at by itself.
        assert!(length.rest(&lan(), at(60_000)), "{delay}");
    }
}

#[test]
fn a_follower_takes_over_what_its_leader_asks_for_within_the_configuration() {
    let mut length = LeaseLength::new(&lan());
    for (asked, taken) in [(600, 600), (1, 150), (5_000, 1_200), (150, 150)] {
        length.hear(&lan(), ms(asked));
        assert_eq!(length.current(), ms(taken));
        assert_eq!(within(&lan(), ms(asked)), ms(taken));
    }
}

#[test]
fn heartbeats_keep_their_part_of_the_lease() {
    for (lease, heartbeat) in [(150, 25), (300, 50), (1_200, 200)] {
        assert_eq!(heartbeat_of(&lan(), ms(lease)), ms(heartbeat));
    }
    let longest = Timing { heartbeat: ms(900_000), lease: ms(3_600_000), max_lease: ms(3_600_000), ..lan() };
    assert_eq!(heartbeat_of(&longest, Span::from_nanos(u64::MAX)), Span::from_nanos(u64::MAX / 4));
}
