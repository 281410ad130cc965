//! What is said of voters that are silent, and of a node that is itself in the way.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::facts;
use crate::{Access, NodeSnapshot, PeerSnapshot, StorageStatus, Subject, Whereabouts};
use qcluster_core::{Config, Peer, Time};

/// One of three voters.
fn three() -> Subject {
    let mut config = Config::new("server_a", "127.0.0.1", 7141);
    config.peers = alloc::vec![Peer::new("server_b", "nohost.invalid", 7142), Peer::new("server_c", "127.0.0.1", 7143)];
    config.insecure = true;
    config.listen_host = "0.0.0.0".into();
    let rules = Arc::new(config.settings().unwrap().check().unwrap());
    let me = config.as_peer();
    let known = |id: &str| config.peers.iter().chain([&me]).find(|peer| peer.identifier == id).cloned();
    let voters = rules.voters().iter().filter_map(|voter| known(voter.id.as_str())).map(Arc::new).collect();
    let access = Access::new(&config, None);
    Subject {
        me: Arc::new(me),
        cluster: config.cluster,
        listen: Vec::new(),
        rules,
        voters,
        access,
        expects_others: true,
    }
}

fn place(voters: &[Arc<Peer>], identifier: &str) -> usize {
    voters.iter().position(|voter| voter.identifier == identifier).unwrap()
}

#[test]
fn every_voter_that_is_silent_is_named_with_what_is_known_of_it() {
    let subject = three();
    let now = Time::from_millis(60_000);
    let b = |whereabouts, address: Option<&str>, heard| PeerSnapshot {
        step: qcluster_core::Step::Same,
        position: place(&subject.voters, "server_b"),
        address: address.map(|address| address.parse().unwrap()),
        heard,
        whereabouts,
    };
    let c = PeerSnapshot {
        step: qcluster_core::Step::Same,
        position: place(&subject.voters, "server_c"),
        address: Some("127.0.0.1:7143".parse().unwrap()),
        heard: None,
        whereabouts: Whereabouts::Found,
    };
    let told = |b| facts(&subject, &NodeSnapshot { peers: alloc::vec![b, c], ..NodeSnapshot::default() }, now);
    let silent_c = "server_c: never heard from 127.0.0.1:7143";
    for (b, expected) in [
        (b(Whereabouts::Nowhere, None, None), "1 of 3 voters heard; server_b: `nohost.invalid` has no address; "),
        (
            b(Whereabouts::OutOfReach, None, None),
            "1 of 3 voters heard; server_b: `nohost.invalid` has no address that can be reached from here; ",
        ),
        (b(Whereabouts::Unknown, None, None), "1 of 3 voters heard; server_b: `nohost.invalid` is being looked up; "),
        (
            b(Whereabouts::Nowhere, Some("10.0.0.2:7142"), Some(Time::from_millis(47_500))),
            "1 of 3 voters heard; server_b: not heard from 10.0.0.2:7142 for 12.5 s; ",
        ),
        (b(Whereabouts::Found, Some("10.0.0.2:7142"), Some(now)), "2 of 3 voters heard; "),
    ] {
        assert_eq!(told(b), format!("{expected}{silent_c}"));
    }
}

#[test]
fn a_node_that_cannot_save_says_that_it_is_itself_in_the_way() {
    let subject = three();
    let storage = StorageStatus::Failed { error: "hard_state: full".into() };
    let line = facts(&subject, &NodeSnapshot { storage, ..NodeSnapshot::default() }, Time::ZERO);
    assert!(line.ends_with("; this node abstains, since it could not save: hard_state: full"), "{line}");
}
