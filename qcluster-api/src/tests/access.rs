//! Who may do what.

use alloc::format;
use alloc::vec;

use serde_json::Value;

use super::{TOKEN, config, snapshot, subject, view};
use crate::{Access, ClientKind, Method, Outcome, Request, View, answer};
use qcluster_core::{ApiRole, ApiToken, Config, Peer, Role};

fn admin(token: &str) -> (ApiToken, ApiRole) {
    (ApiToken::new(token).unwrap(), ApiRole::Admin)
}

#[test]
fn only_who_may_changes_something() {
    let bearer = format!("Bearer {TOKEN}");
    let here = Request { method: Method::Post, host: Some("localhost:7001"), ..Request::get("/v1/transfer") };
    let there = Request { client: ClientKind::Remote, ..here };
    let shown = Request { authorization: Some(&bearer), ..there };
    let with_token = Some(TOKEN);
    for (request, token, expected) in [
        (here, None, None),
        (here, with_token, None),
        (there, None, Some("forbidden")),
        (Request { client: ClientKind::Forwarded, ..here }, None, Some("forbidden")),
        (there, with_token, Some("unauthorized")),
        (shown, with_token, None),
        (Request { authorization: Some("bearer 0123456789abcdef"), ..there }, with_token, None),
        (Request { authorization: Some("Bearer 0123456789abcdeF"), ..there }, with_token, Some("unauthorized")),
        (Request { authorization: Some("Basic 0123456789abcdef"), ..here }, with_token, Some("unauthorized")),
        (Request { authorization: Some("Bearer"), ..here }, with_token, Some("unauthorized")),
        (shown, None, Some("unauthorized")),
        (Request { host: Some("evil.example"), ..here }, None, Some("foreign_host")),
        (Request { host: Some("evil.example"), ..shown }, with_token, Some("foreign_host")),
        (Request { host: Some("localhost.evil.example:7001"), ..here }, None, Some("foreign_host")),
        (Request { host: Some("[::1]:7001"), ..here }, None, None),
        (Request { host: Some("192.0.2.7"), ..here }, None, None),
        (Request { host: Some("A.Example:80"), ..here }, None, None),
        (Request { host: None, ..here }, None, None),
        (Request { origin: Some("http://evil.example"), ..here }, None, Some("foreign_origin")),
        (Request { origin: Some("http://localhost:8080"), ..here }, None, Some("foreign_origin")),
        (Request { origin: Some("null"), ..here }, None, Some("foreign_origin")),
        (Request { origin: Some("http://localhost:7001"), ..here }, None, None),
    ] {
        let (subject, snapshot) = (subject(), snapshot(Role::Leader));
        let access = Access::new(&config(), token.map(admin).into_iter().collect());
        let told = match answer(&request, &View { access: &access, ..view(&subject, &snapshot) }).outcome {
            Outcome::Perform { .. } => None,
            Outcome::Respond(refusal) => Some(serde_json::from_slice::<Value>(&refusal.body).unwrap()["code"].clone()),
            other => panic!("{other:?}"),
        };
        assert_eq!(told, expected.map(Value::from), "{request:?} with {token:?}");
    }
}

/// A page whose name is pointed at this machine would read what it likes (DNS rebinding). Health checks name what they please.
#[test]
fn who_reads_names_this_node_or_asks_for_its_health() {
    let (subject, snapshot) = (subject(), snapshot(Role::Leader));
    let status = |path: &'static str, host: &'static str| {
        let request = Request { host: Some(host), client: ClientKind::Remote, ..Request::get(path) };
        match answer(&request, &view(&subject, &snapshot)).outcome {
            Outcome::Respond(response) => response.status,
            Outcome::Metrics => 200,
            other => panic!("{other:?}"),
        }
    };
    for host in
        ["localhost:7001", "LOCALHOST.", "192.0.2.7:7001", "[::1]", "a.example", "node-1", "q.default.svc", "a.lan:1"]
    {
        assert_eq!((status("/v1/status", host), status("/metrics", host)), (200, 200), "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:7001",
        "localhost.evil.example",
        "internal.example",
        ".",
        "",
        "notlan.xlan",
        "\u{fffd}",
        "a b",
    ] {
        assert_eq!((status("/v1/status", host), status("/metrics", host)), (403, 403), "{host}");
        assert_eq!((status("/leader", host), status("/ping", host)), (503, 200), "{host}");
    }
}

#[test]
fn names_of_the_configuration_and_any_name_may_be_let_pass() {
    let config = |edit: fn(&mut Config)| {
        let mut config =
            Config::new("server_a", "0.0.0.0", 7001).with_peers([Peer::new("server_b", "b.example.net", 7001)]);
        config.join = vec!["seed.example.net:7001".into()];
        edit(&mut config);
        Access::new(&config, vec![])
    };
    let passes = |access: &Access, host: &'static str| {
        access.check_host(&Request { host: Some(host), ..Request::get("/v1/status") }).is_ok()
    };
    let own = config(|_| ());
    assert!(passes(&own, "b.example.net") && passes(&own, "SEED.example.net:7001") && !passes(&own, "c.example.net"));
    assert!(passes(&config(|config| config.api.hosts = vec!["*".into()]), "c.example.net"));
}

#[test]
fn the_own_machine_needs_the_token_where_it_is_asked_of_all() {
    let mut config = Config::new("server_a", "localhost", 7001);
    config.api.require_token = true;
    let access = Access::new(&config, vec![admin(TOKEN)]);
    let bearer = format!("Bearer {TOKEN}");
    let here = Request { method: Method::Post, ..Request::get("/v1/transfer") };
    assert_eq!(access.check(&here, ApiRole::Admin).unwrap_err().status, 401);
    assert!(access.check(&Request { authorization: Some(&bearer), ..here }, ApiRole::Admin).is_ok());
}

/// What a request is told, by its code; `None` if it is let in.
fn told(request: &Request<'_>, access: &Access) -> Option<Value> {
    let (subject, snapshot) = (subject(), snapshot(Role::Leader));
    match answer(request, &View { access, ..view(&subject, &snapshot) }).outcome {
        Outcome::Respond(response) if response.status >= 400 => {
            let body: Value = serde_json::from_slice(&response.body).unwrap();
            // Health checks refuse nobody.
            Some(body["code"].clone())
                .filter(|code| !["not_leader", "no_leader", "bad_request"].iter().any(|fine| code == fine))
        }
        _ => None,
    }
}

/// Each role includes those before it, several tokens count at once, and each token for its own role alone.
#[test]
fn a_token_is_for_what_its_role_says() {
    let tokens = ["reads-0123456789", "registers-0123456", "administers-01234"];
    let [read, register, admin] = tokens;
    let roles = [ApiRole::Read, ApiRole::Register, ApiRole::Admin];
    let with = |(token, role): (&str, ApiRole)| (ApiToken::new(token).unwrap(), role);
    let mut config = config();
    config.api.protect_reads = true;
    let access = Access::new(&config, tokens.into_iter().zip(roles).map(with).collect());
    let asked = |method, path| Request { method, client: ClientKind::Remote, body: b"?", ..Request::get(path) };
    let reading = [
        (Method::Get, "/v1/status"),
        (Method::Get, "/metrics"),
        (Method::Options, "/v1/members"),
        (Method::Get, "/v1/keys"),
    ];
    let registering = [
        (Method::Put, "/v1/services/a"),
        (Method::Delete, "/v1/services/a"),
        (Method::Put, "/v1/services/a/heartbeat"),
    ];
    let administering = [(Method::Post, "/v1/transfer"), (Method::Post, "/v1/leave"), (Method::Post, "/v1/keys")];
    let all = [(&reading[..], 0), (&registering[..], 1), (&administering[..], 2)];
    for (requests, needed) in all {
        for &(method, path) in requests {
            let request = asked(method, path);
            assert_eq!(told(&request, &access), Some("unauthorized".into()), "{path} without a token");
            for (place, token) in [read, register, admin].into_iter().enumerate() {
                let bearer = format!("Bearer {token}");
                let told = told(&Request { authorization: Some(&bearer), ..request }, &access);
                let refusal = (place < needed).then(|| Value::from("forbidden"));
                let is_no_keys = path == "/v1/keys" && told == Some("no_keys".into());
                assert!(told == refusal || is_no_keys, "{path} with {token}: {told:?}");
            }
        }
    }
    for path in ["/leader", "/health", "/readiness", "/liveness", "/ping"] {
        assert_eq!(told(&asked(Method::Get, path), &access), None, "{path}");
    }
    // From its own machine nobody has to show one, to read or to change something, unless all have to.
    let here = Request { client: ClientKind::Loopback, ..asked(Method::Get, "/v1/status") };
    assert_eq!(told(&here, &access), None);
    config.api.require_token = true;
    assert_eq!(told(&here, &Access::new(&config, vec![with((admin, ApiRole::Admin))])), Some("unauthorized".into()));
}

#[test]
fn other_tokens_count_at_once_and_the_former_ones_no_more() {
    let access = Access::new(&config(), vec![admin(TOKEN)]).with_tokens(vec![admin("another-0123456789")]);
    let asked = |authorization| Request {
        method: Method::Post,
        authorization: Some(authorization),
        ..Request::get("/v1/leave")
    };
    assert_eq!(told(&asked("Bearer 0123456789abcdef"), &access), Some("unauthorized".into()));
    assert_eq!(told(&asked("Bearer another-0123456789"), &access), None);
}
