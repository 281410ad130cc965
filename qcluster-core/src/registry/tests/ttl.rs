//! Services that fall silent: critical, then gone (scenario 30).

use core::time::Duration;

use super::{World, service};
use crate::id::Incarnation;
use crate::registry::{Change, Health, Presence, RegistryError, Service, ServiceChange, Stall};
use crate::time::{Span, Time};

const TTL: Span = Span::from_millis(5_000);

fn with_ttl(id: &str) -> Service {
    service(id, 1).with_ttl(TTL.into())
}

fn health(world: &World, n: usize, id: &str) -> Option<Health> {
    world.nodes[n].registry.get(world.key(0), id).map(|instance| instance.service.health)
}

#[test]
fn a_silent_service_is_critical_then_gone_and_everybodys_watch_says_so() {
    let mut world = World::new(2);
    world.register(0, &with_ttl("a"));
    world.compare(0, 1);
    let mut seen = alloc::vec::Vec::new();
    let mut look = |world: &mut World| {
        world.compare(0, 1);
        while let Some(change) = world.nodes[1].registry.next_change() {
            seen.push(match change {
                Change::Service(ServiceChange::Added(_)) => "added",
                Change::Service(ServiceChange::Changed(it)) if it.service.health == Health::Critical => "critical",
                Change::Service(ServiceChange::Changed(_)) => "changed",
                Change::Service(ServiceChange::Removed(_)) => "removed",
                Change::Metadata(_) => "metadata",
            });
        }
    };
    look(&mut world);
    world.pass(Span::from_millis(4_999));
    look(&mut world);
    world.pass(Span::from_millis(1));
    look(&mut world);
    assert_eq!(health(&world, 1, "a"), Some(Health::Critical));
    world.pass(Span::from_millis(59_999));
    look(&mut world);
    world.pass(Span::from_millis(1));
    look(&mut world);
    assert_eq!(health(&world, 1, "a"), None);
    assert_eq!(seen, ["added", "critical", "removed"]);
    assert_eq!((world.nodes[0].counters.services_lapsed, world.nodes[0].counters.services_expired), (1, 1));
    let error = world.at(0, |registry, cx| registry.beat(cx, "a", None)).unwrap_err();
    assert_eq!(error, RegistryError::Unknown { id: "a".into() }, "it has to register again");
}

#[test]
fn heartbeats_keep_a_service_and_bring_it_back_as_it_said_it_was() {
    let mut world = World::new(1);
    world.register(0, &with_ttl("a").with_health(Health::Warning));
    for _ in 0..10 {
        world.pass(Span::from_millis(4_000));
        world.at(0, |registry, cx| registry.beat(cx, "a", None)).unwrap();
    }
    assert_eq!(health(&world, 0, "a"), Some(Health::Warning));
    world.pass(Span::from_millis(6_000));
    assert_eq!(health(&world, 0, "a"), Some(Health::Critical));
    world.at(0, |registry, cx| registry.beat(cx, "a", None)).unwrap();
    assert_eq!(health(&world, 0, "a"), Some(Health::Warning));
    world.at(0, |registry, cx| registry.beat(cx, "a", Some(Health::Passing))).unwrap();
    assert_eq!(health(&world, 0, "a"), Some(Health::Passing));
}

#[test]
fn a_heartbeat_that_says_nothing_new_writes_nothing() {
    let mut world = World::new(1);
    world.register(0, &with_ttl("a"));
    let root = world.nodes[0].registry.root();
    world.pass(Span::from_millis(4_000));
    world.at(0, |registry, cx| registry.beat(cx, "a", None)).unwrap();
    world.register(0, &with_ttl("a"));
    assert_eq!(world.nodes[0].registry.root(), root);
    assert_eq!(world.nodes[0].registry.deadline(), world.now + TTL, "and counts all the same");
}

#[test]
fn the_time_to_live_can_be_given_up_and_ends_with_the_service() {
    let mut world = World::new(1);
    world.register(0, &with_ttl("a"));
    world.register(0, &service("a", 1));
    assert_eq!(world.nodes[0].registry.deadline(), Time::NEVER);
    let error = world.at(0, |registry, cx| registry.beat(cx, "a", None)).unwrap_err();
    assert_eq!(error, RegistryError::NoTtl { id: "a".into() });
    world.at(0, |registry, cx| registry.beat(cx, "a", Some(Health::Critical))).unwrap();
    assert_eq!(health(&world, 0, "a"), Some(Health::Critical), "health can be set without a ttl");

    world.register(0, &with_ttl("b"));
    world.deregister(0, "b");
    world.pass(Span::from_millis(5_000));
    assert_eq!(world.nodes[0].counters.services_lapsed, 0);
}

#[test]
fn a_critical_service_has_its_whole_grace_from_when_that_was_found() {
    let mut world = World::new(1);
    world.register(0, &with_ttl("a"));
    world.now = world.now + Span::from_millis(600_000);
    world.at(0, crate::registry::Registry::timeout);
    assert_eq!(health(&world, 0, "a"), Some(Health::Critical));
    assert_eq!(world.nodes[0].registry.deadline(), world.now + Span::from_millis(60_000));
}

/// The node stands still (G5) while one service is heard of, and another one is critical already.
#[test]
fn a_stall_stops_the_clock_of_all_services_and_of_those_that_come_later_nothing() {
    let mut world = World::new(1);
    world.register(0, &service("silent", 1).with_ttl(Duration::from_millis(1)));
    world.register(0, &with_ttl("a"));
    world.pass(Span::from_millis(1_000));
    let (late, missed) = (Span::from_millis(30_000), Span::from_millis(50));
    world.now = world.now + late;
    let ended = world.now;
    world.nodes[0].registry.outlast(Stall { ended, late, missed }, Span::from_millis(25));
    // A little lateness afterwards takes nothing of that away.
    let late = Stall { ended, late: Span::from_nanos(0), missed: Span::from_nanos(1) };
    world.nodes[0].registry.outlast(late, Span::from_millis(25));
    world.register(0, &with_ttl("b"));
    // What was left to the one that was heard is left, and once what the node may have missed before it was late.
    let left = Span::from_millis(4_000) + missed;
    world.pass(left.less(Span::from_millis(1)));
    assert_eq!(health(&world, 0, "a"), Some(Health::Passing));
    world.pass(Span::from_millis(1));
    assert_eq!(health(&world, 0, "a"), Some(Health::Critical));
    // One that was registered afterwards has its time to live.
    world.pass(Span::from_millis(5_000).less(left).less(Span::from_millis(1)));
    assert_eq!(health(&world, 0, "b"), Some(Health::Passing));
    world.pass(Span::from_millis(1));
    assert_eq!(health(&world, 0, "b"), Some(Health::Critical));
    // The grace of the critical one stood still, too: a second of its minute had passed before, and five since.
    world.pass(Span::from_millis(60_001 - 6_000 - 1));
    assert_eq!(health(&world, 0, "silent"), Some(Health::Critical));
    world.pass(Span::from_millis(1));
    assert_eq!(health(&world, 0, "silent"), None);
}

/// A node with nothing to do for an hour may have stood still for all of it; a service that is heard later has missed none of that (G5).
#[test]
fn an_earlier_stall_spares_nobody_for_longer_than_it_was_silent() {
    let mut world = World::new(1);
    let heartbeat = Span::from_millis(25);
    let late = Span::from_millis(60);
    world.now = world.now + Span::from_millis(3_600_000);
    let idle = Stall { ended: world.now, late, missed: Span::from_millis(3_600_000) };
    world.nodes[0].registry.outlast(idle, heartbeat);
    world.register(0, &with_ttl("a"));
    world.pass(Span::from_millis(2_000));
    world.now = world.now + late;
    let short = Stall { ended: world.now, late, missed: Span::from_millis(1) };
    world.nodes[0].registry.outlast(short, heartbeat);
    // Three seconds are left of its five, and once the two that it was silent before the stall ended.
    world.pass(Span::from_millis(3_000 + 2_060 - 1));
    assert_eq!(health(&world, 0, "a"), Some(Health::Passing));
    world.pass(Span::from_millis(1));
    assert_eq!(health(&world, 0, "a"), Some(Health::Critical));
}

#[test]
fn a_long_time_to_live_has_a_long_grace() {
    let mut world = World::new(1);
    world.register(0, &service("a", 1).with_ttl(Duration::from_secs(20)));
    world.pass(Span::from_millis(20_000 + 199_999));
    assert_eq!(health(&world, 0, "a"), Some(Health::Critical));
    world.pass(Span::from_millis(1));
    assert_eq!(health(&world, 0, "a"), None);
}

#[test]
fn others_keep_no_time_for_a_service_that_is_not_theirs() {
    let mut world = World::new(2);
    world.register(0, &with_ttl("a"));
    world.compare(0, 1);
    assert_eq!(world.nodes[1].registry.deadline(), Time::NEVER);
}

/// A clock that went back gives the node a later incarnation while it runs: its services come along, with the time that
/// they had left.
#[test]
fn a_service_that_was_registered_in_an_earlier_incarnation_still_falls_silent_in_the_next() {
    let mut world = World::new(2);
    world.register(0, &with_ttl("a"));
    world.register(0, &with_ttl("b"));
    world.register(0, &service("c", 1));
    world.pass(Span::from_millis(4_000));
    // Given that the node goes on in a later incarnation, …
    let (incarnation, now) = (Incarnation(2 << 40), world.now);
    world.nodes[0].registry.rename(now, incarnation);
    world.nodes[0].incarnation = incarnation;
    world.sees(1, 0, Presence::Here(incarnation));
    world.compare(0, 1);
    assert_eq!(world.ids(1), ["a", "b", "c"]);
    // … when one of its services is heard of and another is not, …
    world.at(0, |registry, cx| registry.beat(cx, "b", None)).unwrap();
    world.pass(Span::from_millis(1_000));
    world.compare(0, 1);
    // … then the silent one is critical when it would have been, and gone at last.
    let seen = |world: &World| ["a", "b", "c"].map(|id| health(world, 1, id));
    assert_eq!(seen(&world), [Some(Health::Critical), Some(Health::Passing), Some(Health::Passing)]);
    world.pass(Span::from_millis(4_000));
    world.compare(0, 1);
    assert_eq!(seen(&world), [Some(Health::Critical), Some(Health::Critical), Some(Health::Passing)]);
    world.pass(Span::from_millis(60_000));
    world.compare(0, 1);
    assert_eq!(seen(&world), [None, None, Some(Health::Passing)]);
    assert_eq!((world.nodes[0].counters.services_lapsed, world.nodes[0].counters.services_expired), (2, 2));
}
