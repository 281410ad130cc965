//! Tokens of voters without a disk rest on wall clocks: one that is off by more than a minute is told of (E12).

use qcluster_core::{Durability, Incarnation, Message, NodeInput, Notification};

use crate::world::{World, at, hello_of, ms};

/// What the first is told of the second's wall clock: how far it is ahead.
fn told(world: &World) -> Vec<i64> {
    let second = world.node(0).rules().index_of(world.machines[1].settings.id.key());
    let of_second = world.transcript.notifications().filter_map(|(_, n, told)| match told {
        Notification::WallClockOff { voter, ahead_ms } if n == 0 && Some(voter) == second => Some(ahead_ms),
        _ => None,
    });
    of_second.collect()
}

/// The second greets the first.
fn greet(world: &mut World, booting: bool) {
    let to = world.machines[0].settings.id.key();
    let hello = hello_of(to, true, booting, Incarnation::UNKNOWN);
    let greeting = world.envelope(1, 0, Message::Session(hello));
    world.give(0, NodeInput::Message(greeting));
}

/// An incarnation carries the time of its start, so one that starts just now shows what its clock shows.
#[test]
fn a_wall_clock_that_is_more_than_a_minute_behind_is_told_once_an_incarnation() {
    let mut world = World::of(2);
    world.machines[1].wall_ms -= 59_000;
    world.start_all();
    world.run_until(at(1_000));
    greet(&mut world, true);
    assert!(told(&world).is_empty(), "a minute");
    world.run_until(at(1_001));
    greet(&mut world, false);
    assert!(told(&world).is_empty(), "one that does not boot has started long ago");
    greet(&mut world, true);
    greet(&mut world, true);
    assert_eq!(told(&world), [-60_001]);
    // The next incarnation is news again.
    world.machines[1].wall_ms += 3_600_000;
    world.start(1);
    world.run(ms(1_000));
    assert!(matches!(told(&world)[..], [_, 3_540_000..=3_541_000]), "{:?}", told(&world));
}

/// Nobody has started in the future, whenever that was.
#[test]
fn a_wall_clock_that_is_ahead_is_told_whenever_its_node_has_started() {
    let mut world = World::of(2);
    world.machines[1].wall_ms += 600_000;
    world.network.cut(0, 1);
    world.start_all();
    world.run(ms(1_000));
    world.heal();
    world.run(ms(1_000));
    // The second shows when it started, a second ago.
    assert!(matches!(told(&world)[..], [598_000..=599_000]), "{:?}", told(&world));
}

/// A disk knows the tokens of before.
#[test]
fn with_a_disk_wall_clocks_may_show_what_they_like() {
    let mut world = World::with(2, |_, settings| settings.durability = Durability::Durable);
    world.machines[1].wall_ms += 600_000;
    world.start_all();
    world.run(ms(1_000));
    assert!(told(&world).is_empty());
}

/// It takes no part, but has not started just now.
#[test]
fn who_has_waited_for_others_for_long_does_not_show_what_its_clock_shows() {
    let mut world = World::of(2);
    world.start(0);
    world.run(ms(70_000));
    assert!(!world.node(0).takes_part());
    world.start(1);
    world.run(ms(1_000));
    assert!(world.node(0).takes_part());
    let told = world.count(|_, told| matches!(told, Notification::WallClockOff { .. }));
    assert_eq!(told, 0, "{}", world.story());
}
