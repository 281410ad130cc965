//! Observers hear who leads, and nothing more (E13).

use qcluster_core::{
    DropReason, Durability, HardState, Incarnation, KnownIncarnation, Notification, Role, Seat, Settings, Term, Timing,
};

use crate::world::{Law, World, id, ms, voters};

/// Three voters and an observer, the last machine, all started.
fn observed(seed: u64) -> (World, usize) {
    let mut world = World::of(3).seeded(seed);
    let mut settings = Settings::voter(id(3), voters(0..3));
    settings.seat = Seat::Observer;
    let observer = world.add(settings);
    world.start_all();
    (world, observer)
}

fn seen(world: &World, observer: usize) -> Option<String> {
    world.node(observer).leader().map(|voter| voter.id.to_string())
}

#[test]
fn an_observer_hears_who_leads_and_who_follows() {
    for seed in 0..50 {
        let (mut world, observer) = observed(seed);
        let old = world.elect();
        world.run(ms(5));
        assert_eq!(seen(&world, observer), Some(id(old).to_string()), "seed {seed}\n{}", world.story());
        assert_eq!(world.role(observer), Role::Observer);
        world.run(ms(10_000));
        // When the leader dies, then it hears of the next one as soon as the voters know.
        world.crash(old);
        let new = world.elect();
        world.run(ms(5));
        assert_eq!(seen(&world, observer), Some(id(new).to_string()));
        // And when all die, then it knows after a while that it does not know.
        for n in 0..3 {
            world.crash(n);
        }
        world.run(ms(700));
        assert_eq!(seen(&world, observer), None);
        world.start(0);
        world.start(1);
        world.elect();
        world.run(ms(200));
        assert!(seen(&world, observer).is_some(), "seed {seed}\n{}", world.story());
    }
}

#[test]
fn an_observer_counts_for_nothing() {
    for seed in 0..50 {
        let (mut world, observer) = observed(seed);
        let leader = world.elect();
        world.run(ms(1_000));
        // One voter of three and an observer are not a majority, before or after.
        for n in world.followers().into_iter().filter(|n| *n != observer) {
            world.crash(n);
        }
        world.run(ms(5_000));
        assert!(world.leaders().is_empty());
        assert_eq!(world.elections(), 1);
        assert_eq!(world.role(observer), Role::Observer);
        let spoke = world
            .transcript
            .messages()
            .filter(|(from, _, message)| *from == observer && crate::world::election(message).is_some());
        assert_eq!(spoke.count(), 0, "leader {leader}");
    }
}

#[test]
fn an_observer_that_is_cut_off_or_restarts_hears_again() {
    for seed in 0..25 {
        let (mut world, observer) = observed(seed);
        let leader = world.elect();
        world.run(ms(1_000));
        world.isolate(observer);
        world.run(ms(1_000));
        assert_eq!(seen(&world, observer), None, "what is not renewed is forgotten");
        world.heal();
        world.run(ms(400));
        assert_eq!(seen(&world, observer), Some(id(leader).to_string()));
        world.crash(observer);
        world.start(observer);
        world.run(ms(400));
        assert_eq!(seen(&world, observer), Some(id(leader).to_string()), "seed {seed}\n{}", world.story());
        let told = world.count(|n, told| n == observer && matches!(told, Notification::LeaderChanged { .. }));
        assert!(told >= 3, "{told}");
    }
}

#[test]
fn an_observer_with_other_rules_is_refused_and_surfaced() {
    let (mut world, observer) = observed(1);
    world.machines[observer].settings.timing.lease = ms(200);
    world.start(observer);
    let leader = world.elect();
    world.run(ms(2_000));
    assert_eq!(seen(&world, observer), None);
    assert!(world.node(leader).counters().dropped[DropReason::ConfigMismatch] > 0);
    let surfaced = |who: usize| world.count(|n, told| n == who && matches!(told, Notification::ConfigMismatch { .. }));
    assert!(surfaced(leader) > 0 && surfaced(observer) > 0, "{}", world.story());
}

#[test]
fn more_observers_than_a_voter_tells_are_refused_and_counted() {
    let mut world = World::of(1);
    for n in 0..140 {
        let name = qcluster_core::NodeId::new(&format!("observer_{n}")).unwrap();
        let mut settings = Settings::voter(name, voters(0..1));
        settings.seat = Seat::Observer;
        world.add(settings);
    }
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    assert!(world.node(0).counters().observers_refused > 0);
    let informed = (1..=140).filter(|n| seen(&world, *n).is_some()).count();
    assert_eq!(informed, 128);
    assert_eq!(world.leader(), 0);
}

/// One that was a voter remembers incarnations that no voter does any more, if their disks were lost and their clocks set back. No
/// voter hears from it that it has to go above them, and it counts nothing: it listens to who is there.
#[test]
fn an_observer_hears_voters_of_earlier_incarnations_than_it_knew_as_a_voter() {
    for n in [1, 3] {
        let mut world = World::of(n).seeded(1);
        let mut settings = Settings::voter(id(n), voters(0..n));
        (settings.seat, settings.durability) = (Seat::Observer, Durability::Durable);
        let observer = world.add(settings);
        let later = |voter: usize| KnownIncarnation { node: id(voter).key(), incarnation: Incarnation(1 << 62) };
        let mut known: Vec<KnownIncarnation> = (0..n).map(later).collect();
        known.sort_by_key(|known| known.node.0);
        let (term, stamp, lease) = (Term(5), Term(5), Timing::default().lease);
        let incarnation = Incarnation(1);
        let saved = HardState { term, vote: None, stamp, lease, incarnation, incarnations: known, step: None };
        world.machines[observer].saved = Some(saved);
        world.start_all();
        let leader = world.elect();
        world.run(ms(1_000));
        assert_eq!(seen(&world, observer), Some(id(leader).to_string()), "{}", world.story());
    }
}

#[test]
fn an_observer_hears_voters_that_came_back_with_earlier_clocks() {
    for n in [1, 3] {
        let mut world = World::of(n).seeded(1);
        // Tokens of voters without a disk rest on their clocks (E12).
        world.judge.waive(Law::TokensGrow);
        let mut settings = Settings::voter(id(n), voters(0..n));
        settings.seat = Seat::Observer;
        let observer = world.add(settings);
        (0..n).for_each(|voter| world.start(voter));
        world.elect();
        // Given an observer that has met voters which take part, …
        world.start(observer);
        world.run(ms(1_000));
        assert!(seen(&world, observer).is_some(), "{}", world.story());
        // … when all of these come back with earlier names, and nobody else knows it, then it hears them.
        for voter in 0..n {
            world.crash(voter);
            world.machines[voter].wall_ms -= 60_000;
        }
        world.run(ms(700));
        (0..n).for_each(|voter| world.start(voter));
        let leader = world.elect();
        world.run(ms(1_000));
        assert_eq!(seen(&world, observer), Some(id(leader).to_string()), "{}", world.story());
    }
}
