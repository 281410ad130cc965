//! Who is let in, and who has to leave for it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Admission, CONNECTIONS_MAX, CONNECTIONS_OF_ADDRESS_MAX, KEPT_FOR_LOOPBACK, Place, Places, share_of};

/// One of many addresses that share nothing.
fn address(number: usize) -> IpAddr {
    IpAddr::from([192, 0, 2, u8::try_from(number).unwrap()])
}

const LOOPBACK: &str = "127.0.0.1";

fn admitted(places: &Arc<Places>, from: IpAddr) -> Place {
    match places.admit(from) {
        Admission::Admitted(place) => place,
        other => panic!("{from}: {other:?}"),
    }
}

/// Takes so many, by as many addresses as it needs.
fn take(places: &Arc<Places>, count: usize) -> Vec<Place> {
    (0..count).map(|place| admitted(places, address(place / CONNECTIONS_OF_ADDRESS_MAX))).collect()
}

/// Whether that one was told to leave.
fn is_told(place: &Place) -> bool {
    use std::future::Future as _;
    let mut told = std::pin::pin!(place.told_to_leave());
    told.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
}

#[test]
fn who_comes_when_all_are_taken_has_the_longest_idle_closed() {
    let places = Places::new();
    let held = take(&places, CONNECTIONS_MAX);
    held[0].seat.moved_ms.store(1_000, Ordering::Relaxed);
    let Admission::InPlaceOf(newcomer) = places.admit(address(9)) else { panic!("there is room to be made") };
    assert!(!is_told(&held[0]), "it is not the one that was idle longest");
    assert_eq!(held.iter().position(is_told), Some(1));
    assert!(!is_told(&newcomer));
}

#[test]
fn where_the_system_has_no_room_the_longest_idle_leaves_and_who_is_served_stays() {
    let places = Places::new();
    let held = take(&places, 3);
    let busy = held[0].busy();
    held[1].seat.moved_ms.store(1_000, Ordering::Relaxed);
    assert!(places.make_room());
    assert_eq!(held.iter().position(is_told), Some(2));
    assert!(places.make_room());
    assert_eq!(held.iter().position(is_told), Some(1));
    assert!(!places.make_room(), "who is left is served");
    drop(busy);
    assert!(places.make_room());
}

#[test]
fn room_is_there_once_somebody_has_left_for_it_and_not_before() {
    use std::future::Future as _;
    let places = Places::new();
    let held = take(&places, 2);
    drop(admitted(&places, address(9)));
    assert!(places.make_room());
    let mut one_given_back = std::pin::pin!(places.one_given_back());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(one_given_back.as_mut().poll(&mut cx).is_pending(), "that was another one");
    drop(held);
    assert!(one_given_back.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn who_is_served_keeps_the_place_and_who_comes_is_refused() {
    let places = Places::new();
    let held = take(&places, CONNECTIONS_MAX);
    let mut busy: Vec<_> = held.iter().map(Place::busy).collect();
    assert!(matches!(places.admit(address(9)), Admission::Full));
    drop(busy.pop());
    assert!(matches!(places.admit(address(9)), Admission::InPlaceOf(_)));
    assert_eq!(held.iter().position(is_told), Some(CONNECTIONS_MAX - 1), "all others are served");
}

#[test]
fn an_address_has_a_share_and_pays_for_more_with_its_own() {
    let places = Places::new();
    let other = admitted(&places, address(1));
    let held: Vec<_> = (0..CONNECTIONS_OF_ADDRESS_MAX).map(|_| admitted(&places, address(0))).collect();
    let Admission::InPlaceOf(_newcomer) = places.admit(address(0)) else { panic!("it has more than its share") };
    assert!(is_told(&held[0]) && !is_told(&other));
    // Its place is counted no more, whether it has left yet or not.
    let busy: Vec<_> = held[1..].iter().map(Place::busy).collect();
    drop(held);
    assert!(matches!(places.admit(address(0)), Admission::Admitted(_)));
    drop(busy);
}

#[test]
fn the_address_that_has_most_makes_room_first() {
    let places = Places::new();
    let early = admitted(&places, address(100));
    let held = take(&places, CONNECTIONS_MAX - 1);
    let Admission::InPlaceOf(_newcomer) = places.admit(address(9)) else { panic!("there is room to be made") };
    assert!(!is_told(&early), "it was idle longer, and has one place alone");
    assert_eq!(held.iter().position(is_told), Some(0));
}

#[test]
fn the_own_machine_finds_a_place_when_all_others_are_served() {
    let places = Places::new();
    let held = take(&places, CONNECTIONS_MAX);
    let _busy: Vec<_> = held.iter().map(Place::busy).collect();
    let own: Vec<_> = (0..KEPT_FOR_LOOPBACK).map(|_| admitted(&places, LOOPBACK.parse().unwrap())).collect();
    let _own_busy: Vec<_> = own.iter().map(Place::busy).collect();
    assert!(matches!(places.admit(LOOPBACK.parse().unwrap()), Admission::Full));
}

#[tokio::test]
async fn the_end_is_when_all_have_gone() {
    let places = Places::new();
    let held = take(&places, 3);
    let waiter = tokio::spawn({
        let places = Arc::clone(&places);
        async move { places.all_given_back().await }
    });
    drop(held);
    waiter.await.unwrap();
}

#[test]
fn a_network_of_version_6_shares_and_so_do_all_spellings_of_loopback() {
    let same = |one: &str, other: &str| share_of(one.parse().unwrap()) == share_of(other.parse().unwrap());
    assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9") && !same("2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert!(same("::ffff:192.0.2.1", "192.0.2.1") && !same("192.0.2.1", "192.0.2.2"));
    assert!(same("127.0.0.1", "::1") && same("127.0.0.2", "::ffff:127.0.0.1"));
}
