//! A few are told one by one, and a crowd in one line, in the order in which things happened.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use qcluster::MemberEvent;

use super::{About, Gathered};

fn at(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}

fn member(id: &str, event: MemberEvent) -> About {
    About::Member { id: id.to_owned(), event }
}

fn service() -> About {
    About::Service { event: "added" }
}

#[test]
fn a_few_are_told_one_by_one_and_a_crowd_in_one_line() {
    let mut gathered = Gathered::default();
    assert!(gathered.due().is_none() && gathered.take().is_empty());
    for index in 0..100 {
        let event = if index < 98 { MemberEvent::Joined } else { MemberEvent::Down };
        gathered.note(UNIX_EPOCH, member(&format!("member_{index}"), event), format!("member {index}"));
    }
    for index in 0..5 {
        gathered.note(UNIX_EPOCH, service(), format!("service {index}"));
    }
    assert!(gathered.due().is_some());
    let told = gathered.take();
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(told[0].contains("2 down, 98 joined"), "{told:?}");
    assert_eq!(told[1], "service 0");
    assert!(gathered.due().is_none() && gathered.take().is_empty());
}

#[test]
fn members_and_services_are_told_in_the_order_of_their_times() {
    let mut gathered = Gathered::default();
    gathered.note(at(1), service(), "service 1".into());
    gathered.note(at(2), member("a", MemberEvent::Joined), "member 2".into());
    gathered.note(at(3), service(), "service 3".into());
    assert_eq!(gathered.take(), ["service 1", "member 2", "service 3"]);
    // A crowd is told where its last is.
    for ms in 1..=6 {
        gathered.note(at(ms), service(), format!("service {ms}"));
    }
    gathered.note(at(4), member("a", MemberEvent::Down), "member 4".into());
    let told = gathered.take();
    assert!(told.len() == 2 && told[0] == "member 4" && told[1].contains("6 added"), "{told:?}");
}

#[test]
fn a_member_that_changes_again_before_it_is_told_of_is_told_of_once() {
    let mut gathered = Gathered::default();
    let mut happens = |ms, id: &str, event: MemberEvent| {
        gathered.note(at(ms), member(id, event), format!("{id} {} {ms}", event.name()));
    };
    happens(1, "new", MemberEvent::Joined);
    happens(2, "new", MemberEvent::Changed);
    happens(3, "old", MemberEvent::Changed);
    happens(4, "old", MemberEvent::Changed);
    happens(5, "old", MemberEvent::Down);
    happens(6, "old", MemberEvent::Joined);
    happens(7, "old", MemberEvent::Changed);
    assert_eq!(gathered.take(), ["new joined 1", "old changed 4", "old down 5", "old joined 6"]);
}

#[test]
fn a_crowd_counts_each_member_once() {
    let mut gathered = Gathered::default();
    for index in 0..20 {
        for event in [MemberEvent::Joined, MemberEvent::Changed, MemberEvent::Changed] {
            gathered.note(UNIX_EPOCH, member(&format!("member_{index}"), event), String::new());
        }
    }
    let told = gathered.take();
    assert!(told.len() == 1 && told[0].contains("20 joined") && !told[0].contains("changed"), "{told:?}");
}
