//! Debian's Prometheus finds services through `/v1/sd/prometheus`, and a service that is a shell script registers itself.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::api::{ask, told};
use crate::skipped;
use crate::support::members::Members;
use crate::support::{http, ports};

/// Ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn prometheus(members: &Members, discovery: SocketAddr) -> (Running, SocketAddr) {
    let front = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let config = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: found\n  http_sd_configs:\n  \
         - url: http://{discovery}/v1/sd/prometheus?service=node\n    refresh_interval: 1s\n  relabel_configs:\n  \
         - source_labels: [__meta_qcluster_node]\n    target_label: node\n  \
         - source_labels: [__meta_qcluster_tags]\n    regex: '.*,blue,.*'\n    action: keep\n"
    );
    let path = members.dir().join("prometheus.yml");
    fs::write(&path, config).expect("a configuration can be written");
    let quiet = ports::quiet();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", path.display()))
        .arg(format!("--storage.tsdb.path={}", members.dir().join("tsdb").display()))
        .arg(format!("--web.listen-address={front}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("Prometheus can be started");
    drop(quiet);
    (Running(child), front)
}

/// Two nodes register their own metrics as a service; Prometheus finds both through one of them, and scrapes them.
#[test]
fn prometheus_finds_and_scrapes_what_is_registered() {
    if !is_there("prometheus") {
        return skipped(
            "prometheus_finds_and_scrapes_what_is_registered",
            "there is no prometheus (Debian: prometheus)",
        );
    }
    let members = Members::start(2);
    for node in &members.nodes {
        let service = json!({ "name": "node", "port": node.address.port(), "tags": ["blue"] }).to_string();
        assert_eq!(told(&ask(node, "PUT", "/v1/services/node", "", &service)), "200");
    }
    // It belongs to no service that is asked for.
    assert_eq!(
        told(&ask(&members.nodes[0], "PUT", "/v1/services/other", "", "{\"name\": \"other\", \"port\": 1}")),
        "200"
    );
    let (_prometheus, front) = prometheus(&members, members.nodes[1].address);
    let targets = || {
        let body = http::get(front, "/api/v1/targets?state=active").filter(|answer| answer.code == 200)?.json()?;
        let found = body["data"]["activeTargets"].as_array()?.iter();
        let up = found.filter(|target| target["health"] == "up").map(|target| target["labels"]["node"].clone());
        let mut up: Vec<String> = up.filter_map(|node| node.as_str().map(str::to_owned)).collect();
        up.sort();
        Some(up)
    };
    let both = ["member_0".to_owned(), "member_1".to_owned()];
    members.eventually("both are scraped", || targets().filter(|up| *up == both));
    assert_eq!(told(&ask(&members.nodes[0], "DELETE", "/v1/services/node", "", "")), "200");
    members.eventually("one is left", || targets().filter(|up| *up == both[1..]));
}

/// A node that waits for those that it was told of says that it cannot know, and not that there is nothing.
#[test]
fn discovery_of_a_node_that_has_met_nobody_is_an_error() {
    let lonely = ports::free();
    let members = Members::new(1, |_, config| config["join"] = json!([format!("127.0.0.1:{lonely}")]));
    let node = &members.nodes[0];
    let answer = members.eventually("an answer after its first seconds", || {
        let answer = node.get("/v1/sd/prometheus")?;
        (told(&answer) != "503 starting").then_some(answer)
    });
    assert_eq!(told(&answer), "503 alone");
}

/// The example is run as it stands: it registers, beats, and deregisters when it is told to end.
#[test]
fn a_shell_script_registers_itself_and_goes_when_it_ends() {
    if !is_there("curl") {
        return skipped("a_shell_script_registers_itself_and_goes_when_it_ends", "there is no curl");
    }
    let members = Members::start(1);
    let node = &members.nodes[0];
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/self_register.sh");
    let quiet = ports::quiet();
    let child = Command::new("sh")
        .arg(script)
        .env("QCLUSTER", format!("http://{}", node.address))
        .env("SERVICE", "clock")
        .env("TTL_MS", "2000")
        .env_remove("QCLUSTER_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell is there");
    drop(quiet);
    let mut script = Running(child);
    let services = || -> Vec<Value> {
        let body = node.get("/v1/services/clock").and_then(|answer| answer.json()).unwrap_or_default();
        body["services"].as_array().cloned().unwrap_or_default()
    };
    let service = members.eventually("it registers", || services().pop());
    assert_eq!((&service["health"], &service["ttl_ms"]), (&json!("passing"), &json!(2_000)), "{service}");
    // A registration is a heartbeat, and changes nothing afterwards: only further ones keep it from lapsing.
    let requests = || {
        let metrics = node.get("/metrics").map(|answer| answer.body).unwrap_or_default();
        let beats = "qcluster_http_requests_total{route=\"/v1/services/{}/heartbeat\",code=\"200\"} ";
        metrics.lines().find_map(|line| line.strip_prefix(beats)?.parse::<u64>().ok()).unwrap_or(0)
    };
    members.eventually("three heartbeats", || (requests() >= 3).then_some(()));
    let pid = i32::try_from(script.0.id()).ok().and_then(Pid::from_raw).expect("a process identifier");
    kill_process(pid, Signal::TERM).expect("the script runs");
    let status = members.eventually("it ends", || script.0.try_wait().expect("a child can be waited for"));
    let mut said = String::new();
    script.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert!(status.success() && said.is_empty(), "{status}: {said}");
    assert_eq!(services(), [Value::Null; 0], "it has deregistered itself");
}
