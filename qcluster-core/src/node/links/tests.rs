//! A new incarnation of a voter is believed once the old one is silent (E17).

use super::{Admission, Claimant, Links};
use crate::config::Step;
use crate::id::{Incarnation, NodeKey, VoterIndex};
use crate::time::{Rebase, Span, Time};

const PEER: VoterIndex = VoterIndex(1);
const PATIENCE: Span = Span::from_millis(75);
const OLD: Incarnation = Incarnation(10);
const NEW: Incarnation = Incarnation(20);

fn hear(links: &mut Links, incarnation: Incarnation, millis: u64) -> Admission {
    links.hear(PEER, incarnation, Time::from_millis(millis), PATIENCE, millis)
}

fn claim(incarnation: Incarnation) -> Claimant {
    Claimant { incarnation, booting: false }
}

/// Both incarnations are probed, with the number 110.
fn links_with_a_contender() -> Links {
    let mut links = Links::new([Incarnation::UNKNOWN; 3].into_iter(), Time::ZERO);
    assert_eq!(hear(&mut links, OLD, 0), Admission::Established);
    assert!(links.hear_established(PEER, OLD, Step::Same, Time::from_millis(100)));
    assert_eq!(hear(&mut links, NEW, 110), Admission::Probe { established: OLD, nonce: 110 });
    links
}

#[test]
fn the_first_incarnation_is_welcome_at_once() {
    let mut links = Links::new([Incarnation::UNKNOWN; 3].into_iter(), Time::ZERO);
    assert_eq!(hear(&mut links, OLD, 0), Admission::Established);
    assert_eq!(links.at(PEER).incarnation, OLD);
}

#[test]
fn a_new_incarnation_is_believed_once_it_answers_and_the_old_one_does_not() {
    let mut links = links_with_a_contender();
    assert_eq!(links.probe_answered(PEER, claim(NEW)), None);
    assert_eq!(hear(&mut links, NEW, 120), Admission::Wait, "a flood of claims draws no flood of probes");
    assert_eq!(hear(&mut links, NEW, 135), Admission::Probe { established: OLD, nonce: 110 });
    assert_eq!(hear(&mut links, NEW, 185), Admission::Established);
    assert_eq!(links.at(PEER).incarnation, NEW);
}

#[test]
fn an_incarnation_that_never_answers_may_be_words_from_the_grave() {
    let mut links = links_with_a_contender();
    assert_eq!(hear(&mut links, NEW, 185), Admission::Probe { established: OLD, nonce: 185 });
    assert_eq!(links.at(PEER).incarnation, OLD);
}

/// A follower has nothing to say to another one.
#[test]
fn a_voter_that_was_silent_for_long_has_as_much_time_to_answer() {
    let mut links = links_with_a_contender();
    assert_eq!(hear(&mut links, NEW, 400), Admission::Probe { established: OLD, nonce: 400 });
    assert_eq!(links.probe_answered(PEER, claim(NEW)), None);
    assert_eq!(hear(&mut links, NEW, 401), Admission::Wait);
    assert_eq!(hear(&mut links, NEW, 475), Admission::Established);
}

#[test]
fn two_incarnations_that_answer_the_same_question_are_duplicates() {
    let mut links = links_with_a_contender();
    assert!(links.is_probing(PEER, 110) && !links.is_probing(PEER, 7), "the answer to another question");
    assert_eq!(links.probe_answered(PEER, claim(Incarnation(30))), None, "the answer of a third");
    assert_eq!(links.probe_answered(PEER, claim(OLD)), None);
    assert_eq!(links.probe_answered(PEER, claim(NEW)), Some([claim(OLD), claim(NEW)]));
    assert_eq!(links.probe_answered(PEER, claim(NEW)), None, "once");
    assert_eq!(links.at(PEER).incarnation, OLD);
}

#[test]
fn a_mismatch_is_news_once_an_incarnation_and_strangers_are_bounded() {
    let mut links = Links::new([Incarnation::UNKNOWN; 3].into_iter(), Time::ZERO);
    let mut told = |incarnation, explains| {
        let news = links.hear_mismatch(Some(PEER), NodeKey(1), incarnation, explains);
        (news.is_to_be_told, news.is_first, news.is_explained)
    };
    // One that is heard is asked first; heard again it is told of, and once more when it has said what it has.
    assert_eq!(told(OLD, false), (false, true, false));
    assert_eq!(told(OLD, false), (true, false, false));
    assert_eq!(told(OLD, false), (false, false, false));
    assert_eq!(told(OLD, true), (true, false, true));
    assert_eq!(told(OLD, true), (false, false, true));
    assert_eq!(told(OLD, false), (false, false, true));
    // One that says it at once is told of at once, and each later incarnation by itself.
    assert_eq!(told(NEW, true), (true, true, true));
    // Of two by one name the earlier one is no news, whichever is heard.
    assert_eq!(told(OLD, false), (false, false, true));
    assert_eq!(told(NEW, true), (false, false, true));
    let news = (0..1_000).filter(|key| links.hear_mismatch(None, NodeKey(*key), OLD, true).is_to_be_told).count();
    assert_eq!(news, Links::STRANGERS_MAX);
}

#[test]
fn nothing_counts_of_an_incarnation_before_one_that_has_taken_part() {
    let mut links = Links::new([Incarnation::UNKNOWN; 3].into_iter(), Time::ZERO);
    assert_eq!(hear(&mut links, NEW, 0), Admission::Established);
    // Established and still booting, it may have to give way: the other one may have been there first (E17).
    assert_eq!(hear(&mut links, OLD, 10), Admission::Probe { established: NEW, nonce: 10 });
    // Once it has taken part it stays, however long it is silent.
    assert!(links.takes_part(PEER, NEW), "that is news");
    assert!(!links.takes_part(PEER, NEW), "once");
    assert_eq!(hear(&mut links, OLD, 20), Admission::Superseded { by: NEW });
    assert_eq!(hear(&mut links, OLD, 1_000_000), Admission::Superseded { by: NEW });
    assert_eq!(links.largest(PEER), NEW);
}

#[test]
fn what_an_earlier_incarnation_of_this_node_knew_still_holds() {
    let mut links = Links::new([Incarnation::UNKNOWN, NEW, Incarnation::UNKNOWN].into_iter(), Time::ZERO);
    assert_eq!(hear(&mut links, OLD, 0), Admission::Superseded { by: NEW });
    assert_eq!(hear(&mut links, NEW, 0), Admission::Established);
}

#[test]
fn a_flood_of_claims_draws_a_probe_each_quarter_of_the_patience() {
    let mut links = links_with_a_contender();
    let next = Time::from_millis(110) + PATIENCE.split(4);
    let mut claim_at = |now: Time| links.hear(PEER, NEW, now, PATIENCE, 0);
    assert_eq!(claim_at(next.before(Span::from_nanos(1))), Admission::Wait);
    assert_eq!(claim_at(next), Admission::Probe { established: OLD, nonce: 110 });
    assert_eq!(claim_at(next), Admission::Wait);
}

#[test]
fn a_duplicate_and_a_wall_clock_are_news_once_an_incarnation_each() {
    let mut links = Links::new([Incarnation::UNKNOWN; 3].into_iter(), Time::ZERO);
    for incarnation in [OLD, NEW] {
        assert!(links.duplicate_is_news(PEER, incarnation));
        assert!(!links.duplicate_is_news(PEER, incarnation));
        assert!(links.wall_is_news(PEER, incarnation));
        assert!(!links.wall_is_news(PEER, incarnation));
    }
}

/// Two incarnations of a voter that are probed since `start`.
fn probed_at(start: Time) -> Links {
    let mut links = Links::new([Incarnation::UNKNOWN; 3].into_iter(), start);
    for incarnation in [OLD, NEW] {
        links.hear(PEER, incarnation, start, PATIENCE, 7);
    }
    links
}

/// A search through states sees by it that two links which differ in the time of day alone are the same (see
/// [`Node::rebase`](crate::Node::rebase)).
#[test]
fn links_are_the_same_whatever_the_clock_showed() {
    let (early, late, present) = (Time::from_millis(5_000), Time::from_millis(9_000), Time::from_millis(1_000));
    let rebased = |start: Time, now: Time| {
        let mut links = probed_at(start);
        links.rebase(&Rebase { now, present, clocks: &|_| now });
        links
    };
    let moved = rebased(early, early);
    assert_eq!(moved, rebased(late, late));
    assert_eq!(moved.greet_at, present);
    assert_ne!(moved, rebased(early, early + Span::from_millis(1)), "it was probed earlier");
    // When anybody was heard is for display.
    assert_eq!(moved.at(PEER).heard, Time::ZERO);
}
