//! Only services of nodes that are there are visible, and nodes may come, go, and come again in another incarnation.

use super::{Message, World, record_of, service};
use crate::id::Incarnation;
use crate::registry::Presence;

#[test]
fn services_of_a_node_that_is_gone_are_not_shown_and_come_back_with_it() {
    let mut world = World::new(2);
    world.register(0, &service("a", 1));
    world.compare(0, 1);
    world.sees(1, 0, Presence::Gone);
    assert!(world.ids(1).is_empty());
    assert_eq!(world.nodes[1].registry.get(world.key(0), "a"), None);
    let incarnation = world.nodes[0].incarnation;
    world.sees(1, 0, Presence::Here(incarnation));
    assert_eq!(world.ids(1), ["a"]);
}

#[test]
fn records_that_arrive_before_the_news_of_their_owners_incarnation_are_shown_after_it() {
    let mut world = World::new(2);
    let later = Incarnation(2 << 40);
    let now = world.now;
    world.nodes[0].registry.rename(now, later);
    world.register(0, &service("a", 1));
    let record = record_of(&mut world, 0, "a");
    world.deliver(0, 1, &Message::Record(record));
    assert!(world.ids(1).is_empty());
    world.sees(1, 0, Presence::Here(later));
    assert_eq!(world.ids(1), ["a"]);
}

#[test]
fn a_node_that_leaves_in_order_takes_its_services_along_and_registers_nothing_more() {
    let mut world = World::new(2);
    world.register(0, &service("a", 1));
    world.register(0, &service("b", 1));
    world.at(0, |registry, cx| registry.set_metadata(cx, &[("rack".into(), 7.into())].into())).unwrap();
    world.compare(0, 1);
    let now = world.now;
    world.nodes[0].registry.withdraw(now);
    world.compare(0, 1);
    assert!(world.ids(1).is_empty(), "before the membership says a word");
    assert!(world.nodes[1].registry.metadata_of(world.key(0)).is_some());
    let error = world.try_register(0, &service("c", 1)).unwrap_err();
    assert_eq!(error, crate::registry::RegistryError::Leaving);
    assert_eq!(world.nodes[0].registry.counts().own, 0);
}

#[test]
fn queries_are_ordered_by_name_owner_and_identifier() {
    let mut world = World::new(3);
    for (n, name, id) in [(2, "web", "2"), (0, "web", "9"), (2, "web", "1"), (1, "db", "z"), (0, "api", "q")] {
        world.register(n, &crate::Service::new(name, 1).with_id(id));
    }
    world.settle(&[0, 1, 2]);
    let seen: alloc::vec::Vec<_> = world.nodes[1].registry.services(None).map(|instance| instance.key()).collect();
    let mut expected: alloc::vec::Vec<_> = world.nodes[1]
        .registry
        .services(None)
        .map(|i| (i.service.name.clone(), i.owner, i.service.id.clone()))
        .collect();
    expected.sort();
    assert_eq!(seen.len(), 5);
    assert!(seen.iter().zip(&expected).all(|(seen, (_, owner, id))| seen.owner == *owner && seen.id == *id));
    assert_eq!(world.nodes[1].registry.services(Some("web")).count(), 3);
    assert_eq!(world.nodes[1].registry.services(Some("nothing")).count(), 0);
    assert_eq!(world.nodes[1].registry.counts().visible, 5);
}

#[test]
fn a_service_that_changes_its_name_is_found_under_the_new_one_only() {
    let mut world = World::new(2);
    world.register(0, &service("a", 1));
    world.compare(0, 1);
    world.register(0, &crate::Service::new("invoices", 1).with_id("a"));
    world.compare(0, 1);
    assert_eq!(world.nodes[1].registry.services(Some("billing")).count(), 0);
    assert_eq!(world.nodes[1].registry.services(Some("invoices")).count(), 1);
}
