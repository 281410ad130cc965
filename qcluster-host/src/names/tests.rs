//! Peers are looked up at the start and while they are quiet, and never more often than that.

use std::net::SocketAddr;

use qcluster_core::{NodeKey, Peer, Span, Time};

use super::{Lookup, Names, QUIET_LEASES, Whereabouts};

const LEASE: Span = Span::from_millis(150);
const QUIET: Span = Span::from_millis(150 * QUIET_LEASES);

fn peer(identifier: &str, host: &str) -> Peer {
    Peer::new(identifier, host, 7002)
}

fn names(peers: &[Peer]) -> Names {
    Names::new(peers.iter(), std::iter::empty(), LEASE)
}

/// Ends all those lookups, of which none needs a resolver.
fn all_found(names: &mut Names, lookups: Vec<Lookup>, reaches: impl Fn(SocketAddr) -> bool) -> Vec<Option<SocketAddr>> {
    let addresses = |lookup: &Lookup| lookup.literal().expect("it is an address, or this machine");
    let end = |lookup: Lookup| names.end_lookup((lookup.key, Ok(addresses(&lookup))), &reaches);
    lookups.into_iter().map(end).map(|found| found.map(|(_, address)| address)).collect()
}

fn never_heard(_: NodeKey) -> Option<Time> {
    None
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn addresses_are_found_in_every_way_to_write_them() {
    for (host, expected) in
        [("10.0.0.7", "10.0.0.7:7002"), ("::1", "[::1]:7002"), ("[::1]", "[::1]:7002"), ("localhost", "127.0.0.1:7002")]
    {
        let mut names = names(&[peer("server_b", host)]);
        let lookups = names.begin_lookups(Time::ZERO, never_heard);
        assert_eq!(all_found(&mut names, lookups, |_| true), [Some(address(expected))], "{host}");
    }
}

#[test]
fn the_family_is_chosen_for_each_peer_by_what_can_be_reached() {
    let mut names = names(&[peer("server_b", "localhost")]);
    let lookups = names.begin_lookups(Time::ZERO, never_heard);
    assert_eq!(all_found(&mut names, lookups, |address| address.is_ipv6()), [Some(address("[::1]:7002"))]);
    assert_eq!(names.failures, 0);
}

#[test]
fn a_peer_that_stays_quiet_is_tried_at_its_other_addresses() {
    let mut names = names(&[peer("server_b", "localhost")]);
    let lookups = names.begin_lookups(Time::ZERO, never_heard);
    assert_eq!(all_found(&mut names, lookups, |_| true), [Some(address("127.0.0.1:7002"))]);
    let lookups = names.begin_lookups(Time::ZERO + QUIET, never_heard);
    assert_eq!(all_found(&mut names, lookups, |_| true), [Some(address("[::1]:7002"))]);
}

#[test]
fn a_peer_that_is_heard_is_left_alone_until_it_goes_quiet() {
    let mut names = names(&[peer("server_b", "localhost")]);
    let lookups = names.begin_lookups(Time::ZERO, never_heard);
    all_found(&mut names, lookups, |_| true);
    let last_heard = Time::ZERO + QUIET.times(5);
    for periods in 1..=5 {
        let now = Time::ZERO + QUIET.times(periods);
        assert_eq!(names.begin_lookups(now, |_| Some(now)), [], "after {periods} periods");
    }
    assert_eq!(names.begin_lookups(last_heard + QUIET, |_| Some(last_heard)).len(), 1);
}

#[test]
fn lookups_of_a_quiet_peer_become_rarer() {
    let mut names = names(&[peer("server_b", "localhost")]);
    let mut count = 0;
    for periods in 0..200 {
        let lookups = names.begin_lookups(Time::ZERO + QUIET.times(periods), never_heard);
        count += all_found(&mut names, lookups, |_| true).len();
    }
    // At 0, 1, 3, 7 and 15 periods, then every 30 seconds, which is 20 periods.
    assert_eq!(count, 5 + 9);
}

#[test]
fn lookups_at_once_are_bounded_and_all_have_their_turn() {
    let peers: Vec<Peer> = (0..10).map(|index| peer(&format!("server_{index}"), "localhost")).collect();
    let mut names = names(&peers);
    let mut under_way = Vec::new();
    for found in 0..peers.len() {
        under_way.extend(names.begin_lookups(Time::ZERO, never_heard));
        assert_eq!(under_way.len(), super::LOOKUPS_MAX.min(peers.len() - found));
        let first = under_way.remove(0);
        assert!(all_found(&mut names, vec![first], |_| true)[0].is_some());
    }
    assert_eq!(names.begin_lookups(Time::ZERO, never_heard), []);
    assert!(!names.is_looking_up());
}

#[test]
fn an_address_that_cannot_be_reached_from_here_is_counted() {
    let mut names = names(&[peer("server_b", "10.0.0.7")]);
    let lookups = names.begin_lookups(Time::ZERO, never_heard);
    let key = lookups[0].key;
    assert_eq!(names.whereabouts(key), Whereabouts::Unknown);
    assert_eq!(all_found(&mut names, lookups, |_| false), [None]);
    assert_eq!(names.failures, 1);
    assert_eq!(names.whereabouts(key), Whereabouts::OutOfReach);
}

#[test]
fn a_name_that_is_not_known_is_counted_and_tried_again() {
    let mut names = names(&[peer("server_b", "server_b.example")]);
    let lookups = names.begin_lookups(Time::ZERO, never_heard);
    assert_eq!(lookups[0].literal(), None, "it takes a resolver");
    let key = lookups[0].key;
    assert_eq!(names.end_lookup((key, Err(std::io::ErrorKind::NotFound.into())), |_| true), None);
    assert_eq!((names.failures, names.whereabouts(key)), (1, Whereabouts::Nowhere));
    assert_eq!(names.begin_lookups(Time::ZERO + QUIET, never_heard), lookups);
}

#[test]
fn a_result_that_nobody_waits_for_is_ignored() {
    let peers: Vec<Peer> = (0..3).map(|index| peer(&format!("server_{index}"), "localhost")).collect();
    let mut names = names(&peers);
    let lookups = names.begin_lookups(Time::ZERO, never_heard);
    assert!(all_found(&mut names, lookups.clone(), |_| true).iter().all(Option::is_some));
    assert_eq!(all_found(&mut names, lookups, |_| true), [None; 3]);
    assert!(!names.is_looking_up());
}
