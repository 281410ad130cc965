//! A leader whose process is frozen, and wakes into a cluster that has gone on without it.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::observed;
use crate::support::cluster::{Cluster, Setup};

/// The moment of waking is a race between the thread that asks and the loop that learns of the time; once is not enough.
const ROUNDS: usize = 5;

#[test]
fn a_leader_that_was_frozen_never_says_again_that_it_leads_before_it_has_won_again() {
    let setup = Setup { timing: json!("lan"), program: observed::program(), ..Setup::unhurried() };
    let cluster = Cluster::start(&setup);
    for round in 0..ROUNDS {
        let before = cluster.eventually("a leader that all follow", || observed::settled(&cluster));
        let frozen = &cluster.nodes[before.node];

        // When the leader is frozen for a second, another leads.
        frozen.signal(Signal::STOP);
        std::thread::sleep(Duration::from_secs(1));
        let after = cluster.eventually("another leader", || {
            observed::reigns(&cluster).pop().filter(|reign| reign.node != before.node)
        });

        // When it wakes, it learns that its leadership is over: its last moment lies before it was frozen.
        frozen.signal(Signal::CONT);
        let ended = cluster.eventually("the woken leader sees that it does not lead", || {
            let all = observed::reigns(&cluster);
            all.into_iter().find(|reign| reign.node == before.node && reign.first == before.first)?.last
        });
        assert!(ended < after.first, "round {round}: led until {ended} after {after:?} began\n{}", cluster.trace());
    }
    cluster.eventually("all follow one leader in the end", || observed::settled(&cluster));
    observed::assert_disjoint(&cluster);
}
