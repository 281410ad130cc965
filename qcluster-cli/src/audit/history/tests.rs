//! Leaderships are merged by token and node, whichever file comes first.

use super::{End, History, Leadership, Lost};
use crate::audit::lines::{Event, Told};

fn elected(node: &str, token: u64, at_us: i64, until_us: i64) -> Event {
    Event { node: node.into(), told: Told::Elected { token, at_us, valid_until_us: Some(until_us) } }
}

fn lost(node: &str, token: u64, at_us: i64, valid_until_us: Option<i64>) -> Event {
    Event { node: node.into(), told: Told::Lost { token, at_us, valid_until_us, reason: "no_quorum".into() } }
}

fn leader(node: &str, leader: &str, token: u64, valid_until_us: Option<i64>) -> Event {
    Event { node: node.into(), told: Told::Leader { token, leader: leader.into(), valid_until_us } }
}

fn history(events: impl IntoIterator<Item = Event>) -> Vec<Leadership> {
    let mut history = History::default();
    events.into_iter().for_each(|event| history.take(event));
    history.leaderships()
}

#[test]
fn a_leadership_ends_where_its_lease_did_and_not_where_that_was_noticed() {
    let [leadership] = &history([elected("a", 7, 100, 250), lost("a", 7, 900, Some(400))])[..] else { panic!() };
    assert_eq!((leadership.from_us, leadership.end()), (Some(100), End::At(400)));
}

#[test]
fn the_order_of_files_and_a_file_that_is_given_twice_change_nothing() {
    let events = || {
        [elected("b", 9, 500, 600), lost("b", 9, 800, Some(700)), elected("a", 7, 100, 250), leader("b", "a", 7, None)]
    };
    let once = history(events());
    assert_eq!(once.iter().map(|leadership| leadership.token).collect::<Vec<_>>(), [7, 9], "by token");
    assert_eq!(history(events().into_iter().rev()), once);
    assert_eq!(history(events().into_iter().chain(events())), once);
}

#[test]
fn a_killed_leader_held_at_least_the_lease_that_it_told_of() {
    let all = history([elected("a", 7, 100, 250), leader("a", "a", 7, Some(260)), leader("b", "a", 7, None)]);
    assert_eq!(all[0].end(), End::NotBefore(260));
    let told_no_end = Told::Elected { token: 7, at_us: 100, valid_until_us: None };
    assert_eq!(history([Event { node: "a".into(), told: told_no_end }])[0].end(), End::NotBefore(100));
}

#[test]
fn an_end_that_was_only_noticed_is_no_later_than_that() {
    assert_eq!(history([elected("a", 7, 100, 250), lost("a", 7, 900, None)])[0].end(), End::NotAfter(900));
}

#[test]
fn who_was_only_heard_of_led_somehow() {
    let all = history([leader("b", "a", 7, None)]);
    assert!(all[0].is_reported() && all[0].node == "a");
    assert_eq!((all[0].from_us, all[0].end()), (None, End::Unknown));
    assert!(!history([lost("a", 7, 900, Some(800))])[0].is_reported(), "its own node wrote of its end");
}

#[test]
fn two_elections_of_one_node_with_one_token_are_counted() {
    let all = history([
        elected("a", 7, 100, 250),
        lost("a", 7, 300, Some(260)),
        elected("a", 7, 500, 600),
        lost("a", 7, 700, Some(650)),
    ]);
    assert_eq!((all.len(), all[0].elections, all[0].from_us), (1, 2, Some(100)));
    assert_eq!(all[0].lost, Some(Lost { until: End::At(650), reason: "no_quorum".into() }));
}
