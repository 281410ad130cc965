//! What the status says of peers, which depends on who has reason to speak.

use std::sync::Arc;

use qcluster_api::{PeerSnapshot, Whereabouts};
use qcluster_core::{Config, Notification, Peer, Term, Time};

use crate::error::Stopped;
use crate::process::Process;
use crate::test_support::Puppet;

const HOUR_MS: u64 = 3_600_000;

/// One of three voters, which has just heard both others.
fn one_of_three() -> Puppet {
    let peers = [Peer::new("server_b", "localhost", 7002), Peer::new("server_c", "localhost", 7003)];
    let mut puppet = Puppet::of(Config::new("server_a", "localhost", 7001).with_peers(peers));
    let heard = Some(puppet.clock.now());
    note_peers(&mut puppet, [heard, heard]);
    puppet
}

/// Writes down when both others were heard.
fn note_peers(puppet: &mut Puppet, heard: [Option<Time>; 2]) {
    let voters = &puppet.publisher.subject.voters;
    let positions = (0..voters.len()).filter(|&position| voters[position].identifier != "server_a");
    let peer = |(position, heard)| PeerSnapshot {
        position,
        address: None,
        heard,
        step: qcluster_core::Step::Same,
        whereabouts: Whereabouts::Found,
        mismatch: None,
    };
    let peers: Vec<_> = positions.zip(heard).map(peer).collect();
    puppet.publisher.snapshots.write(|notes| notes.snapshot.peers = peers);
}

/// Whose time it tells.
fn told(puppet: &Puppet) -> Vec<String> {
    let peers = puppet.view.status().peers.into_iter();
    let mut told: Vec<_> = peers.filter(|peer| peer.heard_ms_ago.is_some()).map(|peer| peer.identifier).collect();
    told.sort();
    told
}

#[test]
fn the_silence_between_two_followers_is_not_told() {
    let mut puppet = one_of_three();
    assert_eq!(told(&puppet), ["server_b", "server_c"], "all ask all while nobody leads");
    let rules = &puppet.publisher.subject.rules;
    let leader = rules.indices().find(|index| rules.at(*index).id.as_str() == "server_b");
    puppet.notify(Notification::LeaderChanged { leader, term: Term(1) });
    assert_eq!(told(&puppet), ["server_b"]);
    assert_eq!(puppet.view.status().voters_answering, None);
}

#[test]
fn a_leader_tells_how_many_voters_answer() {
    let mut puppet = one_of_three();
    puppet.elect(7, HOUR_MS);
    assert_eq!(told(&puppet), ["server_b", "server_c"]);
    assert_eq!(puppet.view.status().voters_answering, Some(3));
    let heard = Some(puppet.clock.now());
    note_peers(&mut puppet, [None, heard]);
    assert_eq!(puppet.view.status().voters_answering, Some(2));
}

/// Nobody can connect to what stands for every address of a machine.
#[test]
fn a_node_that_listens_on_every_address_names_none_unless_it_advertises_one() {
    for (listen, advertise, expected) in [
        ("0.0.0.0", None, ""),
        ("::", None, ""),
        ("[::]", None, ""),
        ("0.0.0.0", Some("a.example"), "a.example"),
        ("10.0.0.7", None, "10.0.0.7"),
    ] {
        let mut config = Config::new("server_a", listen, 7001);
        (config.insecure, config.advertise_host) = (true, advertise.map(str::to_owned));
        let Puppet { view, .. } = Puppet::of(config);
        let voter = view.subject().voters[0].host.clone();
        assert_eq!((view.me().host.as_str(), voter.as_str()), (expected, expected), "{listen} {advertise:?}");
    }
}

/// S7: a child has the memory of the node, and not the node.
#[tokio::test]
async fn in_a_fork_of_its_process_a_node_is_said_to_be_elsewhere() {
    let mut puppet = Puppet::new();
    puppet.elect(7, 60_000);
    let view = Arc::get_mut(&mut puppet.view).unwrap();
    view.process = Process::other();
    assert_eq!((view.stopped(), view.why_stopped()), (Some(Stopped::Forked), Stopped::Forked));
    assert!(view.leadership().changed().await.is_err(), "nothing is waited for");
    assert_eq!(view.events().next().await, None);
    let (requests, _nobody) = tokio::sync::mpsc::channel(1);
    let asked = crate::requests::ask(view, &requests, qcluster_core::Command::StepDown).await;
    assert_eq!(asked, Err(crate::error::CommandError::Stopped(Stopped::Forked)));
}
