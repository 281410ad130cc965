//! What is said while nobody leads, and how often.

use std::sync::Arc;

use qcluster_core::{Config, Peer, Rules, Span, Time};

use super::{PAUSE_MAX, Vacancy, facts};
use crate::names::Whereabouts;
use crate::status::{PeerSnapshot, Snapshot, StorageStatus};

fn peer(identifier: &str, host: &str, port: u16) -> Peer {
    let (identifier, host) = (identifier.into(), host.into());
    Peer { identifier, host, port, priority: 0, metadata: qcluster_core::Metadata::new() }
}

/// One of three voters, and all three in the order of its rules.
fn three() -> (Rules, Vec<Arc<Peer>>) {
    let mut config = Config::new("server_a", "127.0.0.1", 7141);
    config.peers = vec![peer("server_b", "nohost.invalid", 7142), peer("server_c", "127.0.0.1", 7143)];
    config.insecure = true;
    config.listen_host = "0.0.0.0".into();
    let rules = config.settings().unwrap().check().unwrap();
    let me = config.as_peer();
    let known = |id: &str| config.peers.iter().chain([&me]).find(|peer| peer.identifier == id).cloned();
    let voters = rules.voters().iter().filter_map(|voter| known(voter.id.as_str())).map(Arc::new).collect();
    (rules, voters)
}

fn place(voters: &[Arc<Peer>], identifier: &str) -> usize {
    voters.iter().position(|voter| voter.identifier == identifier).unwrap()
}

#[test]
fn every_voter_that_is_silent_is_named_with_what_is_known_of_it() {
    let (rules, voters) = three();
    let now = Time::from_millis(60_000);
    let b = |whereabouts, address: Option<&str>, heard| PeerSnapshot {
        position: place(&voters, "server_b"),
        address: address.map(|address| address.parse().unwrap()),
        heard,
        whereabouts,
    };
    let c = PeerSnapshot {
        position: place(&voters, "server_c"),
        address: Some("127.0.0.1:7143".parse().unwrap()),
        heard: None,
        whereabouts: Whereabouts::Found,
    };
    let told = |b| facts(&rules, &voters, &Snapshot { peers: vec![b, c], ..Snapshot::default() }, now);
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
    let (rules, voters) = three();
    let storage = StorageStatus::Failed { error: "hard_state: full".into() };
    let line = facts(&rules, &voters, &Snapshot { storage, ..Snapshot::default() }, Time::ZERO);
    assert!(line.ends_with("; this node abstains, since it could not save: hard_state: full"), "{line}");
}

#[test]
fn it_is_said_after_ten_leases_and_ever_more_seldom_and_anew_after_a_leader() {
    let (rules, _) = three();
    let mut vacancy = Vacancy::new(&rules);
    let step = Span::from_millis(100);
    let lease = rules.timing().lease;
    let mut now = Time::from_millis(5_000);
    let begin = now;
    let mut said = Vec::new();
    while now < begin + PAUSE_MAX.times(6) {
        if vacancy.lasts(now) {
            said.push(now);
        }
        now = now + step;
    }
    assert_eq!(said[0], begin + lease.times(10));
    let pauses: Vec<Span> = said.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert_eq!(pauses[0], lease.times(10));
    assert!(pauses.is_sorted() && pauses.last() == Some(&PAUSE_MAX), "{pauses:?}");
    vacancy.over();
    assert!(!vacancy.lasts(now), "a new vacancy has its own ten leases");
    assert!(vacancy.lasts(now + lease.times(10)));
}
