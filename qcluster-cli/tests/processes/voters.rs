//! A change of voters by files, with a `data_dir`: what a node says on its way, and that it does not go back unless it is told to.

use std::fs;

use serde_json::{Value, json};

use crate::support::cluster::{Cluster, Setup, Storage};
use crate::support::node::{Node, run_to_end};

#[test]
fn a_node_in_the_middle_step_refuses_the_old_list_until_it_is_told_to_roll_back() {
    // Given three voters, of which the third is to leave.
    let mut cluster = Cluster::start(&Setup { storage: Storage::DataDir, ..Setup::unhurried() });
    cluster.agreed("a leader of the old list", |_| true);
    let old: Vec<Value> = cluster.nodes.iter().map(configuration).collect();

    // When the first of them is in the middle step alone, nobody can have been elected there.
    restart(&mut cluster.nodes[0], &in_the_middle(&old[0]));
    let change = cluster.eventually("it says how far the change has come", || change_of(&cluster.nodes[0]));
    assert_eq!(change["joint_established"], false, "{change}");

    // When all are, and one of them was elected, all of them say so.
    for (node, old) in cluster.nodes.iter_mut().zip(&old).skip(1) {
        restart(node, &in_the_middle(old));
    }
    cluster.agreed("a leader of both lists", |_| true);
    cluster.eventually("all know that the last step may be taken", || {
        let is_established = |node: &Node| change_of(node).is_some_and(|change| change["joint_established"] == true);
        cluster.nodes.iter().all(is_established).then_some(())
    });

    // Then none starts with the old list, and it says what to do.
    cluster.nodes[0].kill();
    configure(&cluster.nodes[0], &old[0]);
    let path = cluster.nodes[0].config_path();
    let refused = run_to_end(&["run", path.to_str().expect("paths of tests are UTF-8")]);
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    for sentence in ["use the configuration that it ran with last", "\"rollback\": true"] {
        assert!(refused.stderr.contains(sentence), "{refused:#?}");
    }

    // Unless it is told that the change is taken back, as all of them are.
    for (node, old) in cluster.nodes.iter_mut().zip(&old) {
        let mut back = old.clone();
        back["rollback"] = json!(true);
        restart(node, &back);
    }
    cluster.agreed("a leader of the old list again", |_| true);
    for node in &cluster.nodes {
        let status = node.status().expect("it answers");
        assert_eq!(status["voters_change"], Value::Null, "{status:#}");
    }
    cluster.assert_history();
}

/// The file with both lists, the coming one being without the third voter.
fn in_the_middle(old: &Value) -> Value {
    let mut both = old.clone();
    let peers = old["peers"].as_array().expect("there are peers");
    both["next_peers"] = peers.iter().filter(|peer| peer["identifier"] != "server_c").cloned().collect();
    if old["identifier"] == "server_c" {
        both["voter_in"] = json!("peers");
    }
    both
}

fn restart(node: &mut Node, config: &Value) {
    node.kill();
    configure(node, config);
    node.start();
}

fn configure(node: &Node, config: &Value) {
    fs::write(node.config_path(), format!("{config:#}")).expect("a configuration can be written");
}

fn configuration(node: &Node) -> Value {
    let text = fs::read_to_string(node.config_path()).expect("there is a configuration");
    serde_json::from_str(&text).expect("it is JSON")
}

/// What the status says of a change of voters.
fn change_of(node: &Node) -> Option<Value> {
    Some(node.status()?["voters_change"].clone()).filter(Value::is_object)
}
