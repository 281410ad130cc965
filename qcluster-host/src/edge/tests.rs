//! The edge says yes only while a lease holds, with writers beside it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use qcluster_core::{FencingToken, HeldLease, Span, Time};

use super::LeaseEdge;
use crate::clock::Clock;

const HOUR: Span = Span::from_millis(3_600_000);

fn lease(token: u64, valid_until: Time) -> HeldLease {
    HeldLease { token: FencingToken(token), valid_until }
}

#[test]
fn a_node_that_holds_nothing_does_not_lead() {
    let edge = LeaseEdge::new(Clock::start());
    assert!(!edge.is_leader());
    assert_eq!(edge.lease(), None);
    assert_eq!(edge.remaining_of(FencingToken(0)), None);
}

#[test]
fn a_lease_holds_until_its_deadline_whatever_the_loop_does() {
    let clock = Clock::start();
    let edge = LeaseEdge::new(clock);
    let now = clock.now();
    edge.publish(Some(lease(1, now + HOUR)));
    assert!(edge.is_leader());
    assert_eq!(edge.lease(), Some(lease(1, now + HOUR)));

    // The same edge with a deadline that has passed while nobody wrote: the clock alone decides.
    edge.publish(Some(lease(1, now)));
    assert!(!edge.is_leader());
    assert_eq!(edge.lease(), None);
}

#[test]
fn a_lease_that_is_taken_back_is_gone_at_once() {
    let clock = Clock::start();
    let edge = LeaseEdge::new(clock);
    edge.publish(Some(lease(1, clock.now() + HOUR)));
    edge.publish(None);
    assert!(!edge.is_leader());
    assert_eq!(edge.lease(), None);
}

#[test]
fn a_later_leadership_says_nothing_about_an_earlier_one() {
    let clock = Clock::start();
    let edge = LeaseEdge::new(clock);
    edge.publish(Some(lease(1, clock.now() + HOUR)));
    assert!(edge.remaining_of(FencingToken(1)).is_some());
    edge.publish(Some(lease(2, clock.now() + HOUR)));
    assert_eq!(edge.remaining_of(FencingToken(1)), None);
    assert!(edge.remaining_of(FencingToken(2)).is_some());
}

#[test]
fn work_ends_a_guard_before_the_lease_and_a_renewal_moves_its_end() {
    let clock = Clock::start();
    let edge = LeaseEdge::new(clock);
    let (token, guard) = (FencingToken(1), Span::from_millis(1_800_000));
    edge.publish(Some(lease(1, clock.now() + guard)));
    assert!(edge.is_leader());
    assert_eq!(edge.work_left(token, guard), None, "the guard has begun");
    edge.publish(Some(lease(1, clock.now() + HOUR)));
    let left = edge.work_left(token, guard).expect("it was renewed");
    assert!(left <= Duration::from_secs(1_800), "{left:?}");
}

#[test]
fn a_drain_forbids_work_and_leaves_the_lease_until_the_next_leadership() {
    let clock = Clock::start();
    let edge = LeaseEdge::new(clock);
    edge.publish(Some(lease(1, clock.now() + HOUR)));
    assert!(!edge.is_draining());
    edge.drain();
    edge.publish(Some(lease(1, clock.now() + HOUR)));
    assert!(edge.is_leader() && edge.is_draining());
    assert_eq!(edge.work_left(FencingToken(1), Span::ZERO), None);
    edge.publish(None);
    edge.publish(Some(lease(2, clock.now() + HOUR)));
    assert!(!edge.is_draining());
    assert!(edge.work_left(FencingToken(2), Span::ZERO).is_some());
    assert_eq!(edge.work_left(FencingToken(1), Span::ZERO), None, "of an earlier leadership nothing is left");
}

#[test]
fn readers_never_see_the_deadline_of_one_leadership_with_the_token_of_another() {
    let clock = Clock::start();
    let edge = Arc::new(LeaseEdge::new(clock));
    let base = clock.now() + HOUR;
    let deadline_of = move |token: FencingToken| base + Span::from_millis(token.0);
    let reader = {
        let edge = Arc::clone(&edge);
        thread::spawn(move || {
            let mut seen = FencingToken(0);
            while seen < FencingToken(20_000) {
                if let Some(lease) = edge.lease() {
                    assert_eq!(lease.valid_until, deadline_of(lease.token));
                    assert!(lease.token >= seen, "tokens went back");
                    seen = lease.token;
                }
            }
        })
    };
    for token in (1..=20_000).map(FencingToken) {
        edge.publish(Some(lease(token.0, deadline_of(token))));
        if token.0 % 3 == 0 && token.0 < 20_000 {
            edge.publish(None);
        }
    }
    reader.join().expect("the reader saw a torn lease");
}
