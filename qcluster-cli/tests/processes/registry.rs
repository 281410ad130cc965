//! Members and services over HTTP, on real nodes: every path and code, bad input, and who may change what.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::api::{ask, told};
use crate::support::members::Members;
use crate::support::node::Node;

/// The body of an answer that has to be there.
fn read(node: &Node, path: &str) -> Value {
    let answer = ask(node, "GET", path, "", "");
    answer.json().filter(|_| answer.code == 200).unwrap_or_else(|| panic!("{path}: {answer:?}"))
}

fn ids(node: &Node, path: &str) -> Vec<String> {
    let body = read(node, path);
    let services = body["services"].as_array().unwrap_or_else(|| panic!("{path}: {body}"));
    services.iter().filter_map(|service| service["id"].as_str().map(str::to_owned)).collect()
}

fn register(node: &Node, id: &str, service: &Value) -> String {
    told(&ask(node, "PUT", &format!("/v1/services/{id}"), "", &service.to_string()))
}

#[test]
fn what_is_registered_with_one_node_is_found_through_all() {
    let members = Members::start(3);
    let (a, b) = (&members.nodes[0], &members.nodes[1]);
    let web = json!({ "name": "web", "port": 8001, "tags": ["v1", "blue"], "metadata": { "zone": "a" } });
    let answer = ask(a, "PUT", "/v1/services/web-1", "", &web.to_string());
    let seen = answer.json().unwrap_or_default();
    assert_eq!((answer.code, &seen["id"], &seen["node"]), (200, &json!("web-1"), &json!("member_0")), "{answer:?}");
    assert_eq!((&seen["host"], &seen["health"]), (&json!("127.0.0.1"), &json!("passing")), "{seen}");
    assert_eq!(
        register(b, "web-2", &json!({ "name": "web", "port": 8002, "tags": ["v1"], "health": "critical" })),
        "200"
    );
    for node in &members.nodes {
        members.eventually("both are found", || (ids(node, "/v1/services/web").len() == 2).then_some(()));
        assert_eq!(ids(node, "/v1/services/web?healthy=true"), ["web-1"], "{}", node.name);
        assert_eq!(ids(node, "/v1/services/web?tag=v1&tag=blue"), ["web-1"]);
        assert_eq!(ids(node, "/v1/services/none"), [""; 0]);
        assert_eq!(ids(node, "/v1/services").len(), 2);
    }
    // Each of them belongs to the node that it was registered with.
    assert_eq!(told(&ask(a, "DELETE", "/v1/services/web-2", "", "")), "404 unknown_service");
    assert_eq!(told(&ask(b, "DELETE", "/v1/services/web-2", "", "")), "200");
    members.eventually("one is left", || (ids(a, "/v1/services") == ["web-1"]).then_some(()));
}

#[test]
fn members_owners_and_counts_tell_one_story() {
    let members = Members::start(3);
    let node = &members.nodes[2];
    let list = read(node, "/v1/members");
    let names: Vec<&Value> = list["members"].as_array().expect("a list").iter().map(|one| &one["identifier"]).collect();
    assert_eq!(names, [&json!("member_0"), &json!("member_1"), &json!("member_2")]);
    assert_eq!((&list["is_trusted"], &list["members"][2]["is_me"]), (&json!(true), &json!(true)));
    let owners = |node: &Node| -> Vec<Value> {
        let body = read(node, "/v1/owners/some%20key?replicas=2");
        body["owners"].as_array().expect("a list").iter().map(|owner| owner["identifier"].clone()).collect()
    };
    assert_eq!(owners(node).len(), 2);
    assert!(members.nodes.iter().all(|other| owners(other) == owners(node)), "all name the same");
    let status = read(node, "/v1/status");
    assert_eq!((&status["mode"], &status["role"]), (&json!("masterless"), &json!("member")));
    assert_eq!(status["registry"]["members"], json!({ "alive": 3, "suspect": 0, "down": 0, "left": 0 }));
    // Counted at once, and written down a moment later.
    let counted = || node.counter("probes") > 0 && node.counter("members_met") >= 2;
    members.eventually("it is counted", || counted().then_some(()));
}

#[test]
fn bad_input_is_refused_with_a_code_and_changes_nothing() {
    let members = Members::start(1);
    let node = &members.nodes[0];
    assert_eq!(register(node, "web", &json!({ "name": "web", "port": 1 })), "200");
    let index = read(node, "/v1/services")["index"].clone();
    let put = |path: &str, body: &Value| told(&ask(node, "PUT", path, "", &body.to_string()));
    let large = "x".repeat(600);
    for (id, body, expected) in [
        ("web", json!({ "name": "web", "metadata": { "note": large } }), "400 invalid_service"),
        ("web", json!({ "name": "we b" }), "400 invalid_service"),
        ("we%20b", json!({ "name": "web" }), "400 invalid_service"),
        ("a%2Fb", json!({ "name": "web" }), "400 invalid_service"),
        ("web", json!({ "name": "" }), "400 invalid_service"),
        ("web", json!({ "name": "x".repeat(65) }), "400 invalid_service"),
        ("web", json!({ "name": "web", "host": "a b" }), "400 invalid_service"),
        ("web", json!({ "name": "web", "tags": vec!["t"; 17] }), "400 invalid_service"),
        ("web", json!({ "name": "web", "tags": ["\n"] }), "400 invalid_service"),
        ("web", json!({ "name": "web", "ttl_ms": 0 }), "400 invalid_service"),
        ("web", json!({ "name": "web", "ttl_ms": 3_000_000_000_u64 }), "400 invalid_service"),
        ("web", json!({ "name": "web", "health": "splendid" }), "400 bad_request"),
        ("web", json!({ "name": "web", "port": 65_536 }), "400 bad_request"),
        ("web", json!({ "name": "web", "id": "other" }), "400 bad_request"),
        ("web", json!({ "port": 1 }), "400 bad_request"),
        ("web", json!({ "name": "web", "metadata": [1] }), "400 bad_request"),
        ("web", json!("x".repeat(20_000)), "413 body_too_large"),
    ] {
        assert_eq!(put(&format!("/v1/services/{id}"), &body), expected, "{body}");
    }
    for (path, body, expected) in [
        ("/v1/services/web/heartbeat", json!({ "health": "splendid" }), "400 bad_request"),
        ("/v1/services/web/heartbeat", json!({}), "409 no_ttl"),
        ("/v1/services/none/heartbeat", json!({}), "404 unknown_service"),
        ("/v1/services", json!({}), "405 method_not_allowed"),
    ] {
        assert_eq!(put(path, &body), expected, "{path} {body}");
    }
    assert_eq!(told(&ask(node, "DELETE", "/v1/services/none", "", "")), "404 unknown_service");
    for path in ["/v1/owners/key?replicas=0", "/v1/services?healthy=perhaps", "/v1/members?x", "/v1/watch?index=x"] {
        assert_eq!(told(&ask(node, "GET", path, "", "")), "400 bad_request", "{path}");
    }
    let after = read(node, "/v1/services");
    assert_eq!((&after["index"], after["services"].as_array().map(Vec::len)), (&index, Some(1)), "nothing has changed");
    members.eventually("it is counted", || (node.counter("services_refused") > 0).then_some(()));
}

#[test]
fn changes_need_the_rights_of_every_change() {
    let members = Members::start(1);
    let node = &members.nodes[0];
    for (method, path, body) in [
        ("PUT", "/v1/services/web", "{\"name\": \"web\"}"),
        ("DELETE", "/v1/services/web", ""),
        ("PUT", "/v1/services/web/heartbeat", ""),
        ("POST", "/v1/leave", ""),
    ] {
        let passed_on = ask(node, method, path, "X-Forwarded-For: 192.0.2.1\r\n", body);
        assert_eq!(told(&passed_on), "403 forbidden", "{method} {path}");
        let lured = ask(node, method, path, "Origin: http://evil.example\r\n", body);
        assert_eq!(told(&lured), "403 foreign_origin", "{method} {path}");
        assert_eq!(told(&ask(node, "PATCH", path, "", body)), "405 method_not_allowed", "{path}");
    }
}

#[test]
fn reading_is_answered_alike_by_get_head_and_options() {
    let members = Members::start(1);
    let node = &members.nodes[0];
    let reads = ["/v1/members", "/v1/services", "/v1/services/web", "/v1/owners/key", "/v1/sd/prometheus"];
    for path in reads.into_iter().chain(["/v1/watch?index=0"]) {
        let get = ask(node, "GET", path, "", "");
        let head = ask(node, "HEAD", path, "", "");
        assert_eq!((head.code, head.body.as_str()), (get.code, ""), "{path}");
        assert_eq!(ask(node, "OPTIONS", path, "", "").code, get.code, "{path}");
    }
    assert_eq!(ask(node, "HEAD", "/v1/watch", "", "").code, 200);
    assert_eq!(ask(node, "OPTIONS", "/v1/watch", "", "").code, 204);
}

#[test]
fn checks_make_sense_where_nobody_leads_by_design() {
    let members = Members::start(2);
    let node = &members.nodes[1];
    for (path, expected) in [
        ("/", "503 masterless"),
        ("/leader", "503 masterless"),
        ("/follower", "503 masterless"),
        ("/health", "200"),
        ("/readiness", "200"),
        ("/liveness", "200"),
        ("/v1/leader", "200"),
    ] {
        assert_eq!(told(&ask(node, "GET", path, "", "")), expected, "{path}");
    }
    assert_eq!(told(&ask(node, "POST", "/v1/transfer", "", "")), "409 masterless");
}

/// Scenario 28, by HTTP.
#[test]
fn who_is_told_to_leave_has_left_and_is_not_down() {
    let mut members = Members::start(3);
    assert_eq!(register(&members.nodes[2], "web", &json!({ "name": "web", "port": 1 })), "200");
    members.eventually("it is known", || (ids(&members.nodes[0], "/v1/services").len() == 1).then_some(()));
    let answer = ask(&members.nodes[2], "POST", "/v1/leave", "", "");
    assert_eq!((answer.code, answer.json()), (200, Some(json!({ "node": "member_2" }))));
    assert_eq!(members.nodes[2].exited().code(), Some(0), "it stops as if it had been told to by a signal");
    for node in &members.nodes[..2] {
        let state = || read(node, "/v1/members")["members"][2]["state"].clone();
        members.eventually("it has left", || (state() == "left").then_some(()));
        members.eventually("its service too", || ids(node, "/v1/services").is_empty().then_some(()));
        assert_eq!(node.counter("members_down"), 0, "{}", node.trace());
    }
}

/// Scenario 30, by HTTP: the heartbeats of a service end.
#[test]
fn a_service_that_falls_silent_turns_critical_for_everybody() {
    let members = Members::start(2);
    let (own, other) = (&members.nodes[0], &members.nodes[1]);
    let index = read(other, "/v1/services")["index"].as_u64().expect("an index");
    assert_eq!(register(own, "web", &json!({ "name": "web", "port": 1, "ttl_ms": 2000 })), "200");
    let mut told_of: Vec<(String, String)> = Vec::new();
    let mut from = index;
    while told_of.last().is_none_or(|(_, health)| health != "critical") {
        let body = read(other, &format!("/v1/watch?index={from}&wait_ms=10000"));
        from = body["index"].as_u64().expect("an index");
        for event in body["events"].as_array().into_iter().flatten().filter(|event| event["kind"] == "service") {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            told_of.push((text(&event["event"]), text(&event["service"]["health"])));
        }
    }
    let expected = [("added", "passing"), ("changed", "critical")].map(|(event, health)| (event.into(), health.into()));
    assert_eq!(told_of, expected);
    let beat = ask(own, "PUT", "/v1/services/web/heartbeat", "", "");
    assert_eq!((beat.code, beat.json().unwrap_or_default()["health"].clone()), (200, json!("passing")));
    assert_eq!(told(&ask(own, "PUT", "/v1/services/web/heartbeat", "", "{\"health\": \"warning\"}")), "200");
    members.eventually("it is counted", || (own.counter("services_lapsed") >= 1).then_some(()));
}

/// Its node stands still for longer than it may be silent (G5): the heartbeat that waits meanwhile is one.
#[test]
fn a_service_whose_node_stood_still_is_not_critical_for_that() {
    let members = Members::start(2);
    let (own, other) = (&members.nodes[0], &members.nodes[1]);
    let ttl_ms = 2_000;
    assert_eq!(register(own, "web", &json!({ "name": "web", "port": 1, "ttl_ms": ttl_ms })), "200");
    let beat = || told(&ask(own, "PUT", "/v1/services/web/heartbeat", "", ""));
    for _ in 0..3 {
        assert_eq!(beat(), "200");
        own.signal(Signal::STOP);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(beat);
            members.eventually("the other node misses it for longer than its service may be silent", || {
                let member = &read(other, "/v1/members")["members"][0];
                (member["state"] != "alive" && member["state_age_ms"].as_u64()? > ttl_ms).then_some(())
            });
            own.signal(Signal::CONT);
            assert_eq!(waiting.join().expect("asking does not panic"), "200");
        });
        members.agree(2);
    }
    let status = own.status().expect("it runs");
    assert_eq!((&status["counters"]["services_lapsed"], &status["role"]), (&json!(0), &json!("member")), "{status}");
}
