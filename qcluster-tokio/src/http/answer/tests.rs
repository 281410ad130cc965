//! Every path, method and error, asked without a network.

use http_body_util::BodyExt as _;
use hyper::Method;
use serde_json::{Value, json};

use super::answer;
use crate::testing::Puppet;
use crate::view::View;

const HOUR_MS: u64 = 3_600_000;

async fn ask(view: &View, method: Method, path: &str) -> (u16, String) {
    let answer = answer(view, &method, path);
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn ask_json(view: &View, path: &str) -> (u16, Value) {
    let (status, body) = ask(view, Method::GET, path).await;
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn ping_is_answered_with_pong() {
    let puppet = Puppet::new();
    assert_eq!(ask(&puppet.view, Method::GET, "/ping").await, (200, "pong".to_owned()));
}

#[tokio::test]
async fn leader_is_200_only_while_the_lease_holds() {
    let puppet = Puppet::new();
    let (status, body) = ask_json(&puppet.view, "/leader").await;
    assert_eq!((status, &body["code"], &body["leader"]), (503, &json!("not_leader"), &Value::Null));
    assert!(
        body["message"].as_str().is_some_and(|message| message.contains("knows no leader: 1 of 1 voters heard")),
        "{body}"
    );

    puppet.elect(7, HOUR_MS);
    let (status, body) = ask_json(&puppet.view, "/leader").await;
    assert_eq!((status, &body["token"], &body["leader"]["identifier"]), (200, &json!(7), &json!("server_a")));

    // The loop stands still and has told nobody: the clock alone ends the lease.
    puppet.hold(7, 0);
    let (status, body) = ask_json(&puppet.view, "/leader").await;
    assert_eq!((status, &body["leader"]), (503, &Value::Null));
}

#[tokio::test]
async fn status_tells_who_and_how_it_is() {
    let puppet = Puppet::new();
    puppet.elect(7, HOUR_MS);
    let (status, body) = ask_json(&puppet.view, "/v1/status").await;
    assert_eq!(status, 200);
    assert_eq!(body["identifier"], "server_a");
    assert_eq!((&body["is_leader"], &body["token"], &body["leader"]), (&json!(true), &json!(7), &json!("server_a")));
    assert_eq!(body["storage"], json!({ "state": "diskless" }));
    assert!(body["counters"]["udp_sent"].is_u64(), "{body}");
}

#[tokio::test]
async fn checks_are_answered_alike_whichever_way_they_ask() {
    let puppet = Puppet::new();
    for path in ["/ping", "/leader", "/v1/status"] {
        let (expected, _) = ask(&puppet.view, Method::GET, path).await;
        for method in [Method::HEAD, Method::OPTIONS] {
            assert_eq!(ask(&puppet.view, method, path).await.0, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn errors_have_a_code_and_a_sentence() {
    let puppet = Puppet::new();
    for (method, path, status, code) in
        [(Method::GET, "/nothing", 404, "not_found"), (Method::POST, "/leader", 405, "method_not_allowed")]
    {
        let (told, body) = ask(&puppet.view, method, path).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((told, &body["code"]), (status, &json!(code)));
        assert!(body["message"].is_string());
    }
}
