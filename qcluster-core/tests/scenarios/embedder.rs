//! What an embedder may do to a node: drop its actions, never take them, ask too often, copy it (scenario 5, §3).

use qcluster_core::{Action, Command, Node, NodeInput, Notification, Time};

use crate::dice::Dice;
use crate::world::{Fate, World, at, ms};

/// The events that nodes of a troubled world were given, by machine.
fn a_troubled_world(seed: u64) -> World {
    let mut world = World::of(3).seeded(seed);
    let mut dice = Dice::new(seed);
    world
        .network
        .rule(move |_, _, _| Some(if dice.chance(10) { Fate::Lose } else { Fate::Deliver(ms(1 + dice.below(20))) }));
    world.start_all();
    world
}

#[test]
fn actions_that_are_dropped_early_come_first_next_time() {
    for seed in 0..50 {
        let mut world = a_troubled_world(seed);
        for _ in 0..200 {
            world.run(ms(5));
            // Given a copy of a node, when its actions are dropped after the first, …
            let n = usize::try_from(seed % 3).unwrap();
            let now = world.machines[n].clock.read(world.now);
            let mut eager: Node = world.node(n).clone();
            let mut lazy = eager.clone();
            let (mut all, mut taken) = (Vec::new(), Vec::new());
            for later in 0..4 {
                let now = now + ms(later * 40);
                all.extend(eager.step(now, NodeInput::Timeout));
                taken.extend(lazy.step(now, NodeInput::Timeout).next());
            }
            // … then nothing is lost and nothing changes its place.
            taken.extend(lazy.step(now, NodeInput::Timeout));
            all.extend(eager.step(now, NodeInput::Timeout));
            assert_eq!(taken, all, "seed {seed}");
            assert_eq!(eager, lazy);
        }
    }
}

#[test]
fn an_embedder_that_never_takes_its_actions_costs_bounded_memory() {
    let mut world = World::of(1);
    world.start_all();
    let mut node = world.node(0).clone();
    let mut now = at(0);
    let mut longest = 0;
    for _ in 0..20_000 {
        now = node.deadline().max(now);
        let actions = node.step(now, NodeInput::Timeout);
        longest = longest.max(actions.size_hint().0);
        drop(actions);
        // It leads, is told to step down, and leads again: each time there is something to tell.
        let actions = node.step(now, NodeInput::Command(Command::StepDown));
        longest = longest.max(actions.size_hint().0);
        drop(actions);
        drop(node.step(now, NodeInput::Command(Command::Drained)));
    }
    assert!(longest > 100 && longest < 1_500, "{longest} actions wait");
    // What is left of the story still alternates, and loses what was won.
    let mut leads = None;
    for action in node.step(now, NodeInput::Timeout) {
        match action {
            Action::Notify(Notification::Elected { token }) => assert_eq!(leads.replace(token), None),
            Action::Notify(Notification::Lost { token, .. }) => assert_eq!(leads.take(), Some(token)),
            Action::Notify(_) | Action::Send(_) | Action::Persist { .. } => {}
        }
    }
}

#[test]
fn an_embedder_that_never_takes_its_actions_gives_up_sends_not_saves_or_news() {
    let mut world = World::with(3, |_, settings| settings.durability = qcluster_core::Durability::Durable);
    world.start_all();
    let mut node = world.node(0).clone();
    let mut now = at(0);
    for _ in 0..20_000 {
        now = node.deadline().max(now);
        assert!(node.step(now, NodeInput::Timeout).size_hint().0 < 1_200);
    }
    assert!(node.counters().overflowed > 0);
    let saves = node.step(now, NodeInput::Timeout).filter(|action| matches!(action, Action::Persist { .. }));
    assert_eq!(saves.count(), 1, "one is under way, and never reported");
}

#[test]
fn scenario_05_a_copy_of_a_node_does_the_same_with_the_same_events() {
    for seed in 0..50 {
        let mut world = a_troubled_world(seed);
        world.network.catch(|_, to, _| to == 0);
        for _ in 0..300 {
            world.run(ms(2));
            let letters = std::mem::take(&mut world.network.caught);
            for (to, envelope) in letters {
                let now = world.machines[to].clock.read(world.now);
                let mut copy = world.node(to).clone();
                assert_eq!(&copy, world.node(to));
                let expected: Vec<Action> = copy.step(now, NodeInput::Message(envelope.clone())).collect();
                let again: Vec<Action> =
                    world.node(to).clone().step(now, NodeInput::Message(envelope.clone())).collect();
                assert_eq!(expected, again, "seed {seed}");
                world.give(to, NodeInput::Message(envelope));
                assert_eq!(&copy, world.node(to), "seed {seed}");
            }
        }
    }
}

#[test]
fn timeouts_at_any_other_time_do_nothing() {
    let story = |seed: u64, spurious: bool| {
        let mut world = a_troubled_world(seed);
        for round in 0..2_000 {
            world.run(ms(1));
            if spurious {
                for n in 0..3 {
                    world.give(n, NodeInput::Timeout);
                }
            }
            if round % 500 == 499 {
                for leader in world.leaders() {
                    world.give(leader, NodeInput::Command(Command::StepDown));
                }
            }
        }
        world.transcript.in_full(&world.machines)
    };
    for seed in 0..20 {
        assert_eq!(story(seed, false), story(seed, true), "seed {seed}");
    }
}

/// Whatever a clock shows, forwards, backwards or at the end of time: no panic, and no lease in the past.
#[test]
fn no_clock_reading_makes_a_node_panic() {
    for seed in 0..200 {
        let mut world = a_troubled_world(seed);
        world.network.catch(|_, to, _| to == 0);
        world.run(ms(100 + seed * 3));
        let letters: Vec<_> = world.network.caught.iter().map(|(_, envelope)| envelope.clone()).collect();
        let mut node = world.node(0).clone();
        let mut dice = Dice::new(seed);
        for _ in 0..200 {
            let edge = [0, 1, u64::MAX, u64::MAX - 1, u64::MAX / 2, world.now.as_nanos(), 1 << 62][dice.machine(7)];
            let now = Time::from_nanos(edge.saturating_add(dice.below(400_000_000)));
            let event = match dice.below(6) {
                0 => NodeInput::Command(Command::Transfer(None)),
                1 => NodeInput::Command(Command::StepDown),
                2 => NodeInput::Command(Command::Drained),
                3 => NodeInput::Message(letters[dice.machine(letters.len())].clone()),
                _ => NodeInput::Timeout,
            };
            let sent = node.step(now, event).count();
            assert!(sent < 200, "{sent} actions at once");
            assert!(node.lease(now).is_none_or(|lease| lease.valid_until > now));
        }
    }
}
