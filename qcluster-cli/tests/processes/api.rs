//! The HTTP API of real nodes: every endpoint and code, and who may change what.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::skipped;
use crate::support::cluster::{Agreement, Cluster, Places, Setup};
use crate::support::http::{self, Answer};
use crate::support::node::Node;
use crate::support::ports;
use crate::support::wait::eventually;

/// Status and code of a JSON error, or just the status.
pub(crate) fn told(answer: &Answer) -> String {
    let code = answer.json().and_then(|body| body["code"].as_str().map(str::to_owned));
    code.map_or_else(|| answer.code.to_string(), |code| format!("{} {code}", answer.code))
}

pub(crate) fn ask(node: &Node, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let (address, len) = (node.address, body.len());
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {len}\r\n{headers}\r\n{body}"
    );
    http::raw(address, &request).unwrap_or_else(|| panic!("no answer to {method} {path}\n{}", node.trace()))
}

/// Registers a service of that name and identifier.
pub(crate) fn put(node: &Node, id: &str) {
    let body = json!({ "name": id, "port": 1 }).to_string();
    assert_eq!(told(&ask(node, "PUT", &format!("/v1/services/{id}"), "", &body)), "200");
}

fn transfer(node: &Node, headers: &str, body: &str) -> Answer {
    ask(node, "POST", "/v1/transfer", headers, body)
}

/// Three voters that agree, and are all beyond their boot wait.
fn settled() -> (Cluster, Agreement) {
    let cluster = Cluster::start(&Setup::unhurried());
    let ready = |node: &Node| node.get("/readiness").is_some_and(|answer| answer.code == 200);
    let leader = cluster.agreed("a leader, and followers that are ready", |_| cluster.nodes.iter().all(ready));
    (cluster, leader)
}

#[test]
fn every_check_tells_the_leader_from_its_followers() {
    let (cluster, leader) = settled();
    let (leading, following) = (&cluster.nodes[leader.leader], &cluster.nodes[(leader.leader + 1) % 3]);
    for (path, of_leader, of_follower) in [
        ("/ping", "200", "200"),
        ("/", "200", "503 not_leader"),
        ("/leader", "200", "503 not_leader"),
        ("/follower", "503 not_follower", "200"),
        ("/health", "200", "200"),
        ("/readiness", "200", "200"),
        ("/liveness", "200", "200"),
        ("/v1/status", "200", "200"),
        ("/v1/leader", "200", "200"),
        ("/metrics", "200", "200"),
        ("/v1/nothing", "404 not_found", "404 not_found"),
        ("/v1/transfer", "405 method_not_allowed", "405 method_not_allowed"),
    ] {
        for (node, expected) in [(leading, of_leader), (following, of_follower)] {
            let get = ask(node, "GET", path, "", "");
            assert_eq!(told(&get), expected, "{path} of {}", node.name);
            let head = ask(node, "HEAD", path, "", "");
            assert_eq!((head.code, head.body.as_str()), (get.code, ""), "{path} of {}", node.name);
            if path != "/v1/transfer" {
                assert_eq!(ask(node, "OPTIONS", path, "", "").code, get.code, "{path} of {}", node.name);
                let old = http::raw(node.address, &format!("GET {path} HTTP/1.0\r\n\r\n")).expect("an answer");
                assert_eq!(told(&old), expected, "{path} of {} by HTTP/1.0 without Host", node.name);
            }
        }
    }
    assert_eq!(told(&ask(leading, "POST", "/leader", "", "")), "405 method_not_allowed");
    assert_eq!(
        leading.get("/v1/leader").and_then(|answer| answer.json()).map(|body| body["is_me"].clone()),
        Some(json!(true))
    );
}

#[test]
fn without_a_quorum_a_node_is_alive_and_ready_and_not_healthy() {
    let mut cluster = Cluster::new(&Setup::unhurried());
    cluster.nodes[0].start();
    let node = &cluster.nodes[0];
    cluster.eventually("the end of the boot wait", || node.get("/readiness").filter(|answer| answer.code == 200));
    for (path, expected) in [
        ("/leader", "503 not_leader"),
        ("/follower", "503 no_leader"),
        ("/health", "503 no_leader"),
        ("/liveness", "200"),
    ] {
        assert_eq!(told(&ask(node, "GET", path, "", "")), expected, "{path}");
    }
}

#[test]
fn a_transfer_over_http_ends_one_leadership_and_begins_the_next() {
    let (cluster, first) = settled();
    let follower = &cluster.nodes[(first.leader + 1) % 3];
    let refused = transfer(follower, "", "");
    assert_eq!(told(&refused), "409 not_leader");
    let named = refused.json().map(|body| body["leader"]["identifier"].clone());
    assert_eq!(named, Some(json!(cluster.nodes[first.leader].name)));

    let leader = &cluster.nodes[first.leader];
    assert_eq!(told(&transfer(leader, "", "{\"target\": \"nobody\"}")), "409 not_a_voter");
    assert_eq!(told(&transfer(leader, "", "nonsense")), "400 bad_request");
    assert_eq!(told(&transfer(leader, "Origin: http://evil.example\r\n", "")), "403 foreign_origin");
    assert_eq!(told(&transfer(leader, "X-Forwarded-For: 192.0.2.1\r\n", "")), "403 forbidden");
    let foreign = "POST /v1/transfer HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(told(&http::raw(leader.address, foreign).expect("an answer")), "403 foreign_host");
    assert_eq!(cluster.agreement(), Some(first), "nothing has changed");

    let body = json!({ "target": follower.name }).to_string();
    let done = transfer(leader, "", &body);
    assert_eq!((done.code, done.json()), (200, Some(json!({ "ended": first.token }))));
    let next = cluster.agreed("the next leader", |agreement| agreement.token > first.token);
    assert_eq!(cluster.nodes[next.leader].name, follower.name, "{}", cluster.trace());
    cluster.assert_history();
}

#[test]
fn a_token_opens_what_a_proxy_passes_on() {
    let mut cluster = Cluster::new(&Setup::unhurried());
    let file = cluster.dir().join("token");
    std::fs::write(&file, "0123456789abcdef0123\n").expect("a file can be written");
    for node in &mut cluster.nodes {
        let text = std::fs::read_to_string(node.config_path()).expect("it was written");
        let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
        config["api"] = json!({ "token_file": file.to_str() });
        std::fs::write(node.config_path(), config.to_string()).expect("a file can be written");
        node.start();
    }
    let first = cluster.agreed("a leader", |_| true);
    let leader = &cluster.nodes[first.leader];
    let passed_on = "X-Forwarded-For: 192.0.2.1\r\n";
    assert_eq!(told(&transfer(leader, passed_on, "")), "401 unauthorized");
    let wrong = format!("{passed_on}Authorization: Bearer 0123456789abcdef0124\r\n");
    assert_eq!(told(&transfer(leader, &wrong, "")), "401 unauthorized");
    let right = format!("{passed_on}Authorization: Bearer 0123456789abcdef0123\r\n");
    // A node knows that it has a successor once all have answered for a while.
    cluster.eventually("the hand-over", || Some(transfer(leader, &right, "")).filter(|answer| answer.code == 200));
    cluster.agreed("the next leader", |agreement| agreement.token > first.token);
}

#[test]
fn a_slow_client_is_let_go_and_disturbs_nobody() {
    let (cluster, leader) = settled();
    let address = cluster.nodes[leader.leader].address;
    let mut slow = TcpStream::connect(address).expect("the node listens");
    slow.write_all(b"GET /ping HTTP/1.1\r\nHost: x\r\n").expect("the node reads");
    assert_eq!(cluster.nodes[leader.leader].get("/ping").map(|answer| answer.code), Some(200));
    // It ends by the server's limit, or the read below waits for longer than any.
    slow.set_read_timeout(Some(std::time::Duration::from_secs(30))).expect("an option of every socket");
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).expect("the server ends the connection by itself");
    assert!(!String::from_utf8_lossy(&rest).contains("pong"));
}

/// What Prometheus' own tool says of the metrics of a leader and of a follower.
#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    if Command::new("promtool").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return skipped("promtool_finds_nothing_wrong_with_the_metrics", "there is no promtool (Debian: prometheus)");
    }
    let (cluster, leader) = settled();
    // Something of everything is to be in it.
    assert_eq!(transfer(&cluster.nodes[leader.leader], "", "").code, 200);
    cluster.agreed("the next leader", |agreement| agreement.token > leader.token);
    for node in &cluster.nodes {
        let text = node.get("/metrics").expect("the node answers").body;
        let mut tool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool can be started");
        tool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("promtool reads");
        let output = tool.wait_with_output().expect("promtool ends");
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        assert!(output.status.success() && said.iter().all(String::is_empty), "promtool says {said:?} of\n{text}");
        let sum = |name: &str| -> f64 {
            let values = text.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
            values.filter_map(|value| value.parse::<f64>().ok()).sum()
        };
        assert!(sum("qcluster_messages_sent_total{") > 0.0, "{text}");
        assert!(sum("qcluster_timer_lateness_seconds_count") > 0.0, "{text}");
        assert!(sum("qcluster_http_requests_total{") > 0.0, "{text}");
        assert!(sum("qcluster_http_request_duration_seconds_count{") > 0.0, "{text}");
        assert!((sum("qcluster_role{") - 1.0).abs() < 0.5, "one role at a time\n{text}");
    }
    // What has happened is counted at once, and written down a moment later.
    let metrics = || -> String {
        cluster.nodes.iter().filter_map(|node| node.get("/metrics")).map(|answer| answer.body).collect()
    };
    eventually("metrics of a hand-over", metrics, || is_complete(&metrics()).then_some(()));
}

/// Whether a hand-over has left its traces: the old leader has lost sight of a leader, while the others may have gone from one to
/// the next.
fn is_complete(metrics: &str) -> bool {
    let counts = |name: &str| -> Vec<&str> {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()).collect()
    };
    let any = |name: &str| counts(name).iter().any(|count| *count != "0");
    any("qcluster_fail_over_seconds_count ")
        && any("qcluster_round_trip_seconds_count{peer=")
        && metrics.contains("qcluster_leases_lost_total{reason=\"transferred\"} 1")
}

/// HTTP elsewhere: the port of the cluster has none then.
#[test]
fn http_is_served_at_an_address_of_its_own() {
    let free = std::net::SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let setup = Setup { places: Places::Loopback(1), ..Setup::unhurried() };
    let mut cluster = Cluster::changed(&setup, move |_, config| config["api"] = json!({ "listen": free.to_string() }));
    cluster.nodes[0].start();
    let status =
        cluster.eventually("it answers there", || http::get(free, "/v1/status").and_then(|answer| answer.json()));
    assert_eq!(status["api_listen"], json!([free.to_string()]));
    let listen = status["listen"].as_array().expect("it is a list");
    assert!(listen.contains(&json!(cluster.nodes[0].address.to_string())), "{listen:?}");
    assert!(cluster.nodes[0].get("/ping").is_none(), "it answers at the port of the cluster, too");
}
