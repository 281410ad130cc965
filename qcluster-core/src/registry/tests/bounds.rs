//! Whatever is over a limit is refused, counted, and harms nothing else (G10).

use alloc::format;

use super::{Message, World, record_of, service};
use crate::id::NodeKey;
use crate::reason::DropReason;
use crate::registry::{Limits, RegistryError};
use crate::time::Span;

fn small() -> Limits {
    Limits { services_max: 4, records_max: 10, owners_max: 4, retention: Span::from_millis(3_600_000) }
}

#[test]
fn g10_a_node_has_only_so_many_services() {
    let mut world = World::with_limits(1, small());
    for n in 0..4 {
        world.register(0, &service(&format!("s{n}"), 1));
    }
    let before = world.nodes[0].registry.clone();
    assert_eq!(world.try_register(0, &service("s4", 1)), Err(RegistryError::TooManyServices));
    assert_eq!(world.nodes[0].registry, before, "the state is unchanged");
    assert_eq!(world.nodes[0].counters.services_refused, 1);
    world.register(0, &service("s3", 2));
    world.deregister(0, "s0");
    world.register(0, &service("s4", 1));
    assert_eq!(world.nodes[0].registry.counts().own, 4);
}

#[test]
fn g10_what_another_has_too_many_of_is_dropped_and_the_rest_stays() {
    let mut world = World::with_limits(2, small());
    let mut many = World::new(1);
    for n in 0..9 {
        many.register(0, &service(&format!("s{n}"), 1));
        let record = record_of(&mut many, 0, &format!("s{n}"));
        world.deliver(0, 1, &Message::Record(record));
    }
    assert_eq!(world.nodes[1].registry.counts().records, 4);
    assert_eq!(world.nodes[1].counters.dropped[DropReason::TooManyRecords], 5);
    world.register(1, &service("own", 1));
    assert!(world.ids(1).contains(&"own".into()));
}

#[test]
fn g10_tombstones_make_room_before_anything_is_refused() {
    let mut world = World::with_limits(1, small());
    for n in 0..50 {
        let id = format!("s{n}");
        world.register(0, &service(&id, 1));
        world.deregister(0, &id);
        assert!(world.nodes[0].registry.counts().records <= 10);
    }
    world.register(0, &service("last", 1));
    assert_eq!(world.ids(0), ["last"]);
}

#[test]
fn g10_a_full_table_refuses_what_is_new_and_takes_what_replaces() {
    let mut world = World::with_limits(4, small());
    for owner in [0, 1, 2] {
        for n in 0..4 {
            world.try_register(owner, &service(&format!("s{n}"), 1)).unwrap();
        }
    }
    world.settle(&[0, 1, 2, 3]);
    assert_eq!(world.nodes[3].registry.counts().records, 10);
    assert!(world.nodes[3].counters.dropped[DropReason::TooManyRecords] > 0);
    assert_eq!(world.try_register(3, &service("x", 1)), Err(RegistryError::TableFull));
    let known = world.ids(3).len();
    world.register(0, &service("s0", 9));
    let record = record_of(&mut world, 0, "s0");
    world.deliver(0, 3, &Message::Record(record));
    assert_eq!(world.ids(3).len(), known);
}

#[test]
fn g10_owners_are_remembered_in_a_bounded_number_the_last_ones_first() {
    let mut world = World::with_limits(1, small());
    for n in 0..100 {
        let (key, incarnation) = (NodeKey(1_000 + n), world.nodes[0].incarnation);
        world.nodes[0].registry.set_presence(key, crate::registry::Presence::Here(incarnation));
        world.nodes[0].registry.forget_owner(key);
    }
    world.register(0, &service("own", 1));
    assert_eq!(world.ids(0), ["own"], "this node is never forgotten");
    let owners = format!("{:?}", world.nodes[0].registry.table.owners);
    assert_eq!(owners.matches("Owner {").count(), 4);
    assert!(owners.contains("#000000000000044b"), "the last one is among them: {owners}");
}

/// Records of nodes that may not exist fill what is known of owners, and a member comes in all the same.
#[test]
fn g10_what_is_reported_makes_room_for_members() {
    let mut world = World::with_limits(2, small());
    let template = {
        let mut other = World::new(1);
        other.register(0, &service("a", 1));
        record_of(&mut other, 0, "a")
    };
    let of = |owner: u64| Message::Record(crate::registry::Record { owner: NodeKey(owner), ..template.clone() });
    for owner in 1_000..1_100 {
        world.deliver(1, 0, &of(owner));
    }
    assert!(world.nodes[0].counters.dropped[DropReason::TooManyRecords] > 0);
    let member = NodeKey(7);
    world.nodes[0].registry.set_presence(member, crate::registry::Presence::Here(template.incarnation));
    world.deliver(1, 0, &of(7));
    assert!(world.nodes[0].registry.get(member, "a").is_some());
}

/// Nobody takes the changes, and what has to be told stays within bounds.
#[test]
fn g10_changes_that_nobody_takes_do_not_pile_up() {
    let mut world = World::with_limits(1, small());
    for n in 0..500 {
        let id = format!("s{n}");
        world.register(0, &service(&id, 1));
        world.deregister(0, &id);
    }
    let watch = format!("{:?}", world.nodes[0].registry.table.watch);
    assert!(watch.len() < 1_000, "{watch}");
}

#[test]
fn nonsense_commands_change_nothing() {
    let mut world = World::new(1);
    world.register(0, &service("a", 1));
    world.at(0, |registry, cx| registry.set_metadata(cx, &[("rack".into(), 7.into())].into())).unwrap();
    let before = world.nodes[0].registry.clone();
    let long = [("x".into(), "y".repeat(600).into())].into();
    let results = [
        world.at(0, |registry, cx| registry.deregister(cx, "b")),
        world.at(0, |registry, cx| registry.deregister(cx, "")),
        world.at(0, |registry, cx| registry.beat(cx, "", None)),
        world.at(0, |registry, cx| registry.beat(cx, "b", None)),
        world.at(0, |registry, cx| registry.set_metadata(cx, &long)),
        world.try_register(0, &service("a b", 1)),
    ];
    for result in results {
        let sentence = format!("{}", result.unwrap_err());
        assert!(sentence.len() > 20, "{sentence}");
    }
    assert_eq!(world.nodes[0].registry, before);
    assert_eq!(world.nodes[0].counters.services_refused, 6);
}
