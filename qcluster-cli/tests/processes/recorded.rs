//! What a real node has written down is replayed by the simulator's crate, step by step, to what the node did.

use std::fs;
use std::path::PathBuf;

use qcluster_sim::replay::{Damage, Done, Lines, Replay, Step, Told, files};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::cluster::{Cluster, Setup};
use crate::support::node::Node;

fn recording_of(node: &Node) -> PathBuf {
    node.config_path().with_extension("recording")
}

/// Adds the key to a file that was written without it.
fn record(node: &Node) {
    let text = fs::read_to_string(node.config_path()).expect("the configuration is there");
    let mut config: Value = serde_json::from_str(&text).expect("the configuration is JSON");
    config["record"] = json!({ "path": recording_of(node) });
    fs::write(node.config_path(), config.to_string()).expect("the configuration can be written");
}

/// All that a recording comes to.
fn replayed(node: &Node) -> (Vec<Told>, Replay) {
    let (mut lines, mut replay, mut told) = (Lines::of(files(&recording_of(node))), Replay::default(), Vec::new());
    while let Some((place, line)) = lines.next().unwrap_or_else(|error| panic!("{error}")) {
        match line {
            Ok(line) => told.push(replay.take(line)),
            Err(Damage::CutOff) => {}
            Err(damage) => panic!("{place}: {damage}"),
        }
    }
    (told, replay)
}

/// The tokens that a replayed node was elected with, as it tells.
fn elected(told: &[Told]) -> Vec<String> {
    let steps =
        told.iter().filter_map(|told| if let Told::Step(Step { outputs, .. }) = told { Some(outputs) } else { None });
    let words = steps.flatten().filter_map(|done| if let Done::Tells(words) = done { Some(words) } else { None });
    words.filter_map(|words| words.strip_prefix("elected with token ")).map(str::to_owned).collect()
}

#[test]
fn what_nodes_have_recorded_replays_to_what_they_did() {
    // Given three nodes that record,
    let mut cluster = Cluster::new(&Setup::unhurried());
    cluster.nodes.iter().for_each(record);
    cluster.nodes.iter_mut().for_each(Node::start);
    // whose leader is killed and comes back, and whose next leader is stopped,
    let first = cluster.agreed("a leader", |_| true);
    // (what it says of that is on disk: a kill forgets what is under way),
    cluster.eventually("its election is written down", || {
        let node = &cluster.nodes[first.leader];
        let written = node.events().iter().any(|event| event.token == Some(first.token) && event.what == "elected");
        (written && elected(&replayed(node).0).contains(&first.token.to_string())).then_some(())
    });
    cluster.nodes[first.leader].kill();
    let second = cluster.agreed("another leader", |agreement| agreement.token > first.token);
    cluster.nodes[first.leader].start();
    cluster.agreed("the old leader follows", |agreement| agreement.token >= second.token);
    for index in
        [second.leader, (0..3).find(|index| ![first.leader, second.leader].contains(index)).unwrap_or(0), first.leader]
    {
        cluster.nodes[index].signal(Signal::TERM);
        assert!(cluster.nodes[index].exited().success(), "{}", cluster.trace());
    }

    for (index, node) in cluster.nodes.iter().enumerate() {
        // when each recording is replayed, then nothing in it is amiss,
        let (told, replay) = replayed(node);
        let trouble: Vec<_> = told.iter().filter(|told| told.is_trouble()).map(ToString::to_string).collect();
        assert!(trouble.is_empty(), "{}: {trouble:#?}", node.name);
        assert_eq!(replay.totals.starts, if index == first.leader { 2 } else { 1 }, "{}", node.name);
        assert!(replay.totals.inputs > 20 && replay.totals.lost == 0, "{}: {:?}", node.name, replay.totals);
        // and the node of the replay was elected when the real one was.
        let real = node.events().into_iter().filter(|event| event.what == "elected").filter_map(|event| event.token);
        assert_eq!(elected(&told), real.map(|token| token.to_string()).collect::<Vec<_>>(), "{}", node.name);
    }
}
