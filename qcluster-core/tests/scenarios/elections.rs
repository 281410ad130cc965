//! Who gets elected, and when (scenarios 1 to 5, 8, 21).

use std::collections::BTreeMap;

use qcluster_core::{ElectionMessage, Notification, Refusal, Role};

use crate::dice::Dice;
use crate::world::{Fate, World, at, election, id, is, ms};

#[test]
fn scenario_01_a_lone_voter_leads_after_one_boot_wait_and_one_timer() {
    for seed in 0..50 {
        let mut world = World::of(1).seeded(seed);
        world.start_all();
        world.run_until(at(149));
        assert!(world.leaders().is_empty(), "the boot wait is 150 ms");
        world.run_until(at(160));
        assert_eq!(world.leader(), 0);
        world.run_until(at(10_000));
        assert_eq!(world.elections(), 1);
    }
}

#[test]
fn scenario_02_exactly_one_of_three_leads() {
    for seed in 0..100 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let leader = world.elect();
        assert!(world.now <= at(200), "seed {seed}: only at {}", world.now);
        world.run(ms(10_000));
        assert_eq!(world.leader(), leader);
        assert_eq!(world.elections(), 1, "seed {seed}\n{}", world.story());
        for n in 0..3 {
            assert_eq!(world.node(n).leader().map(|voter| &voter.id), Some(&id(leader)));
        }
    }
}

#[test]
fn scenario_02_five_voters_outlive_two_and_stop_without_three() {
    for seed in 0..50 {
        // Given five voters, with two that never came.
        let mut world = World::of(5).seeded(seed);
        for n in 0..3 {
            world.start(n);
        }
        let leader = world.elect();
        world.run(ms(1_000));
        assert_eq!(world.leader(), leader);
        // When a third one dies, then the lease of the leader runs out, and nobody follows.
        world.crash((leader + 1) % 3);
        world.run(ms(150));
        assert!(world.leaders().is_empty(), "the lease outlived its quorum");
        world.run(ms(10_000));
        assert!(world.leaders().is_empty());
        assert_eq!(world.elections(), 1);
        // When one of those that never came comes, then somebody leads.
        world.start(4);
        world.elect();
    }
}

#[test]
fn scenario_03_when_the_leader_crashes_another_leads_with_a_larger_token() {
    for seed in 0..100 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let old = world.elect();
        world.run(ms(1_000));
        let crash = world.now;
        world.crash(old);
        let new = world.elect_another(old);
        assert!(world.now.since(crash) <= ms(200), "seed {seed}: took {}", world.now.since(crash));
        assert!(world.tokens()[0] < world.tokens()[1]);
        // And when it comes back, it follows.
        world.start(old);
        world.run(ms(2_000));
        assert_eq!(world.leader(), new);
        assert_eq!(world.elections(), 2);
    }
}

#[test]
fn scenario_04_a_split_vote_is_resolved_in_a_later_term() {
    for seed in 0..100 {
        // Given four voters; a and b do not hear each other, and a's request for votes reaches only c, b's only d.
        let mut world = World::of(4).seeded(seed);
        world.network.cut(0, 1);
        world.network.rule(|from, to, message| {
            let misses = is(message, "vote_request") && matches!((from, to), (0, 3) | (1, 2) | (2 | 3, _));
            Some(if misses { Fate::Lose } else { Fate::Deliver(ms(12)) })
        });
        world.start_all();
        world.run(ms(300));
        let mut candidates: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (from, _, message) in world.transcript.messages() {
            if let Some(ElectionMessage::VoteRequest { term, .. }) = election(&message) {
                candidates.entry(term.0).or_default().push(from);
            }
        }
        let split = |voters: &Vec<usize>| voters.contains(&0) && voters.contains(&1);
        assert!(candidates.values().any(split), "seed {seed}: no split\n{}", world.story());
        assert!(world.leaders().is_empty());
        // When they hear each other again, then one of them leads, in a later term.
        world.heal();
        world.network.clear_rules();
        let healed = world.now;
        world.elect();
        assert!(world.now.since(healed) < ms(400), "seed {seed}: {}\n{}", world.now, world.story());
        world.run(ms(2_000));
        assert_eq!(world.elections(), 1);
    }
}

#[test]
fn scenario_05_the_same_seed_gives_the_same_story_action_for_action() {
    let story = |seed: u64| {
        let mut world = World::of(5).seeded(seed);
        let mut dice = Dice::new(seed);
        let mut network = dice.clone();
        world.network.rule(move |_, _, _| match network.below(10) {
            0 => Some(Fate::Lose),
            1 => Some(Fate::Twice(ms(1), ms(40))),
            _ => Some(Fate::Deliver(ms(1 + network.below(5)))),
        });
        world.start_all();
        for _ in 0..20 {
            world.run(ms(dice.below(300)));
            let n = dice.machine(5);
            match dice.below(4) {
                0 => world.crash(n),
                1 => world.start(n),
                2 => world.isolate(n),
                _ => world.heal(),
            }
        }
        let nodes: Vec<_> = world.machines.iter().map(|machine| machine.node.clone()).collect();
        (world.transcript.in_full(&world.machines), nodes)
    };
    for seed in 0..20 {
        let (first, second) = (story(seed), story(seed));
        assert!(first == second, "seed {seed}:\n{}\nis not\n{}", first.0, second.0);
    }
    assert!(story(1).0 != story(2).0, "chance plays no part");
}

#[test]
fn scenario_08_two_survivors_that_become_pre_candidates_together_elect_one() {
    let mut together = 0;
    for seed in 0..100 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let old = world.elect();
        world.run(ms(500));
        // Given a network slower than the spread of the timers, both ask before either hears.
        world.network.rule(|_, _, _| Some(Fate::Deliver(ms(11))));
        world.run(ms(100));
        world.crash(old);
        let survivors: Vec<usize> = (0..3).filter(|n| *n != old).collect();
        let both = |world: &World| survivors.iter().all(|n| world.role(*n) == Role::PreCandidate);
        world.run_till(ms(300), "a pre-candidate", |world| {
            both(world) || survivors.iter().any(|n| world.role(*n) == Role::Candidate)
        });
        together += u32::from(both(&world));
        let begun = world.now;
        world.elect_another(old);
        assert!(world.now.since(begun) < ms(150), "seed {seed}: {}\n{}", world.now.since(begun), world.story());
        world.run(ms(2_000));
        assert_eq!(world.elections(), 2);
    }
    assert!(together > 50, "the story happened only {together} times");
}

/// Of two pre-candidates one yields, and not twice in a row: the one ahead may be unable to win (E5).
#[test]
fn who_cannot_win_is_yielded_to_once() {
    for seed in 0..50 {
        // Given a star in which only b reaches a majority, and a, which goes first and hears nobody, asks it again and again.
        let mut world = World::of(5).seeded(seed);
        world.network.only(&[(1, 0), (1, 2), (1, 3), (1, 4)]);
        world.network.rule(|_, _, _| Some(Fate::Deliver(ms(20))));
        world.start_all();
        world.run(ms(140));
        world.network.cut_one_way(1, 0);
        world.run_till(ms(1_500), "b leads", |world| world.leads(1));
        world.run(ms(3_000));
        assert_eq!((world.leader(), world.elections()), (1, 1), "seed {seed}\n{}", world.story());
    }
}

/// Heartbeats spread the highest stamp (E12): an old restart costs no later election a round.
#[test]
fn a_fail_over_long_after_a_restart_asks_in_one_round() {
    for seed in 0..50 {
        let mut world = World::of(5).seeded(seed);
        world.start_all();
        let leader = world.elect();
        world.run(ms(1_000));
        let restarted = world.followers()[0];
        world.crash(restarted);
        world.start(restarted);
        world.run(ms(2_000));
        world.transcript.begin(world.now);
        world.crash(leader);
        world.elect_another(leader);
        let below = world.transcript.messages().filter(|(_, _, message)| match election(message) {
            Some(ElectionMessage::VoteReply { refusal, .. } | ElectionMessage::PreVoteReply { refusal, .. }) => {
                *refusal == Some(Refusal::BelowStamp)
            }
            _ => false,
        });
        assert_eq!(below.count(), 0, "seed {seed}\n{}", world.transcript.in_full(&world.machines));
    }
}

#[test]
fn scenario_21_when_all_restart_at_once_with_no_state_the_token_still_grows() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        for _ in 0..5 {
            world.elect();
            world.run(ms(1_000));
            for n in 0..3 {
                world.crash_with_amnesia(n);
            }
            world.start_all();
        }
        world.elect();
        assert_eq!(world.elections(), 6);
    }
}

#[test]
fn the_first_election_of_three_reads_well() {
    let mut world = World::of(3);
    world.start_all();
    world.elect();
    world.run(ms(5));
    world.transcript.assert_golden(&world.machines, "first_election");
}

#[test]
fn a_fail_over_reads_well() {
    let mut world = World::of(3);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    world.transcript.begin(world.now);
    world.crash(leader);
    world.elect();
    world.run(ms(5));
    world.transcript.assert_golden(&world.machines, "fail_over");
}

fn too_slow(world: &World) -> usize {
    world.count(|_, told| matches!(told, Notification::TooSlow(_)))
}

/// A round trip of half a lease elects nobody, and is told once by each; a voter that stood still and answers all that it was asked
/// meanwhile is none (E5).
#[test]
fn a_slow_network_is_told_once_and_a_voter_that_stood_still_is_none() {
    for seed in 0..10 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let leader = world.elect();
        world.run(ms(1_000));
        let (sleeper, other) = ((leader + 1) % 3, (leader + 2) % 3);
        world.crash(other);
        world.freeze(sleeper, ms(1_000));
        world.run(ms(3_000));
        assert_eq!(too_slow(&world), 0, "seed {seed}\n{}", world.story());
        assert!(world.leaders().len() == 1, "seed {seed}\n{}", world.story());

        let mut world = World::of(3).seeded(seed);
        world.network.rule(|_, _, _| Some(Fate::Deliver(ms(45))));
        world.start_all();
        world.run(ms(20_000));
        assert!(world.leaders().is_empty());
        assert!((1..=6).contains(&too_slow(&world)), "seed {seed}: {}\n{}", too_slow(&world), world.story());
    }
}
