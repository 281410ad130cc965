//! A voter that is told of a larger incarnation of its name goes above it while nobody can have replaced it (E17).

use qcluster_core::{Durability, Incarnation, Message, NodeInput, Role, Session, Span};

use crate::world::{Disk, World, hello_of, id, ms};

/// A voter tells that node that a later incarnation of its name takes part. Gives that incarnation.
fn supersede(world: &mut World, n: usize) -> Incarnation {
    let by = Incarnation(world.node(n).incarnation().0 + 5);
    let notice = world.envelope((n + 1) % 3, n, Message::Session(Session::Superseded { by }));
    world.give(n, NodeInput::Message(notice));
    by
}

/// The other incarnation has to be one before it, whose wall clock was ahead (E17).
#[test]
fn who_has_just_started_goes_above_the_incarnation_that_is_said_to_take_part() {
    let mut world = World::of(3);
    world.start_all();
    world.run(ms(50));
    let by = supersede(&mut world, 0);
    assert!(world.node(0).incarnation() > by, "{}", world.story());
    assert_eq!(world.role(0), Role::Booting);
}

/// The other incarnation may have begun and taken part while this one waited for its disk.
#[test]
fn who_has_booted_for_long_stops_for_the_incarnation_that_is_said_to_take_part() {
    let world = World::with(3, |_, settings| settings.durability = Durability::Durable);
    let mut world = world.seeded(1);
    world.machines[0].disk = Disk::Held;
    world.start_all();
    world.run(ms(1_000));
    assert_eq!(world.role(0), Role::Booting);
    supersede(&mut world, 0);
    assert_eq!(world.role(0), Role::Stopped, "{}", world.story());
}

/// Three, of which 0 is over its boot wait and has met nobody before this moment, in which it hears 1.
fn just_met() -> World {
    let mut world = World::of(3).seeded(1);
    world.network.isolate(0);
    world.start_all();
    world.run(ms(1_000));
    assert_eq!((world.role(0), world.node(0).takes_part()), (Role::Follower, false));
    let hello = hello_of(id(0).key(), true, false, world.node(0).incarnation());
    let hello = world.envelope(1, 0, Message::Session(hello));
    world.give(0, NodeInput::Message(hello));
    world
}

/// An incarnation after it would have to begin and sit out its boot wait first.
#[test]
fn who_met_others_less_than_a_lease_ago_goes_above_the_incarnation_that_is_said_to_take_part() {
    let lease = World::of(1).machines[0].settings.timing.trusted_lease();
    for (met_for, goes_above) in [(Span::ZERO, true), (lease.less(Span::from_nanos(1)), true), (lease, false)] {
        let mut world = just_met();
        world.run(met_for);
        // Only from then on does it take part.
        assert_eq!(world.node(0).takes_part(), !goes_above, "{met_for}\n{}", world.story());
        let by = supersede(&mut world, 0);
        assert_eq!(world.role(0) == Role::Stopped, !goes_above, "{met_for}\n{}", world.story());
        assert!(!world.node(0).takes_part());
        assert_eq!(world.node(0).incarnation() > by, goes_above);
    }
}

/// The one that it meets first has forgotten what it was; those that it meets a moment later have not.
#[test]
fn who_meets_first_one_that_has_forgotten_its_dead_incarnation_goes_above_it_all_the_same() {
    for seed in 0..20 {
        let world = World::with(5, |_, settings| settings.durability = Durability::Durable);
        let mut world = world.seeded(seed);
        world.start_all();
        world.elect();
        world.run(ms(1_000));
        let dead = world.node(0).incarnation();
        world.machines[0].wall_ms -= 3_600_000;
        for n in [0, 1] {
            world.crash_with_amnesia(n);
            world.network.isolate(n);
            world.start(n);
        }
        world.run(ms(1_000));
        assert!(world.node(0).incarnation() < dead && world.role(0) != Role::Booting);
        world.network.join(0, 1);
        world.run(ms(80));
        assert!(world.node(0).incarnation() < dead, "seed {seed}: 1 has not forgotten\n{}", world.story());
        world.heal();
        world.run(ms(1_000));
        assert!(world.node(0).incarnation() > dead, "seed {seed}\n{}", world.story());
        assert_ne!(world.role(0), Role::Stopped);
        world.leader();
    }
}

/// It is greeted back under the new name, and does not wait for somebody to speak to the old one.
#[test]
fn who_goes_above_another_incarnation_greets_everybody_at_once() {
    let mut world = World::of(3);
    world.start_all();
    world.run(ms(50));
    let said = world.transcript.messages().count();
    supersede(&mut world, 0);
    let greets =
        |message: &Message| matches!(message, Message::Session(Session::Hello { booting: true, answer: false, .. }));
    let greeted = world.transcript.messages().skip(said).filter(|(from, _, message)| *from == 0 && greets(message));
    assert_eq!(greeted.map(|(_, to, _)| to).collect::<Vec<_>>(), [1, 2]);
}

/// What the earlier incarnation promised runs out while it boots, whatever its name.
#[test]
fn who_goes_above_another_incarnation_in_its_boot_wait_does_not_begin_it_again() {
    let mut world = World::of(3).seeded(1);
    world.start_all();
    world.run(ms(50));
    supersede(&mut world, 0);
    world.run(ms(101));
    assert_ne!(world.role(0), Role::Booting, "{}", world.story());
}

/// Another one may have begun, promised and ended since its own boot wait was over: what that one promised has to run out (E9).
#[test]
fn who_goes_above_another_incarnation_after_its_boot_wait_begins_another() {
    let mut world = just_met();
    supersede(&mut world, 0);
    world.run(ms(149));
    assert!(!world.node(0).takes_part(), "{}", world.story());
    world.run(ms(1));
    assert!(world.node(0).takes_part(), "{}", world.story());
}
