//! What was deleted does not come back, and what was merely missed is not taken for deleted (G8).

use super::{HOUR, Message, World, record_of, service};
use crate::id::Incarnation;
use crate::reason::DropReason;
use crate::registry::{Limits, Presence, Registry};
use crate::time::Span;

const LONGER: Span = Span::from_millis(4_000_000);

/// Three nodes, of which the last is cut off with what it knows.
fn cut_with_two_services() -> World {
    let mut world = World::new(3);
    world.register(0, &service("a", 1));
    world.register(0, &service("b", 1));
    world.settle(&[0, 1, 2]);
    world
}

#[test]
fn g8_what_was_deleted_during_a_cut_longer_than_tombstones_last_does_not_come_back() {
    let mut world = cut_with_two_services();
    world.deregister(0, "a");
    world.settle(&[0, 1]);
    world.pass(HOUR + LONGER);
    assert_eq!(world.nodes[1].registry.counts().tombstones, 0, "nothing remembers the deletion but the floor");
    assert_eq!(world.ids(2), ["a", "b"], "the cut-off side never heard of it");

    world.compare(1, 2);
    assert_eq!(world.ids(1), ["b"], "a third node refuses it");
    assert!(world.nodes[1].counters.dropped[DropReason::DeletedRecord] > 0);

    world.settle(&[0, 2]);
    assert_eq!(world.ids(2), ["b"], "the owner says again that it is gone");
    world.settle(&[0, 1, 2]);
    world.assert_agreed();
    assert_eq!(world.ids(0), ["b"]);
}

/// Wall clocks only show in incarnations, and nothing is compared with the present.
#[test]
fn g8_neither_with_clocks_that_differ_by_a_day() {
    let mut world = cut_with_two_services();
    world.deregister(0, "a");
    world.settle(&[0, 1]);
    // The cut-off node's own clock ran on by a day more than the others'.
    world.pass(HOUR + LONGER);
    let now = world.now + Span::from_millis(24 * 3_600_000);
    world.nodes[2].registry.timeout(&mut crate::registry::Context { now, counters: &mut crate::Counters::default() });
    world.settle(&[1, 2]);
    assert_eq!(world.ids(1), ["b"]);
    world.settle(&[0, 1, 2]);
    world.assert_agreed();
}

#[test]
fn g8_a_live_record_below_the_floor_that_was_merely_missed_gets_in_by_its_owner() {
    let mut world = World::new(3);
    world.register(0, &service("missed", 1));
    let missed = record_of(&mut world, 0, "missed");
    world.compare(0, 2);
    world.register(0, &service("deleted", 1));
    world.deregister(0, "deleted");
    let tombstone = record_of(&mut world, 0, "deleted");
    world.deliver(0, 1, &Message::Record(tombstone));
    world.pass(HOUR);
    assert_eq!(world.nodes[1].registry.counts().records, 0, "the tombstone is gone and left the floor");

    world.deliver(2, 1, &Message::Record(missed.clone()));
    assert!(world.ids(1).is_empty(), "from another it could be a ghost");
    world.deliver(0, 1, &Message::Record(missed));
    assert_eq!(world.ids(1), ["missed"], "its owner knows");
}

#[test]
fn g8_a_tombstone_below_the_floor_stays_out_so_that_none_lives_for_ever() {
    let mut world = World::new(2);
    world.register(0, &service("a", 1));
    world.deregister(0, "a");
    let tombstone = record_of(&mut world, 0, "a");
    world.deliver(0, 1, &Message::Record(tombstone.clone()));
    world.pass(HOUR);
    world.deliver(0, 1, &Message::Record(tombstone.clone()));
    assert_eq!(world.nodes[1].registry.counts().records, 0);
    world.deliver(1, 0, &Message::Record(tombstone));
    assert_eq!(world.nodes[0].registry.counts().records, 0, "nor does its owner write it again");
}

#[test]
fn g8_what_is_registered_anew_after_its_deletion_is_there() {
    let mut world = cut_with_two_services();
    world.deregister(0, "a");
    world.settle(&[0, 1]);
    world.pass(HOUR);
    world.register(0, &service("a", 2));
    world.settle(&[0, 1, 2]);
    world.assert_agreed();
    assert_eq!(world.ids(1), ["a", "b"]);
}

#[test]
fn g8_records_of_an_earlier_incarnation_stay_out_when_all_of_the_later_ones_are_gone() {
    let mut world = cut_with_two_services();
    let old = record_of(&mut world, 0, "b");
    let later = Incarnation(2 << 40);
    world.sees(1, 0, Presence::Here(later));
    assert!(world.ids(1).is_empty(), "a new incarnation begins with an empty list");
    world.deliver(2, 1, &Message::Record(old.clone()));
    assert_eq!(world.nodes[1].registry.counts().records, 0);

    let key = world.key(0);
    world.nodes[1].registry.forget_owner(key);
    world.deliver(2, 1, &Message::Record(old));
    assert_eq!(world.nodes[1].registry.counts().records, 0, "the latest incarnation stays known");
}

#[test]
fn g8_records_of_an_earlier_incarnation_stay_out_where_only_the_end_of_the_later_one_was_heard_of() {
    let mut world = cut_with_two_services();
    let (old, later) = (record_of(&mut world, 0, "b"), Incarnation(2 << 40));
    let (owner, me, incarnation) = (world.key(0), world.key(1), world.nodes[1].incarnation);
    world.nodes[1].registry = Registry::new(me, incarnation, Limits::default());
    world.nodes[1].registry.hear_of_incarnation(owner, later);
    world.sees(1, 0, Presence::Gone);
    world.deliver(2, 1, &Message::Owed(old));
    assert_eq!(world.nodes[1].registry.counts().records, 0, "a node that joins knows it as well as the others");

    world.nodes[2].registry.hear_of_incarnation(owner, later);
    world.sees(2, 0, Presence::Gone);
    assert_eq!(world.nodes[1].registry.root(), world.nodes[2].registry.root(), "and nothing is left to compare");
}

#[test]
fn g8_records_of_an_owner_that_was_given_up_come_back_only_with_it() {
    let mut world = cut_with_two_services();
    let key = world.key(0);
    world.sees(1, 0, Presence::Gone);
    world.nodes[1].registry.forget_owner(key);
    world.compare(1, 2);
    assert_eq!(world.nodes[1].registry.counts().records, 0, "those of others are not taken back");
    let incarnation = world.nodes[0].incarnation;
    world.sees(1, 0, Presence::Here(incarnation));
    world.compare(1, 2);
    assert_eq!(world.ids(1), ["a", "b"], "it is back, and so is what is known of it");
}

#[test]
fn g8_records_of_an_owner_that_no_membership_ever_heard_of_go_in_the_end() {
    let mut world = cut_with_two_services();
    let mut stranger = World::new(5);
    stranger.register(4, &service("x", 1));
    let record = record_of(&mut stranger, 4, "x");
    world.deliver(2, 1, &Message::Record(record.clone()));
    assert_eq!(world.nodes[1].registry.counts().records, 3, "the membership may hear of it later");
    world.pass(HOUR);
    assert_eq!(world.nodes[1].registry.counts().records, 2);
    world.deliver(2, 1, &Message::Record(record));
    assert_eq!(world.nodes[1].registry.counts().records, 2, "and then others' word does not bring it back");
}
