//! Leadership goes to the voter of the highest priority, once it is worth it (scenarios 18, 35, and E8, E11).

use qcluster_core::{Action, Command, Durability, ElectionMessage, NodeInput, Notification, Refusal, Role, Span, Term};

use crate::dice::Dice;
use crate::world::{Disk, Fate, LEASE, World, election, id, is, ms};

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

/// The leader gives its lead away to a voter that reaches all that it reaches. Who answers that it would not vote was reached by
/// the question, and is not on that list (E11).
#[test]
fn a_preferred_voter_counts_nobody_as_reached_that_refuses() {
    for refusal in [Refusal::Promised, Refusal::BootWait, Refusal::Abstains, Refusal::Voted] {
        let mut world = ranked(5, 1).of_hermits();
        let (term, sent_at) = (world.fresh_term(), world.now);
        let (asked, leader) = (0, 1);
        world.ask(
            leader,
            asked,
            ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) },
        );
        // Given that the leader asks whether it could win, and it asks around, …
        let requests = world.ask(leader, asked, ElectionMessage::CouldYouWin { term });
        let Some(ElectionMessage::PreVoteRequest { round, .. }) = requests.first().copied() else {
            panic!("{requests:?}")
        };
        let incarnations = world.incarnations(2);
        let reply = |refusal| ElectionMessage::PreVoteReply { round, refusal, term, stamp: Term(0), incarnations };
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
        world.ask(
            2,
            0,
            ElectionMessage::PreVoteReply { round, refusal, term, stamp: Term(0), incarnations: world.incarnations(2) },
        );
        // … then leadership stays.
        world.run(ms(1_000));
        assert_eq!((world.leader(), world.elections()), (1, 1), "seed {seed}\n{}", world.story());
        assert!(world.sent("could_win") > 0, "it has a quorum with the leader");
    }
}

/// A preferred voter is asked in the name of the leadership that it follows, and of no other (E11).
#[test]
fn a_voter_asks_around_for_the_leadership_that_it_follows_alone() {
    let (asked, leader, other) = (0, 1, 2);
    let mut world = ranked(3, 1).of_hermits();
    let (term, sent_at) = (world.fresh_term(), world.now);
    world.ask(leader, asked, ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) });
    let could_you_win = |term| ElectionMessage::CouldYouWin { term };
    assert_eq!(world.ask(other, asked, could_you_win(term)), [], "another node's");
    assert_eq!(world.ask(leader, asked, could_you_win(term.next())), [], "another term's");
    assert_eq!(world.ask(leader, asked, could_you_win(term)).len(), 2);
    // Once that has ended, it is nobody's to give away.
    world.ask(leader, asked, ElectionMessage::Release { term, successor: None });
    assert_eq!(world.ask(leader, asked, could_you_win(term)), []);
}

/// Who campaigns already needs nobody's consent (E11).
#[test]
fn a_voter_that_asks_around_for_itself_is_not_asked_whether_it_could_win() {
    let (asked, leader) = (0, 1);
    let mut world = ranked(3, 1).of_hermits();
    let (term, sent_at) = (world.fresh_term(), world.now);
    world.ask(leader, asked, ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) });
    world.run_till(ms(500), "a pre-candidate", |world| world.role(asked) == Role::PreCandidate);
    assert_eq!(world.ask(leader, asked, ElectionMessage::CouldYouWin { term }), []);
    assert_eq!(world.role(asked), Role::PreCandidate);
}

/// Its vote would wait for the disk, for as long as that takes: it shows first that it can save (E11, E16).
#[test]
fn a_preferred_voter_with_something_to_save_asks_around_once_that_is_saved() {
    let (asked, leader) = (0, 1);
    let mut world = ranked(3, 1);
    for machine in &mut world.machines {
        machine.settings.durability = Durability::Durable;
    }
    let mut world = world.of_hermits();
    // Given a voter that is in a new term, which its disk does not know of yet, …
    let (term, sent_at) = (world.fresh_term(), world.now);
    world.machines[asked].disk = Disk::Held;
    world.ask(leader, asked, ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) });
    assert_eq!(world.machines[asked].held.len(), 1);
    // … when it is asked whether it could win, then it asks nobody, …
    assert_eq!(world.ask(leader, asked, ElectionMessage::CouldYouWin { term }), []);
    // … until its disk is done.
    world.sync(asked);
    let mut round_asked = || {
        let requests = world.ask(leader, asked, ElectionMessage::CouldYouWin { term });
        let [ElectionMessage::PreVoteRequest { round, .. }, _] = requests[..] else { panic!("{requests:?}") };
        round
    };
    // And with a new number every time, so that old answers count for nothing.
    assert!(round_asked() < round_asked());
}

/// Nobody is asked by its equals, nor by one that is about to hand over anyway (E11).
#[test]
fn voters_of_the_same_priority_leave_the_lead_where_it_is() {
    let mut world = World::with(3, |_, settings| {
        settings.voters[0].priority = 1;
        settings.drain = ms(20_000);
    });
    world.start(1);
    world.start(2);
    let leader = world.elect();
    world.run(ms(30_000));
    assert_eq!((world.leader(), world.sent("could_you_win")), (leader, 0));
    // Given that the preferred one comes while the leader drains, …
    world.machines[leader].drains_at_once = false;
    world.give(leader, NodeInput::Command(Command::Transfer(Some(id(3 - leader)))));
    world.start(0);
    world.run(ms(10_000));
    // … then the one that was named first is not passed over.
    assert_eq!((world.leader(), world.sent("could_you_win")), (leader, 0));
    world.give(leader, NodeInput::Command(Command::Drained));
    world.run_till(ms(100), "the named one leads", |world| world.leads(3 - leader));
    world.run_till(ms(10_000), "the preferred one is asked", |world| world.sent("could_you_win") > 0);
}

/// What a preferred voter has asked is answered within a lease, and with the number of the question (E11).
#[test]
fn a_preferred_voter_counts_answers_to_its_last_question_for_a_lease() {
    let (asked, leader, other) = (0, 1, 2);
    let mut world = ranked(3, 1).of_hermits();
    let (term, sent_at) = (world.fresh_term(), world.now);
    world.ask(leader, asked, ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) });
    let requests = world.ask(leader, asked, ElectionMessage::CouldYouWin { term });
    let end = world.now + ms(150);
    let [ElectionMessage::PreVoteRequest { round, .. }, _] = requests[..] else { panic!("{requests:?}") };
    let incarnations = world.incarnations(other);
    let reply =
        |round| ElectionMessage::PreVoteReply { round, refusal: None, term: Term(0), stamp: Term(0), incarnations };
    assert_eq!(world.ask(other, asked, reply(round - 1)), [], "an earlier question");
    assert_eq!(world.ask(other, asked, reply(round + 1)), [], "none at all");
    // Given that its timer fires meanwhile, …
    world.run(ms(70));
    world.give(asked, NodeInput::Timeout);
    let could_win = |mut node: qcluster_core::Node, now, answer| {
        let said = node.step(now, NodeInput::Message(answer));
        said.filter(|action| matches!(action, Action::Send(envelope) if is(&envelope.message, "could_win"))).count()
    };
    let answer = world.forge(other, asked, reply(round));
    let node = world.node(asked).clone();
    // … then an answer counts up to the end of the lease, and not at it.
    assert_eq!(could_win(node.clone(), end.before(Span::from_nanos(1)), answer.clone()), 1);
    assert_eq!(could_win(node, end, answer), 0);
}
