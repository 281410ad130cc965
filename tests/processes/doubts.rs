//! Voters that stood still while nobody took their place: they ask a quorum whether they are still the latest, and go on.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::netns::{Cut, Network};
use crate::skipped;
use crate::support::cluster::{Cluster, Places, Setup};
use crate::support::node::Node;

#[test]
fn a_voter_that_stood_still_and_was_not_replaced_takes_part_again() {
    // Given a follower that stands still for longer than its lease.
    let setup = Setup { timing: json!("lan"), ..Setup::unhurried() };
    let mut cluster = Cluster::start(&setup);
    let before = cluster.agreed("a leader", |_| true);
    let still = (before.leader + 1) % 3;
    take_part(&cluster, still);
    cluster.nodes[still].signal(Signal::STOP);
    outlast_its_lease(&cluster, still);

    // When it goes on, it is confirmed, and follows.
    cluster.nodes[still].signal(Signal::CONT);
    cluster.eventually("it has asked", || (times_asked(&cluster.nodes[still]) > 0).then_some(()));
    let together = cluster.agreed("it follows, and nothing is unconfirmed", |now| {
        now.leader != still && unconfirmed_by(&cluster.nodes[still]) == Some(json!(null))
    });

    // And it takes part: with the leader killed, nobody is elected without it.
    cluster.nodes[together.leader].kill();
    cluster.agreed("a leader with its vote", |now| now.token > together.token);
    assert!(cluster.nodes[still].lives(), "it has stopped\n{}", cluster.trace());
    cluster.assert_history();
}

#[test]
fn a_voter_that_stood_still_and_is_cut_off_names_those_it_waits_for() {
    let network = match Network::new(3) {
        Ok(network) => network,
        Err(reason) => return skipped("a voter that stood still and is cut off", &reason),
    };
    let setup = Setup {
        timing: json!("lan"),
        places: Places::Addresses((0..3).map(Network::address).collect()),
        ..Setup::unhurried()
    };
    let mut cluster = Cluster::new(&setup);
    for (machine, node) in cluster.nodes.iter_mut().enumerate() {
        network.admit(machine, node);
        node.start();
    }
    let before = cluster.agreed("a leader", |_| true);
    let still = (before.leader + 1) % 3;
    let node = &cluster.nodes[still];
    take_part(&cluster, still);

    // When a follower stands still for longer than its lease, and its link is cut before it goes on.
    node.signal(Signal::STOP);
    outlast_its_lease(&cluster, still);
    network.cut(still, Cut::Whole).unwrap_or_else(|error| panic!("{error}"));
    node.signal(Signal::CONT);

    // Then it says for whom it waits, to people and to monitors.
    let others: Vec<&str> =
        (0..3).filter(|voter| *voter != still).map(|voter| cluster.nodes[voter].name.as_str()).collect();
    cluster.eventually("it names both", || (unconfirmed_by(node)? == json!(others)).then_some(()));
    cluster.eventually("the metric says so", || says_unconfirmed(node, 1));
    cluster.eventually("so does the log", || node.log().contains("no other node took its place").then_some(()));

    // And once its link is mended it is confirmed, and follows.
    network.mend(still, Cut::Whole).unwrap_or_else(|error| panic!("{error}"));
    cluster.eventually("nothing is unconfirmed", || unconfirmed_by(node).filter(Value::is_null));
    cluster.eventually("the metric says so", || says_unconfirmed(node, 0));
    cluster.agreed("all three agree", |_| true);
}

/// Waits until the boot wait of that node is over: one that has promised nothing yet has nothing to ask.
fn take_part(cluster: &Cluster, node: usize) {
    cluster.eventually("its boot wait is over", || {
        cluster.nodes[node].get("/readiness").filter(|answer| answer.code == 200)
    });
}

/// Waits until another voter knows that this one stands still for longer than any lease that it may have promised.
fn outlast_its_lease(cluster: &Cluster, still: usize) {
    // Two that follow a third one have nothing to say to each other: it is the leader that misses it.
    let others: Vec<usize> = (0..3).filter(|voter| *voter != still).collect();
    let name = cluster.nodes[still].name.as_str();
    cluster.eventually("the leader misses it for two leases", || {
        let leader = cluster.agreement_among(&others)?.leader;
        let status = cluster.nodes[leader].status()?;
        let peer = status["peers"].as_array()?.iter().find(|peer| peer["identifier"] == name)?;
        peer["heard_ms_ago"].as_u64().filter(|ms| *ms > 300)
    });
}

/// What the status has; `null` where there is nothing to say.
fn unconfirmed_by(node: &Node) -> Option<Value> {
    node.status().map(|status| status["unconfirmed_by"].clone())
}

fn says_unconfirmed(node: &Node, value: u8) -> Option<()> {
    metrics(node)?.lines().any(|line| line == format!("qcluster_unconfirmed {value}")).then_some(())
}

fn times_asked(node: &Node) -> u64 {
    let metrics = metrics(node).unwrap_or_default();
    let count = metrics.lines().find_map(|line| line.strip_prefix("qcluster_inquiries_total "));
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

fn metrics(node: &Node) -> Option<String> {
    node.get("/metrics").map(|answer| answer.body)
}
