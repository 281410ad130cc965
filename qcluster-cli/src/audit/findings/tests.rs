//! Gaps and overlaps are by the ends of leases, every pair of leaderships is looked at, and nothing unknown is taken for known.

use super::{Findings, Gap};
use crate::audit::history::{History, Leadership};
use crate::audit::lines::{Event, Told};

/// A leadership from, until, for a reason.
fn led(node: &str, token: u64, from_us: i64, until_us: i64, reason: &str) -> [Event; 2] {
    let event = |told| Event { node: node.into(), told };
    [
        event(Told::Elected { token, at_us: from_us, valid_until_us: Some(until_us.min(from_us + 150)) }),
        event(Told::Lost { token, at_us: until_us + 9, valid_until_us: Some(until_us), reason: reason.into() }),
    ]
}

/// One that nobody wrote the end of.
fn killed(node: &str, token: u64, from_us: i64) -> [Event; 1] {
    [Event { node: node.into(), told: Told::Elected { token, at_us: from_us, valid_until_us: Some(from_us + 150) } }]
}

fn history(events: impl IntoIterator<Item = Event>) -> Vec<Leadership> {
    let mut history = History::default();
    events.into_iter().for_each(|event| history.take(event));
    history.leaderships()
}

fn gaps(findings: &Findings<'_>) -> Vec<Gap> {
    findings.rows.iter().map(|row| row.gap).collect()
}

#[test]
fn gaps_are_counted_by_what_ended_the_leadership_before() {
    let all = history(
        [
            led("a", 7, 100, 400, "no_quorum"),
            led("b", 9, 500, 700, "transferred"),
            led("a", 11, 701, 900, "no_quorum"),
            led("c", 12, 930, 1_000, "transferred"),
        ]
        .concat(),
    );
    let findings = Findings::of(&all);
    assert_eq!(gaps(&findings), [Gap::Unknown, Gap::Exactly(100), Gap::Exactly(1), Gap::Exactly(30)]);
    assert_eq!(findings.gaps_us["no_quorum"], [30, 100]);
    assert_eq!(findings.gaps_us["transferred"], [1]);
    assert_eq!((findings.ends()["no_quorum"], findings.ends()["transferred"]), (2, 2));
    assert_eq!(findings.closest_us[&("a", "b")], 1);
    assert_eq!(findings.closest_us[&("a", "c")], 30);
    assert_eq!(findings.closest_us[&("b", "c")], 230);
    assert_eq!(findings.clock_difference_max_us(), Some(1));
    assert!(findings.overlaps.is_empty() && findings.shared.is_empty());
}

#[test]
fn an_overlap_is_found_with_any_earlier_leadership() {
    // Given a leadership within whose time two others lie.
    let all = history(
        [led("a", 7, 100, 900, "no_quorum"), led("b", 8, 950, 990, "shutdown"), led("c", 9, 890, 895, "shutdown")]
            .concat(),
    );
    let findings = Findings::of(&all);
    let told: Vec<_> =
        findings.overlaps.iter().map(|found| (found.earlier.token, found.later.token, found.by_us)).collect();
    assert_eq!(told, [(7, 9, 10), (8, 9, 100)]);
    assert_eq!(findings.overlaps.iter().map(super::Overlap::is_out_of_order).collect::<Vec<_>>(), [false, true]);
    assert_eq!(findings.clock_difference_max_us(), Some(-100));
    assert!(findings.overlaps[0].is_within(10) && !findings.overlaps[0].is_within(9));
}

#[test]
fn one_clock_says_nothing_about_two_and_explains_no_overlap() {
    let all = history([led("a", 7, 100, 400, "no_quorum"), led("a", 8, 390, 500, "shutdown")].concat());
    let findings = Findings::of(&all);
    assert_eq!(findings.clock_difference_max_us(), None);
    assert!(!findings.overlaps[0].is_within(1_000_000), "{findings:?}");
    let all = history([led("a", 7, 100, 400, "no_quorum"), led("a", 8, 410, 500, "shutdown")].concat());
    assert_eq!(Findings::of(&all).clock_difference_max_us(), None);
}

#[test]
fn a_killed_leader_bounds_the_gap_after_it_and_no_clock() {
    let all = history(killed("a", 7, 100).into_iter().chain(led("b", 9, 500, 700, "transferred")));
    let findings = Findings::of(&all);
    assert_eq!(gaps(&findings), [Gap::Unknown, Gap::AtMost(250)]);
    assert_eq!((findings.clock_difference_max_us(), findings.without_end()), (None, 1));
    assert!(findings.gaps_us.is_empty() && findings.overlaps.is_empty());
    // The last one of all may lead still.
    let all = history(led("b", 9, 500, 700, "transferred").into_iter().chain(killed("a", 11, 701)));
    assert_eq!(Findings::of(&all).without_end(), 0);
}

#[test]
fn a_lease_that_a_killed_leader_held_for_sure_overlaps() {
    let all = history(killed("a", 7, 100).into_iter().chain(led("b", 9, 240, 700, "transferred")));
    let findings = Findings::of(&all);
    assert_eq!(findings.overlaps.iter().map(|found| found.by_us).collect::<Vec<_>>(), [10]);
}

#[test]
fn an_end_that_was_only_noticed_proves_no_overlap() {
    let noticed = |at_us| {
        let lost = Told::Lost { token: 7, at_us, valid_until_us: None, reason: "no_quorum".into() };
        let [elected] = killed("a", 7, 100);
        let lost = Event { node: "a".into(), told: lost };
        history([elected, lost].into_iter().chain(led("b", 9, 500, 700, "transferred")))
    };
    let late = noticed(600);
    let findings = Findings::of(&late);
    assert_eq!((gaps(&findings)[1], findings.overlaps.len()), (Gap::Unknown, 0));
    assert_eq!((findings.only_noticed(), findings.clock_difference_max_us()), (1, None));
    let soon = noticed(450);
    let findings = Findings::of(&soon);
    assert_eq!((gaps(&findings)[1], findings.clock_difference_max_us()), (Gap::AtLeast(50), Some(50)));
}

#[test]
fn a_token_of_two_nodes_is_found_also_where_one_of_them_was_only_heard_of() {
    let heard = Event { node: "c".into(), told: Told::Leader { token: 7, leader: "b".into(), valid_until_us: None } };
    let all = history(led("a", 7, 100, 400, "no_quorum").into_iter().chain([heard]));
    let findings = Findings::of(&all);
    assert_eq!(findings.shared.len(), 1);
    assert_eq!((findings.shared[0].token, &findings.shared[0].nodes[..]), (7, &["a", "b"][..]));
    assert_eq!(findings.reported(), 1);
    let all = history([killed("a", 7, 100), killed("a", 7, 900)].concat());
    assert_eq!(Findings::of(&all).shared[0].nodes, ["a"], "one node, twice");
}

#[test]
fn what_others_alone_tell_of_hides_the_gap_around_it() {
    let heard = Event { node: "c".into(), told: Told::Leader { token: 8, leader: "b".into(), valid_until_us: None } };
    let all = history(
        [led("a", 7, 100, 400, "no_quorum"), led("a", 9, 500, 700, "shutdown")].concat().into_iter().chain([heard]),
    );
    let findings = Findings::of(&all);
    assert_eq!(gaps(&findings), [Gap::Unknown, Gap::Unknown, Gap::Unknown]);
    assert!(findings.gaps_us.is_empty());
}
