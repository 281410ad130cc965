//! Leadership goes to the voter of the highest priority, once it is worth it (scenarios 18, 35, and E8, E11).

use qcluster_core::{ElectionMessage, Notification, Refusal, Term};

use crate::dice::Dice;
use crate::world::{Fate, World, election, ms};

/// Voters of which the first has the highest priority, and the last the lowest.
fn ranked(n: usize, seed: u64) -> World {
    let priority = |voter: usize| u32::try_from(n - voter).unwrap();
    let world = World::with(n, |_, settings| {
        for (voter, entry) in settings.voters.iter_mut().enumerate() {
            entry.priority = priority(voter);
        }
    });
    world.seeded(seed)
}

#[test]
fn priority_is_a_head_start() {
    let mut first = 0;
    for seed in 0..100 {
        let mut world = ranked(3, seed);
        world.start_all();
        first += u32::from(world.elect() == 0);
        // And never a veto: without the first, the others lead.
        world.crash(0);
        world.run(ms(500));
        world.elect();
    }
    assert_eq!(first, 100);
}

#[test]
fn scenario_18_a_returning_voter_of_high_priority_is_given_the_lead_once() {
    for seed in 0..50 {
        let mut world = ranked(3, seed);
        world.start(1);
        world.start(2);
        assert_eq!(world.elect(), 1);
        world.run(ms(2_000));
        // When the preferred one comes, then leadership stays until it has been healthy for three seconds, …
        let came = world.now;
        world.start(0);
        world.run(ms(3_000));
        assert_eq!(world.leader(), 1);
        // … and moves then, once.
        world.run_till(ms(1_000), "it moves", |world| world.leads(0));
        assert!(world.now >= came + ms(3_000));
        world.run(ms(60_000));
        assert_eq!((world.leader(), world.elections()), (0, 2), "seed {seed}\n{}", world.story());
    }
}

#[test]
fn scenario_18_a_voter_that_flaps_every_second_moves_nothing() {
    for seed in 0..5 {
        let mut world = ranked(3, seed);
        world.start(1);
        world.start(2);
        world.elect();
        for _ in 0..300 {
            world.start(0);
            world.run(ms(1_000));
            world.crash(0);
            world.run(ms(1_000));
        }
        assert_eq!(world.elections(), 1, "seed {seed}\n{}", world.story());
    }
}

/// Whatever the beat of the flapping, ten minutes see at most ten moves to the flapping voter.
#[test]
fn scenario_18_a_flapping_voter_is_given_the_lead_ten_times_at_most() {
    for (up, down) in [(1_000, 1_000), (3_500, 500), (4_000, 1_000), (5_000, 5_000), (8_000, 1_000)] {
        for seed in 0..3 {
            let mut world = ranked(3, seed);
            world.start(1);
            world.start(2);
            world.elect();
            while world.now < crate::world::at(600_000) {
                world.start(0);
                world.run(ms(up));
                world.crash(0);
                world.run(ms(down));
            }
            let moves = world.count(|n, told| n == 0 && matches!(told, Notification::Elected { .. }));
            assert!(moves <= 10, "up {up}, down {down}, seed {seed}: {moves} moves\n{}", world.story());
        }
    }
}

/// The same by its link instead of by its process.
#[test]
fn scenario_18_a_voter_with_a_flapping_link_is_given_the_lead_ten_times_at_most() {
    for (up, down) in [(1_000, 1_000), (4_000, 1_000), (6_000, 300)] {
        let mut world = ranked(3, 1);
        world.start_all();
        world.elect();
        while world.now < crate::world::at(600_000) {
            world.run(ms(up));
            world.isolate(0);
            world.run(ms(down));
            world.heal();
        }
        let moves = world.count(|n, told| n == 0 && matches!(told, Notification::Elected { .. }));
        assert!(moves <= 10, "up {up}, down {down}: {moves} moves\n{}", world.story());
    }
}

#[test]
fn scenario_35_a_preferred_voter_that_reaches_only_the_leader_moves_nothing() {
    for n in [3, 5] {
        for seed in 0..5 {
            let mut world = ranked(n, seed);
            for voter in 1..n {
                world.start(voter);
            }
            assert_eq!(world.elect(), 1);
            world.run(ms(1_000));
            // Given that the preferred one reaches the leader and nobody else, …
            for other in 2..n {
                world.network.cut(0, other);
            }
            world.start(0);
            // … then leadership stays, for an hour in one of the runs, …
            world.run(ms(if seed == 0 { 3_600_000 } else { 300_000 }));
            assert_eq!((world.leader(), world.elections()), (1, 1), "n {n}, seed {seed}\n{}", world.story());
            assert!(world.node(1).counters().preferred_attempts > 0, "it was asked");
            // … and moves when the network heals.
            world.heal();
            world.run_till(ms(400_000), "it moves", |world| world.leads(0));
        }
    }
}

/// Deaf on one side: it is heard by all, and hears the leader only, or the other way round.
#[test]
fn scenario_35_a_preferred_voter_with_half_a_link_moves_nothing_for_the_worse() {
    for seed in 0..10 {
        let mut world = ranked(3, seed);
        world.start(1);
        world.start(2);
        world.elect();
        world.run(ms(1_000));
        if seed % 2 == 0 {
            world.network.cut_one_way(2, 0);
        } else {
            world.network.cut_one_way(0, 2);
        }
        world.start(0);
        world.run(ms(600_000));
        assert_eq!((world.leader(), world.elections()), (1, 1), "seed {seed}\n{}", world.story());
    }
}

/// On a lossy network too, wanting a better leader does not cost the one that there is.
#[test]
fn a_lossy_network_moves_leadership_to_the_preferred_voter_and_leaves_it_there() {
    for seed in 0..10 {
        let mut world = ranked(3, seed);
        let mut dice = Dice::new(seed);
        world.network.rule(move |_, _, _| dice.chance(5).then_some(Fate::Lose));
        world.start(1);
        world.start(2);
        world.elect();
        world.start(0);
        world.run(ms(120_000));
        assert_eq!(world.leader(), 0, "seed {seed}\n{}", world.story());
        assert!(world.elections() <= 4, "seed {seed}\n{}", world.story());
    }
}

/// The leader gives its lead away to whoever reaches all that it reaches. Who answers that it would not vote was reached by
/// the question, and is not on that list (E11).
#[test]
fn a_preferred_voter_counts_nobody_as_reached_that_refuses() {
    for refusal in [Refusal::Promised, Refusal::BootWait, Refusal::Abstains, Refusal::Voted] {
        let mut world = ranked(5, 1).of_hermits();
        let (term, sent_at) = (world.fresh_term(), world.now);
        let (asked, leader) = (0, 1);
        world.ask(leader, asked, ElectionMessage::Heartbeat { term, sent_at, active: true, stamp: Term(0) });
        // Given that the leader asks whether it could win, and it asks around, …
        let requests = world.ask(leader, asked, ElectionMessage::CouldYouWin { term });
        let Some(ElectionMessage::PreVoteRequest { round, .. }) = requests.first().copied() else {
            panic!("{requests:?}")
        };
        let lives = world.lives(2);
        let reply = |refusal| ElectionMessage::PreVoteReply { round, refusal, term, stamp: Term(0), lives };
        // … when two refuse, then it has not yet won anything with the consent of the leader, …
        assert_eq!(world.ask(2, asked, reply(Some(refusal))), []);
        assert_eq!(world.ask(3, asked, reply(Some(refusal))), []);
        assert_eq!(world.ask(leader, asked, reply(None)), [], "two of five");
        // … and when a third one consents, then it names those three.
        let answers = world.ask(4, asked, reply(None));
        assert_eq!(answers, [ElectionMessage::CouldWin { term, reached: 0b1_0011 }], "{refusal:?}");
    }
}

/// A voter that is there and would not vote keeps the lead where it is (E11).
#[test]
fn a_preferred_voter_that_is_refused_by_one_whom_the_leader_reaches_moves_nothing() {
    for seed in 0..5 {
        let mut world = ranked(3, seed);
        world.start(1);
        world.start(2);
        assert_eq!(world.elect(), 1);
        // Given a third one whose answers to the preferred one are no, whatever they were, …
        world.network.rule(|from, to, message| {
            let yes = matches!(election(message), Some(ElectionMessage::PreVoteReply { refusal: None, .. }));
            (yes && (from, to) == (2, 0)).then_some(Fate::Lose)
        });
        world.network.catch(|_, _, message| matches!(election(message), Some(ElectionMessage::CouldYouWin { .. })));
        world.start(0);
        world.run_till(ms(60_000), "the question", |world| !world.network.caught.is_empty());
        world.network.stop_catching();
        world.release_caught();
        let round = world.transcript.messages().filter_map(|(from, _, message)| match election(&message) {
            Some(ElectionMessage::PreVoteRequest { round, .. }) if from == 0 => Some(*round),
            _ => None,
        });
        let (round, term) = (round.last().unwrap(), world.node(1).term());
        let refusal = Some(Refusal::Abstains);
        world.ask(2, 0, ElectionMessage::PreVoteReply { round, refusal, term, stamp: Term(0), lives: world.lives(2) });
        // … then leadership stays.
        world.run(ms(1_000));
        assert_eq!((world.leader(), world.elections()), (1, 1), "seed {seed}\n{}", world.story());
        assert!(world.sent("could_win") > 0, "it has a quorum with the leader");
    }
}
