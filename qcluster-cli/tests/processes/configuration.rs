//! What a node refuses to start with: one exit code for each kind, and sentences that name file and field.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::node::{Ended, run_to_end};
use crate::support::ports;

/// A file in a folder that goes with it.
struct Written {
    path: PathBuf,
    _dir: TempDir,
}

fn written(text: &str) -> Written {
    let dir = TempDir::new().expect("a temporary folder");
    let path = dir.path().join("server_a.json");
    fs::write(&path, text).expect("a configuration can be written");
    Written { path, _dir: dir }
}

fn run(file: &Written) -> Ended {
    run_to_end(&["run", file.path.to_str().expect("paths of tests are UTF-8")])
}

/// Two nodes; nothing is wrong with it.
fn sound(port: u16) -> Value {
    json!({
        "identifier": "server_a", "listen_host": "localhost", "listen_port": port,
        "peers": [{ "identifier": "server_b", "host": "localhost", "port": 7_002 }],
    })
}

#[track_caller]
fn assert_refused(text: &str, fields: &[&str]) {
    let file = written(text);
    let ended = run(&file);
    assert_eq!(ended.code, Some(2), "{text}\n{ended:#?}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    for field in fields {
        let names_both = |line: &&&str| line.contains("server_a.json") && line.contains(field);
        assert!(lines.iter().any(|line| names_both(&line)), "no sentence names file and {field}\n{ended:#?}");
    }
    assert_eq!(lines.len(), fields.len(), "one sentence for each mistake\n{ended:#?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
}

#[test]
fn a_configuration_with_several_mistakes_is_refused_with_all_of_them() {
    let mut config = sound(0);
    config["identifier"] = json!("");
    config["peers"][0]["port"] = json!(0);
    config["peers"][0]["host"] = json!("");
    config["timing"] = json!({ "heartbeat_ms": 50, "lease_ms": 150, "probe_ms": 4 });
    config["services"] = json!([{ "name": "we b" }, { "name": "web" }, { "name": "x", "colour": 1 }]);
    let fields = [
        "identifier",
        "listen_port",
        "peers[0].port",
        "peers[0].host",
        "timing.lease_ms",
        "timing.probe_ms",
        "services[0]",
        "services[2]",
    ];
    assert_refused(&config.to_string(), &fields);
}

#[test]
fn each_mistake_is_named_with_file_and_field() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut config = sound(7_001);
        change(&mut config);
        config.to_string()
    };
    let duplicate = json!({ "identifier": "server_b", "host": "localhost", "port": 7_003 });
    assert_refused(&with(&|c| c["peers"][0]["identifier"] = json!("server_a")), &["peers[0].identifier"]);
    assert_refused(&with(&|c| c["peers"][0]["host"] = json!("10.0.0.2")), &["listen_host"]);
    assert_refused(&with(&|c| c["listen_host"] = json!("0.0.0.0")), &["listen_host"]);
    assert_refused(&with(&|c| c["peers"].as_array_mut().expect("a list").push(duplicate.clone())), &["server_b"]);
    assert_refused(&with(&|c| c["colour"] = json!("red")), &["colour"]);
    assert_refused(&with(&|c| c["listen_port"] = json!("http")), &["listen_port"]);
    assert_refused(&with(&|c| c["listen_port"] = json!(70_000)), &["listen_port"]);
    assert_refused(&with(&|c| _ = c.as_object_mut().expect("an object").remove("identifier")), &["identifier"]);
    assert_refused("{ \"identifier\": ", &["line 1"]);
    assert_refused("", &["server_a.json"]);
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let dir = TempDir::new().expect("a temporary folder");
    for path in [dir.path().join("nowhere.json"), dir.path().to_owned()] {
        let path = path.to_str().expect("paths of tests are UTF-8");
        let ended = run_to_end(&["run", path]);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        assert!(ended.stderr.contains(path) && ended.stderr.lines().count() == 1, "{ended:#?}");
    }
}

#[test]
fn a_port_in_use_is_one_sentence() {
    let port = ports::free();
    let file = written(&sound(port).to_string());
    let assert_in_use = |protocol: &str| {
        let ended = run(&file);
        assert_eq!(ended.code, Some(1), "{protocol} in use\n{ended:#?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{protocol} in use\n{ended:#?}");
        let named = ended.stderr.contains(&port.to_string()) && ended.stderr.contains(protocol);
        assert!(named, "{protocol} in use\n{ended:#?}");
    };
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    assert_in_use("TCP");
    {
        let _quiet = ports::quiet();
        drop(tcp);
    }
    let _udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    assert_in_use("UDP");
}
