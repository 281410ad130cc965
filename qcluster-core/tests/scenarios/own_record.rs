//! What a node's own disk says of its incarnations, where nobody else can: that it took part, or that it never did (E17).

use qcluster_core::{Durability, Incarnation, Message, NodeInput, Role, Seat, Session};

use crate::duplicates::duplicate_of;
use crate::world::{Fate, Law, World, ms, voters};

/// Three voters with disks that have a leader, and a follower.
fn led() -> (World, usize) {
    let mut world = World::with(3, |_, settings| settings.durability = Durability::Durable).seeded(1);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    let follower = world.followers()[0];
    (world, follower)
}

/// Has `n` tell another process of its name that it was there first.
fn says_that_it_was_first(world: &mut World, n: usize, other: usize) {
    let duplicate = Session::DuplicateIdentifier { other: world.node(n).incarnation(), booting: false };
    let envelope = world.envelope(n, other, Message::Session(duplicate));
    world.give(other, NodeInput::Message(envelope));
}

/// The voter that would tell it which incarnations took part may be itself: its disk does (E17).
#[test]
fn a_restarted_replacement_knows_from_its_disk_that_it_replaced_another_one() {
    // Given a voter that stands still and is replaced by one with an empty disk, …
    let mut world = World::with(2, |_, settings| settings.durability = Durability::Durable).seeded(1);
    world.start_all();
    world.elect();
    let replacement = duplicate_of(&mut world, 0);
    world.freeze(0, ms(60_000));
    world.run(ms(500));
    world.start(replacement);
    world.run_till(ms(5_000), "a leader", |world| world.leads(replacement) || world.leads(1));
    world.run(ms(500));
    let took_part = world.node(replacement).incarnation();
    world.crash(1);
    // … which restarts as the only voter, or as an observer, …
    for (voter, seat) in [(0, Seat::Voter), (5, Seat::Observer)] {
        world.crash(replacement);
        let settings = &mut world.machines[replacement].settings;
        (settings.voters, settings.seat) = (voters([voter]), seat);
        world.start(replacement);
        // … when the thawed one says that it was there first, then it goes on, and says which incarnation came after that one.
        says_that_it_was_first(&mut world, 0, replacement);
        assert_ne!(world.role(replacement), Role::Stopped, "{}", world.story());
        assert!(world.node(replacement).counters().duplicates > 0, "what it ignores is counted");
    }
    let said = world.transcript.messages().filter(|(from, to, _)| (*from, *to) == (replacement, 0)).last();
    let Some((_, _, Message::Session(said @ Session::DuplicateIdentifier { other, booting: false }))) = said else {
        panic!("{}", world.story())
    };
    assert_eq!(other, took_part, "it took part in that one, and not in the present one yet");
    let envelope = world.envelope(replacement, 0, Message::Session(said));
    world.give(0, NodeInput::Message(envelope));
    assert_eq!(world.role(0), Role::Stopped, "{}", world.story());
}

/// Without a disk it does not know that itself, but the voters do: what the other one says of itself is not worth more for coming first.
#[test]
fn a_restarted_replacement_without_a_disk_hears_the_voters_before_the_node_that_it_replaced() {
    // Given a voter that stands still and is replaced by one that crashes, …
    let mut world = World::of(3).seeded(1);
    world.start_all();
    world.elect();
    let thawed = world.followers()[0];
    let replacement = duplicate_of(&mut world, thawed);
    world.freeze(thawed, ms(60_000));
    world.run(ms(500));
    world.start(replacement);
    world.run(ms(1_000));
    assert!(world.node(replacement).takes_part(), "{}", world.story());
    world.crash(replacement);
    // … when it starts again and hears from the thawed one first, then it goes on, …
    world.start(replacement);
    says_that_it_was_first(&mut world, thawed, replacement);
    assert_ne!(world.role(replacement), Role::Stopped, "{}", world.story());
    assert!(world.node(replacement).counters().duplicates > 0, "what it ignores is counted");
    let answered = |(from, to, message): &(usize, usize, Message)| {
        (*from, *to) == (replacement, thawed)
            && matches!(message, Message::Session(Session::DuplicateIdentifier { .. }))
    };
    assert_eq!(
        world.transcript.messages().filter(answered).count(),
        0,
        "two that go on would answer each other without end"
    );
    // … and what that one says once the voters have told it more changes nothing.
    world.run(ms(5));
    says_that_it_was_first(&mut world, thawed, replacement);
    world.run(ms(1_000));
    assert!(world.node(replacement).takes_part(), "{}", world.story());
}

/// What its disk says of an incarnation before is another matter: nobody else may know.
#[test]
fn one_that_has_met_nobody_stops_for_what_another_ones_disk_says() {
    let mut world = World::of(3).seeded(1);
    world.start(0);
    world.run(ms(400));
    let replacement = duplicate_of(&mut world, 0);
    world.start(replacement);
    let took_part = Incarnation(world.node(0).incarnation().0 + 1);
    let said = Session::DuplicateIdentifier { other: took_part, booting: false };
    let envelope = world.envelope(replacement, 0, Message::Session(said));
    world.give(0, NodeInput::Message(envelope));
    assert_eq!(world.role(0), Role::Stopped, "{}", world.story());
}

/// It took part itself, but in no incarnation after that one.
#[test]
fn a_copy_of_the_disk_of_a_running_node_does_not_take_its_place() {
    let (mut world, name) = led();
    let copy = duplicate_of(&mut world, name);
    world.machines[copy].saved = world.machines[name].saved.clone();
    world.start(copy);
    world.run(ms(5));
    says_that_it_was_first(&mut world, name, copy);
    assert_eq!(world.role(copy), Role::Stopped, "{}", world.story());
}

/// What a voter says of the two is no matter of the own disk: the voters may work with the other one.
#[test]
fn a_second_node_that_took_part_once_stops_for_the_one_that_the_voters_work_with() {
    // Given a running node, and a second one whose disk says that it took part in a later incarnation, which nobody remembers, …
    let (mut world, name) = led();
    let running = world.node(name).incarnation();
    let later = Incarnation(running.0 + 1);
    let mut saved = world.machines[name].saved.clone().expect("it has voted or promised");
    saved.incarnation = later;
    let own = saved.incarnations.iter_mut().find(|known| known.incarnation == running).expect("it took part");
    own.incarnation = later;
    let second = duplicate_of(&mut world, name);
    world.machines[second].saved = Some(saved);
    // … when somebody starts that one by mistake, then it stops.
    world.start(second);
    world.run_till(ms(2_000), "the second one stops", |world| world.role(second) == Role::Stopped);
    assert_ne!(world.role(name), Role::Stopped, "{}", world.story());
}

/// A first incarnation that never took part has replaced nobody, however often it is started.
#[test]
fn a_second_node_that_is_started_again_before_it_took_part_stops_again() {
    let (mut world, name) = led();
    let second = duplicate_of(&mut world, name);
    for _ in 0..3 {
        world.start(second);
        world.run(ms(5));
        world.crash(second);
        world.start(second);
        // The voters may tell it, or the first one itself once it has met them.
        world.run(ms(5));
        says_that_it_was_first(&mut world, name, second);
        assert_eq!(world.role(second), Role::Stopped, "{}", world.story());
        world.crash(second);
    }
    assert_ne!(world.role(name), Role::Stopped, "{}", world.story());
}

/// Of the two only one may stop: here a voter that has missed the replacement says what the thawed one says.
#[test]
fn who_has_told_another_one_by_its_disk_to_stop_does_not_stop_for_it_itself() {
    for seed in 0..20 {
        // Given a replacement that worked with 1 while 2 was away, …
        let mut world = World::with(3, |_, settings| settings.durability = Durability::Durable).seeded(seed);
        world.start_all();
        world.elect();
        world.run(ms(1_000));
        world.crash(2);
        let replacement = duplicate_of(&mut world, 0);
        world.freeze(0, ms(3_000));
        world.run(ms(500));
        world.start(replacement);
        world.run_till(ms(2_000), "a leader", |world| world.leads(replacement) || world.leads(1));
        world.run(ms(300));
        // Who has not met the replacement leads with the one that was replaced: that is not promised.
        world.judge.waive(Law::TokensGrow);
        // … and a power cut, after which 2 comes back, 1 does not, and the one that was replaced goes on, …
        world.crash(replacement);
        world.crash(1);
        world.start(2);
        world.run_till(ms(5_000), "a leader", |world| world.leads(0) || world.leads(2));
        // … when the replacement restarts, and hears first from that one and then from the voter that knows no better,
        world.network.rule(|from, _, message| {
            let tells = matches!(message, Message::Session(Session::DuplicateIdentifier { .. }));
            (from == 2 && tells).then_some(Fate::Deliver(ms(30)))
        });
        world.start(replacement);
        world.run(ms(10));
        says_that_it_was_first(&mut world, 0, replacement);
        world.run(ms(5_000));
        // … then it goes on, with that voter.
        assert_eq!(world.role(0), Role::Stopped, "seed {seed}\n{}", world.story());
        assert_ne!(world.role(replacement), Role::Stopped, "seed {seed}\n{}", world.story());
        world.leader();
    }
}
