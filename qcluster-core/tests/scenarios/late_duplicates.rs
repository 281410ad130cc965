//! A second process of a live name whom nobody can tell so at once: it takes no part before somebody could have (E17).

use qcluster_core::{Durability, Message, Role, Session};

use crate::duplicates::{duplicate_of, was_told};
use crate::world::{Fate, World, ms};

/// That many voters with a leader, which they have had for a second.
fn led(voters: usize, seed: u64) -> (World, usize) {
    settled(World::of(voters).seeded(seed))
}

/// The same, of a world that has yet to start.
fn settled(mut world: World) -> (World, usize) {
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    (world, leader)
}

/// What goes between those two takes 20 ms.
fn far_apart(world: &mut World, pair: [usize; 2]) {
    world
        .network
        .rule(move |from, to, _| (pair.contains(&from) && pair.contains(&to)).then_some(Fate::Deliver(ms(20))));
}

/// The first one goes on, and so does the leader.
#[track_caller]
fn assert_undisturbed(world: &World, first: usize, leader: usize, which: &str) {
    assert_ne!(world.role(first), Role::Stopped, "{which}\n{}", world.story());
    assert_eq!((world.leader(), world.elections()), (leader, 1), "{which}\n{}", world.story());
}

/// Its names are looked up for longer than a boot wait, say: it has met nobody who could tell it, and takes no part before it has. Only
/// one voter knows both; what is said first is lost; its wall clock has been set back.
#[test]
fn a_second_node_of_a_live_name_that_meets_others_late_stops_too() {
    for (voters, loses_first_answer, set_back_ms) in
        [(3, false, 0), (2, false, 0), (2, false, 3_600_000), (2, true, 0), (2, true, 3_600_000)]
    {
        for seed in 0..20 {
            let (mut world, leader) = led(voters, seed);
            let second = duplicate_of(&mut world, leader);
            world.machines[second].wall_ms -= set_back_ms;
            world.network.isolate(second);
            world.start(second);
            world.run(ms(1_000));
            assert!(!world.node(second).takes_part(), "seed {seed}\n{}", world.story());
            world.heal();
            let mut loses = loses_first_answer;
            world.network.rule(move |from, _, message| {
                let is_answer = matches!(message, Message::Session(Session::Hello { answer: true, .. }));
                (from == second && is_answer && core::mem::take(&mut loses)).then_some(Fate::Lose)
            });
            world.run(ms(5_000));
            assert!(was_told(&world, second), "seed {seed}\n{}", world.story());
            assert_undisturbed(&world, leader, leader, &format!("seed {seed}"));
        }
    }
}

/// It stands still just when it is asked what it is, or told who was first: what the network holds comes before it takes part.
#[test]
fn a_second_node_of_a_live_name_that_stands_still_while_it_is_told_stops_too() {
    for name in 0..3 {
        for met_for in 1..8 {
            let (mut world, leader) = led(3, 1);
            let second = duplicate_of(&mut world, name);
            world.network.isolate(second);
            world.start(second);
            world.run(ms(1_000));
            world.heal();
            world.run(ms(25 + met_for));
            world.freeze(second, ms(400));
            world.run(ms(5_000));
            assert!(was_told(&world, second), "{name}, {met_for} ms\n{}", world.story());
            assert_undisturbed(&world, name, leader, &format!("{name}, {met_for} ms"));
        }
    }
}

/// Of the two processes of a follower's name.
#[derive(Clone, Copy, Debug)]
enum Process {
    First,
    Second,
}

/// A second process of a follower's name starts where the other follower alone can tell it so, and one of the two stands still a moment
/// later: the second one stops all the same.
#[track_caller]
fn assert_told_though_one_stands_still(durability: Durability, still: Process, met_for: u64, still_for: u64) {
    let which = format!("{durability:?}: {still:?} stands still for {still_for} ms after {met_for} ms");
    let (mut world, leader) = settled(World::with(3, |_, settings| settings.durability = durability).seeded(1));
    let followers = world.followers();
    let (first, asks) = (followers[0], followers[1]);
    let second = duplicate_of(&mut world, first);
    world.network.cut(leader, second);
    world.network.cut(leader, asks);
    world.start(second);
    world.run(ms(met_for));
    let frozen = match still {
        Process::First => first,
        Process::Second => second,
    };
    world.freeze(frozen, ms(still_for));
    world.run(ms(2_000));
    assert!(was_told(&world, second), "{which}\n{}", world.story());
    assert_undisturbed(&world, first, leader, &which);
}

/// Time in which it stands still is no time among others, however little of its wait is left when it goes on, and whatever it
/// still waits for.
#[test]
fn a_second_node_of_a_live_name_that_stood_still_for_most_of_its_wait_stops_too() {
    use Durability::{Diskless, Durable};
    for (durability, still_for) in [(Diskless, 146), (Diskless, 160), (Diskless, 170), (Durable, 160), (Durable, 400)] {
        for met_for in 1..8 {
            assert_told_though_one_stands_still(durability, Process::Second, met_for, still_for);
        }
    }
}

/// The first one stands still just when it is asked, or is a long way off: its answer is late, and shows all the same that it is there.
#[test]
fn a_second_node_of_a_live_name_stops_too_where_the_first_one_answers_late() {
    for late_by in [76, 82, 90, 100] {
        for met_for in 1..8 {
            assert_told_though_one_stands_still(Durability::Diskless, Process::First, met_for, late_by);
        }
    }
}

/// Two followers say nothing to each other, however long both live: that the first one is silent means nothing before it is asked.
#[test]
fn a_second_node_that_answers_before_the_first_one_is_not_taken_for_its_successor() {
    for (seed, loses_first_answer) in (0..20).flat_map(|seed| [(seed, false), (seed, true)]) {
        let (mut world, leader) = led(3, seed);
        let followers = world.followers();
        let (first, asks) = (followers[0], followers[1]);
        let second = duplicate_of(&mut world, first);
        // The leader, who knows the first one, is out of the second one's reach.
        world.network.cut(leader, second);
        let mut loses = loses_first_answer;
        world.network.rule(move |from, to, message| {
            let is_answer = matches!(message, Message::Session(Session::ProbeAck { .. }));
            ((from, to) == (first, asks) && is_answer && core::mem::take(&mut loses)).then_some(Fate::Lose)
        });
        far_apart(&mut world, [first, asks]);
        world.start(second);
        world.run(ms(149));
        assert!(was_told(&world, second), "seed {seed}\n{}", world.story());
        world.run(ms(2_000));
        assert_undisturbed(&world, first, leader, &format!("seed {seed}"));
    }
}

/// The voter that takes it for new is cut off from the first one; the other voter knows better, and is heard last.
#[test]
fn a_second_node_that_is_started_twice_is_not_taken_for_the_successor_of_itself() {
    for seed in 0..20 {
        let (mut world, leader) = led(3, seed);
        let followers = world.followers();
        let (cut_off, knows_both) = (followers[0], followers[1]);
        world.network.cut(leader, cut_off);
        world.run(ms(400));
        let second = duplicate_of(&mut world, leader);
        far_apart(&mut world, [second, knows_both]);
        for _ in 0..2 {
            world.start(second);
            world.run(ms(300));
            assert_eq!(world.role(second), Role::Stopped, "seed {seed}\n{}", world.story());
            world.crash(second);
        }
        world.run(ms(2_000));
        assert_undisturbed(&world, leader, leader, &format!("seed {seed}"));
    }
}
