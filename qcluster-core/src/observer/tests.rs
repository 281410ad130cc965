//! Observers: bounded audiences and the newest word about the leader.

use super::{Audience, Subscribed, Watch};
use crate::id::{Incarnation, NodeKey, Term, VoterIndex};
use crate::time::{Span, Time};

#[test]
fn an_audience_is_bounded_and_forgets_who_stops_asking() {
    let mut audience = Audience::default();
    let lease = Span::from_millis(100);
    let subscribe = |audience: &mut Audience, now, key| audience.subscribe(now, NodeKey(key), Incarnation(1), lease);
    for key in 0..Audience::MAX as u64 {
        assert_eq!(subscribe(&mut audience, Time::ZERO, key), Subscribed::Yes);
    }
    assert_eq!(subscribe(&mut audience, Time::from_millis(1), 999), Subscribed::Full);
    assert_eq!(subscribe(&mut audience, Time::from_millis(1), 5), Subscribed::Yes, "a renewal needs no room");
    assert_eq!(subscribe(&mut audience, Time::from_millis(100), 999), Subscribed::Yes);
    assert_eq!(audience.at(Time::from_millis(100)).count(), 2);
}

#[test]
fn the_highest_term_has_the_word_and_opinions_age() {
    let mut watch = Watch::new(3, Time::ZERO);
    watch.announced(VoterIndex(0), Some(VoterIndex(0)), Term(4), Time::from_millis(100));
    assert!(watch.has_news());
    assert!(!watch.has_news(), "told once");
    watch.announced(VoterIndex(1), Some(VoterIndex(2)), Term(5), Time::from_millis(50));
    assert_eq!(watch.leader(), Some((VoterIndex(2), Term(5))));
    watch.timeout(Time::from_millis(50), Span::from_millis(20));
    assert_eq!(watch.leader(), Some((VoterIndex(0), Term(4))));
    watch.timeout(Time::from_millis(100), Span::from_millis(20));
    assert_eq!(watch.leader(), None);
    assert!(watch.has_news());
}
