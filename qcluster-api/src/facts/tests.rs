//! What is said of voters that are silent, and of a node that is itself in the way.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{facts, quorum_status};
use crate::{Mismatch, NodeSnapshot, PeerSnapshot, SilentReason, StorageStatus, Subject, Whereabouts};
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
    Subject {
        me: Arc::new(me),
        cluster: config.cluster,
        listen: Vec::new(),
        api_listen: Vec::new(),
        rules,
        voters,
        expects_others: true,
    }
}

fn place(voters: &[Arc<Peer>], identifier: &str) -> usize {
    voters.iter().position(|voter| voter.identifier == identifier).unwrap()
}

/// What is said at `now`.
fn line(subject: &Subject, snapshot: &NodeSnapshot, now: Time) -> String {
    facts(subject, snapshot, &quorum_status(subject, snapshot, now))
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
        mismatch: None,
    };
    let c = PeerSnapshot {
        step: qcluster_core::Step::Same,
        position: place(&subject.voters, "server_c"),
        address: Some("127.0.0.1:7143".parse().unwrap()),
        heard: None,
        whereabouts: Whereabouts::Found,
        mismatch: None,
    };
    let told = |b| line(&subject, &NodeSnapshot { peers: alloc::vec![b, c], ..NodeSnapshot::default() }, now);
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
    let line = line(&subject, &NodeSnapshot { storage, ..NodeSnapshot::default() }, Time::ZERO);
    assert!(line.ends_with("; this node abstains, since it could not save: hard_state: full"), "{line}");
}

#[test]
fn a_voter_with_another_configuration_is_not_merely_silent() {
    let subject = three();
    let now = Time::from_millis(60_000);
    let b = |heard: Option<u64>, mismatched: Option<u64>| PeerSnapshot {
        step: qcluster_core::Step::Same,
        position: place(&subject.voters, "server_b"),
        address: Some("10.0.0.2:7142".parse().unwrap()),
        heard: heard.map(Time::from_millis),
        whereabouts: Whereabouts::Found,
        mismatch: mismatched.map(|at| Mismatch { at: Time::from_millis(at), theirs: None }),
    };
    for (peer, heard, reason) in [
        (b(None, Some(59_000)), 1, Some(SilentReason::OtherConfiguration)),
        (b(Some(20_000), Some(59_000)), 1, Some(SilentReason::OtherConfiguration)),
        // It was given the right one since.
        (b(Some(20_000), Some(10_000)), 1, Some(SilentReason::NotHeard)),
        (b(Some(59_500), Some(59_000)), 2, None),
    ] {
        let snapshot = NodeSnapshot { peers: alloc::vec![peer], ..NodeSnapshot::default() };
        let quorum = quorum_status(&subject, &snapshot, now);
        assert_eq!((quorum.voters, quorum.heard), (3, heard), "{peer:?}");
        assert_eq!(quorum.silent.first().map(|voter| voter.reason), reason, "{peer:?}");
        let line = line(&subject, &snapshot, now);
        let says_so = line.contains("server_b: has other voters, priorities, leases or drift bound");
        assert_eq!(says_so, reason == Some(SilentReason::OtherConfiguration), "{line}");
    }
}

#[test]
fn who_waits_for_others_in_a_change_of_voters_says_for_whom() {
    let subject = three();
    let now = Time::from_millis(60_000);
    let peer = |name: &str, step| PeerSnapshot {
        step,
        position: place(&subject.voters, name),
        address: Some("10.0.0.2:7142".parse().unwrap()),
        heard: Some(now),
        whereabouts: Whereabouts::Found,
        mismatch: None,
    };
    for (step, says) in [
        (qcluster_core::Step::Same, ""),
        (qcluster_core::Step::Earlier, "; server_b, server_c still have the old list of voters alone"),
        (qcluster_core::Step::Later, "; server_b, server_c have taken a later step of the change of voters"),
    ] {
        let peers = alloc::vec![peer("server_b", step), peer("server_c", step)];
        let line = line(&subject, &NodeSnapshot { peers, ..NodeSnapshot::default() }, now);
        assert!(line.starts_with(&alloc::format!("3 of 3 voters heard{says}")), "{line}");
    }
}
