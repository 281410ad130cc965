//! Peers are looked up at the start and while they are quiet, and never more often than that.

use std::net::SocketAddr;

use qcluster_core::{NodeKey, Peer, Span, Time};

use super::{Lookup, Names, QUIET_LEASES, Reach, Whereabouts};

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
    let reach = |address| if reaches(address) { Reach::Other } else { Reach::None };
    let end = |lookup: Lookup| names.end_lookup((lookup.key, Ok(addresses(&lookup))), reach);
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
    for (host, expected) in [
        ("10.0.0.7", "10.0.0.7:7002"),
        ("::1", "[::1]:7002"),
        ("[::1]", "[::1]:7002"),
        ("::ffff:10.0.0.7", "10.0.0.7:7002"),
        ("localhost", "127.0.0.1:7002"),
    ] {
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
    assert_eq!(names.end_lookup((key, Err(std::io::ErrorKind::NotFound.into())), |_| Reach::Other), None);
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

/// Ends the lookup of one name with those addresses, of which `own` are this node's.
fn ends(names: &mut Names, key: NodeKey, addresses: &[&str], own: &[&str]) -> Option<SocketAddr> {
    let reach = |at: SocketAddr| if own.iter().any(|text| at == address(text)) { Reach::Itself } else { Reach::Other };
    let found = addresses.iter().map(|text| address(text)).collect();
    names.end_lookup((key, Ok(found)), reach).map(|(_, address)| address)
}

/// In an orchestrator a node has no name before it is up.
#[test]
fn the_own_name_is_looked_up_until_it_has_an_address_and_no_longer() {
    let me = NodeKey(7);
    let mut names = names(&[]);
    names.add_own(me, "me.example", 7001);
    assert_eq!(names.own_whereabouts(), Whereabouts::Unknown);
    let (mut now, mut pauses) = (Time::ZERO, Vec::new());
    for _ in 0..8 {
        let began = now;
        let lookups = loop {
            let lookups = names.begin_lookups(now, never_heard);
            if !lookups.is_empty() {
                break lookups;
            }
            now = now + LEASE;
        };
        pauses.push(now.since(began));
        assert_eq!(lookups, [Lookup { key: me, host: "me.example".into(), port: 7001 }]);
        assert_eq!(names.end_lookup((me, Err(std::io::ErrorKind::NotFound.into())), |_| Reach::Other), None);
        assert_eq!(names.own_whereabouts(), Whereabouts::Nowhere);
    }
    assert!(pauses.is_sorted() && pauses[7] <= QUIET.times(20), "{pauses:?}");
    // It may be an address that leads here from elsewhere alone, and the first one stays.
    let lookups = names.begin_lookups(now + QUIET.times(40), never_heard);
    let reach = |_| Reach::None;
    let found = vec![address("0.0.0.0:7001"), address("192.0.2.1:7001"), address("192.0.2.2:7001")];
    assert_eq!(names.end_lookup((lookups[0].key, Ok(found)), reach), Some((me, address("192.0.2.1:7001"))));
    assert_eq!(names.own_whereabouts(), Whereabouts::Found);
    assert_eq!(names.begin_lookups(now + QUIET.times(400), never_heard), []);
}

#[test]
fn names_that_lead_to_this_node_alone_are_looked_up_again_until_they_lead_to_others() {
    let seeds = [("all.example", 7001), ("10.0.0.1", 7001)];
    let mut names = Names::new(std::iter::empty(), seeds.into_iter(), LEASE);
    names.add_own(NodeKey(7), "me.example", 7001);
    let own = ["10.0.0.1:7001"];
    let first = names.begin_lookups(Time::ZERO, never_heard);
    let [all, one] = [first[0].key, first[1].key];
    // Given that one of two was looked up, then it is not known yet, …
    assert_eq!(ends(&mut names, all, &own, &own), None);
    assert!(!names.joins_itself());
    // … and with the other it is.
    assert_eq!(ends(&mut names, one, &own, &own), None);
    assert!(names.joins_itself());
    assert_eq!(names.failures, 0);
    // When the name has an address of somebody else, then that is who is tried, whichever comes first.
    let again = names.begin_lookups(Time::ZERO + QUIET, never_heard);
    assert!(again.iter().any(|lookup| lookup.key == all), "{again:?}");
    let more = ["10.0.0.1:7001", "10.0.0.2:7001"];
    assert_eq!(ends(&mut names, all, &more, &own), Some(address("10.0.0.2:7001")));
    assert!(!names.joins_itself());
    // Where all are gone again, that is known again; one that cannot be looked up may be anybody.
    names.begin_lookups(Time::ZERO + QUIET.times(10), never_heard);
    assert_eq!(ends(&mut names, all, &own, &own), None);
    assert_eq!(ends(&mut names, one, &own, &own), None);
    assert!(names.joins_itself());
    names.begin_lookups(Time::ZERO + QUIET.times(40), never_heard);
    names.end_lookup((all, Err(std::io::ErrorKind::NotFound.into())), |_| Reach::Other);
    assert!(!names.joins_itself());
}

#[test]
fn who_is_told_of_peers_or_of_nobody_does_not_join_itself() {
    assert!(!names(&[]).joins_itself());
    let mut names = Names::new([peer("server_b", "b.example")].iter(), [("all.example", 7001)].into_iter(), LEASE);
    for Lookup { key, .. } in names.begin_lookups(Time::ZERO, never_heard) {
        ends(&mut names, key, &["10.0.0.1:7001"], &["10.0.0.1:7001"]);
    }
    assert!(!names.joins_itself());
}

#[test]
fn every_address_of_a_machine_is_no_address_of_a_peer() {
    let mut names = names(&[peer("server_b", "b.example")]);
    let key = names.begin_lookups(Time::ZERO, never_heard)[0].key;
    assert_eq!(ends(&mut names, key, &["0.0.0.0:7002", "[::]:7002"], &[]), None);
    assert_eq!(names.whereabouts(key), Whereabouts::OutOfReach);
}
