//! A leader whose link is cut: it has stopped leading before anybody else begins.

use serde_json::json;

use crate::observed::{self, Reign};
use crate::skipped;
use crate::support::cluster::{Cluster, Places, Setup};
use crate::support::netns::{Cut, Network};

/// Leaders that are cut off while they lead.
const CUTS: usize = 20;

/// A busy machine may take the leadership from a leader just before its link is cut; those do not count.
const ATTEMPTS_MAX: usize = 60;

#[test]
fn a_leader_that_is_cut_off_has_stopped_leading_before_another_begins() {
    let network = match Network::new(3) {
        Ok(network) => network,
        Err(reason) => return skipped("a leader that is cut off", &reason),
    };
    let kinds = kinds_of_cut(&network);
    let setup = Setup {
        timing: json!("lan"),
        program: observed::program(),
        places: Places::Addresses((0..3).map(Network::address).collect()),
        ..Setup::unhurried()
    };
    let mut cluster = Cluster::new(&setup);
    for (machine, node) in cluster.nodes.iter_mut().enumerate() {
        node.prefix = network.prefix(machine);
        node.start();
    }

    let mut cuts = 0;
    for attempt in 0.. {
        let kind = kinds[attempt % kinds.len()];
        if was_leading_when_cut(&cluster, &network, kind) {
            cuts += 1;
        }
        if cuts == CUTS {
            break;
        }
        assert!(attempt < ATTEMPTS_MAX, "only {cuts} leaders could be cut off\n{}", cluster.trace());
    }
    observed::assert_disjoint(&cluster);
}

/// Whole cuts, and those in one direction where there is a packet filter.
fn kinds_of_cut(network: &Network) -> Vec<Cut> {
    let one_way = [Cut::Deaf, Cut::Mute];
    let possible = one_way.iter().try_for_each(|&cut| network.cut(0, cut).and_then(|()| network.mend(0, cut)));
    match possible {
        Ok(()) => vec![Cut::Whole, Cut::Deaf, Cut::Mute],
        Err(reason) => {
            skipped("leaders that are cut off in one direction only", &reason);
            vec![Cut::Whole]
        }
    }
}

/// Cuts the leader's link, waits for another leader, and mends the link. Gives whether it still led when it was cut.
fn was_leading_when_cut(cluster: &Cluster, network: &Network, cut: Cut) -> bool {
    let before = cluster.eventually("a leader that all follow", || observed::settled(cluster));
    let at = observed::now_ns();
    network.cut(before.node, cut).unwrap_or_else(|error| panic!("{error}"));

    let what = format!("another leader after a {cut:?} cut");
    let after = cluster.eventually(&what, || latest(cluster).filter(|reign| reign.node != before.node));
    let last = cluster.eventually("the old leader sees that it does not lead", || {
        let all = observed::reigns(cluster);
        all.into_iter().find(|reign| reign.node == before.node && reign.first == before.first)?.last
    });
    assert!(last < after.first, "{cut:?}: led until {last} after {after:?} began\n{}", cluster.trace());

    network.mend(before.node, cut).unwrap_or_else(|error| panic!("{error}"));
    last > at
}

fn latest(cluster: &Cluster) -> Option<Reign> {
    observed::reigns(cluster).pop()
}
