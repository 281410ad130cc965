//! A voter that stood still while nobody took its place: it goes on as if nothing had been.

use rustix::process::Signal;
use serde_json::json;

use crate::support::cluster::{Cluster, Setup};

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

    // When it goes on, it follows.
    cluster.nodes[still].signal(Signal::CONT);
    let together = cluster.agreed("it follows", |now| now.leader != still);

    // And it takes part: with the leader killed, nobody is elected without it.
    cluster.nodes[together.leader].kill();
    cluster.agreed("a leader with its vote", |now| now.token > together.token);
    assert!(cluster.nodes[still].is_running(), "it has stopped\n{}", cluster.trace());
    cluster.assert_history();
}

/// Waits until the boot wait of that node is over.
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
