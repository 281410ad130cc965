//! Peers are looked up at the start and while they are quiet, and never more often than that.

use std::net::SocketAddr;

use qcluster_core::{NodeKey, Peer, Span, Time};

use super::{Found, Names, QUIET_LEASES, Whereabouts};
use qcluster_host::testing::in_time;

const LEASE: Span = Span::from_millis(150);
const QUIET: Span = Span::from_millis(150 * QUIET_LEASES);

fn peer(identifier: &str, host: &str) -> Peer {
    let (identifier, host) = (identifier.into(), host.into());
    Peer { identifier, host, port: 7002, priority: 0, metadata: qcluster_core::Metadata::new() }
}

fn names(peers: &[Peer]) -> Names {
    Names::new(peers.iter(), std::iter::empty(), LEASE)
}

/// The results of all lookups under way.
async fn all_found(names: &mut Names, reaches: impl Fn(SocketAddr) -> bool) -> Vec<Option<SocketAddr>> {
    let mut found = Vec::new();
    while !names.lookups.is_empty() {
        let result: Option<Found> = in_time(names.found(&reaches)).await;
        found.push(result.map(|(_, address)| address));
    }
    found
}

fn never_heard(_: NodeKey) -> Option<Time> {
    None
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn addresses_are_found_in_every_way_to_write_them() {
    for (host, expected) in
        [("10.0.0.7", "10.0.0.7:7002"), ("::1", "[::1]:7002"), ("[::1]", "[::1]:7002"), ("localhost", "127.0.0.1:7002")]
    {
        let mut names = names(&[peer("server_b", host)]);
        names.look_up(Time::ZERO, never_heard);
        assert_eq!(all_found(&mut names, |_| true).await, [Some(address(expected))], "{host}");
    }
}

#[tokio::test]
async fn the_family_is_chosen_for_each_peer_by_what_can_be_reached() {
    let mut names = names(&[peer("server_b", "localhost")]);
    names.look_up(Time::ZERO, never_heard);
    assert_eq!(all_found(&mut names, |address| address.is_ipv6()).await, [Some(address("[::1]:7002"))]);
    assert_eq!(names.failures, 0);
}

#[tokio::test]
async fn a_peer_that_stays_quiet_is_tried_at_its_other_addresses() {
    let mut names = names(&[peer("server_b", "localhost")]);
    names.look_up(Time::ZERO, never_heard);
    assert_eq!(all_found(&mut names, |_| true).await, [Some(address("127.0.0.1:7002"))]);
    names.look_up(Time::ZERO + QUIET, never_heard);
    assert_eq!(all_found(&mut names, |_| true).await, [Some(address("[::1]:7002"))]);
}

#[tokio::test]
async fn a_peer_that_is_heard_is_left_alone_until_it_goes_quiet() {
    let mut names = names(&[peer("server_b", "localhost")]);
    names.look_up(Time::ZERO, never_heard);
    all_found(&mut names, |_| true).await;
    let last_heard = Time::ZERO + QUIET.times(5);
    for periods in 1..=5 {
        names.look_up(Time::ZERO + QUIET.times(periods), |_| Some(Time::ZERO + QUIET.times(periods)));
        assert!(names.lookups.is_empty(), "after {periods} periods");
    }
    names.look_up(last_heard + QUIET, |_| Some(last_heard));
    assert_eq!(names.lookups.len(), 1);
}

#[tokio::test]
async fn lookups_of_a_quiet_peer_become_rarer() {
    let mut names = names(&[peer("server_b", "localhost")]);
    let mut lookups = 0;
    for periods in 0..200 {
        names.look_up(Time::ZERO + QUIET.times(periods), never_heard);
        lookups += all_found(&mut names, |_| true).await.len();
    }
    // At 0, 1, 3, 7 and 15 periods, then every 30 seconds, which is 20 periods.
    assert_eq!(lookups, 5 + 9);
}

#[tokio::test]
async fn lookups_at_once_are_bounded_and_all_have_their_turn() {
    let peers: Vec<Peer> = (0..10).map(|index| peer(&format!("server_{index}"), "localhost")).collect();
    let mut names = names(&peers);
    let mut found = 0;
    while found < peers.len() {
        names.look_up(Time::ZERO, never_heard);
        assert!(names.lookups.len() <= super::LOOKUPS_MAX);
        assert!(in_time(names.found(|_| true)).await.is_some());
        found += 1;
    }
    names.look_up(Time::ZERO, never_heard);
    assert!(names.lookups.is_empty());
}

#[tokio::test]
async fn an_address_that_cannot_be_reached_from_here_is_counted() {
    let mut names = names(&[peer("server_b", "10.0.0.7")]);
    names.look_up(Time::ZERO, never_heard);
    let key = names.peers[0].key;
    assert_eq!(names.whereabouts(key), Whereabouts::Unknown);
    assert_eq!(all_found(&mut names, |_| false).await, [None]);
    assert_eq!(names.failures, 1);
    assert_eq!(names.whereabouts(key), Whereabouts::OutOfReach);
}
