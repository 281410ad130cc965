//! Every kind of event is told with its name, its time and its fields.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use qcluster_core::{FencingToken, Incarnation, LostReason, Peer, Term};
use serde_json::{Value, json};

use super::{Event, EventKind};

fn told(kind: EventKind) -> Value {
    Value::Object(Event::new(UNIX_EPOCH + Duration::from_millis(1_500), kind).to_json())
}

#[test]
fn a_lost_leadership_is_told_with_why_and_who_was_silent() {
    let silent = vec![Arc::new(Peer::new("server_b", "localhost", 7002))];
    let (token, reason, late_by) = (FencingToken(7), LostReason::NoQuorum, Duration::from_millis(12));
    let event = told(EventKind::Lost { token, reason, late_by, silent });
    let expected = json!({
        "event": "lost", "unix_s": 1.5, "valid_until_unix_s": null,
        "token": 7, "reason": "no_quorum", "late_ms": 12, "silent": ["server_b"],
    });
    assert_eq!(event, expected);
}

#[test]
fn a_leader_is_a_peer_and_none_has_a_name_of_its_own() {
    let leader = Arc::new(Peer::new("server_b", "localhost", 7002));
    let known = told(EventKind::Leader { leader: Some(leader), term: Term(3) });
    assert_eq!(
        (&known["event"], &known["leader"]["port"], &known["term"]),
        (&json!("leader"), &json!(7002), &json!(3))
    );
    let unknown = told(EventKind::Leader { leader: None, term: Term(3) });
    assert_eq!((&unknown["event"], &unknown["leader"]), (&json!("no_leader"), &json!(null)));
}

#[test]
fn the_end_of_a_lease_is_on_the_same_clock_as_the_event() {
    let event = Event::new(UNIX_EPOCH + Duration::from_secs(2), EventKind::Elected { token: FencingToken(7) });
    let event = event.with_valid_until(UNIX_EPOCH + Duration::from_secs(3)).to_json();
    assert_eq!((&event["unix_s"], &event["valid_until_unix_s"]), (&json!(2.0), &json!(3.0)));
}

#[test]
fn what_is_not_known_is_null() {
    let event = told(EventKind::DuplicateSeen { voter: None, other: Incarnation(0xa) });
    assert_eq!((&event["voter"], &event["other"]), (&json!(null), &json!("000000000000000a")));
    assert_eq!(told(EventKind::StepEstablished)["event"], "step_established");
}
