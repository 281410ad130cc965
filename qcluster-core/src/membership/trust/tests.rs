//! Tests.

use super::*;

const START: Time = Time::from_millis(1_000_000);

fn trust_of(present: usize) -> Trust {
    let mut trust = Trust::new(START);
    assert_eq!(trust.look(START, present), None);
    trust
}

#[test]
fn more_than_half_and_more_than_two_have_to_go() {
    assert_eq!(trust_of(3).look(START, 1), None, "two of three may well go");
    assert_eq!(trust_of(4).look(START, 1), Some(Turn::Lost { since: START.before(Trust::WINDOW) }));
    assert_eq!(trust_of(10).look(START, 5), None, "half");
    assert!(trust_of(10).look(START, 4).is_some());
}

#[test]
fn who_go_one_by_one_are_believed() {
    let mut trust = trust_of(100);
    let mut now = START;
    for present in (1..100).rev() {
        now = now + Trust::WINDOW;
        assert_eq!(trust.look(now, present), None, "{present}");
    }
}

#[test]
fn a_goodbye_is_no_reason() {
    let mut trust = trust_of(10);
    for present in (0..10).rev() {
        trust.one_left();
        assert_eq!(trust.look(START, present), None);
    }
}

#[test]
fn trust_returns_with_half_of_them_or_after_an_hour() {
    let lose = || {
        let mut trust = trust_of(10);
        assert!(trust.look(START, 1).is_some());
        assert!(!trust.is_given());
        trust
    };
    let mut trust = lose();
    assert_eq!(trust.look(START, 4), None);
    assert_eq!(trust.look(START, 5), Some(Turn::Regained));
    let mut trust = lose();
    let later = trust.deadline();
    assert_eq!(trust.look(later, 1), Some(Turn::Regained), "what is left is the cluster");
    assert_eq!(trust.look(later, 0), None);
}
