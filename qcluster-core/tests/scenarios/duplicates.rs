//! Two live nodes with one identifier: one of them stops, and says why (E17, E24).

use qcluster_core::{Envelope, Message, NodeInput, Notification, Role, Session};

use crate::dice::Dice;
use crate::world::{Fate, World, hello_of, id, ms};

/// A second machine with the identifier of `n`; it has not started.
pub fn duplicate_of(world: &mut World, n: usize) -> usize {
    let settings = world.machines[n].settings.clone();
    world.add(settings)
}

/// Whether it has stopped, once, for another node of its name.
pub fn was_told(world: &World, n: usize) -> bool {
    world.count(|who, told| who == n && matches!(told, Notification::DuplicateIdentifier { .. })) == 1
}

#[test]
fn a_second_node_of_a_live_name_stops_before_its_boot_wait_is_over() {
    for seed in 0..50 {
        for name in 0..3 {
            let mut world = World::of(3).seeded(seed);
            world.start_all();
            let leader = world.elect();
            world.run(ms(1_000));
            let duplicate = duplicate_of(&mut world, name);
            world.start(duplicate);
            world.run(ms(149));
            // The voters told it: nobody else knows both.
            assert_eq!(world.role(duplicate), Role::Stopped, "seed {seed}\n{}", world.story());
            assert!(was_told(&world, duplicate));
            world.run(ms(5_000));
            assert_ne!(world.role(name), Role::Stopped);
            assert_eq!((world.leader(), world.elections()), (leader, 1), "seed {seed}\n{}", world.story());
            assert!(world.node(name).counters().duplicates > 0, "the earlier one counts it");
        }
    }
}

/// Who started later is told by its boot wait, not by a wall clock that may have been set back.
#[test]
fn a_second_node_on_a_clock_that_was_set_back_stops_too() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let leader = world.elect();
        world.run(ms(1_000));
        let duplicate = duplicate_of(&mut world, leader);
        world.machines[duplicate].wall_ms -= 3_600_000;
        world.start(duplicate);
        world.run(ms(5_000));
        assert!(was_told(&world, duplicate) && !was_told(&world, leader));
        assert_eq!((world.leader(), world.elections()), (leader, 1));
    }
}

/// The other one is dead, and only the wall clock says that it was the later: the new incarnation rises above it.
#[test]
fn a_node_whose_clock_was_set_back_rises_above_its_dead_incarnation() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        world.elect();
        world.run(ms(1_000));
        let n = world.followers()[0];
        let dead = world.node(n).incarnation();
        world.crash(n);
        world.machines[n].wall_ms -= 3_600_000;
        world.start(n);
        assert!(world.node(n).incarnation() < dead);
        world.run(ms(1_000));
        assert!(world.node(n).incarnation() > dead, "seed {seed}");
        // It plays its part: without it there is not a majority now.
        let other = world.followers().into_iter().find(|other| *other != n).unwrap();
        world.crash(other);
        world.run(ms(1_000));
        assert_eq!(world.leaders().len(), 1, "seed {seed}\n{}", world.story());
    }
}

#[test]
fn of_two_that_start_together_one_goes_on() {
    for seed in 0..200 {
        let mut world = World::of(3).seeded(seed);
        let duplicate = duplicate_of(&mut world, 0);
        let mut dice = Dice::new(seed);
        let mut network = dice.clone();
        world.network.rule(move |_, _, _| Some(Fate::Deliver(ms(1 + network.below(6)))));
        for n in [1, 2, 0, duplicate] {
            world.start(n);
            world.run(ms(dice.below(40)));
        }
        // The first has reached somebody before the second began, or not.
        world.run(ms(3_000));
        let stopped: Vec<usize> = [0, duplicate].into_iter().filter(|n| world.role(*n) == Role::Stopped).collect();
        assert_eq!(stopped.len(), 1, "seed {seed}: {stopped:?}\n{}", world.story());
        assert!(was_told(&world, stopped[0]));
        // The one that goes on is heard: it makes the majority.
        let crashed = if world.leads(1) { 2 } else { 1 };
        world.crash(crashed);
        world.run(ms(1_000));
        assert_eq!(world.leaders().len(), 1, "seed {seed}\n{}", world.story());
    }
}

/// The later one was established while the earlier one could not be heard, and others work with it (E24 (c)).
#[test]
fn of_two_that_could_not_hear_of_each_other_the_earlier_one_stops_even_if_it_leads() {
    for seed in 0..50 {
        let mut world = World::with(5, |_, settings| settings.voters[0].priority = 1).seeded(seed);
        for n in 0..5 {
            world.start(n);
        }
        world.elect();
        world.run(ms(1_000));
        // Given one of them on the large side of a cut, where it leads, and the other on the small side, …
        let duplicate = duplicate_of(&mut world, 0);
        world.network.split(&[1, duplicate]);
        world.run(ms(1_000));
        world.start(duplicate);
        world.run(ms(1_000));
        assert!(world.leads(0) && world.role(duplicate) != Role::Stopped, "seed {seed}\n{}", world.story());
        // … when they hear of each other, then the earlier one has lost its leadership and stops, …
        world.heal();
        world.run_till(ms(2_000), "one stops", |world| world.role(0) == Role::Stopped);
        let lost = world.last(|n, told| n == 0 && matches!(told, Notification::Lost { .. }));
        let stopped = world.last(|n, told| n == 0 && matches!(told, Notification::Superseded { .. })).unwrap();
        assert!(lost.is_some_and(|lost| lost.0 < stopped.0), "seed {seed}: it was not told\n{}", world.story());
        // … and the later one goes on.
        world.run(ms(5_000));
        assert_ne!(world.role(duplicate), Role::Stopped, "seed {seed}\n{}", world.story());
        world.leader();
    }
}

/// What one says reaches the other, as with a wrong port in somebody's list: from the earlier to the later or the other way. Both
/// have sat out their boot wait, and neither has met a voter: the later one was started by mistake, or will be started again.
#[test]
fn two_that_hear_each_other_directly_know_who_stops() {
    for heard_first in ["earlier", "later"] {
        for seed in 0..20 {
            let mut world = World::of(3).seeded(seed);
            world.start(0);
            world.run(ms(400));
            let duplicate = duplicate_of(&mut world, 0);
            world.start(duplicate);
            world.run(ms(400));
            // No voter tells them: none runs. A greeting goes astray.
            let (from, to) = if heard_first == "later" { (duplicate, 0) } else { (0, duplicate) };
            let hello = hello_of(id(1).key(), false, false, qcluster_core::Incarnation::UNKNOWN);
            let astray = Envelope {
                to: id(1).key(),
                to_incarnation: qcluster_core::Incarnation::UNKNOWN,
                ..world.envelope(from, to, Message::Session(hello))
            };
            world.give(to, NodeInput::Message(astray));
            world.run(ms(100));
            assert_eq!(world.role(duplicate), Role::Stopped, "{heard_first} first heard\n{}", world.story());
            assert_ne!(world.role(0), Role::Stopped);
        }
    }
}

/// A recording of an incarnation that is over is not a duplicate.
#[test]
fn words_of_a_dead_incarnation_stop_nobody() {
    let mut world = World::of(3);
    world.network.catch(|from, _, _| from == 0);
    world.start_all();
    world.run(ms(140));
    let old = std::mem::take(&mut world.network.caught);
    assert!(!old.is_empty());
    world.network.stop_catching();
    world.crash(0);
    world.start(0);
    world.elect();
    world.run(ms(500));
    let leader = world.leader();
    for (to, envelope) in old {
        world.give(to, NodeInput::Message(envelope.clone()));
        world.give(0, NodeInput::Message(Envelope { to: envelope.from, ..envelope }));
        world.run(ms(10));
    }
    world.run(ms(2_000));
    assert_eq!((world.leader(), world.elections()), (leader, 1), "{}", world.story());
    assert_ne!(world.role(0), Role::Stopped);
}

/// The incarnation that it had replaced comes back just while it restarts, and the two hear each other directly.
/// Neither would be left if it stopped: the voters stop that one. Nor do the two answer each other without end.
#[test]
fn a_restarted_replacement_does_not_stop_for_the_incarnation_that_it_replaced() {
    let mut world = World::of(3).seeded(1);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    let name = world.followers()[0];
    let replacement = duplicate_of(&mut world, name);
    world.freeze(name, ms(60_000));
    world.run(ms(500));
    world.start(replacement);
    world.run(ms(2_000));
    world.crash(replacement);
    world.start(replacement);
    world.run(ms(50));
    assert_eq!(world.role(replacement), Role::Booting, "{}", world.story());
    // Given a word of the incarnation before the last one, then it is ignored, and not answered, …
    let duplicate = Session::DuplicateIdentifier { other: world.node(name).incarnation(), booting: false };
    let envelope = world.envelope(name, replacement, Message::Session(duplicate));
    let said = world.transcript.messages().count();
    world.give(replacement, NodeInput::Message(envelope));
    assert_eq!(world.transcript.messages().count(), said);
    assert_ne!(world.role(replacement), Role::Stopped, "{}", world.story());
    // … but not one of the incarnation that it would be the later one of.
    let duplicate = Session::DuplicateIdentifier {
        other: qcluster_core::Incarnation(world.node(replacement).incarnation().0 - 1),
        booting: false,
    };
    let envelope = world.envelope(name, replacement, Message::Session(duplicate));
    world.give(replacement, NodeInput::Message(envelope));
    assert_eq!(world.role(replacement), Role::Stopped, "{}", world.story());
}

/// A voter that has met the thawed incarnation alone tells the replacement, which restarts, that it is the later one of
/// the two, and the others tell the thawed one that it was replaced: one of that name is left.
#[test]
fn a_restarted_replacement_does_not_stop_for_what_others_say_of_the_incarnation_that_it_replaced() {
    for seed in 0..100 {
        let mut world = World::of(3).seeded(seed);
        let replacement = duplicate_of(&mut world, 0);
        (0..3).for_each(|n| world.start(n));
        world.elect();
        world.run(ms(1_000));
        world.freeze(0, ms(5_000));
        world.isolate(2);
        world.run(ms(1_000));
        world.start(replacement);
        world.run(ms(3_950));
        // It restarts just when the other one thaws and 2 hears that name again.
        world.crash(replacement);
        world.start(replacement);
        world.heal();
        world.run(ms(7_000));
        assert_eq!(world.role(0), Role::Stopped, "seed {seed}\n{}", world.story());
        assert_ne!(world.role(replacement), Role::Stopped, "seed {seed}\n{}", world.story());
    }
}

/// A word of an incarnation that was replaced long ago is ignored. Not so one of the incarnation just before this one:
/// the voters have worked with it, and it may still be there.
#[test]
fn a_restarted_node_stops_for_the_incarnation_that_the_voters_worked_with_last() {
    let mut world = World::of(3).seeded(1);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    let name = world.followers()[0];
    let other = world.node(name).incarnation();
    world.crash(name);
    world.start(name);
    world.run(ms(50));
    assert_eq!(world.role(name), Role::Booting, "{}", world.story());
    let mut said = world.envelope(name, name, Message::Session(Session::DuplicateIdentifier { other, booting: false }));
    said.from_incarnation = other;
    world.give(name, NodeInput::Message(said));
    assert_eq!(world.role(name), Role::Stopped, "{}", world.story());
}

/// It names the incarnation that it speaks to, so it is there now.
#[test]
fn another_incarnation_of_the_own_name_that_speaks_is_counted() {
    let mut world = World::of(3).seeded(1);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    for counted in 1..=2 {
        let mut said = world.envelope(0, 0, Message::Session(Session::Probe { nonce: 1 }));
        said.from_incarnation = qcluster_core::Incarnation(said.from_incarnation.0 + 5);
        world.give(0, NodeInput::Message(said));
        assert_eq!(world.node(0).counters().duplicates, counted);
    }
    assert_ne!(world.role(0), Role::Stopped);
}

/// Else an answer from yesterday would speak for the incarnation that is asked today.
#[test]
fn each_question_to_two_incarnations_has_a_number_of_its_own() {
    let mut world = World::of(3).seeded(1);
    world.start_all();
    world.run(ms(1_000));
    for above in [5, 6] {
        let mut said = world.envelope(1, 0, Message::Session(Session::Step { established: false }));
        said.from_incarnation = qcluster_core::Incarnation(said.from_incarnation.0 + above);
        world.give(0, NodeInput::Message(said));
    }
    let asked = world.transcript.messages().filter_map(|(from, _, message)| match message {
        Message::Session(Session::Probe { nonce }) if from == 0 => Some(nonce),
        _ => None,
    });
    let asked: Vec<u64> = asked.collect();
    assert!(asked[0] == asked[1] && asked[2] == asked[3] && asked[1] != asked[2], "{asked:?}");
}

#[test]
fn who_hears_two_incarnations_of_a_name_says_so_once() {
    let mut world = World::of(3).seeded(1);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    let duplicate = duplicate_of(&mut world, 0);
    world.start(duplicate);
    let incarnation = world.node(duplicate).incarnation();
    world.run(ms(149));
    let name = world.node(1).rules().index_of(id(0).key()).unwrap();
    assert_eq!(
        world.count(|n, told| n == 1 && told == Notification::DuplicateSeen { voter: name, other: incarnation }),
        1
    );
    assert!(world.node(1).counters().duplicates > 0);
}

/// Each is told of the other, and they agree.
#[test]
fn of_two_that_boot_the_larger_one_stops() {
    for (above, stops) in [(true, false), (false, true)] {
        let mut world = World::of(3).seeded(1);
        world.start_all();
        world.run(ms(50));
        let incarnation = world.node(0).incarnation().0;
        let other = qcluster_core::Incarnation(if above { incarnation + 1 } else { incarnation - 1 });
        let said = world.envelope(1, 0, Message::Session(Session::DuplicateIdentifier { other, booting: true }));
        world.give(0, NodeInput::Message(said));
        assert_eq!(world.role(0) == Role::Stopped, stops, "{}", world.story());
    }
}
