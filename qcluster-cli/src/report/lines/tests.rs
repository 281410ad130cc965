//! The lines of the events file are an interface: their fields never change.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use qcluster::{Event, EventKind, FencingToken, LostReason, Peer, Term};
use qcluster::{Incarnation, MemberChange, MemberEvent, MemberView, NodeId, Standing, State};

use super::{event, missed, text};
use crate::style::WARN;

fn change(kind: EventKind) -> Event {
    Event::new(UNIX_EPOCH + Duration::from_micros(1_764_000_000_123_456), kind)
}

/// The same, with a lease that ends so many microseconds after 1970.
fn change_until(kind: EventKind, micros: u64) -> Event {
    change(kind).with_valid_until(UNIX_EPOCH + Duration::from_micros(micros))
}

fn leader(identifier: &str) -> EventKind {
    let peer = Peer::new(identifier, "localhost", 7002);
    EventKind::Leader { leader: Some(Arc::new(peer)), term: Term(7) }
}

fn lost() -> EventKind {
    let silent = vec![Arc::new(Peer::new("server_b", "localhost", 7002))];
    EventKind::Lost { token: FencingToken(7), reason: LostReason::NoQuorum, late_by: Duration::from_millis(3), silent }
}

#[test]
fn events_have_the_fields_that_were_promised() {
    let told = |what| event("server_a", &change(what)).unwrap();
    assert_eq!(
        told(EventKind::Elected { token: FencingToken(7) }),
        r#"{"event":"elected","late_ms":null,"leader":"server_a","node":"server_a","reason":null,"silent":null,"token":7,"unix_s":1764000000.123456,"valid_until_unix_s":null}"#
    );
    assert_eq!(
        told(lost()),
        r#"{"event":"lost","late_ms":3,"leader":null,"node":"server_a","reason":"no_quorum","silent":["server_b"],"token":7,"unix_s":1764000000.123456,"valid_until_unix_s":null}"#
    );
    assert_eq!(
        told(leader("server_b")),
        r#"{"event":"leader","late_ms":null,"leader":"server_b","node":"server_a","reason":null,"silent":null,"token":7,"unix_s":1764000000.123456,"valid_until_unix_s":null}"#
    );
    assert_eq!(
        told(EventKind::Leader { leader: None, term: Term(7) }),
        r#"{"event":"leader","late_ms":null,"leader":null,"node":"server_a","reason":null,"silent":null,"token":null,"unix_s":1764000000.123456,"valid_until_unix_s":null}"#
    );
    let lost = lost();
    assert_eq!(
        event("server_a", &change_until(lost, 1_763_999_999_000_001)).unwrap(),
        r#"{"event":"lost","late_ms":3,"leader":null,"node":"server_a","reason":"no_quorum","silent":["server_b"],"token":7,"unix_s":1764000000.123456,"valid_until_unix_s":1763999999.000001}"#
    );
    assert_eq!(event("server_a", &change(EventKind::StorageFailed { error: "full".into() })), None);
}

#[test]
fn a_time_before_1970_is_told_as_1970() {
    let before = UNIX_EPOCH.checked_sub(Duration::from_secs(5)).unwrap();
    let elected = Event::new(before, EventKind::Elected { token: FencingToken(7) }).with_valid_until(before);
    let line: serde_json::Value = serde_json::from_str(&event("server_a", &elected).unwrap()).unwrap();
    assert_eq!((&line["unix_s"], &line["valid_until_unix_s"]), (&0.0.into(), &0.0.into()));
}

#[test]
fn lines_for_people_say_when_and_what() {
    let line = text("server_a", None, &change(leader("server_b"))).unwrap();
    let plain = anstream::adapter::strip_str(&line).to_string();
    assert_eq!(plain, "16:00:00.123Z  leader    server_b leads in term 7");
    assert_eq!(text("server_b", None, &change(leader("server_b"))), None, "its election has been told already");
}

#[test]
fn a_hand_over_is_no_warning() {
    let vacant = change(EventKind::Leader { leader: None, term: Term(7) });
    let told = |ended_by| text("server_a", ended_by, &vacant).unwrap();
    let warning = format!("{WARN}");
    assert!(told(None).contains(&warning));
    assert!(told(Some(LostReason::NoQuorum)).contains(&warning));
    assert!(!told(Some(LostReason::Transferred)).contains(&warning));
}

#[test]
fn a_changed_member_is_told_with_its_place() {
    let told = |what, address: Option<&str>| {
        let id = NodeId::new("server_b").unwrap();
        let mut member = MemberView::new(id, Standing::of(Incarnation(1)), State::Alive);
        member.address = address.map(|address| address.parse().unwrap());
        let line = text("server_a", None, &change(EventKind::Member(MemberChange { what, member }))).unwrap();
        anstream::adapter::strip_str(&line).to_string().split_off("16:00:00.123Z  member    ".len())
    };
    let place = Some("127.0.0.1:7002");
    assert_eq!(told(MemberEvent::Changed, place), "server_b is at 127.0.0.1:7002");
    assert_eq!(told(MemberEvent::Changed, None), "server_b changed");
    assert_eq!(told(MemberEvent::Joined, place), "server_b joined");
}

#[test]
fn what_is_missing_among_events_is_a_line_of_the_same_fields() {
    let line: serde_json::Value = serde_json::from_str(&missed("server_a", 3)).unwrap();
    assert_eq!((&line["event"], &line["count"], &line["node"]), (&"missed".into(), &3.into(), &"server_a".into()));
    assert!(line["reason"].is_null() && line["valid_until_unix_s"].is_null());
    let line = event("server_a", &change(EventKind::Missed { count: 4 })).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["event"], &line["count"]), (&"missed".into(), &4.into()), "what came too fast is missing too");
}
