//! `qcluster run` and the commands about members and services, against real nodes without a leader.

use serde_json::{Value, json};

use crate::command_line::{ask, json_of};
use crate::support::members::Members;
use crate::support::node::run_to_end;

#[test]
fn services_are_registered_found_beaten_and_ended_by_command() {
    let members = Members::start(2);
    let (a, b) = (&members.nodes[0], &members.nodes[1]);
    let register =
        ["register", "web", "--id", "web-1", "--port", "8001", "--tag", "v1", "--meta", "zone=a", "--ttl", "30"];
    let seen = json_of(&ask(a, &[&register[..], &["--format", "json"]].concat()));
    assert_eq!(
        (&seen["id"], &seen["metadata"], &seen["ttl_ms"]),
        (&json!("web-1"), &json!({"zone": "a"}), &json!(30_000))
    );
    let find = || ask(b, &["services", "web", "--tag", "v1", "--healthy", "--format", "json"]);
    let found = members.eventually("the other node knows it", || Some(find()).filter(|ended| ended.code == Some(0)));
    assert_eq!(json_of(&found)["services"][0]["id"], "web-1");
    let table = ask(b, &["services"]);
    assert!(table.code == Some(0) && table.stdout.contains("127.0.0.1:8001"), "{table:?}");
    assert_eq!(ask(b, &["services", "--tag", "v2"]).code, Some(4), "nothing of that kind");
    let beaten = json_of(&ask(a, &["heartbeat", "web-1", "--health", "warning", "--format", "json"]));
    assert_eq!(beaten["health"], "warning");
    let refused = ask(b, &["deregister", "web-1"]);
    assert!(refused.code == Some(4) && refused.stderr.contains("unknown_service"), "{refused:?}");
    assert_eq!(json_of(&ask(a, &["deregister", "web-1", "--format", "json"])), json!({ "id": "web-1" }));
    let bad = ask(a, &["register", "we b", "--port", "1"]);
    assert!(bad.code == Some(4) && bad.stderr.contains("invalid_service"), "{bad:?}");
    assert_eq!(ask(a, &["register", "web", "--meta", "zone"]).code, Some(2), "no value");
}

#[test]
fn members_owners_and_a_leave_by_command() {
    let mut members = Members::start(3);
    let node = &members.nodes[0];
    let listed = json_of(&ask(node, &["members", "--format", "json"]));
    assert_eq!(listed["members"].as_array().map(Vec::len), Some(3));
    let table = ask(node, &["members"]);
    assert!(table.code == Some(0) && table.stdout.contains("member_2") && table.stdout.contains("alive"), "{table:?}");
    let owners = json_of(&ask(node, &["owners", "a key", "--replicas", "2", "--format", "json"]));
    assert_eq!((&owners["key"], owners["owners"].as_array().map(Vec::len)), (&json!("a key"), Some(2)));
    assert_eq!(ask(node, &["owners", "key", "--replicas", "0"]).code, Some(4));
    let by_design = ask(node, &["leader"]);
    assert!(by_design.code == Some(4) && by_design.stderr.contains("by design"), "{by_design:?}");
    let left = json_of(&ask(&members.nodes[2], &["leave", "--format", "json"]));
    assert_eq!(left, json!({ "node": "member_2" }));
    assert_eq!(members.nodes[2].exited().code(), Some(0));
    let states = || json_of(&ask(&members.nodes[0], &["members", "--format", "json"]))["members"][2]["state"].clone();
    members.eventually("it has left", || (states() == "left").then_some(()));
}

#[test]
fn a_watch_prints_what_happens() {
    let members = Members::start(1);
    let node = &members.nodes[0];
    let address = node.address.to_string();
    let watching = std::thread::spawn(move || {
        run_to_end(&["watch", "--lines", "2", "--format", "json", "--addr", address.as_str()])
    });
    // It watches from when it asks: there is something new until it has seen enough.
    let mut turn = 0;
    while !watching.is_finished() {
        turn += 1;
        assert_eq!(ask(node, &["register", "web", "--port", &turn.to_string()]).code, Some(0));
    }
    let ended = watching.join().expect("the thread ends");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let events: Vec<Value> = ended.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let indices: Vec<u64> = events.iter().filter_map(|event| event["index"].as_u64()).collect();
    assert_eq!((indices.len(), indices[1] - indices[0]), (2, 1), "{events:?}");
    assert!(events.iter().all(|event| event["service"]["id"] == "web"), "{events:?}");
}

/// A name that has no address yet, as in an orchestrator at the start (a name below `invalid` never has one): it stops nothing.
#[test]
fn a_node_whose_own_name_has_no_address_works_and_says_so() {
    let members = Members::new(2, |index, config| {
        if index == 1 {
            config["advertise_host"] = json!("nohost.invalid");
            config["services"] = json!([{ "name": "web", "port": 8_001 }]);
        }
    });
    members.agree(2);
    let unnamed = &members.nodes[1];
    let warnings = || {
        unnamed.get("/health").filter(|answer| answer.code == 200)?.json()?["warnings"][0].as_str().map(String::from)
    };
    let warning = members.eventually("it is told of its name", warnings);
    assert!(warning.starts_with("advertise_host: `nohost.invalid` has no address"), "{warning}");
    let log = unnamed.log();
    assert!(log.contains("could not be resolved") && log.contains("nohost.invalid"), "{log}");
    // Meanwhile others go by the address that they see.
    let seen = json_of(&ask(&members.nodes[0], &["services", "--format", "json"]));
    assert_eq!(
        (&seen["services"][0]["name"], &seen["services"][0]["host"]),
        (&json!("web"), &json!("127.0.0.1")),
        "{seen}"
    );
}

/// An agent says who comes and goes, and a crowd is one line.
#[test]
fn an_agent_says_who_comes_and_goes() {
    let mut members = Members::start(3);
    members.eventually("it says who joined", || {
        let log = members.nodes[0].log();
        let says = |name: &str| log.contains(&format!("{name} joined")) || log.contains("2 joined");
        (log.contains("masterless") && says("member_1") && says("member_2")).then_some(())
    });
    members.nodes[2].kill();
    members.eventually("it says who is gone", || members.nodes[0].log().contains("member_2 down").then_some(()));
    let log = members.nodes[0].log();
    assert!(!log.contains("no leader"), "nobody misses what there is not by design\n{log}");
}
