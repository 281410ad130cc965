//! Leases that fit the machine (E23): how long a promise is given, remembered and counted on.

use qcluster_core::{Durability, ElectionMessage, NodeInput, Settings, Span, Term, Time};

use crate::duplicates::duplicate_of;
use crate::world::{Disk, LEASE, World, is, ms};

/// The voter that most stories are about; 0 leads, and 1 asks for its vote.
const VOTER: usize = 2;
const LEADER: usize = 0;
const OTHER: usize = 1;

/// Eight times the shortest, as by default.
const LONGEST: Span = Span::from_millis(1_200);
const WIDE: Span = Span::from_millis(600);

fn diskless(n: usize) -> World {
    World::of(n).with_leases_up_to(LONGEST)
}

fn durable(n: usize) -> World {
    World::with(n, |_, settings: &mut Settings| settings.durability = Durability::Durable).with_leases_up_to(LONGEST)
}

/// Voters that take part, and who then hear nobody: the test speaks for the others.
fn hermits(mut world: World) -> World {
    world.start_all();
    world.run(ms(1_250));
    for n in 0..world.machines.len() {
        world.network.isolate(n);
    }
    world.run(ms(1_500));
    world
}

fn heartbeat(term: Term, sent_at: Time, lease: Span) -> ElectionMessage {
    ElectionMessage::Heartbeat { term, sent_at, lease, active: true, stamp: Term(0) }
}

/// For how long the voter says that it has promised.
fn promised(world: &mut World, term: Term, lease: Span) -> Span {
    let answers = world.ask(LEADER, VOTER, heartbeat(term, world.now, lease));
    let [ElectionMessage::HeartbeatAck { lease, .. }] = answers[..] else { panic!("{answers:?}") };
    lease
}

/// Whether the voter would vote for `OTHER`.
fn is_free(world: &mut World) -> bool {
    let term = world.fresh_term();
    let answers = world.ask(OTHER, VOTER, ElectionMessage::PreVoteRequest { round: 1, term, consent: None });
    let [ElectionMessage::PreVoteReply { refusal, .. }] = answers[..] else { panic!("{answers:?}") };
    refusal.is_none()
}

/// Runs until just before, and then until after that moment; the voter is bound until then.
fn assert_bound_until(world: &mut World, until: Time) {
    world.run_until(until.before(ms(1)));
    assert!(!is_free(world), "{}", world.story());
    world.run_until(until);
    assert!(is_free(world), "{}", world.story());
}

#[test]
fn a_promise_lasts_as_long_as_it_was_asked_for_within_the_configuration() {
    for (asked, given) in [(LEASE, LEASE), (WIDE, WIDE), (ms(5_000), LONGEST), (Span::ZERO, LEASE)] {
        let mut world = hermits(diskless(3));
        let term = world.fresh_term();
        assert_eq!(promised(&mut world, term, asked), given);
        let until = world.now + given;
        assert_bound_until(&mut world, until);
    }
}

#[test]
fn a_shorter_promise_leaves_a_longer_one_to_the_same_leadership_as_it_is() {
    let mut world = hermits(diskless(3));
    let term = world.fresh_term();
    promised(&mut world, term, WIDE);
    let until = world.now + WIDE;
    for _ in 0..4 {
        world.run(ms(25));
        assert_eq!(promised(&mut world, term, LEASE), LEASE);
    }
    assert_bound_until(&mut world, until);
}

/// It binds at once, and counts for what a crash would leave of it: the next incarnation waits for no longer than that (E9).
#[test]
fn a_voter_with_a_disk_tells_a_longer_promise_once_it_is_saved() {
    let mut world = hermits(durable(3));
    let term = world.fresh_term();
    assert_eq!(promised(&mut world, term, LEASE), LEASE);
    world.machines[VOTER].disk = Disk::Held;
    world.run(ms(25));
    assert_eq!(promised(&mut world, term, WIDE), LEASE);
    let until = world.now + WIDE;
    world.run(ms(25));
    world.sync(VOTER);
    assert_eq!(promised(&mut world, term, LEASE), LEASE, "which renews the shorter one");
    assert_bound_until(&mut world, until);
    world.machines[VOTER].disk = Disk::Quick;
    let term = world.fresh_term();
    assert_eq!(promised(&mut world, term, WIDE), WIDE, "it is saved");
}

/// A save of an earlier moment that is under way may take back what the disk knows, and so may one that failed.
#[test]
fn what_is_being_saved_counts_as_saved_or_not_whichever_is_less() {
    let mut world = durable(3);
    world.start(LEADER);
    world.start(OTHER);
    world.run(ms(1_500));
    world.start(VOTER);
    world.run(ms(1_000));
    // Given the first record, which knows of the longest promise there may have been, …
    assert_eq!(world.machines[VOTER].saved.as_ref().map(|saved| saved.lease), Some(LONGEST));
    world.network.isolate(VOTER);
    world.machines[VOTER].disk = Disk::Held;
    world.run(ms(1_000));
    // … and a record of the shortest that is under way, …
    let term = world.fresh_term();
    promised(&mut world, term, LEASE);
    assert_eq!(world.machines[VOTER].held.last().map(|(_, held)| held.lease), Some(LEASE));
    // … when a longer one is asked for, then no more is told than both know of, …
    world.run(ms(25));
    assert_eq!(promised(&mut world, term, WIDE), LEASE);
    let (id, _) = *world.machines[VOTER].held.last().expect("it is under way");
    // … nor after that save has failed: it may be there.
    world.give(VOTER, NodeInput::PersistFailed(id));
    world.run(ms(25));
    assert_eq!(promised(&mut world, term, WIDE), LEASE);
}

/// What was promised for longer than was saved is saved next, without another word.
#[test]
fn a_longer_promise_is_saved_when_the_save_under_way_is_done() {
    let mut world = hermits(durable(3));
    let term = world.fresh_term();
    promised(&mut world, term, LEASE);
    world.machines[VOTER].disk = Disk::Held;
    world.run(ms(25));
    promised(&mut world, term, ms(300));
    world.run(ms(25));
    promised(&mut world, term, WIDE);
    assert_eq!(world.machines[VOTER].held.last().map(|(_, held)| held.lease), Some(ms(300)));
    while !world.machines[VOTER].held.is_empty() {
        world.sync(VOTER);
        world.run(ms(1));
    }
    assert_eq!(world.machines[VOTER].saved.as_ref().map(|saved| saved.lease), Some(WIDE));
    assert_eq!(promised(&mut world, term, WIDE), WIDE);
}

/// When the voter takes part again after a crash at this moment, on its clock.
fn takes_part_after(world: &mut World) -> Span {
    world.crash(VOTER);
    world.heal();
    let from = world.now;
    world.start(VOTER);
    world.run_till(ms(5_000), "it takes part", |world| world.node(VOTER).takes_part());
    world.now.since(from)
}

/// E9: the longest promise that an earlier incarnation may have given.
#[test]
fn the_boot_wait_is_as_long_as_what_the_disk_remembers() {
    // Given one that has promised for the shortest lease only, then it waits for no longer; …
    let mut world = hermits(durable(3));
    let term = world.fresh_term();
    promised(&mut world, term, LEASE);
    let shortest = takes_part_after(&mut world);
    assert!((LEASE..LEASE + ms(100)).contains(&shortest), "{shortest}");
    // … for a longer one, for that; …
    let mut world = hermits(durable(3));
    let term = world.fresh_term();
    promised(&mut world, term, WIDE);
    let wide = takes_part_after(&mut world);
    assert!((WIDE..WIDE + ms(100)).contains(&wide), "{wide}");
    // … and after that wait for the shortest again.
    world.run(ms(3_000));
    let again = takes_part_after(&mut world);
    assert!((LEASE..LEASE + ms(100)).contains(&again), "{again}\n{}", world.story());
    // One without a disk has nothing to remember.
    let mut world = hermits(diskless(3));
    let forgetful = takes_part_after(&mut world);
    assert!((LONGEST..LONGEST + ms(100)).contains(&forgetful), "{forgetful}");
}

/// An old disk knows nothing of what another process of the name has promised (E9).
#[test]
fn one_that_hears_of_a_process_that_its_disk_does_not_know_waits_for_the_longest_lease() {
    let mut world = durable(3);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    let name = world.followers()[0];
    let replacement = duplicate_of(&mut world, name);
    world.machines[replacement].settings.timing.max_lease = LONGEST;
    world.crash(name);
    world.run(ms(500));
    world.start(replacement);
    world.run(ms(2_500));
    assert!(world.node(replacement).takes_part(), "{}", world.story());
    world.crash(replacement);
    let from = world.now;
    world.start(name);
    world.run_till(ms(5_000), "it takes part", |world| world.node(name).takes_part());
    assert!(world.now.since(from) >= LONGEST, "{}", world.story());
}

/// A leader that has led for a second, and hears nobody from now on.
fn led(mut world: World) -> (World, usize) {
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    world.isolate(leader);
    (world, leader)
}

fn acknowledged(world: &mut World, leader: usize, sent_at: Time, lease: Span) -> Time {
    let from = (leader + 1) % 3;
    let (term, incarnations) = (world.node(leader).term(), world.incarnations(leader));
    world.ask(from, leader, ElectionMessage::HeartbeatAck { term, sent_at, lease, stamp: Term(0), incarnations });
    world.node(leader).lease(world.now).expect("it leads").valid_until
}

/// E3: each promise is counted for its own length, from the sending of what it answers.
#[test]
fn a_lease_is_as_long_as_the_promises_under_it() {
    let (mut world, leader) = led(diskless(3));
    let timing = *world.node(leader).rules().timing();
    let first = world.last_heartbeat(leader);
    world.run(ms(25));
    let second = world.last_heartbeat(leader);
    assert!(second > first);
    // Its own promise is as long as it asks for, so it is one of the two that count.
    let until = acknowledged(&mut world, leader, second, WIDE);
    assert_eq!(until, second + timing.trusted(LEASE), "it has promised itself no more");
    // One more of the others makes a quorum without it.
    let third = (leader + 2) % 3;
    let (term, incarnations) = (world.node(leader).term(), world.incarnations(leader));
    let ack = |sent_at, lease| ElectionMessage::HeartbeatAck { term, sent_at, lease, stamp: Term(0), incarnations };
    world.ask(third, leader, ack(second, LEASE));
    assert_eq!(world.node(leader).lease(world.now).unwrap().valid_until, second + timing.trusted(LEASE));
    // An answer to an earlier heartbeat counts if what it promises ends later.
    world.ask(third, leader, ack(first, ms(300)));
    let until = world.node(leader).lease(world.now).unwrap().valid_until;
    assert_eq!(until, first + timing.trusted(ms(300)));
    // A shorter promise after it changes nothing.
    world.ask(third, leader, ack(second, LEASE));
    assert_eq!(world.node(leader).lease(world.now).unwrap().valid_until, until);
    // What is said of more than the configuration allows is not believed.
    world.ask(third, leader, ack(second, ms(50_000)));
    acknowledged(&mut world, leader, second, ms(50_000));
    let until = world.node(leader).lease(world.now).unwrap().valid_until;
    assert_eq!(until, second + timing.trusted(LONGEST));
}

/// What a vote has to outlast is saved with it (E7): its giver forgets neither.
#[test]
fn a_vote_for_a_longer_candidacy_is_remembered_as_long() {
    let mut world = hermits(durable(3));
    let term = world.fresh_term();
    world.machines[VOTER].disk = Disk::Held;
    let votes = |world: &World| {
        world.transcript.messages().filter(|(from, _, message)| *from == VOTER && is(message, "vote_reply")).count()
    };
    let before = votes(&world);
    let answers = world.ask(OTHER, VOTER, ElectionMessage::VoteRequest { term, lease: WIDE, released: None });
    assert_eq!(answers, [], "it is not saved yet");
    world.sync(VOTER);
    assert_eq!(votes(&world), before + 1, "{}", world.story());
    world.machines[VOTER].disk = Disk::Quick;
    let wide = takes_part_after(&mut world);
    assert!((WIDE..WIDE + ms(100)).contains(&wide), "{wide}");
}

/// Not for longer than the configuration allows, whatever is asked for: the next boot wait would have no end.
#[test]
fn a_vote_is_remembered_for_no_longer_than_the_longest_lease() {
    for (asked, kept) in [(Span::from_nanos(u64::MAX), LONGEST), (Span::ZERO, LEASE)] {
        let mut world = hermits(durable(3));
        let term = world.fresh_term();
        world.ask(OTHER, VOTER, ElectionMessage::VoteRequest { term, lease: asked, released: None });
        assert_eq!(world.machines[VOTER].saved.as_ref().map(|saved| saved.lease), Some(kept));
    }
}
