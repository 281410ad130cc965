//! Answers and disks that are too slow for anybody to be elected are measured and told: stories about one voter (E5, E7).

use qcluster_core::{ElectionMessage, Notification, Refusal, Role, Slow, Span, Term, Time};

use crate::world::{Disk, LEASE, World, election, ms};

const VOTER: usize = 2;

/// Half of the default lease.
const ROUND: Span = Span::from_millis(75);

fn told(world: &World) -> Vec<Slow> {
    let told = world.transcript.notifications().filter_map(|(_, n, told)| match told {
        Notification::TooSlow(slow) if n == VOTER => Some(slow),
        _ => None,
    });
    told.collect()
}

/// Runs until the voter asks around again; gives the round, and when it began.
fn next_round(world: &mut World) -> (u64, Time) {
    let rounds = |world: &World| {
        let asked = world.transcript.messages().filter_map(|(from, _, message)| match election(&message) {
            Some(ElectionMessage::PreVoteRequest { round, .. }) if from == VOTER => Some(*round),
            _ => None,
        });
        asked.max().unwrap_or(0)
    };
    let before = rounds(world);
    world.run_till(ms(1_000), "another round", |world| rounds(world) > before);
    (rounds(world), world.now)
}

/// A voter answers that round as late as that.
fn answer_after(world: &mut World, from: usize, (round, began): (u64, Time), took: Span) {
    world.run_until(began + took);
    let refusal = Some(Refusal::Promised);
    let incarnations = world.incarnations(VOTER);
    world.ask(
        from,
        VOTER,
        ElectionMessage::PreVoteReply { round, refusal, term: Term(0), stamp: Term(0), incarnations },
    );
}

fn answer_next_after(world: &mut World, from: usize, took: Span) {
    let round = next_round(world);
    answer_after(world, from, round, took);
}

/// Twice in a row makes a link slow, and it is told once, until an answer is twice as quick as it has to be (E5).
#[test]
fn a_slow_link_is_told_once_until_it_is_quick_again() {
    let mut world = World::of(3).of_hermits();
    let voter = world.node(VOTER).rules().indices().next().unwrap();
    let slow = Slow::RoundTrip { voter, took: ROUND, limit: ROUND };
    // Given two answers in a row that come at the very end of their rounds, …
    answer_next_after(&mut world, 0, ROUND);
    assert_eq!((told(&world), world.node(VOTER).slow()), (vec![], None), "one alone says little");
    answer_next_after(&mut world, 0, ROUND);
    // … then that is told, …
    assert_eq!((told(&world), world.node(VOTER).slow()), (vec![slow], Some(slow)));
    // … and not again by more of the kind, nor by those that are barely in time, …
    let barely = ROUND.split(2);
    for took in [barely, ROUND, barely, ROUND] {
        answer_next_after(&mut world, 0, took);
        assert_eq!((told(&world), world.node(VOTER).slow()), (vec![slow], Some(slow)), "{took}");
    }
    // … nor does the quick answer of another change it.
    let quick = Span::from_nanos(barely.as_nanos() - 1);
    answer_next_after(&mut world, 1, quick);
    assert_eq!(world.node(VOTER).slow(), Some(slow));
    // When it is quick, then nothing is slow, and the next time is another.
    answer_next_after(&mut world, 0, quick);
    assert_eq!((told(&world), world.node(VOTER).slow()), (vec![slow], None));
    answer_next_after(&mut world, 0, ROUND);
    assert_eq!((told(&world), world.node(VOTER).slow()), (vec![slow], None), "one alone says little, again");
    answer_next_after(&mut world, 0, ROUND);
    assert_eq!((told(&world), world.node(VOTER).slow()), (vec![slow, slow], Some(slow)));
}

/// Who stood still answers all at once what it was asked meanwhile: that is one answer (E5).
#[test]
fn late_answers_to_what_was_asked_before_the_first_of_them_came_are_one() {
    let mut world = World::of(3).of_hermits();
    let (first, second) = (next_round(&mut world), next_round(&mut world));
    answer_after(&mut world, 0, first, second.1.since(first.1) + ROUND);
    answer_after(&mut world, 0, second, ROUND);
    assert_eq!((told(&world), world.node(VOTER).slow()), (vec![], None));
    // What was asked at that moment or later is another one.
    answer_next_after(&mut world, 0, ROUND);
    assert_eq!(told(&world).len(), 1);
}

/// Nobody is late to a round of which nothing is known any more.
#[test]
fn an_answer_to_a_round_long_past_says_nothing() {
    let mut world = World::of(3).of_hermits();
    let past = next_round(&mut world);
    for _ in 0..4 {
        next_round(&mut world);
    }
    answer_next_after(&mut world, 0, ROUND);
    let since = world.now.since(past.1);
    answer_after(&mut world, 0, past, since);
    assert_eq!(told(&world), []);
}

fn follow(world: &mut World) -> Vec<ElectionMessage> {
    let (term, sent_at) = (world.fresh_term(), world.now);
    world.ask(0, VOTER, ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) })
}

/// The voter has something to save, and its disk takes so long for it.
fn save_in(world: &mut World, took: Span) {
    let (asked, persists) = (world.now, world.node(VOTER).counters().persists);
    follow(world);
    assert_eq!(world.node(VOTER).counters().persists, persists + 1);
    assert_eq!(world.machines[VOTER].held.len(), 1);
    world.run_until(asked + took);
    world.sync(VOTER);
}

/// A candidate whose own vote takes so long to be saved never wins (E6, E7).
#[test]
fn a_slow_disk_is_told_once_until_it_is_quick_again() {
    let world = World::with(3, |_, settings| settings.durability = qcluster_core::Durability::Durable);
    let mut world = world.of_hermits();
    world.machines[VOTER].disk = Disk::Held;
    // Given saves that take longer than a leader trusts a promise, then that is told once, before the first has ended, …
    save_in(&mut world, ms(200));
    let [Slow::Save { took, limit }] = told(&world)[..] else { panic!("{:?}", told(&world)) };
    assert!(took == limit && limit < ms(150) && limit > ms(147), "{limit}");
    let slow = |took| Slow::Save { took, limit };
    assert_eq!(world.node(VOTER).slow(), Some(slow(ms(200))));
    save_in(&mut world, limit);
    assert_eq!((told(&world), world.node(VOTER).slow()), (vec![slow(limit)], Some(slow(limit))));
    // … until one is quicker.
    save_in(&mut world, Span::from_nanos(limit.as_nanos() - 1));
    assert_eq!((told(&world), world.node(VOTER).slow()), (vec![slow(limit)], None));
    save_in(&mut world, limit);
    assert_eq!((told(&world), world.node(VOTER).slow()), (vec![slow(limit), slow(limit)], Some(slow(limit))));
}

/// It is not even waited for: the candidate itself says so, once (E7).
#[test]
fn a_candidate_whose_vote_is_not_saved_in_time_says_so_before_it_is() {
    let world = World::with(3, |_, settings| settings.durability = qcluster_core::Durability::Durable);
    let mut world = world.of_hermits();
    world.machines[VOTER].disk = Disk::Held;
    let (round, _) = next_round(&mut world);
    let incarnations = world.incarnations(VOTER);
    world.ask(
        0,
        VOTER,
        ElectionMessage::PreVoteReply { round, refusal: None, term: Term(0), stamp: Term(0), incarnations },
    );
    assert_eq!(world.role(VOTER), Role::Candidate);
    world.run(ms(147));
    assert_eq!(told(&world), []);
    world.run(ms(3));
    let [Slow::Save { took, limit }] = told(&world)[..] else { panic!("{:?}", told(&world)) };
    assert_eq!(took, limit);
    world.run(ms(500));
    assert_eq!((told(&world).len(), world.role(VOTER)), (1, Role::Candidate));
    // When the vote is safe at last, then it asks for others: nobody knows of this term yet.
    let before = world.sent("vote_request");
    world.sync(VOTER);
    assert_eq!((told(&world).len(), world.sent("vote_request")), (1, before + 2));
}

/// It would take no part for good otherwise, and nobody would know why.
#[test]
fn a_voter_whose_first_save_hangs_says_so() {
    for is_alone in [false, true] {
        let mut world = World::with(3, |_, settings| settings.durability = qcluster_core::Durability::Durable);
        world.machines[VOTER].disk = Disk::Held;
        if is_alone {
            world.network.isolate(VOTER);
        }
        world.start_all();
        world.run(ms(147));
        assert_eq!(told(&world), []);
        world.run(ms(5_000));
        let [Slow::Save { took, limit }] = told(&world)[..] else { panic!("{:?}", told(&world)) };
        assert_eq!((took, world.node(VOTER).slow()), (limit, Some(Slow::Save { took, limit })));
        assert_eq!(world.role(VOTER), Role::Booting);
        world.sync(VOTER);
        world.run(ms(1));
        assert_eq!((world.role(VOTER), world.node(VOTER).takes_part()), (Role::Follower, !is_alone));
    }
}

/// It has ended, and how is told otherwise.
#[test]
fn a_save_that_failed_is_not_a_slow_one() {
    let mut world = World::with(3, |_, settings| settings.durability = qcluster_core::Durability::Durable);
    world.machines[VOTER].disk = Disk::Broken;
    world.start_all();
    world.run(ms(1_000));
    assert!(world.node(VOTER).counters().persist_failures > 0);
    assert_eq!((told(&world), world.node(VOTER).slow()), (vec![], None));
}
