//! Tests.

use super::*;

fn address(number: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], number))
}

#[test]
fn seeds_and_past_members_take_turns() {
    let mut book = Book::new(Time::ZERO);
    let mut rng = Rng::new(1);
    for seed in 1..=3 {
        assert!(book.add_seed(Contact::Address(address(seed))));
    }
    assert!(!book.add_seed(Contact::Address(address(1))), "it stands there");
    book.remember(5, address(50), &mut rng);
    let tried: Vec<Contact> = (0..8).filter_map(|_| book.next(&mut rng, |_| false)).collect();
    let count = |port| tried.iter().filter(|contact| **contact == Contact::Address(address(port))).count();
    assert_eq!(count(50), 4, "{tried:?}");
    assert!((1..=3).all(|seed| count(seed) >= 1), "{tried:?}");
}

#[test]
fn who_is_there_is_not_tried_and_somebody_else_is() {
    let mut book = Book::new(Time::ZERO);
    let mut rng = Rng::new(1);
    book.add_seed(Contact::Address(address(1)));
    book.add_seed(Contact::Address(address(2)));
    let is_there = |contact: &Contact| *contact == Contact::Address(address(1));
    for _ in 0..8 {
        assert_eq!(book.next(&mut rng, is_there), Some(Contact::Address(address(2))));
    }
    assert_eq!(book.next(&mut rng, |_| true), None);
}

#[test]
fn the_past_is_bounded_and_every_part_of_it_is_tried() {
    let mut book = Book::new(Time::ZERO);
    let mut rng = Rng::new(1);
    for member in 0..3_000_u64 {
        book.remember(crate::rng::mix(member), address(7), &mut rng);
    }
    assert_eq!(book.past.len(), Book::PAST_MAX);
    let mut few = Book::new(Time::ZERO);
    for member in 0..10_u16 {
        few.remember(crate::rng::mix(member.into()), address(member), &mut rng);
    }
    let mut tried: Vec<Contact> = (0..500).filter_map(|_| few.next(&mut rng, |_| false)).collect();
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried.len(), 10);
}
