//! What nodes wrote down of their leaderships, audited: leases of real processes do not overlap, however late their ends were noticed.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::command_line::{ask, json_of};
use crate::support::cluster::{Cluster, Setup};
use crate::support::node::{Ended, run_to_end};

/// Audits the events files of all nodes, and others.
fn audit(cluster: &Cluster, others: &[&str]) -> Ended {
    let paths: Vec<_> = cluster.nodes.iter().map(super::support::node::Node::events_path).collect();
    let paths = paths.iter().map(|path| path.to_str().expect("paths of tests are UTF-8"));
    let arguments: Vec<&str> =
        ["audit", "--format", "json"].into_iter().chain(paths).chain(others.iter().copied()).collect();
    run_to_end(&arguments)
}

/// Token and node of each leadership whose beginning its node wrote down.
fn begun(report: &Value) -> Vec<(u64, String)> {
    let all = report["leaderships"].as_array().expect("a list");
    let begun = all.iter().filter(|leadership| !leadership["from_unix_s"].is_null());
    let named = |leadership: &Value| {
        let node = leadership["node"].as_str().expect("a name").to_owned();
        (leadership["token"].as_u64().expect("a token"), node)
    };
    begun.map(named).collect()
}

#[test]
fn a_leader_that_notices_late_overlaps_the_next_one_by_what_it_noticed_and_not_by_its_lease() {
    let mut cluster = Cluster::start(&Setup::unhurried());
    let first = cluster.agreed("a first leader", |_| true);
    let others: Vec<usize> = (0..3).filter(|index| *index != first.leader).collect();

    // Given a leader that stands still until another one leads, and has written so.
    cluster.nodes[first.leader].signal(Signal::STOP);
    cluster.eventually("another leader", || cluster.agreement_among(&others).filter(|now| now.token > first.token));
    let next = cluster.eventually("it has written so", || cluster.successor(first.token));

    // When it wakes, and writes what it has lost.
    cluster.nodes[first.leader].signal(Signal::CONT);
    let (noticed_s, _) = cluster
        .eventually("it notices", || cluster.leaderships().into_iter().find(|one| one.token == first.token)?.lost);
    assert!(noticed_s > next.elected_s, "{}", cluster.trace());
    for node in &mut cluster.nodes {
        node.signal(Signal::TERM);
        assert!(node.exited().success(), "{}", node.trace());
    }

    // Then its lease had ended before the other's began.
    let report = json_of(&audit(&cluster, &[]));
    let all = report["leaderships"].as_array().expect("a list");
    let of = |token: u64| all.iter().find(|one| one["token"] == token).expect("it is among them");
    let until_s = of(first.token)["until_unix_s_max"].as_f64().expect("an end");
    assert!(until_s <= of(next.token)["from_unix_s"].as_f64().expect("a beginning"), "{report:#}");
    assert_eq!(
        (&report["is_clean"], &report["overlaps"]),
        (&json!(true), &json!([])),
        "{report:#}\n{}",
        cluster.trace()
    );
}

#[test]
fn hand_overs_and_a_kill_leave_files_in_which_no_two_leaderships_overlap() {
    let mut cluster = Cluster::start(&Setup::unhurried());
    let mut leader = cluster.agreed("a first leader", |_| true);

    // Given two hand-overs, …
    for _ in 0..2 {
        let to = cluster.nodes[(leader.leader + 1) % 3].name.clone();
        json_of(&ask(&cluster.nodes[leader.leader], &["transfer", &to, "--format", "json"]));
        leader = cluster.agreed("the next leader", |now| now.token > leader.token);
    }

    // … and a leader that is killed, writes no end, and comes back.
    cluster.eventually("it has written that it leads", || {
        let events = cluster.nodes[leader.leader].events();
        events.iter().any(|event| event.what == "elected" && event.token == Some(leader.token)).then_some(())
    });
    cluster.nodes[leader.leader].kill();
    cluster.agreed("another leader", |now| now.token > leader.token);
    cluster.nodes[leader.leader].start();
    cluster.agreed("three that agree", |now| now.token > leader.token);
    for node in &mut cluster.nodes {
        node.signal(Signal::TERM);
        assert!(node.exited().success(), "{}", node.trace());
    }

    // When the files are audited. A thread that stands still between its two clocks tells a hand-over gap too short.
    let ended = audit(&cluster, &["--clock-difference", "1s"]);

    // Then nothing overlaps, and no leadership is left out.
    let report = json_of(&ended);
    let written = cluster.leaderships();
    let expected: Vec<_> = written.iter().map(|one| (one.token, cluster.nodes[one.node].name.clone())).collect();
    assert!(expected.len() >= 4, "{}", cluster.trace());
    assert_eq!(begun(&report), expected, "{report:#}\n{}", cluster.trace());
    assert_eq!(report["is_clean"], true, "{report:#}\n{}", cluster.trace());
    assert!(report["clock_difference_ms_max"].is_number(), "leaderships of two nodes: {report:#}");
    let endless = written.iter().rev().skip(1).filter(|one| one.lost.is_none()).count();
    assert_eq!(report["incomplete"]["without_end"], endless, "{report:#}\n{}", cluster.trace());
    let handed_over = written.iter().filter(|one| one.lost.as_ref().is_some_and(|(_, reason)| reason == "transferred"));
    assert_eq!(report["ended_by"]["transferred"]["leaderships"], handed_over.count(), "{report:#}");

    // When somebody claims a token that another one had, the audit fails and names both.
    let (token, name) = &expected[0];
    let forged = cluster.dir().join("forged.events");
    let claim = json!({ "unix_s": 1_764_000_000.5, "node": "server_x", "event": "elected", "token": token });
    fs::write(&forged, format!("{claim}\n")).expect("a file can be written");
    let ended = audit(&cluster, &[forged.to_str().expect("paths of tests are UTF-8")]);
    assert!(ended.code == Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&format!("token {token} was given to {name} and server_x")), "{ended:?}");

    // And a file that is not there is no audit.
    let ended = audit(&cluster, &["nowhere.events"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("cannot read nowhere.events"), "{ended:?}");
    assert_eq!(run_to_end(&["audit"]).code, Some(2));
}
