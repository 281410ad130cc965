//! Members and services: what each path answers from a directory, and what it refuses.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Value, json};

use super::{NOW, get, respond, subject};
use crate::{
    Directory, Method, News, NodeSnapshot, NotDone, Outcome, Request, Response, Subject, Then, View, Whereabouts,
    answer, conclude,
};
use qcluster_core::{
    Boot, Command, Config, Envelope, Gossip, Health, Incarnation, Introduction, MembershipMessage, Message, Metadata,
    Mode, Node, NodeId, NodeInput, Peer, RegistryError, Role, Service, Settings, Span, Standing, State, Term,
    TransferRefused,
};

/// A node alone with three services, and what it makes known.
pub(super) fn node() -> Node {
    let rules = Settings::member(NodeId::new("server_a").unwrap()).check().unwrap();
    let mut node = Node::new(rules, Boot::new(1, 5), NOW).unwrap();
    let web = Service::new("web", 80)
        .with_host("192.0.2.1")
        .with_tags(["v1", "blue"])
        .with_metadata([("path", json!("/metrics")), ("weight", json!(3))]);
    let sick = Service::new("web", 81)
        .with_id("web-2")
        .with_host("2001:db8::1")
        .with_tags(["v1"])
        .with_health(Health::Critical);
    let batch = Service::new("batch", 0).with_health(Health::Warning);
    for service in [web, sick, batch] {
        let _ = node.step(NOW, NodeInput::Command(Command::Register(service)));
    }
    node
}

/// The directory after that many changes of trust, the first event being 101.
pub(super) fn directory(node: &Node, changes: usize) -> Directory {
    let news = (0..changes).map(|index| News::Trust { is_given: index % 2 == 1 });
    Directory::empty(node.rules().key(), 100).after(node, NOW, 0, news)
}

pub(super) fn masterless(expects_others: bool) -> Subject {
    let config = Config::new("server_a", "localhost", 7001).with_mode(Mode::Masterless);
    let rules = Arc::new(config.settings().unwrap().check().unwrap());
    Subject { rules, voters: vec![], expects_others, ..subject() }
}

/// Asks a node without a leader, whose loop runs.
pub(super) fn with<T>(directory: &Directory, ask: impl FnOnce(&View<'_>) -> T) -> T {
    let (subject, snapshot) = (masterless(false), snapshot());
    ask(&view(&subject, &snapshot, directory))
}

pub(super) fn snapshot() -> NodeSnapshot {
    NodeSnapshot { taken_at: NOW, role: Some(Role::Member), ..NodeSnapshot::default() }
}

pub(super) fn view<'a>(subject: &'a Subject, snapshot: &'a NodeSnapshot, directory: &'a Directory) -> View<'a> {
    View { directory, ..super::view(subject, snapshot) }
}

pub(super) fn query<'a>(path: &'a str, query: &'a str) -> Request<'a> {
    Request { query: Some(query), ..Request::get(path) }
}

/// Status and JSON, or the status and the code of an error.
pub(super) fn told(response: &Response) -> (u16, Value) {
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    let code = body["code"].clone();
    (response.status, if code.is_null() { body } else { code })
}

fn ids(directory: &Directory, path: &str, parameters: &str) -> Vec<String> {
    let (status, body) = with(directory, |view| told(&respond(&query(path, parameters), view)));
    assert_eq!(status, 200, "{path}?{parameters}: {body}");
    body["services"].as_array().unwrap().iter().map(|service| service["id"].as_str().unwrap().into()).collect()
}

#[test]
fn services_are_chosen_by_name_tags_and_health() {
    let directory = directory(&node(), 0);
    for (path, parameters, expected) in [
        ("/v1/services", "", vec!["batch", "web", "web-2"]),
        ("/v1/services/web", "", vec!["web", "web-2"]),
        ("/v1/services/none", "", vec![]),
        ("/v1/services/web", "tag=v1", vec!["web", "web-2"]),
        ("/v1/services/web", "tag=v1&tag=blue", vec!["web"]),
        ("/v1/services/web", "healthy=true", vec!["web"]),
        ("/v1/services/web", "healthy", vec!["web"]),
        ("/v1/services/web", "healthy=false", vec!["web-2"]),
        ("/v1/services", "healthy=true", vec!["batch", "web"]),
        ("/v1/services", "healthy=true&tag=v1", vec!["web"]),
    ] {
        assert_eq!(ids(&directory, path, parameters), expected, "{path}?{parameters}");
    }
}

#[test]
fn members_and_owners_are_listed_with_the_index_to_watch_from() {
    let directory = directory(&node(), 2);
    let (status, body) = with(&directory, |view| get("/v1/members", view));
    assert_eq!((status, &body["index"], &body["is_trusted"]), (200, &json!(102), &json!(true)));
    assert_eq!(
        (&body["members"][0]["identifier"], &body["members"][0]["is_me"], &body["members"][0]["state"]),
        (&json!("server_a"), &json!(true), &json!("alive"))
    );
    let (status, body) = with(&directory, |view| told(&respond(&query("/v1/owners/a%20key", "replicas=3"), view)));
    assert_eq!((status, &body["key"], body["owners"].as_array().unwrap().len()), (200, &json!("a key"), 1));
    assert_eq!(body["owners"][0]["identifier"], "server_a");
}

#[test]
fn nonsense_in_a_path_or_a_query_is_refused_with_a_sentence() {
    let directory = directory(&node(), 0);
    for (path, parameters) in [
        ("/v1/services/web", "healthy=maybe"),
        ("/v1/services/web", "tags=v1"),
        ("/v1/services/", ""),
        ("/v1/services/%ff", ""),
        ("/v1/members", "state=alive"),
        ("/v1/owners/key", "replicas=0"),
        ("/v1/owners/key", "replicas=65"),
        ("/v1/owners/key", "replicas=-1"),
        ("/v1/owners/key", "replicas=+1"),
        ("/v1/owners/key", "replicas=x"),
        ("/v1/owners/", ""),
        ("/v1/watch", "index=x"),
        ("/v1/watch", "index=100&wait_ms=60001"),
        ("/v1/watch", "wait_ms=5"),
        ("/v1/sd/prometheus", "name=web"),
    ] {
        let refused = with(&directory, |view| told(&respond(&query(path, parameters), view)));
        assert_eq!(refused, (400, json!("bad_request")), "{path}?{parameters}");
    }
}

pub(super) fn change<'a>(method: Method, path: &'a str, body: &'a str) -> Request<'a> {
    Request { method, body: body.as_bytes(), ..Request::get(path) }
}

pub(super) fn wanted(request: &Request<'_>) -> Result<(Command, Then), (u16, Value)> {
    let outcome = with(&directory(&node(), 0), |view| answer(request, view).outcome);
    match outcome {
        Outcome::Perform { command, then } => Ok((command, then)),
        Outcome::Respond(response) => Err(told(&response)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_heartbeat_a_deregistration_and_a_leave_are_commands() {
    let beat = |body| wanted(&change(Method::Put, "/v1/services/web%2D1/heartbeat", body));
    let id = || String::from("web-1");
    let beats = |health| Ok((Command::Heartbeat { id: id(), health }, Then::Service { id: id() }));
    assert_eq!(beat(""), beats(None));
    assert_eq!(beat("{}"), beats(None));
    assert_eq!(beat(r#"{"health": "warning"}"#), beats(Some(Health::Warning)));
    let twice = r#"{"health": "passing", "health": "warning"}"#;
    for bad in [r#"{"health": "fine"}"#, r#"{"state": "passing"}"#, "passing", twice] {
        assert_eq!(beat(bad), Err((400, json!("bad_request"))), "{bad}");
    }
    let delete = |body| wanted(&change(Method::Delete, "/v1/services/web-1", body));
    assert_eq!(delete(""), Ok((Command::Deregister { id: id() }, Then::Deregistered { id: id() })));
    assert_eq!(delete("{}"), Err((400, json!("bad_request"))));
    assert_eq!(wanted(&change(Method::Post, "/v1/leave", "")), Ok((Command::Shutdown, Then::Leaving)));
    assert_eq!(wanted(&change(Method::Get, "/v1/leave", "")), Err((405, json!("method_not_allowed"))));
}

#[test]
fn every_change_takes_the_rights_of_one() {
    for (method, path, body) in [
        (Method::Put, "/v1/services/web", r#"{"name": "web"}"#),
        (Method::Delete, "/v1/services/web", ""),
        (Method::Put, "/v1/services/web/heartbeat", ""),
        (Method::Post, "/v1/leave", ""),
    ] {
        let here = change(method, path, body);
        assert!(wanted(&here).is_ok(), "{path}");
        let there = Request { client: crate::ClientKind::Remote, ..here };
        assert_eq!(wanted(&there), Err((403, json!("forbidden"))), "{path}");
        let lured = Request { origin: Some("http://evil.example"), ..here };
        assert_eq!(wanted(&lured), Err((403, json!("foreign_origin"))), "{path}");
    }
}

#[test]
fn allow_lists_what_a_path_takes() {
    let options = change(Method::Options, "/v1/services/web", "");
    let response = with(&directory(&node(), 0), |view| respond(&options, view));
    assert_eq!(response.allow.as_deref(), Some("GET, HEAD, PUT, DELETE, OPTIONS"));
}

#[test]
fn what_was_done_or_refused_is_put_into_words() {
    let directory = directory(&node(), 0);
    let concluded = |then, result: Result<_, NotDone>| with(&directory, |view| told(&conclude(&then, &result, view)));
    let service = |id: &str| Then::Service { id: id.into() };
    let (status, body) = concluded(service("web"), Ok(None));
    assert_eq!((status, &body["host"], &body["node"]), (200, &json!("192.0.2.1"), &json!("server_a")));
    assert_eq!(concluded(service("gone"), Ok(None)), (404, json!("unknown_service")));
    assert_eq!(concluded(Then::Deregistered { id: "x".into() }, Ok(None)), (200, json!({ "id": "x" })));
    assert_eq!(concluded(Then::Leaving, Ok(None)), (200, json!({ "node": "server_a" })));
    assert_eq!(concluded(Then::Leaving, Err(NotDone::Stopped)), (503, json!("stopped")));
    assert_eq!(concluded(Then::Transferred, Err(NotDone::TimedOut)), (503, json!("not_finished")));
    let ttl = Service::new("web", 1).with_ttl(Duration::ZERO).check().unwrap_err();
    for (error, status, code) in [
        (RegistryError::Invalid(ttl), 400, "invalid_service"),
        (RegistryError::Unknown { id: "x".into() }, 404, "unknown_service"),
        (RegistryError::TooManyServices, 409, "too_many_services"),
        (RegistryError::TableFull, 409, "registry_full"),
        (RegistryError::Collision, 409, "id_collision"),
        (RegistryError::NoTtl { id: "x".into() }, 409, "no_ttl"),
        (RegistryError::NoRegistry, 409, "no_registry"),
        (RegistryError::Leaving, 503, "leaving"),
    ] {
        assert_eq!(concluded(service("x"), Err(NotDone::Refused(error.into()))), (status, json!(code)));
    }
}

/// Names that lead nowhere stop nothing, and are told where operators look.
#[test]
fn names_that_lead_nowhere_are_warnings_of_a_healthy_node() {
    let directory = directory(&node(), 0);
    let subject = Subject { me: Arc::new(Peer::new("server_a", "me.example", 7001)), ..masterless(true) };
    let warnings = |change: &dyn Fn(&mut NodeSnapshot)| {
        let mut snapshot = snapshot();
        change(&mut snapshot);
        let (status, body) = get("/health", &view(&subject, &snapshot, &directory));
        assert_eq!(status, 200, "{body}");
        let warnings = body["warnings"].as_array().cloned().unwrap_or_default();
        warnings.iter().map(|warning| warning.as_str().unwrap().into()).collect::<Vec<String>>()
    };
    for fine in [Whereabouts::Unknown, Whereabouts::Found] {
        assert_eq!(warnings(&|snapshot| snapshot.own_name = fine), [""; 0]);
    }
    for (own_name, expected) in [
        (Whereabouts::Nowhere, "advertise_host: `me.example` has no address: it is looked up again"),
        (Whereabouts::OutOfReach, "advertise_host: `me.example` has no address that anybody can connect to: it is"),
    ] {
        let told = warnings(&|snapshot| snapshot.own_name = own_name);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{told:?}");
    }
    let told = warnings(&|snapshot| snapshot.joins_itself = true);
    assert!(told.len() == 1 && told[0].starts_with("join: all names lead to this node itself"), "{told:?}");
}

#[test]
fn a_distrusted_view_is_not_healthy_and_stays_ready_and_says_so_in_lists() {
    let mut node = node();
    for name in ["b", "c", "d", "e", "f", "g"] {
        let id = NodeId::new(name).unwrap();
        let (from, from_incarnation) = (id.key(), Incarnation(9 << 20));
        let standing = Standing::of(from_incarnation);
        let me = Introduction { id, address: None, standing, state: State::Down, age_s: 7 };
        let message = Message::Membership(Box::new(MembershipMessage::Introduce(me)));
        let (to, to_incarnation, digests) = (node.rules().key(), node.incarnation(), node.rules().digests());
        let _ = node
            .step(NOW, NodeInput::Message(Envelope { from, from_incarnation, to, to_incarnation, digests, message }));
    }
    let mut directory = directory(&node, 0);
    directory.set_trusted(false);
    with(&directory, |view| {
        let (_, body) = get("/health", view);
        assert_eq!(body["code"], "untrusted");
        let message = body["message"].as_str().unwrap();
        assert!(
            message.ends_with(
                "not to be relied on (down: b for 7 s, c for 7 s, d for 7 s, e for 7 s, f for 7 s, and 1 more)"
            ),
            "{message}"
        );
        assert_eq!((get("/readiness", view).0, get("/liveness", view).0), (200, 200));
        for path in ["/v1/members", "/v1/services", "/v1/owners/key"] {
            let (status, body) = get(path, view);
            assert_eq!((status, &body["is_trusted"]), (200, &json!(false)), "{path}");
        }
        assert_eq!(get("/v1/status", view).1["registry"]["is_trusted"], false);
    });
}

#[test]
fn a_cluster_without_a_leader_says_that_it_has_none_by_design() {
    with(&directory(&node(), 0), |view| {
        for path in ["/", "/leader", "/follower"] {
            assert_eq!(get(path, view), (503, get(path, view).1), "{path}");
            assert_eq!(get(path, view).1["code"], "masterless", "{path}");
        }
        assert_eq!((get("/health", view).0, get("/readiness", view).0), (200, 200));
        let (status, body) = get("/v1/leader", view);
        assert_eq!((status, &body["leader"], &body["mode"]), (200, &Value::Null, &json!("masterless")));
        assert_eq!(get("/v1/status", view).1["mode"], "masterless");
        let refused = conclude(&Then::Transferred, &Err(NotDone::Refused(TransferRefused::NotLeader.into())), view);
        assert_eq!(told(&refused), (409, json!("masterless")));
    });
}

#[test]
fn a_reported_leader_is_shown_and_marked_and_passes_no_check() {
    let (subject, snapshot) = (subject(), super::snapshot(Role::Follower));
    let mut directory = directory(&node(), 0);
    directory.set_reported(Some(("server_b".into(), Term(6))));
    let view = view(&subject, &snapshot, &directory);
    let (_, body) = get("/v1/leader", &view);
    assert_eq!((&body["leader"]["identifier"], &body["is_reported"]), (&json!("server_b"), &json!(true)));
    assert_eq!(body["term"], 6, "the term that was said along with it");
    let (_, body) = get("/v1/status", &view);
    assert_eq!((&body["leader"], &body["is_reported"]), (&json!("server_b"), &json!(true)));
    assert_eq!(super::checks(&view), ["503 not_leader", "503 no_leader", "503 no_leader", "200", "200"]);
    let (_, body) = get("/leader", &view);
    assert_eq!(body["leader"]["identifier"], "server_b", "a client is told where to go");
}

#[test]
fn nobody_tells_a_node_that_it_leads_itself() {
    let (subject, snapshot) = (subject(), super::snapshot(Role::Follower));
    let mut directory = directory(&node(), 0);
    directory.set_reported(Some(("server_a".into(), Term(6))));
    let (_, body) = get("/v1/leader", &view(&subject, &snapshot, &directory));
    assert_eq!((&body["leader"], &body["is_reported"]), (&Value::Null, &json!(false)));
}

/// `0.0.0.0` is good for listening alone: a node is shown at the address at which others see it, and until then at none.
#[test]
fn a_node_that_listens_on_every_address_is_shown_where_others_see_it() {
    let unplaced = || Arc::new(Peer::new("server_a", "", 7001));
    let subject = Subject { me: unplaced(), ..subject() };
    let snapshot = super::snapshot(Role::Leader);
    for (seen_at, host) in
        [(None, ""), (Some("192.0.2.7:41000"), "192.0.2.7"), (Some("[2001:db8::7]:1"), "2001:db8::7")]
    {
        let mut settings = Settings::member(NodeId::new("server_a").unwrap());
        settings.gossip =
            settings.gossip.map(|gossip| Gossip { advertise: seen_at.map(|at| at.parse().unwrap()), ..gossip });
        let node = Node::new(settings.check().unwrap(), Boot::new(1, 5), NOW).unwrap();
        let news = [News::Leader { leader: Some(unplaced()), term: Term(7) }];
        let directory = Directory::empty(node.rules().key(), 100).after(&node, NOW, 0, news);
        let lease = Some(super::lease_until(NOW + Span::from_millis(1)));
        let view = View { lease, ..view(&subject, &snapshot, &directory) };
        for path in ["/", "/leader", "/v1/leader"] {
            let leader = &get(path, &view).1["leader"];
            assert_eq!((&leader["host"], &leader["port"]), (&json!(host), &json!(7001)), "{path}");
        }
        let told = told(&respond(&query("/v1/watch", "index=100"), &view)).1;
        assert_eq!(told["events"][0]["leader"]["host"], json!(host), "{told}");
    }
}

/// What a peer says of itself goes before what a configuration says of it.
#[test]
fn a_leaders_own_metadata_wins() {
    let subject = subject();
    let snapshot = super::snapshot(Role::Follower);
    let mut known = node();
    let own = Metadata::from([("zone".into(), "b".into())]);
    let _ = known.step(NOW, NodeInput::Command(Command::SetMetadata(own)));
    let directory = directory(&known, 0);
    let leader = (*subject.me).clone().with_metadata([("zone", json!("a")), ("old", json!(1))]);
    let view = View { follows: Some((&leader, Term(7))), ..view(&subject, &snapshot, &directory) };
    for path in ["/leader", "/follower", "/v1/leader"] {
        assert_eq!(get(path, &view).1["leader"]["metadata"], json!({ "zone": "b" }), "{path}");
    }
}
