//! What a node says of the other voters, and of how its leadership ended.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use qcluster_core::{
    CommandRefused, FencingToken, Lapse, LostReason, NodeId, Role, Settings, Span, Term, TransferRefused, VoterSettings,
};
use serde_json::{Value, json};

use super::{NOW, get, lease_until, server_b, snapshot, subject, view};
use crate::{
    LostLeadership, Mismatch, NodeSnapshot, NotDone, PeerSnapshot, Subject, Then, View, Whereabouts, conclude,
};

/// What is known of `server_b`, which was never heard.
fn silent_b(subject: &Subject, mismatch: Option<Mismatch>) -> Vec<PeerSnapshot> {
    let position = subject.rules.voters().iter().position(|voter| voter.id.as_str() == "server_b").unwrap();
    let (address, heard, step) = (None, None, qcluster_core::Step::Same);
    vec![PeerSnapshot { position, address, heard, step, whereabouts: Whereabouts::Nowhere, mismatch }]
}

#[test]
fn who_knows_no_leader_says_which_voters_are_missing_as_data() {
    let subject = subject();
    let snapshot = NodeSnapshot { peers: silent_b(&subject, None), ..snapshot(Role::PreCandidate) };
    let silent = json!({"identifier": "server_b", "reason": "no_address"});
    for path in ["/leader", "/follower", "/health"] {
        let (_, body) = get(path, &view(&subject, &snapshot));
        assert_eq!(body["quorum"], json!({"voters": 2, "heard": 1, "silent": [silent]}), "{path}");
    }
    // Of one with another configuration it says what is different, too.
    let mut theirs = *subject.rules.shared();
    theirs.drift_ppm = 7;
    let peers = silent_b(&subject, Some(Mismatch { at: NOW, theirs: Some(theirs) }));
    let (_, body) = get("/health", &view(&subject, &NodeSnapshot { peers, ..snapshot }));
    let difference = json!({"setting": "timing.drift_ppm", "here": "10000", "there": "7"});
    assert_eq!(body["quorum"]["silent"][0]["differences"], json!([difference]));
    let message = body["message"].as_str().unwrap();
    assert!(message.contains("server_b: has another configuration (timing.drift_ppm: 10000 here, 7 there)"), "{body}");
}

#[test]
fn a_hand_over_that_nobody_could_take_says_who_is_missing() {
    let subject = subject();
    let snapshot = NodeSnapshot { peers: silent_b(&subject, None), ..snapshot(Role::Leader) };
    let refused = NotDone::Refused(CommandRefused::Transfer(TransferRefused::NoSuccessor));
    let response = conclude(&Then::Transferred, &Err(refused), &view(&subject, &snapshot));
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!((response.status, &body["code"]), (409, &json!("no_successor")));
    assert_eq!(body["quorum"]["silent"][0]["identifier"], "server_b");
    assert!(body["message"].as_str().unwrap().ends_with("server_b: `localhost` has no address"), "{body}");
}

#[test]
fn status_tells_how_the_last_leadership_ended() {
    let subject = subject();
    let told = |snapshot: NodeSnapshot| get("/v1/status", &view(&subject, &snapshot)).1["last_lost"].clone();
    assert_eq!(told(snapshot(Role::Follower)), Value::Null);
    let at = NOW.before(Span::from_millis(1_500));
    let (token, reason, lapse) = (FencingToken(6), LostReason::HigherTerm, Lapse::default());
    let last_lost = Some(LostLeadership { token, at, reason, lapse });
    let expected = json!({"token": 6, "reason": "higher_term", "ms_ago": 1_500, "late_ms": 0});
    assert_eq!(told(NodeSnapshot { last_lost, ..snapshot(Role::Follower) }), expected);
}

#[test]
fn health_warns_of_voters_with_another_configuration() {
    let (subject, leader) = (subject(), server_b());
    let following = |mismatch, path| {
        let snapshot = NodeSnapshot { peers: silent_b(&subject, mismatch), ..snapshot(Role::Follower) };
        get(path, &View { follows: Some((&leader, Term(7))), ..view(&subject, &snapshot) })
    };
    assert_eq!(following(None, "/health"), (200, json!({"status": "ok"})));
    let mismatch = |theirs| Some(Mismatch { at: NOW, theirs });
    let (status, body) = following(mismatch(None), "/health");
    let warning = body["warnings"][0].as_str().unwrap();
    assert!(status == 200 && warning.starts_with("server_b has other voters, priorities,"), "{body}");
    let (_, body) = following(mismatch(None), "/v1/status");
    assert_eq!(body["peers"][0]["is_mismatched"], json!(true));
    // With both values, once it has said what it has.
    let mut theirs = *subject.rules.shared();
    theirs.drift_ppm = 7;
    let (_, body) = following(mismatch(Some(theirs)), "/health");
    let warning = body["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("server_b has another configuration (timing.drift_ppm: 10000 here, 7 there)"),
        "{body}"
    );
    let (_, body) = following(mismatch(Some(theirs)), "/v1/status");
    let difference = json!({"setting": "timing.drift_ppm", "here": "10000", "there": "7"});
    assert_eq!(body["peers"][0]["differences"], json!([difference]));
}

#[test]
fn health_and_status_tell_of_voters_in_different_changes() {
    let (subject, leader) = (subject(), server_b());
    let snapshot = NodeSnapshot { differing_steps: Some([0, 1]), ..snapshot(Role::Follower) };
    let get = |path| get(path, &View { follows: Some((&leader, Term(7))), ..view(&subject, &snapshot) });
    let (status, body) = get("/health");
    let warning = body["warnings"][0].as_str().unwrap();
    assert!(status == 200 && warning.starts_with("server_a and server_b are in different changes of voters"), "{body}");
    assert_eq!(get("/v1/status").1["differing_changes"], json!(["server_a", "server_b"]));
    // So does the refusal of a node that knows no leader.
    let alone = NodeSnapshot { differing_steps: Some([0, 1]), ..self::snapshot(Role::PreCandidate) };
    let (status, body) = super::get("/health", &view(&subject, &alone));
    assert_eq!((status, &body["code"], &body["warnings"][0]), (503, &json!("no_leader"), &json!(warning)));
}

#[test]
fn health_warns_a_node_that_joins_others_and_has_no_peers() {
    let id = NodeId::new("server_a").unwrap();
    let alone = Settings::voter(id.clone(), vec![VoterSettings::new(id)]).check().unwrap();
    for (expects_others, warnings) in [(false, 0), (true, 1)] {
        let subject = Subject { rules: Arc::new(alone.clone()), expects_others, ..subject() };
        let lease = Some(lease_until(NOW + Span::from_millis(100)));
        let snapshot = snapshot(Role::Leader);
        let view = View { lease, ..view(&subject, &snapshot) };
        let (status, body) = get("/health", &view);
        let told = body["warnings"].as_array().map_or(0, Vec::len);
        assert_eq!((status, told), (200, warnings), "{body}");
    }
}
