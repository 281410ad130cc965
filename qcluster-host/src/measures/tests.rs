//! What is measured, and when.

use std::time::Duration;

use qcluster_core::{Span, Time};

use super::{BOUNDS_NS, Histogram, Measures};

#[test]
fn a_time_falls_into_the_first_bucket_that_holds_it() {
    let mut histogram = Histogram::default();
    for nanos in [0, BOUNDS_NS[0], BOUNDS_NS[0] + 1, u64::MAX] {
        histogram.observe(Time::from_nanos(nanos).since(Time::ZERO));
    }
    assert_eq!((histogram.counts[0], histogram.counts[1], histogram.counts[BOUNDS_NS.len()]), (2, 1, 1));
    assert_eq!((histogram.count(), histogram.sum_ns), (4, u64::MAX), "the sum stops at its end");
}

#[test]
fn a_fail_over_begins_with_a_leader_that_is_lost() {
    let mut measures = Measures::new(3);
    let at = Time::from_millis;
    assert_eq!(measures.leader_is_known(at(100), true, false), None, "the first leader replaces nobody");
    assert_eq!(measures.leader_is_known(at(200), false, true), None);
    assert_eq!(measures.leader_is_known(at(250), false, false), None, "nobody still");
    assert_eq!(measures.leader_is_known(at(300), true, false), Some(Span::from_millis(100)));
    assert_eq!(measures.leader_is_known(at(400), true, true), None, "a renewal is none");
    assert_eq!(measures.fail_over.count(), 1);
}

#[test]
fn a_save_is_measured_once() {
    let mut measures = Measures::new(1);
    measures.saving(Time::from_millis(5));
    assert_eq!(measures.saved(Time::from_millis(7)), Some(Span::from_millis(2)));
    assert_eq!(measures.saved(Time::from_millis(9)), None);
    assert_eq!(measures.persist.count(), 1);
}

/// After quiet, a first registration sets a deadline that lies in the past: what it called for was done at once.
#[test]
fn a_deadline_that_was_set_in_the_past_is_late_from_when_it_was_set() {
    let mut measures = Measures::new(1);
    let at = Time::from_millis;
    measures.stepped(at(20_000));
    measures.deadline_over(at(5_000), at(20_001));
    measures.deadline_over(at(20_005), at(20_015));
    assert_eq!(measures.timer_lateness.sum(), Duration::from_millis(11));
}
