//! A new life of a voter is believed once the old one is silent (E17).

use super::{Claim, Links, Verdict};
use crate::config::VoterIndex;
use crate::id::{Incarnation, NodeKey};
use crate::time::{Span, Time};

const PEER: VoterIndex = VoterIndex(1);
const PATIENCE: Span = Span::from_millis(75);
const OLD: Incarnation = Incarnation(10);
const NEW: Incarnation = Incarnation(20);
const NEW_CLAIM: Claim = Claim { life: NEW, booting: false, nonce: 110 };

fn hear(links: &mut Links, life: Incarnation, millis: u64) -> Verdict {
    links.hear(PEER, Claim { life, booting: false, nonce: millis }, Time::from_millis(millis), PATIENCE)
}

fn links_that_know_the_old_life() -> Links {
    let mut links = Links::new(3, Time::ZERO);
    assert_eq!(hear(&mut links, OLD, 0), Verdict::Established);
    assert_eq!(hear(&mut links, OLD, 100), Verdict::Known);
    links
}

#[test]
fn the_first_life_is_welcome_at_once() {
    let links = links_that_know_the_old_life();
    assert_eq!(links.at(PEER).life, OLD);
}

#[test]
fn a_new_life_of_a_voter_heard_lately_waits_until_the_old_one_fails_to_answer() {
    let mut links = links_that_know_the_old_life();
    assert_eq!(hear(&mut links, NEW, 110), Verdict::Probe { life: OLD, nonce: 110 });
    assert_eq!(hear(&mut links, NEW, 135), Verdict::Probe { life: OLD, nonce: 110 });
    assert_eq!(hear(&mut links, NEW, 185), Verdict::Established);
    assert_eq!(links.at(PEER).life, NEW);
}

#[test]
fn a_new_life_of_a_voter_long_silent_is_welcome_at_once() {
    let mut links = links_that_know_the_old_life();
    assert_eq!(hear(&mut links, NEW, 400), Verdict::Established);
}

#[test]
fn an_old_life_that_answers_turns_the_new_one_away() {
    let mut links = links_that_know_the_old_life();
    assert_eq!(hear(&mut links, NEW, 110), Verdict::Probe { life: OLD, nonce: 110 });
    assert_eq!(links.probe_answered(PEER, 7), None, "the answer to another question");
    assert_eq!(links.probe_answered(PEER, 110), Some(NEW_CLAIM));
    assert_eq!(links.probe_answered(PEER, 110), None, "once");
    assert_eq!(links.at(PEER).life, OLD);
}

#[test]
fn a_mismatch_is_news_once_a_life_and_strangers_are_bounded() {
    let mut links = Links::new(3, Time::ZERO);
    assert!(links.mismatch_is_news(Some(PEER), NodeKey(1), OLD));
    assert!(!links.mismatch_is_news(Some(PEER), NodeKey(1), OLD));
    assert!(links.mismatch_is_news(Some(PEER), NodeKey(1), NEW));
    let news = (0..1_000).filter(|key| links.mismatch_is_news(None, NodeKey(*key), OLD)).count();
    assert_eq!(news, Links::STRANGERS_MAX);
}
