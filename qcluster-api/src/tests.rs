//! Every path, method and error, asked without a network or a node.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec;

use serde_json::{Value, json};

use super::{Access, Method, NodeSnapshot, Outcome, Request, Response, StorageStatus, Subject, Then, View, answer};
use qcluster_core::{Command, Config, FencingToken, HeldLease, Peer, Role, Slow, Span, Term, Time};

const TOKEN: &str = "0123456789abcdef";
const NOW: Time = Time::from_millis(1_000_000);
const READABLE: [&str; 10] = [
    "/ping",
    "/",
    "/leader",
    "/follower",
    "/health",
    "/readiness",
    "/liveness",
    "/v1/status",
    "/v1/leader",
    "/metrics",
];

fn server_b() -> Peer {
    Peer::new("server_b", "localhost", 7002)
}

fn config() -> Config {
    let mut config = Config::new("server_a", "localhost", 7001);
    config.peers = vec![server_b()];
    config.api.hosts = vec!["a.example".into()];
    config
}

fn subject() -> Subject {
    let config = config();
    let rules = Arc::new(config.settings().unwrap().check().unwrap());
    let me = Arc::new(config.as_peer());
    let voters = vec![Arc::clone(&me), Arc::new(server_b())];
    Subject { me, cluster: config.cluster, listen: vec![], api_listen: vec![], rules, voters, expects_others: true }
}

/// A node whose loop has just run.
fn snapshot(role: Role) -> NodeSnapshot {
    NodeSnapshot { taken_at: NOW, role: Some(role), term: 7, ..NodeSnapshot::default() }
}

fn view<'a>(subject: &'a Subject, snapshot: &'a NodeSnapshot) -> View<'a> {
    // Leaked: a view borrows what an adapter keeps.
    let directory = Box::leak(Box::new(crate::Directory::empty(subject.rules.key(), 0)));
    let access = Box::leak(Box::new(Access::new(&config(), vec![])));
    View { subject, access, snapshot, directory, lease: None, draining: false, follows: None, stopped: None, now: NOW }
}

fn lease_until(valid_until: Time) -> HeldLease {
    HeldLease { token: FencingToken(7), valid_until }
}

fn respond(request: &Request<'_>, view: &View<'_>) -> Response {
    match answer(request, view).outcome {
        Outcome::Respond(response) => response,
        other => panic!("no response but {other:?}"),
    }
}

fn get(path: &str, view: &View<'_>) -> (u16, Value) {
    let response = respond(&Request::get(path), view);
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

/// Status and code of each check, in the order leader, follower, health, readiness, liveness.
fn checks(view: &View<'_>) -> [String; 5] {
    ["/leader", "/follower", "/health", "/readiness", "/liveness"].map(|path| {
        let (status, body) = get(path, view);
        body["code"].as_str().map_or_else(|| status.to_string(), |code| format!("{status} {code}"))
    })
}

#[test]
fn a_leader_leads_until_the_end_of_its_lease_and_not_an_instant_longer() {
    let (subject, snapshot) = (subject(), snapshot(Role::Leader));
    let end = NOW + qcluster_core::Span::from_nanos(1);
    let leading = View { lease: Some(lease_until(end)), ..view(&subject, &snapshot) };
    assert_eq!(checks(&leading), ["200", "503 not_follower", "200", "200", "200"]);
    let (_, body) = get("/", &leading);
    assert_eq!((&body["leader"]["identifier"], &body["token"]), (&json!("server_a"), &json!(7)));
    let over = View { now: end, ..leading };
    assert_eq!(checks(&over), ["503 not_leader", "503 no_leader", "503 no_leader", "200", "200"]);
}

#[test]
fn a_follower_names_its_leader() {
    let (subject, snapshot, leader) = (subject(), snapshot(Role::Follower), server_b());
    let following = View { follows: Some((&leader, Term(7))), ..view(&subject, &snapshot) };
    assert_eq!(checks(&following), ["503 not_leader", "200", "200", "200", "200"]);
    for path in ["/leader", "/follower", "/v1/leader"] {
        assert_eq!(get(path, &following).1["leader"]["identifier"], "server_b", "{path}");
    }
    let (_, body) = get("/v1/leader", &following);
    // The node itself may be in a later term already: that is not the leader's.
    assert_eq!((&body["is_me"], &body["term"]), (&json!(false), &json!(7)));
}

/// Another node leads, so nothing else shows that this one could not vote for the next.
#[test]
fn health_warns_of_what_is_too_slow_for_the_next_election() {
    let (subject, leader) = (subject(), server_b());
    let [took, limit] = [147, 147].map(Span::from_millis);
    let snapshot = NodeSnapshot { slow: Some(Slow::Save { took, limit }), ..snapshot(Role::Follower) };
    let get = |path| get(path, &View { follows: Some((&leader, Term(7))), ..view(&subject, &snapshot) });
    let warning = "a save took 147 ms or longer, and has to be under 147 ms: see to the disk, or lengthen the lease";
    assert_eq!(get("/health"), (200, json!({"status": "ok", "warnings": [warning]})));
    assert_eq!(get("/readiness").0, 200);
}

#[test]
fn readiness_waits_for_the_boot_wait_and_not_for_a_leader() {
    let subject = subject();
    let booting = snapshot(Role::Booting);
    assert_eq!(checks(&view(&subject, &booting))[3], "503 starting");
    let alone = snapshot(Role::PreCandidate);
    assert_eq!(checks(&view(&subject, &alone)), ["503 not_leader", "503 no_leader", "503 no_leader", "200", "200"]);
}

#[test]
fn a_leader_that_hands_over_is_not_ready() {
    let (subject, snapshot) = (subject(), snapshot(Role::Leader));
    let draining = View { lease: Some(lease_until(Time::NEVER)), draining: true, ..view(&subject, &snapshot) };
    assert_eq!(checks(&draining), ["200", "503 not_follower", "200", "503 draining", "200"]);
}

#[test]
fn a_node_that_cannot_save_is_neither_healthy_nor_ready() {
    let subject = subject();
    let error = || "full".into();
    // A restart cures the one, and time the other.
    for (storage, liveness) in [
        (StorageStatus::Failing { error: error() }, "200"),
        (StorageStatus::Failed { error: error() }, "503 storage_failed"),
    ] {
        let (snapshot, leader) = (NodeSnapshot { storage, ..snapshot(Role::Follower) }, server_b());
        let failed = View { follows: Some((&leader, Term(7))), ..view(&subject, &snapshot) };
        assert_eq!(checks(&failed), ["503 not_leader", "200", "503 storage_failed", "503 storage_failed", liveness]);
    }
}

#[test]
fn a_loop_that_stands_still_is_told_by_the_checks_and_at_last_by_liveness() {
    let (subject, snapshot, leader) = (subject(), snapshot(Role::Follower), server_b());
    let after = |ms| {
        let now = NOW + qcluster_core::Span::from_millis(ms);
        checks(&View { follows: Some((&leader, Term(7))), now, ..view(&subject, &snapshot) })
    };
    assert_eq!(after(1_500), ["503 not_leader", "200", "200", "200", "200"], "ten leases");
    let stalled = ["503 not_leader", "503 stalled", "503 stalled", "503 stalled", "200"];
    assert_eq!(after(1_501), stalled);
    assert_eq!(after(10_000), stalled);
    assert_eq!(after(10_001)[4], "503 stalled");
}

#[test]
fn a_node_that_has_stopped_says_why() {
    let (subject, snapshot) = (subject(), snapshot(Role::Follower));
    let stopped = View { stopped: Some("the node was shut down"), ..view(&subject, &snapshot) };
    assert_eq!(checks(&stopped)[1..], ["503 stopped"; 4]);
    assert_eq!(get("/liveness", &stopped).1["message"], "the node was shut down");
}

#[test]
fn whoever_reads_is_answered_alike_by_get_head_and_options_and_post_is_not_allowed() {
    let (subject, snapshot) = (subject(), snapshot(Role::Follower));
    let view = view(&subject, &snapshot);
    for path in READABLE {
        let ask = |method| answer(&Request { method, ..Request::get(path) }, &view);
        let read = ask(Method::Get);
        assert_eq!(read.route, path);
        assert_eq!(ask(Method::Head), read, "{path}");
        if let (Outcome::Respond(read), Outcome::Respond(options)) = (read.outcome, ask(Method::Options).outcome) {
            assert_eq!((options.status, options.body), (read.status, read.body), "{path}");
            assert_eq!(options.allow.as_deref(), Some("GET, HEAD, OPTIONS"), "{path}");
        }
        for method in [Method::Post, Method::Put, Method::Delete, Method::Other] {
            let refused = respond(&Request { method, ..Request::get(path) }, &view);
            assert_eq!((refused.status, refused.allow.as_deref()), (405, Some("GET, HEAD, OPTIONS")), "{path}");
        }
    }
}

#[test]
fn what_is_not_there_is_404() {
    let (subject, snapshot) = (subject(), snapshot(Role::Follower));
    for path in ["/nothing", "/leader/", "//", "", "*", "/v1", "/v1/transfer/x"] {
        let answer = answer(&Request::get(path), &view(&subject, &snapshot));
        if path.is_empty() {
            continue;
        }
        let Outcome::Respond(response) = answer.outcome else { panic!("{path} is answered") };
        assert_eq!((response.status, answer.route), (404, "other"), "{path}");
    }
}

#[test]
fn a_transfer_is_a_command_with_a_target_or_none() {
    let (subject, snapshot) = (subject(), snapshot(Role::Leader));
    let view = view(&subject, &snapshot);
    let transfer = |target| Outcome::Perform { command: Command::Transfer(target), then: Then::Transferred };
    let post = |body| answer(&Request { method: Method::Post, body, ..Request::get("/v1/transfer") }, &view).outcome;
    assert_eq!(post(b""), transfer(None));
    assert_eq!(post(b"{}"), transfer(None));
    let target = qcluster_core::NodeId::new("server_b").unwrap();
    let wanted = transfer(Some(target));
    assert_eq!(post(br#"{"target": "server_b"}"#), wanted);
    for bad in [b"x".as_slice(), br#"{"to": "server_b"}"#, br#"{"target": ""}"#, b"[]x"] {
        let Outcome::Respond(response) = post(bad) else { panic!("{bad:?} is taken") };
        assert_eq!(response.status, 400);
    }
    let read = respond(&Request::get("/v1/transfer"), &view);
    assert_eq!((read.status, read.allow.as_deref()), (405, Some("POST, OPTIONS")));
    let options = respond(&Request { method: Method::Options, ..Request::get("/v1/transfer") }, &view);
    assert_eq!((options.status, options.allow.as_deref()), (204, Some("POST, OPTIONS")));
}

#[test]
fn segments_and_parameters_are_decoded() {
    let request = Request { query: Some("tag=a+b&tag=%C3%A9&x"), ..Request::get("/v1/services/web%201") };
    assert_eq!(request.segment(2).as_deref(), Some("web 1"));
    assert_eq!(request.segment(3), None);
    for path in ["/v1/services/a%zz", "/v1/services/a%4", "/v1/services/a%", "/v1/services/%ff"] {
        assert_eq!(Request::get(path).segment(2), None, "{path}");
    }
    assert_eq!(request.parameters("tag").collect::<vec::Vec<_>>(), ["a b", "é"]);
    assert_eq!(request.parameter("x").as_deref(), Some(""));
    assert_eq!(request.parameter("y"), None);
}

mod access;
mod discovery;
mod keys;
mod others;
mod registering;
mod registry;
mod watching;
