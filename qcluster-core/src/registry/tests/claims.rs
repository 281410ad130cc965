//! Only the owner writes (G5): what others say of its records it puts right.

use alloc::string::String;

use super::{Message, World, record_of, service};
use crate::id::Incarnation;
use crate::reason::DropReason;
use crate::registry::{Record, RecordBody, ServiceFacts};

fn lie(world: &mut World, change: impl FnOnce(&mut Record)) -> Message {
    let mut record = record_of(world, 0, "a");
    change(&mut record);
    Message::Record(record)
}

/// A world in which everybody knows of the service `a` of node 0.
fn world() -> World {
    let mut world = World::new(3);
    world.register(0, &service("a", 1));
    world.settle(&[0, 1, 2]);
    world
}

#[test]
fn g5_a_lie_about_anothers_record_is_put_right_by_its_owner_and_counted() {
    let mut world = world();
    let deleted = lie(&mut world, |record| {
        record.version += 5;
        record.body = RecordBody::Deleted;
    });
    world.deliver(2, 1, &deleted);
    assert!(world.ids(1).is_empty(), "who cannot know believes it for a while");
    world.compare(0, 1);
    assert_eq!(world.nodes[0].counters.own_claims, 1);
    assert_eq!(world.ids(1), ["a"]);
    world.settle(&[0, 1, 2]);
    world.assert_agreed();
    assert_eq!(world.nodes[0].counters.own_claims, 1, "once is enough");
}

#[test]
fn g5_a_lie_of_the_same_version_is_put_right_too() {
    for port in 2..20 {
        let mut world = world();
        let other = lie(&mut world, |record| {
            if let RecordBody::Service(facts) = &mut record.body {
                facts.port = port;
            }
        });
        world.deliver(2, 1, &other);
        world.deliver(1, 0, &other);
        world.settle(&[0, 1, 2]);
        assert_eq!(world.nodes[0].counters.own_claims, 1);
        world.assert_agreed();
    }
}

#[test]
fn g5_an_invented_record_is_deleted_by_the_owner_that_never_wrote_it() {
    let mut world = world();
    let invented = lie(&mut world, |record| {
        record.id = "invented".into();
        record.version += 3;
    });
    world.deliver(2, 1, &invented);
    assert_eq!(world.ids(1), ["a", "invented"]);
    world.settle(&[0, 1, 2]);
    assert_eq!(world.ids(1), ["a"]);
    world.assert_agreed();
}

#[test]
fn g5_two_contents_of_one_version_end_as_one_everywhere_without_their_owner() {
    let mut world = world();
    let one = lie(&mut world, |record| record.version += 1);
    let other = lie(&mut world, |record| {
        record.version += 1;
        record.body = RecordBody::Deleted;
    });
    world.deliver(2, 1, &one);
    world.deliver(2, 1, &other);
    world.deliver(1, 2, &other);
    world.deliver(1, 2, &one);
    assert_eq!(world.view(1), world.view(2), "whatever the order");
    assert_eq!(world.nodes[1].registry.root(), world.nodes[2].registry.root());
}

#[test]
fn g5_a_claim_of_a_later_incarnation_is_told_and_a_still_later_one_has_the_last_word() {
    let mut world = world();
    let claimed = Incarnation(5 << 40);
    let later = lie(&mut world, |record| record.incarnation = claimed);
    world.deliver(2, 1, &later);
    assert!(world.ids(1).is_empty(), "nobody is there in that incarnation");
    assert_eq!(world.deliver(1, 0, &later), Some(claimed), "the node is to go above it");
    assert_eq!(world.nodes[0].counters.own_claims, 1);

    let (incarnation, now) = (Incarnation(6 << 40), world.now);
    world.nodes[0].registry.rename(now, incarnation);
    world.nodes[0].incarnation = incarnation;
    for n in [1, 2] {
        world.sees(n, 0, crate::registry::Presence::Here(incarnation));
    }
    world.settle(&[0, 1, 2]);
    world.assert_agreed();
    assert_eq!(world.ids(1), ["a"]);
}

#[test]
fn absurd_versions_and_incarnations_are_dropped_and_counted() {
    let mut world = world();
    for change in [
        (|record: &mut Record| record.version = u64::MAX) as fn(&mut Record),
        |record| record.incarnation = Incarnation(u64::MAX),
        |record| record.incarnation = Incarnation::UNKNOWN,
    ] {
        let absurd = lie(&mut world, change);
        for to in [0, 1] {
            let before = world.nodes[to].registry.clone();
            assert_eq!(world.deliver(2, to, &absurd), None);
            assert_eq!(world.nodes[to].registry, before);
        }
    }
    assert_eq!(world.nodes[0].counters.dropped[DropReason::HugeVersion], 3);
    assert_eq!(world.nodes[1].counters.dropped[DropReason::HugeVersion], 3);
}

/// The highest version that is believed does not silence its owner: it answers in its next incarnation.
#[test]
fn the_highest_version_does_not_end_in_a_panic_or_a_loop() {
    let mut world = world();
    let highest = lie(&mut world, |record| {
        record.version = Record::VERSION_MAX;
        record.body = RecordBody::Deleted;
    });
    world.deliver(2, 0, &highest);
    world.register(0, &service("b", 1));
    world.settle(&[0, 1, 2]);
    assert!(world.ids(1).contains(&"b".into()), "what it writes next is believed as well");
}

/// A newer version of a service's record, with something changed.
fn newer(change: impl FnOnce(&mut ServiceFacts)) -> impl FnOnce(&mut Record) {
    |record| {
        record.version += 1;
        if let RecordBody::Service(facts) = &mut record.body {
            change(facts);
        }
    }
}

#[test]
fn damaged_records_are_dropped_and_counted_and_change_nothing() {
    let mut world = world();
    let long = |len: usize| "x".repeat(len);
    let damaged = [
        lie(&mut world, newer(|facts| facts.name = String::new())),
        lie(&mut world, newer(|facts| facts.name = long(65))),
        lie(&mut world, newer(|facts| facts.name = "a b".into())),
        lie(&mut world, newer(|facts| facts.host = Some(long(254)))),
        lie(&mut world, newer(|facts| facts.tags = alloc::vec!["t".into(); 17])),
        lie(&mut world, newer(|facts| facts.tags = alloc::vec![long(65)])),
        lie(&mut world, newer(|facts| facts.metadata = long(10))),
        lie(&mut world, newer(|facts| facts.metadata = "[]".into())),
        lie(&mut world, newer(|facts| facts.metadata = alloc::format!("{{\"a\":\"{}\"}}", long(600)))),
        lie(&mut world, newer(|facts| facts.metadata = alloc::format!("{{\"a\":{}}}", "[".repeat(400)))),
        lie(&mut world, newer(|facts| facts.ttl_ms = Some(0))),
        lie(&mut world, newer(|facts| facts.ttl_ms = Some(u64::MAX))),
        lie(&mut world, |record| record.id = "a/b".into()),
        lie(&mut world, |record| record.id = String::new()),
        lie(&mut world, |record| record.body = RecordBody::Metadata("{}".into())),
    ];
    let before = world.nodes[1].registry.clone();
    for record in &damaged {
        world.deliver(2, 1, record);
        assert_eq!(world.nodes[1].registry, before, "{record:?}");
    }
    assert_eq!(world.nodes[1].counters.dropped[DropReason::BadRecord], damaged.len() as u64);
}

/// The owner goes above the incarnation that is claimed of it, and the others see that.
fn rise_above(world: &mut World, claimed: Incarnation) {
    let (incarnation, now) = (claimed.above(0), world.now);
    world.nodes[0].registry.rename(now, incarnation);
    world.nodes[0].incarnation = incarnation;
    for n in [1, 2] {
        world.sees(n, 0, crate::registry::Presence::Here(incarnation));
    }
}

/// What is refused ends nothing: nobody would tell the owner of a lie that nobody has kept.
#[test]
fn g5_whatever_is_claimed_of_a_later_incarnation_its_owner_hears_of_what_it_has_ended() {
    let mut world = world();
    let claimed = Incarnation(5 << 40);
    let later = lie(&mut world, |record| (record.incarnation, record.version) = (claimed, 0));
    world.deliver(2, 1, &later);
    world.compare(0, 1);
    if world.nodes[0].counters.own_claims > 0 {
        rise_above(&mut world, claimed);
    }
    world.settle(&[0, 1, 2]);
    world.assert_agreed();
    assert_eq!(world.ids(1), ["a"]);
}

#[test]
fn g10_a_record_of_a_later_incarnation_that_finds_no_place_leaves_its_owner_where_it_was() {
    let limits = crate::registry::Limits { records_max: 2, ..crate::registry::Limits::default() };
    let mut world = World::with_limits(3, limits);
    world.register(0, &service("a", 1));
    let record = record_of(&mut world, 0, "a");
    for id in ["b", "c"] {
        world.register(1, &service(id, 1));
    }
    world.deliver(2, 1, &Message::Record(Record { incarnation: Incarnation(5 << 40), ..record.clone() }));
    assert_eq!(world.nodes[1].counters.dropped[DropReason::TooManyRecords], 1);
    world.deregister(1, "b");
    world.deliver(0, 1, &Message::Record(record));
    assert_eq!(world.ids(1), ["a", "c"]);
}

#[test]
fn g5_the_highest_version_leaves_its_owner_the_last_word() {
    for below in [0, 1] {
        for port in 2..20 {
            let mut world = world();
            let highest = lie(&mut world, |record| record.version = Record::VERSION_MAX - below);
            if let Some(claimed) = world.deliver(2, 0, &highest) {
                rise_above(&mut world, claimed);
            }
            for port in [port, port + 100] {
                world.register(0, &service("a", port));
                world.settle(&[0, 1, 2]);
                world.assert_agreed();
            }
        }
    }
}
