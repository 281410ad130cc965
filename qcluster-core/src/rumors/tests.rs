//! The order of telling, and its end.

use super::Rumors;
use alloc::vec::Vec;

/// The subjects in the order in which one datagram would take them.
fn order(rumors: &Rumors) -> Vec<u64> {
    let mut last = None;
    core::iter::from_fn(|| {
        last = rumors.next(last);
        last.map(super::Place::subject)
    })
    .collect()
}

#[test]
fn the_newest_comes_first_and_what_was_told_steps_back() {
    let mut rumors = Rumors::default();
    for subject in [7, 8, 9] {
        rumors.spread(subject);
    }
    assert_eq!(order(&rumors), [9, 8, 7]);
    rumors.told(9, 3);
    rumors.told(8, 3);
    assert_eq!(order(&rumors), [7, 9, 8]);
}

#[test]
fn news_of_a_subject_is_told_from_the_beginning_and_only_once_at_a_time() {
    let mut rumors = Rumors::default();
    rumors.spread(1);
    rumors.told(1, 3);
    rumors.told(1, 3);
    rumors.spread(1);
    rumors.told(1, 3);
    rumors.told(1, 3);
    assert_eq!(order(&rumors), [1], "it was told twice since the news");
    rumors.told(1, 3);
    assert_eq!(rumors.len(), 0);
    rumors.told(1, 3);
    assert_eq!(rumors.len(), 0, "what is over stays over");
}

#[test]
fn bulk_does_not_starve_news() {
    let mut rumors = Rumors::default();
    (0..10_000).for_each(|subject| rumors.spread(subject));
    rumors.spread(99_999);
    assert_eq!(rumors.next(None).map(super::Place::subject), Some(99_999));
    rumors.forget(99_999);
    assert_eq!(rumors.next(None).map(super::Place::subject), Some(9_999));
}

#[test]
fn bulk_is_given_up_for_what_is_newer() {
    let mut rumors = Rumors::default();
    (0..10_000).for_each(|subject| rumors.spread(subject));
    assert_eq!(rumors.len(), Rumors::WAITING_MAX);
    let newest: Vec<u64> = (0..10_000).rev().take(Rumors::WAITING_MAX).collect();
    assert_eq!(order(&rumors), newest);
}
