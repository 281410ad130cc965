//! Keys by their ids, and what is asked of them.

use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec;

use serde_json::{Value, json};

use super::{get, respond, snapshot, subject, view};
use crate::{
    ClientKind, KeyChange, KeyRefused, KeysSnapshot, Method, NodeSnapshot, Outcome, Request, TurnedAway, answer,
    check_removal, conclude_keys,
};
use qcluster_core::{DropReason, Role, SealMode, Secret, Time};

fn sealed() -> NodeSnapshot {
    let turned_away = vec![TurnedAway {
        address: "192.0.2.7:7001".parse().unwrap(),
        reason: DropReason::UnknownKey,
        at: Time::from_millis(999_993),
    }];
    let heard = vec![("server_b".into(), Some(9)), ("server_c".into(), None), ("server_d".into(), Some(4))];
    let keys = KeysSnapshot { mode: SealMode::Send, ids: vec![4, 9], heard, turned_away };
    NodeSnapshot { keys: Some(Arc::new(keys)), ..snapshot(Role::Follower) }
}

#[test]
fn keys_are_told_by_id_with_who_is_heard_under_which() {
    let (subject, snapshot) = (subject(), sealed());
    let expected = json!({
        "seal": "send",
        "keys": [{"id": 4, "heard_from": ["server_d"]}, {"id": 9, "heard_from": ["server_b"]}],
        "plain_from": ["server_c"],
        "turned_away": [{"address": "192.0.2.7:7001", "reason": "unknown_key", "ms_ago": 7}],
    });
    assert_eq!(get("/v1/keys", &view(&subject, &snapshot)), (200, expected.clone()));
    assert_eq!(get("/v1/status", &view(&subject, &snapshot)).1["sealing"], expected);
    let plain = super::snapshot(Role::Follower);
    let (status, body) = get("/v1/keys", &view(&subject, &plain));
    assert_eq!((status, &body["code"]), (409, &json!("no_keys")));
    assert_eq!(get("/v1/status", &view(&subject, &plain)).1["sealing"], Value::Null);
}

#[test]
fn a_change_of_keys_is_read_and_a_secret_travels_on_no_open_way() {
    let (subject, snapshot) = (subject(), sealed());
    let post = |body: &[u8], client, is_encrypted| {
        let authorization = None;
        let request =
            Request { method: Method::Post, body, client, is_encrypted, authorization, ..Request::get("/v1/keys") };
        answer(&request, &view(&subject, &snapshot)).outcome
    };
    let here = |body: &Value| post(body.to_string().as_bytes(), ClientKind::Loopback, false);
    let secret = Secret::new([7; Secret::LEN]);
    let add = json!({"action": "add", "secret": secret.reveal()});
    assert_eq!(here(&add), Outcome::ChangeKeys(KeyChange::Add { secret }));
    assert_eq!(here(&json!({"action": "use", "id": 9})), Outcome::ChangeKeys(KeyChange::Use { id: 9 }));
    let remove = |force| Outcome::ChangeKeys(KeyChange::Remove { id: 4, force });
    assert_eq!(here(&json!({"action": "remove", "id": 4})), remove(false));
    assert_eq!(here(&json!({"action": "remove", "id": 4, "force": true})), remove(true));
    for bad in [
        json!({}),
        json!({"action": "use"}),
        json!({"action": "add", "secret": "s3cret-s3cret"}),
        json!({"action": "use", "id": 256}),
    ] {
        let Outcome::Respond(refusal) = here(&bad) else { panic!("{bad} is taken") };
        assert_eq!(refusal.status, 400, "{bad}");
        assert!(!alloc::string::String::from_utf8(refusal.body).unwrap().contains("s3cret"), "it is repeated");
    }
}

#[test]
fn who_may_not_be_overheard_adds_a_secret() {
    use crate::Access;
    use qcluster_core::{ApiRole, ApiToken};
    let (subject, snapshot) = (subject(), sealed());
    let access = Access::new(&super::config(), vec![(ApiToken::new(super::TOKEN).unwrap(), ApiRole::Admin)]);
    let body = json!({"action": "add", "secret": Secret::new([7; Secret::LEN]).reveal()}).to_string();
    let ask = |client, is_encrypted| {
        let request = Request {
            method: Method::Post,
            body: body.as_bytes(),
            authorization: Some("Bearer 0123456789abcdef"),
            client,
            is_encrypted,
            ..Request::get("/v1/keys")
        };
        let view = crate::View { access: &access, ..view(&subject, &snapshot) };
        matches!(answer(&request, &view).outcome, Outcome::ChangeKeys(_))
    };
    assert!(ask(ClientKind::Loopback, false) && ask(ClientKind::Remote, true));
    assert!(!ask(ClientKind::Remote, false) && !ask(ClientKind::Forwarded, true));
}

/// Who changes keys makes others members: on the node's own machine a token is asked for, too, where there is any.
#[test]
fn keys_are_changed_with_a_token_where_the_node_has_one() {
    use crate::Access;
    use qcluster_core::{ApiRole, ApiToken};
    let (subject, snapshot) = (subject(), sealed());
    let access = Access::new(&super::config(), vec![(ApiToken::new(super::TOKEN).unwrap(), ApiRole::Admin)]);
    let ask = |authorization| {
        let request = Request {
            method: Method::Post,
            body: br#"{"action": "use", "id": 9}"#,
            authorization,
            ..Request::get("/v1/keys")
        };
        answer(&request, &crate::View { access: &access, ..view(&subject, &snapshot) }).outcome
    };
    let Outcome::Respond(refusal) = ask(None) else { panic!("it is let in without a token") };
    assert_eq!(refusal.status, 401);
    assert_eq!(ask(Some("Bearer 0123456789abcdef")), Outcome::ChangeKeys(KeyChange::Use { id: 9 }));
}

#[test]
fn a_key_is_removed_when_all_others_are_heard_under_another_one() {
    let subject = subject();
    let check = |ids: &[u8], heard: &[(&str, Option<u8>)], id| {
        let heard = heard.iter().map(|(name, key)| ((*name).into(), *key)).collect();
        let keys = KeysSnapshot { mode: SealMode::Require, ids: ids.to_vec(), heard, turned_away: vec![] };
        let snapshot = NodeSnapshot { keys: Some(Arc::new(keys)), ..super::snapshot(Role::Follower) };
        check_removal(id, &view(&subject, &snapshot))
    };
    assert_eq!(check(&[4, 9], &[("server_b", Some(4))], 9), Ok(()));
    let still_heard = KeyRefused::StillHeard { id: 9, from: vec!["server_b".into()] };
    assert_eq!(check(&[4, 9], &[("server_b", Some(9))], 9), Err(still_heard));
    // A voter of which nothing is known yet: this node may have been started just now.
    assert_eq!(check(&[4, 9], &[], 9), Err(KeyRefused::NotHeard { from: vec!["server_b".into()] }));
    // Those have better reasons to be refused.
    assert_eq!((check(&[4, 9], &[], 4), check(&[4, 9], &[], 7)), (Ok(()), Ok(())));
}

/// Nothing else would say why a member that was away, and has the former key alone, is not heard.
#[test]
fn health_warns_of_a_member_that_is_turned_away() {
    let (subject, snapshot) = (subject(), sealed());
    let address = "192.0.2.7:7001".parse().unwrap();
    let peer = |address| crate::PeerSnapshot {
        position: 1,
        address,
        heard: None,
        step: qcluster_core::Step::Same,
        whereabouts: crate::Whereabouts::Found,
        mismatch: None,
    };
    let warnings = |at| {
        let snapshot = NodeSnapshot { peers: vec![peer(at)], ..snapshot.clone() };
        get("/health", &view(&subject, &snapshot)).1["warnings"].clone()
    };
    let told =
        "server_b: datagrams from its address 192.0.2.7:7001 are turned away (unknown_key): see qcluster keys list";
    assert_eq!(warnings(Some(address)), json!([told]));
    assert_eq!(warnings(None), Value::Null, "a stranger's are no news");
}

#[test]
fn each_refusal_has_its_code_and_a_sentence() {
    let (subject, snapshot) = (subject(), sealed());
    let view = view(&subject, &snapshot);
    assert_eq!(conclude_keys(&Ok(()), &view), respond(&Request::get("/v1/keys"), &view));
    let still_heard = KeyRefused::StillHeard { id: 4, from: vec!["server_b".into(), "server_d".into()] };
    for (refused, status, code) in [
        (KeyRefused::NotSealed, 409, "no_keys"),
        (KeyRefused::NotInAFile, 409, "keys_fixed"),
        (KeyRefused::Unknown { id: 3 }, 404, "unknown_key"),
        (KeyRefused::IsThere { id: 4 }, 409, "key_in_use"),
        (KeyRefused::Seals { id: 4 }, 409, "key_in_use"),
        (still_heard, 409, "key_in_use"),
        (KeyRefused::NotHeard { from: vec!["server_b".into()] }, 409, "key_in_use"),
        (KeyRefused::File { reason: "secret_file: s: no".into() }, 503, "file_failed"),
        (KeyRefused::NotFinished, 503, "not_finished"),
        (KeyRefused::Busy, 429, "too_soon"),
        (KeyRefused::Stopped, 503, "stopped"),
    ] {
        let response = conclude_keys(&Err(refused.clone()), &view);
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!((response.status, &body["code"]), (status, &json!(code)));
        assert_eq!(body["message"], refused.to_string());
    }
}
