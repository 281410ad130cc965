//! What a rebase keeps of a node's own incarnation.

use super::{Announcement, OwnIncarnation};
use crate::id::Incarnation;
use crate::quorum::VoterSet;
use crate::time::{Rebase, Span, Time};

/// An incarnation that began at `now`, and tells next a moment later that it takes part.
fn announced(now: Time) -> OwnIncarnation {
    let tell_at = now + Span::from_millis(30);
    let announcement = Announcement { known_by: VoterSet::EMPTY, tell_at, told: 1 };
    OwnIncarnation {
        is_announced: true,
        announcement: Some(announcement),
        ..OwnIncarnation::new(now, 1, Incarnation::UNKNOWN)
    }
}

/// A search through states sees by it that two incarnations which differ in the time of day alone are the same (see
/// [`Node::rebase`](crate::Node::rebase)).
#[test]
fn an_incarnation_is_the_same_whatever_the_clock_showed_when_it_began() {
    let (early, late, present) = (Time::from_millis(5_000), Time::from_millis(9_000), Time::from_millis(1_000));
    let rebased = |began: Time, now: Time| {
        let mut own = announced(began);
        own.rebase(&Rebase { now, present, clocks: &|_| now });
        own
    };
    let moved = rebased(early, early);
    assert_eq!(moved, rebased(late, late));
    assert_eq!(moved.announcement.map(|announcement| announcement.tell_at), Some(present + Span::from_millis(30)));
    assert_ne!(moved, rebased(early, early + Span::from_millis(1)), "it tells sooner");
}
