//! Two members of one name in a cluster without a leader: one that was replaced, and one that was started by mistake.

use std::fs;
use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::members::Members;
use crate::support::node::{Node, Program, run_to_end};
use crate::support::ports;

/// The member of whose name there are two.
const TWO: usize = 1;

/// How long all have used a replacement that is not to be mistaken for a newcomer: more than ten probe intervals.
const USED_MS: u64 = 1_500;

#[test]
fn a_member_that_was_down_and_replaced_stops_when_it_goes_on() {
    // Given a member that stands still until the others have found it down,
    let mut members = Members::start(3);
    let mut old = members.nodes.remove(TWO);
    old.signal(Signal::STOP);
    let state = |node: &Node| record(node, &old.name).map(|record| record["state"].clone());
    members.eventually("the others find it down", || {
        members.nodes.iter().all(|node| state(node) == Some(json!("down"))).then_some(())
    });

    // and that is replaced under its name at another port, where all have used it for a while.
    let (dir, config) = copy(&members, &old);
    let mut replacement = Node::new(&dir, &old.name, old.address.ip(), &config, Program::Binary);
    replacement.start();
    members.nodes.push(replacement);
    let address = members.nodes[2].address;
    let is_used =
        |node: &Node| is_alive_at(node, &old.name, address).is_some_and(|state_age_ms| state_age_ms > USED_MS);
    members.eventually("all use the replacement", || members.nodes.iter().all(is_used).then_some(()));

    // When the old one goes on, it stops and says why, and the replacement stays.
    old.signal(Signal::CONT);
    let status = old.exited();
    let trace = || members.trace() + "--- the old one\n" + &old.trace();
    assert_eq!(status.code(), Some(3), "{}", trace());
    assert!(old.log().contains("another node has this identifier"), "{}", trace());
    members.agree(3);
    for node in &members.nodes {
        assert!(is_alive_at(node, &old.name, address).is_some(), "{} uses another one\n{}", node.name, trace());
    }
    assert!(members.nodes[2].is_running(), "the replacement has stopped\n{}", members.trace());
}

#[test]
fn a_second_process_of_a_member_that_answers_stops_and_the_first_stays() {
    let mut members = Members::start(3);
    let first = &members.nodes[TWO];
    let (dir, config) = copy(&members, first);
    let path = dir.join("second.json");
    fs::write(&path, config.to_string()).expect("a configuration can be written");

    let ended = run_to_end(&["run", path.to_str().expect("paths of tests are UTF-8")]);
    assert_eq!(ended.code, Some(3), "{ended:#?}\n{}", members.trace());
    assert!(ended.stderr.contains("another live node has this identifier"), "{ended:#?}");

    members.agree(3);
    let (name, address) = (first.name.clone(), first.address);
    members.eventually("all use the first", || {
        members.nodes.iter().all(|node| is_alive_at(node, &name, address).is_some()).then_some(())
    });
    assert!(members.nodes[TWO].is_running(), "the first has stopped\n{}", members.trace());
}

/// A node's configuration with a port of its own, and a folder for it.
fn copy(members: &Members, node: &Node) -> (std::path::PathBuf, Value) {
    let text = fs::read_to_string(node.config_path()).expect("there is a configuration");
    let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
    config["listen_port"] = json!(ports::free());
    let dir = members.dir().join("copy");
    fs::create_dir(&dir).expect("a folder can be made");
    (dir, config)
}

/// What that node knows of the member of that name.
fn record(node: &Node, name: &str) -> Option<Value> {
    let members = node.get("/v1/members")?.json()?;
    members["members"].as_array()?.iter().find(|member| member["identifier"] == name).cloned()
}

/// For how long that node has seen the member alive, if it is alive to it, and there.
fn is_alive_at(node: &Node, name: &str, address: SocketAddr) -> Option<u64> {
    let record = record(node, name)?;
    let is_there = record["state"] == "alive" && record["address"] == json!(address);
    record["state_age_ms"].as_u64().filter(|_| is_there)
}
