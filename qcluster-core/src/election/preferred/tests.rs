//! How the pauses between attempts grow, and when they are short again.

use super::Preferred;
use crate::time::{Span, Time};

const SETTLE: Span = Span::from_millis(10);

#[test]
fn each_attempt_makes_the_next_pause_twice_as_long_up_to_a_limit() {
    let mut preferred = Preferred::new(SETTLE);
    let mut now = Time::from_millis(5);
    for pause in [10, 20, 40, 80, 160, 320, 640, 640, 640] {
        preferred.attempt(now, SETTLE);
        assert_eq!(preferred.not_before, now + Span::from_millis(pause));
        now = preferred.not_before;
    }
}

#[test]
fn after_a_time_without_attempts_that_is_longer_than_any_pause_the_next_one_is_short() {
    for (idle, pause) in [(640, 40), (641, 10)] {
        let mut preferred = Preferred::new(SETTLE);
        preferred.attempt(Time::from_millis(5), SETTLE);
        preferred.attempt(preferred.not_before, SETTLE);
        let now = preferred.not_before + Span::from_millis(idle);
        preferred.attempt(now, SETTLE);
        assert_eq!(preferred.not_before, now + Span::from_millis(pause), "idle for {idle}");
    }
}
