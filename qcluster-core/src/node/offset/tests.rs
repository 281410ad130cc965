//! However often the clock went back, what it has lost adds up, and times come out on the clock that the embedder reads.

use super::Offset;
use crate::time::{Span, Time};

#[test]
fn what_is_lost_adds_up() {
    let mut offset = Offset::default();
    assert_eq!(offset.inner(Time::from_millis(7)), Time::from_millis(7));
    offset.make_up(Span::from_millis(100));
    offset.make_up(Span::from_millis(20));
    assert_eq!(offset.inner(Time::from_millis(7)), Time::from_millis(127));
    assert_eq!(offset.given(Time::from_millis(127)), Time::from_millis(7));
    assert_eq!(offset.given(Time::NEVER), Time::NEVER, "never is never on any clock");
}
