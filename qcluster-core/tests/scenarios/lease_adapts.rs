//! Leases that fit the machine (E23): why the length changes, and what follows it.

use qcluster_core::{
    Durability, ElectionMessage, LeaseLengthReason, LostReason, Notification, Refusal, Role, Settings, Span, Term,
    VoterIndex,
};

use crate::world::{Disk, Fate, LEASE, World, election, is, ms};

/// Eight times the shortest, as by default.
const LONGEST: Span = Span::from_millis(1_200);

fn diskless(n: usize) -> World {
    World::of(n).with_leases_up_to(LONGEST)
}

fn lengths(world: &World, leader: usize) -> Vec<(Span, LeaseLengthReason)> {
    let told = world.transcript.notifications().filter(|(_, n, _)| *n == leader).filter_map(|(.., told)| match told {
        Notification::LeaseLengthChanged { lease, reason } => Some((lease, reason)),
        _ => None,
    });
    told.collect()
}

/// What the leader asks for at the moment.
fn asked(world: &World, leader: usize) -> Span {
    let asked = world.transcript.messages().filter_map(|(from, _, message)| match election(&message) {
        Some(ElectionMessage::Heartbeat { lease, .. }) if from == leader => Some(*lease),
        _ => None,
    });
    asked.last().expect("it leads")
}

#[test]
fn a_leader_that_is_late_asks_for_longer_promises_from_its_next_heartbeat_on() {
    let mut world = diskless(3);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    assert_eq!(asked(&world, leader), LEASE);
    world.freeze(leader, ms(90));
    world.run(ms(100));
    assert_eq!(world.leader(), leader, "{}", world.story());
    assert_eq!(asked(&world, leader), ms(300));
    assert_eq!(lengths(&world, leader), [(ms(300), LeaseLengthReason::Stalled)]);
    assert_eq!(world.node(leader).counters().lease_lengthened, 1);
    // Its followers know, and the next leader goes on with that.
    world.run(ms(100));
    assert!((0..3).all(|n| world.node(n).lease_length() == Some(ms(300))), "{}", world.story());
    world.crash(leader);
    let next = world.elect_another(leader);
    assert_eq!(asked(&world, next), ms(300));
}

#[test]
fn a_leader_that_is_answered_late_asks_for_longer_promises() {
    let mut world = diskless(3);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    for follower in world.followers() {
        world.freeze(follower, ms(90));
    }
    world.run(ms(150));
    assert_eq!((world.leader(), asked(&world, leader)), (leader, ms(300)), "{}", world.story());
    assert_eq!(lengths(&world, leader), [(ms(300), LeaseLengthReason::SlowAnswers)]);
    // One of two does not matter.
    let mut world = diskless(3);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    let follower = world.followers()[0];
    world.freeze(follower, ms(90));
    world.run(ms(150));
    assert_eq!(asked(&world, leader), LEASE, "{}", world.story());
}

/// Scenario 43: every node is throttled to a tenth of a core beside a busy service, and later it is not.
#[test]
fn scenario_43_the_leader_stays_on_throttled_machines_and_its_lease_gets_short_again_later() {
    for seed in 0..5 {
        let mut world = diskless(3).seeded(seed);
        world.start_all();
        world.elect();
        let throttled = |world: &mut World, periods: u64| {
            for period in 0..periods {
                for n in 0..3 {
                    // Each at another moment of its hundred milliseconds.
                    let begins = ms((n as u64 * 31 + period % 7) % 100);
                    world.run(begins);
                    world.freeze(n, ms(90));
                }
                world.run(ms(40));
            }
        };
        throttled(&mut world, 200);
        let settled = world.elections();
        throttled(&mut world, 600);
        assert_eq!(world.elections(), settled, "seed {seed}: one was lost\n{}", world.story());
        let leader = world.leader();
        assert!(asked(&world, leader) > LEASE);
        world.run(ms(400_000));
        assert_eq!((world.leader(), asked(&world, leader)), (leader, LEASE), "seed {seed}");
        assert!(lengths(&world, leader).contains(&(LEASE, LeaseLengthReason::Quiet)));
    }
}

/// A lease that runs out says why, as data.
#[test]
fn a_lost_lease_says_whether_this_node_stood_still_or_who_was_silent() {
    let lapse_of = |world: &World, n: usize| {
        let lost = world.transcript.notifications().filter_map(|(_, who, told)| match told {
            Notification::Lost { reason, lapse, .. } if who == n => Some((reason, lapse)),
            _ => None,
        });
        lost.last().expect("it lost its lease")
    };
    let mut world = World::of(3);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    world.freeze(leader, ms(4_000));
    world.run(ms(4_100));
    let (reason, lapse) = lapse_of(&world, leader);
    assert_eq!(reason, LostReason::Stalled);
    assert!((ms(3_950)..=ms(4_000)).contains(&lapse.late_by()), "{:?}", lapse.late_by());

    let mut world = World::of(5);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    let silent: Vec<usize> = (0..5).filter(|n| *n != leader).take(3).collect();
    for n in &silent {
        world.crash(*n);
    }
    world.run_till(ms(1_000), "its end", |world| world.role(leader) != Role::Leader);
    let (reason, lapse) = lapse_of(&world, leader);
    assert_eq!(reason, LostReason::NoQuorum);
    let named: Vec<usize> = lapse.silent().map(VoterIndex::position).collect();
    assert_eq!(named, silent, "{}", world.story());
    assert!(lapse.late_by() <= ms(1), "{:?}", lapse.late_by());
}

/// Every datagram takes so long.
fn far_apart(n: usize, delay: Span) -> World {
    let mut world = diskless(n);
    world.network.rule(move |_, _, _| Some(Fate::Deliver(delay)));
    world
}

/// Answers to pre-votes come in time, and those to votes and heartbeats do not: without a longer lease there is never a leader (E7).
#[test]
fn a_term_that_voters_answer_too_late_is_followed_by_a_longer_one() {
    let mut world = far_apart(3, ms(37));
    world.start_all();
    let leader = world.elect();
    assert_eq!(asked(&world, leader), ms(300), "{}", world.story());
}

/// A round that is answered after several more have begun is remembered as long as a lease can be (E5).
#[test]
fn answers_that_come_after_several_more_rounds_make_the_rounds_longer() {
    for delay in [100, 170, 220, 260] {
        let mut world = far_apart(3, ms(delay));
        world.start_all();
        world.run_till(ms(20_000), "a leader", |world| !world.leaders().is_empty());
        let leader = world.leader();
        assert!(
            asked(&world, leader) >= ms(delay).times(6).min(LONGEST),
            "{delay}
{}",
            world.story()
        );
        assert_eq!(world.count(|_, told| matches!(told, Notification::TooSlow(_))), 0);
    }
}

/// Some answer in time, and are too few for a quorum, or no good for one: that says nothing of those that are needed.
#[test]
fn quick_voters_do_not_hide_that_others_are_slow() {
    type Delay = fn(usize, usize) -> u64;
    let in_pairs: Delay = |from, to| if from / 2 == to / 2 { 0 } else { 130 };
    let in_a_line: Delay = |from, to| if from.abs_diff(to) == 2 { 45 } else { 22 };
    for (voters, delay, abstains) in [(4, in_pairs, None), (3, in_a_line, Some(1))] {
        for seed in 0..10 {
            let world = World::with(voters, |_, settings: &mut Settings| settings.durability = Durability::Durable);
            let mut world = world.with_leases_up_to(LONGEST).seeded(seed);
            world.network.rule(move |from, to, _| Some(Fate::Deliver(ms(delay(from, to)))));
            if let Some(n) = abstains {
                world.machines[n].disk = Disk::Broken;
            }
            world.start_all();
            world.run_till(ms(10_000), "a leader", |world| !world.leaders().is_empty());
        }
    }
}

/// A candidate that nobody answers, although they have just said that it could win, needs more time; one that is refused does not.
#[test]
fn a_candidacy_that_is_not_answered_is_followed_by_a_longer_one() {
    for (refusal, longer) in [(None, true), (Some(Refusal::Promised), false)] {
        let mut world = diskless(5);
        world.start_all();
        let leader = world.elect();
        world.network.rule(|_, _, message| is(message, "vote_request").then_some(Fate::Lose));
        world.crash(leader);
        let candidate = |world: &World| (0..5).find(|n| *n != leader && world.role(*n) == Role::Candidate);
        world.run_till(ms(1_000), "a candidacy", |world| candidate(world).is_some());
        let candidate = candidate(&world).unwrap();
        assert_eq!(world.node(candidate).lease_length(), Some(LEASE));
        if refusal.is_some() {
            let from = (0..5).find(|n| *n != leader && *n != candidate).unwrap();
            let (term, incarnations) = (world.node(candidate).term(), world.incarnations(candidate));
            let reply = ElectionMessage::VoteReply { asked: term, refusal, term, stamp: Term(0), incarnations };
            world.ask(from, candidate, reply);
        }
        world.run_till(ms(1_000), "its end", |world| world.role(candidate) != Role::Candidate);
        assert_eq!(world.node(candidate).lease_length(), Some(if longer { ms(300) } else { LEASE }));
    }
}

/// A candidacy, and a leadership without a lease, last as long as what was asked for, not as long as the longest (E7).
#[test]
fn who_asks_for_the_shortest_lease_gives_up_after_that() {
    let mut world = diskless(3);
    world.start_all();
    let leader = world.elect();
    world.network.rule(|_, _, message| is(message, "heartbeat_ack").then_some(Fate::Lose));
    world.crash(leader);
    let leads = |world: &World| (0..3).find(|n| *n != leader && world.role(*n) == Role::Leader);
    world.run_till(ms(1_000), "votes", |world| leads(world).is_some());
    let (elected, since) = (leads(&world).unwrap(), world.now);
    world.run_till(ms(2_000), "its end", |world| world.role(elected) != Role::Leader);
    assert!(world.now.since(since) <= LEASE, "{}", world.story());
}

/// A leader that has stood still again and again, for longer each time, and asks for the longest lease.
fn with_the_longest_lease() -> (World, usize) {
    let mut world = diskless(3);
    world.start_all();
    let leader = world.elect();
    for stall in [90, 190, 370] {
        world.run(ms(1_000));
        world.freeze(leader, ms(stall));
    }
    world.run(ms(1_000));
    assert_eq!((world.leader(), asked(&world, leader)), (leader, LONGEST), "{}", world.story());
    (world, leader)
}

/// How many heartbeats it has sent, to all.
fn beats(world: &World, leader: usize) -> usize {
    world.transcript.messages().filter(|(from, _, message)| *from == leader && is(message, "heartbeat")).count()
}

/// Heartbeats come in proportion, and the followers name the leader all the time.
#[test]
fn a_longer_lease_has_fewer_heartbeats_and_nobody_misses_them() {
    let (mut world, leader) = with_the_longest_lease();
    let count = |world: &World| {
        (beats(world, leader), world.count(|_, told| matches!(told, Notification::LeaderChanged { .. })))
    };
    let (before, told) = count(&world);
    world.run(ms(10_000));
    assert_eq!(count(&world), (before + 10_000 / 200 * 2, told), "one each 200 ms to each of two");
}

/// A promise that a voter has yet to save is as short as before, so it is renewed as often as before.
#[test]
fn heartbeats_come_as_often_as_what_is_promised_needs_until_the_longer_promise_is_saved() {
    let world = World::with(3, |_, settings: &mut Settings| settings.durability = Durability::Durable);
    let mut world = world.with_leases_up_to(LONGEST);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    for follower in world.followers() {
        world.machines[follower].disk = Disk::Held;
    }
    world.freeze(leader, ms(110));
    world.run(ms(5_000));
    assert_eq!((world.leader(), asked(&world, leader)), (leader, ms(600)), "{}", world.story());
    let before = beats(&world, leader);
    world.run(ms(1_000));
    assert_eq!(beats(&world, leader) - before, 2 * 40, "each 25 ms");
    for follower in world.followers() {
        world.machines[follower].disk = Disk::Quick;
        while !world.machines[follower].held.is_empty() {
            world.sync(follower);
        }
    }
    world.run(ms(200));
    let before = beats(&world, leader);
    world.run(ms(1_000));
    assert_eq!(beats(&world, leader) - before, 2 * 10, "each 100 ms");
}

/// Nothing is late because promises get shorter.
#[test]
fn a_lease_falls_each_half_minute_and_a_new_leader_waits_for_half_a_minute_first() {
    let mut world = diskless(3);
    world.start_all();
    let first = world.elect();
    world.run(ms(60_000));
    for stall in [90, 190] {
        world.freeze(first, ms(stall));
        world.run(ms(1_000));
    }
    assert_eq!((world.leader(), asked(&world, first)), (first, ms(600)));
    world.crash(first);
    let leader = world.elect_another(first);
    let since = world.now;
    world.run(ms(29_000));
    assert_eq!((world.leader(), asked(&world, leader)), (leader, ms(600)), "{}", world.story());
    world.run(ms(160_000));
    assert_eq!((world.leader(), asked(&world, leader)), (leader, LEASE));
    let falls = world.transcript.notifications().filter_map(|(at, n, told)| match told {
        Notification::LeaseLengthChanged { lease, reason } if n == leader => Some((at.since(since), lease, reason)),
        _ => None,
    });
    let falls: Vec<(Span, Span, LeaseLengthReason)> = falls.collect();
    assert!(falls.iter().all(|(.., reason)| *reason == LeaseLengthReason::Quiet), "{falls:?}");
    assert_eq!(falls.len(), 5, "600, 450, 337, 253, 189 and 150 ms: {falls:?}");
    for (nth, (after, ..)) in falls.iter().enumerate() {
        let due = ms(30_000).times(nth as u64 + 1);
        assert!((due..due + ms(600)).contains(after), "{falls:?}");
    }
}

/// Followers that die are no reason for a longer lease, even if the leader is a little late to notice.
#[test]
fn a_leader_whose_lease_is_long_stood_still_only_if_it_was_late_by_a_long_heartbeat() {
    for (late, reason) in [(190, LostReason::NoQuorum), (210, LostReason::Stalled)] {
        let (mut world, leader) = with_the_longest_lease();
        world.isolate(leader);
        let until = world.node(leader).lease(world.now).unwrap().valid_until;
        world.run_until(until.before(ms(1)));
        world.freeze(leader, ms(late));
        world.run(ms(late + 10));
        let lost = world.transcript.notifications().filter_map(|(_, _, told)| match told {
            Notification::Lost { reason, .. } => Some(reason),
            _ => None,
        });
        assert_eq!(lost.last(), Some(reason), "{late}");
    }
}

/// Everything that an election waits for counts, before anybody leads.
#[test]
fn late_answers_saves_and_timers_of_a_voter_that_does_not_lead_make_its_lease_longer() {
    const VOTER: usize = 2;
    // Given one that is answered after its rounds, and the last of them not in time either, …
    for (last_is_late, longer) in [(true, true), (false, false)] {
        let mut world = World::of(3).with_leases_up_to(LONGEST).of_hermits();
        world.run(ms(1_500));
        let mut answered = 0;
        for begun in 0..4 {
            world.run_till(ms(1_000), "another round", |world| world.last_round(VOTER).0 > answered);
            let (round, _) = world.last_round(VOTER);
            assert_eq!(world.node(VOTER).lease_length(), Some(LEASE), "{begun}\n{}", world.story());
            // Whatever was held up arrives together.
            let late = if answered == 0 { None } else { Some(answered) };
            let quick = if last_is_late || begun < 2 { None } else { Some(round) };
            for round in [late, quick].into_iter().flatten() {
                let (refusal, incarnations) = (Some(Refusal::Promised), world.incarnations(VOTER));
                let reply =
                    ElectionMessage::PreVoteReply { round, refusal, term: Term(0), stamp: Term(0), incarnations };
                world.ask(0, VOTER, reply);
            }
            answered = round;
            if longer && begun == 2 {
                break;
            }
        }
        world.run_till(ms(1_000), "one more", |world| world.last_round(VOTER).0 > answered);
        assert_eq!(world.node(VOTER).lease_length() > Some(LEASE), longer, "{}", world.story());
    }
    // … one whose timer is late, …
    let mut world = World::of(3).with_leases_up_to(LONGEST).of_hermits();
    world.run(ms(1_500));
    world.run_till(ms(200), "a pause", |world| world.role(VOTER) == Role::Follower);
    world.freeze(VOTER, ms(140));
    world.run(ms(140));
    assert!(world.node(VOTER).lease_length() > Some(LEASE), "{}", world.story());
    // … and one whose disk takes longer than two thirds of a lease, then each asks for more.
    for (took, length) in [(100, LEASE), (102, ms(300)), (3_000, LEASE)] {
        let world = World::with(3, |_, settings: &mut Settings| settings.durability = Durability::Durable);
        let mut world = world.with_leases_up_to(LONGEST).of_hermits();
        world.run(ms(1_500));
        world.machines[VOTER].disk = Disk::Held;
        let (term, sent_at) = (world.fresh_term(), world.now);
        world.ask(0, VOTER, ElectionMessage::VoteRequest { term, lease: LEASE, released: None });
        world.run_until(sent_at + ms(took));
        world.sync(VOTER);
        assert_eq!(world.node(VOTER).lease_length(), Some(length), "{took}");
    }
}
