//! Who leads: at the start, after a crash, after a hand-over, and once the old leader is back.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use qcluster::{Config, ConfigFile as _};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::cluster::{Agreement, Cluster, Setup, Storage};
use crate::support::node::run_to_end;
use crate::{skipped, support::ports};

#[test]
fn the_three_example_files_are_one_cluster() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let read = |name: &str| Config::from_file(examples.join(name)).unwrap_or_else(|error| panic!("{error}"));
    let configs = ["server_a.json", "server_b.json", "server_c.json"].map(read);
    for config in &configs {
        let others = configs.iter().filter(|other| other.identifier != config.identifier);
        let mut expected: Vec<_> = others.map(Config::as_peer).collect();
        let mut listed = config.peers.clone();
        expected.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        listed.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        assert_eq!(listed, expected, "{} lists the other two as they are", config.identifier);
    }
}

#[test]
fn three_files_elect_exactly_one_leader() {
    // Given three files as in `examples`, with the default timing.
    let mut setup = Setup::unhurried();
    setup.timing = json!("lan");
    let mut cluster = Cluster::start(&setup);

    // Then all three name one leader, and it alone answers for the leader.
    let agreement = cluster.agreed("one leader whom all name", |_| true);
    cluster.eventually("the leader alone answers 200 on /leader", || {
        let agreement = cluster.agreement()?;
        let code = |index: usize| cluster.nodes[index].get("/leader").map(|answer| answer.code);
        (0..3).all(|index| code(index) == Some(if index == agreement.leader { 200 } else { 503 })).then_some(())
    });
    for node in &mut cluster.nodes {
        let pong = node.get("/ping").expect("it answers");
        assert_eq!((pong.code, pong.body.trim()), (200, "pong"));
        assert!(node.is_running(), "{} ended by itself", node.name);
    }

    // And what they wrote down agrees: the leader was elected with that token, and the others heard of it.
    let elected = cluster.leaderships().into_iter().find(|leadership| leadership.token == agreement.token);
    assert_eq!(elected.map(|leadership| leadership.node), Some(agreement.leader), "{}", cluster.trace());
    let leader = cluster.nodes[agreement.leader].name.clone();
    for node in &cluster.nodes {
        let heard = || node.events().into_iter().any(|event| event.leader.as_ref() == Some(&leader));
        cluster.eventually("each writes down who leads", || heard().then_some(()));
    }
    cluster.assert_history();
}

#[test]
fn another_leads_when_the_leader_is_killed_and_the_old_one_follows_when_it_is_back() {
    crash_and_return(Storage::Diskless);
}

#[test]
fn the_same_with_a_data_dir() {
    crash_and_return(Storage::DataDir);
}

fn crash_and_return(storage: Storage) {
    let mut cluster = Cluster::start(&Setup { storage, ..Setup::unhurried() });
    let before = cluster.agreed("a first leader", |_| true);

    // When the leader is killed.
    cluster.nodes[before.leader].kill();

    // Then another leads, with a larger token.
    let after = cluster.agreed("another leader", |now| now.token > before.token);
    assert_ne!(after.leader, before.leader, "a dead node was elected\n{}", cluster.trace());

    // When the old leader is back.
    cluster.nodes[before.leader].start();

    // Then it follows, and does not lead. A leader that a busy machine has stalled may have been replaced meanwhile.
    let healed = cluster.agreed("three that agree", |_| true);
    assert!(healed.token >= after.token, "a token went back: {after:?}, {healed:?}\n{}", cluster.trace());
    if healed.token == after.token {
        assert_eq!(healed.leader, after.leader, "{}", cluster.trace());
        let status = cluster.nodes[before.leader].status().expect("it answers");
        assert_eq!(status["is_leader"], false, "{status:#}");
    }
    match storage {
        Storage::Diskless => {}
        Storage::DataDir => assert!(Path::new(&cluster.data_dir(before.leader)).is_dir(), "it has saved something"),
    }
    cluster.assert_history();
}

#[test]
fn a_leader_that_is_told_to_stop_hands_over_first() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut cluster = Cluster::start(&Setup::unhurried());
        let before = cluster.agreed("a first leader", |_| true);

        // When the leader is asked to stop, it ends in order.
        cluster.nodes[before.leader].signal(signal);
        let status = cluster.nodes[before.leader].exited();
        assert_eq!(status.code(), Some(0), "after {signal:?}\n{}", cluster.trace());

        // Then it has handed over.
        assert_handed_over(&cluster, &before);
    }
}

/// SIGHUP says either that the terminal was closed, or that files are to be read again: the terminal tells which.
#[test]
fn a_leader_whose_terminal_is_closed_hands_over_and_stays_while_it_is_open() {
    const TEST: &str = "a leader whose terminal is closed";
    if ignores_hangup() {
        return skipped(TEST, "the tests were started to outlive their terminal, and so is what they start");
    }
    let makes_terminals = Command::new("script").args(["-qc", "true", "/dev/null"]).stdin(Stdio::null()).output();
    if !makes_terminals.is_ok_and(|output| output.status.success()) {
        return skipped(TEST, "needs `script` of util-linux, and a system that has pseudo-terminals");
    }
    let mut cluster = Cluster::new(&Setup::unhurried());
    for node in &mut cluster.nodes {
        // The node takes the place of the shell that `script` starts, and `script` is the process that is ended with `kill`.
        node.prefix = ["sh", "-c", r#"exec script -qc "exec $*" /dev/null"#, "sh"].map(String::from).to_vec();
        node.start();
    }
    let before = cluster.agreed("a first leader", |_| true);

    // While its terminal is there, the signal only has it read its files again.
    let leader = &cluster.nodes[before.leader];
    kill_process(only_child(leader.pid()), Signal::HUP).expect("the node is ours to signal");
    let reread = || leader.log().contains("were read again").then_some(());
    cluster.eventually("it has read its files again", reread);
    assert!(leader.status().is_some_and(|status| status["is_leader"] == true), "{}", cluster.trace());

    // When its terminal is taken away, the leader ends in order.
    cluster.nodes[before.leader].kill();
    assert_handed_over(&cluster, &before);
    cluster.eventually("it has ended", || cluster.nodes[before.leader].status().is_none().then_some(()));
}

/// The process that this one has started.
fn only_child(parent: u32) -> Pid {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).expect("there is a /proc");
    children.trim().parse().ok().and_then(Pid::from_raw).expect("one child")
}

/// Its lease was over before anybody was elected, and that was its own doing.
fn assert_handed_over(cluster: &Cluster, before: &Agreement) {
    let successor = cluster.eventually("a successor", || cluster.successor(before.token));
    assert_ne!(successor.node, before.leader);
    let ended = cluster.leaderships().into_iter().find(|leadership| leadership.token == before.token);
    let (_, reason) = ended.and_then(|leadership| leadership.lost).expect("it wrote that it lost the lease");
    assert!(["transferred", "shutdown"].contains(&reason.as_str()), "lost for {reason}\n{}", cluster.trace());
    cluster.assert_history();
    cluster.agreed("the other two agree", |now| now.token >= successor.token);
}

/// Whether these tests were started under `nohup`, or the like: so is then what they start.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("there is a /proc");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("it tells of signals");
    u64::from_str_radix(ignored.trim(), 16).expect("a set of signals") & 1 == 1
}

#[test]
fn without_a_majority_nobody_leads() {
    let mut cluster = Cluster::start(&Setup::unhurried());
    let before = cluster.agreed("a first leader", |_| true);

    // When both followers are killed, the leader loses the lease and says so.
    for index in (0..3).filter(|index| *index != before.leader) {
        cluster.nodes[index].kill();
    }
    let leader = &cluster.nodes[before.leader];
    let lost = || leader.events().into_iter().find(|event| event.what == "lost" && event.token == Some(before.token));
    let lost = cluster.eventually("the leader loses the lease", lost);
    assert_eq!(lost.reason.as_deref(), Some("no_quorum"), "{}", cluster.trace());
    let refused = || leader.get("/leader").filter(|answer| answer.code == 503);
    cluster.eventually("it does not answer for the leader any more", refused);

    // When one comes back, there is a leader again, with a larger token.
    let back = (before.leader + 1) % 3;
    cluster.nodes[back].start();
    cluster.agreed("a leader again", |now| now.token > before.token);
    cluster.assert_history();
}

#[test]
fn the_later_of_two_with_one_name_stops_and_says_so() {
    let mut cluster = Cluster::start(&Setup::unhurried());
    cluster.agreed("a leader", |_| true);

    // When a file is copied, and only the port is changed.
    let text = fs::read_to_string(cluster.nodes[0].config_path()).expect("there is a configuration");
    let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
    config["listen_port"] = json!(ports::free());
    let path = cluster.dir().join("copy.json");
    fs::write(&path, config.to_string()).expect("a configuration can be written");

    // Then the copy ends by itself, with an exit code that tells a supervisor not to try again at once.
    let ended = run_to_end(&["run", path.to_str().expect("paths of tests are UTF-8")]);
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    assert!(ended.stderr.contains("identifier"), "{ended:#?}");

    // And the others go on.
    assert!(cluster.nodes[0].is_running(), "the earlier one stopped\n{}", cluster.trace());
    cluster.agreed("a leader still", |_| true);
    cluster.assert_history();
}
