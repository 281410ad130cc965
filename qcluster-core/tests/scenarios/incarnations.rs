//! Incarnations only go forward: a node that stood still and was replaced meanwhile ends, its replacement stays (E24).

use qcluster_core::{
    DropReason, Durability, ElectionMessage, IncarnationsReport, KnownIncarnation, Lapse, LostReason, Message,
    NodeInput, Notification, Role, Session,
};

use crate::world::{Disk, LEASE, World, id, ms};

/// Three voters, the first of which leads, stands still for `still`, and is replaced under its name at once. Gives the replacement.
fn replaced(world: &mut World, still: u64) -> usize {
    let settings = world.machines[0].settings.clone();
    let replacement = world.add(settings);
    for n in 0..replacement {
        world.start(n);
    }
    world.run_till(ms(10_000), "the preferred one leads", |world| world.leads(0));
    world.run(ms(1_000));
    world.freeze(0, ms(still));
    world.run(ms(1_000));
    world.start(replacement);
    world.run(ms(5_000));
    replacement
}

fn preferring_the_first(n: usize, seed: u64) -> World {
    World::with(n, |_, settings| settings.voters[0].priority = 1).seeded(seed)
}

fn was_superseded(world: &World, n: usize) -> bool {
    world.count(|who, told| who == n && matches!(told, Notification::Superseded { .. })) == 1
}

#[test]
fn scenario_39_of_a_thawed_node_and_its_replacement_the_replacement_stays() {
    for seed in 0..50 {
        let mut world = preferring_the_first(3, seed);
        let replacement = replaced(&mut world, 10_000);
        world.run_till(ms(10_000), "the replacement leads", |world| world.leads(replacement));
        world.run(ms(5_000));
        assert_eq!(world.role(0), Role::Stopped, "seed {seed}\n{}", world.story());
        assert!(was_superseded(&world, 0));
        assert_eq!(world.leader(), replacement, "seed {seed}\n{}", world.story());
    }
}

/// On either side of a cut there is one that has met the replacement.
#[test]
fn scenario_39_a_thawed_node_on_either_side_of_a_cut_leads_nobody() {
    for seed in 0..50 {
        for side in [[0, 1], [0, 2]] {
            let mut world = preferring_the_first(3, seed);
            let replacement = replaced(&mut world, 10_000);
            world.network.split(&side);
            // The judge objects to a second lease.
            world.run(ms(10_000));
            assert_eq!(world.role(0), Role::Stopped, "seed {seed}\n{}", world.story());
            assert!(was_superseded(&world, 0));
            world.heal();
            world.run(ms(3_000));
            assert_ne!(world.role(replacement), Role::Stopped, "seed {seed}\n{}", world.story());
            world.leader();
        }
    }
}

/// Of five, one that the thawed node can count on has not met its replacement, and another one has: its vote says so before any
/// counts (E24).
#[test]
fn a_thawed_node_counts_with_nobody_whose_quorum_knows_better() {
    for seed in 0..20 {
        let mut world = preferring_the_first(5, seed);
        let settings = world.machines[0].settings.clone();
        let replacement = world.add(settings);
        (0..5).for_each(|n| world.start(n));
        world.run_till(ms(10_000), "the preferred one leads", |world| world.leads(0));
        world.run(ms(1_000));
        // Given a replacement that 1 has never heard of, being alone meanwhile, …
        world.freeze(0, ms(12_000));
        world.run(ms(500));
        world.network.isolate(1);
        world.start(replacement);
        world.run(ms(8_000));
        world.heal();
        // … and a cut that leaves the thawed one with 1 only, and 1 with 2, which knows better, …
        world.network.split(&[0, 1, 2]);
        world.network.cut(0, 2);
        world.network.cut(1, replacement);
        world.run(ms(8_000));
        // … then nobody counts on it: two of that side are not a majority, and the judge sees one lease.
        assert_eq!(world.role(0), Role::Stopped, "seed {seed}\n{}", world.story());
        assert!(world.leads(3) || world.leads(4) || world.leads(replacement), "seed {seed}\n{}", world.story());
    }
}

/// Two that never hear each other count on the third one alike, and one of them stands still for longer than a lease: what it
/// needs to know the third one tells it.
#[test]
fn a_leaf_of_a_star_that_stood_still_takes_part_again() {
    for seed in 0..20 {
        let mut world = World::with(5, |_, settings| settings.voters[0].priority = 1).seeded(seed);
        world.network.cut(1, 2);
        (0..3).for_each(|n| world.start(n));
        world.run_till(ms(10_000), "the one in the middle leads", |world| world.leads(0));
        for _ in 0..5 {
            world.freeze(1, ms(1_000));
            world.run_till(ms(3_000), "the lease is lost", |world| world.leaders().is_empty());
            world.run_till(ms(5_000), "the one in the middle leads again", |world| world.leads(0));
        }
    }
}

/// A leader that forgets an incarnation with its disk must not have counted it (E24): the vote waits for the disk.
#[test]
fn a_vote_counts_once_the_incarnation_that_gave_it_is_saved() {
    let world = World::with(3, |_, settings| settings.durability = Durability::Durable);
    let mut world = world.seeded(1);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    let [voter, other] = world.followers()[..] else { panic!("{}", world.story()) };
    // Given a voter whose new incarnation has just begun to take part, and a leader that cannot save that it did, …
    world.crash(voter);
    world.start(voter);
    world.run(ms(100));
    world.machines[leader].disk = Disk::Held;
    world.run(ms(200));
    // … then the leader goes on leading with the third one, …
    assert!(world.leads(leader), "{}", world.story());
    assert!(world.node(leader).counters().dropped[DropReason::UnsavedIncarnation] > 0, "{}", world.story());
    // … not with the new incarnation alone …
    world.crash(other);
    world.run(ms(300));
    assert!(world.leaders().is_empty(), "{}", world.story());
    // … until its disk is done.
    world.machines[leader].disk = Disk::Quick;
    world.sync(leader);
    world.run_till(ms(5_000), "somebody leads", |world| !world.leaders().is_empty());
}

#[test]
fn scenario_40_after_all_stood_still_together_one_leads_and_nobody_stops() {
    for n in [1, 2, 3, 5] {
        for seed in 0..20 {
            let mut world = World::of(n).seeded(seed);
            world.start_all();
            world.elect();
            world.run(ms(1_000));
            (0..n).for_each(|machine| world.freeze(machine, ms(3_600_000)));
            world.run(ms(3_600_000));
            // As long as after any other loss of a leader.
            world.run_till(ms(1_000), "a leader", |world| !world.leaders().is_empty());
            world.run(ms(5_000));
            assert!((0..n).all(|machine| world.role(machine) != Role::Stopped), "seed {seed}\n{}", world.story());
        }
    }
}

/// What it takes part with, the next incarnation has to know of (E20 (c), E24): its disk comes first.
#[test]
fn nobody_takes_part_before_its_disk_knows_of_its_incarnation() {
    let world = World::with(3, |_, settings| settings.durability = Durability::Durable);
    let mut world = world.seeded(1);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    let n = world.followers()[0];
    world.crash(n);
    world.machines[n].disk = Disk::Held;
    world.start(n);
    world.run(ms(2_000));
    assert_eq!(world.role(n), Role::Booting, "{}", world.story());
    world.sync(n);
    assert_eq!(world.role(n), Role::Follower, "{}", world.story());
}

/// What its voters know is on their disks.
#[test]
fn a_voter_with_a_disk_still_knows_the_later_incarnation_after_its_restart() {
    for seed in 0..20 {
        let world = World::with(3, |_, settings| {
            settings.voters[0].priority = 1;
            settings.durability = Durability::Durable;
        });
        let mut world = world.seeded(seed);
        let replacement = replaced(&mut world, 20_000);
        // Given a rolling restart of the others, and the thawed one alone with one of them, …
        for n in [1, 2] {
            world.crash(n);
            world.start(n);
            world.run(ms(2_000));
        }
        world.network.split(&[0, 1]);
        world.run(ms(15_000));
        // … then it stops, however little the present incarnation of that one has seen.
        assert_eq!(world.role(0), Role::Stopped, "seed {seed}\n{}", world.story());
        world.heal();
        world.run(ms(2_000));
        assert_ne!(world.role(replacement), Role::Stopped, "seed {seed}\n{}", world.story());
    }
}

/// The replacement's wall clock is behind: it starts below the incarnation that it replaces, and goes above it.
#[test]
fn a_replacement_on_a_clock_that_went_back_stays_too() {
    for seed in 0..50 {
        let mut world = preferring_the_first(3, seed);
        let settings = world.machines[0].settings.clone();
        let replacement = world.add(settings);
        world.machines[replacement].wall_ms -= 3_600_000;
        (0..3).for_each(|n| world.start(n));
        world.run_till(ms(10_000), "the preferred one leads", |world| world.leads(0));
        world.freeze(0, ms(10_000));
        world.run(ms(1_000));
        world.start(replacement);
        world.run(ms(15_000));
        assert_eq!(world.role(0), Role::Stopped, "seed {seed}\n{}", world.story());
        assert_ne!(world.role(replacement), Role::Stopped, "seed {seed}\n{}", world.story());
        world.leader();
    }
}

/// It has sat out its boot wait where nobody could tell it of the incarnation before it, which is larger and dead.
#[test]
fn a_node_that_met_nobody_goes_above_its_dead_incarnation_when_it_does() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        world.elect();
        world.run(ms(1_000));
        let n = world.followers()[0];
        let dead = world.node(n).incarnation();
        world.crash(n);
        world.machines[n].wall_ms -= 3_600_000;
        world.network.isolate(n);
        world.start(n);
        world.run(ms(2_000));
        assert!(world.node(n).incarnation() < dead && world.role(n) != Role::Booting);
        world.heal();
        world.run(ms(2_000));
        assert!(world.node(n).incarnation() > dead, "seed {seed}\n{}", world.story());
        let other = world.followers().into_iter().find(|other| *other != n).unwrap();
        world.crash(other);
        world.run(ms(1_000));
        assert_eq!(world.leaders().len(), 1, "seed {seed}: it plays no part\n{}", world.story());
    }
}

/// Its boot wait begins again with the name (E9), which its disk knows of, and which it tells others once it takes part.
#[test]
fn who_goes_above_its_dead_incarnation_begins_under_that_name() {
    let world = World::with(3, |_, settings| settings.durability = Durability::Durable);
    let mut world = world.seeded(1);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    let n = world.followers()[0];
    let dead = world.node(n).incarnation();
    // Given one that has forgotten its dead incarnation and sat out its boot wait alone, …
    world.crash_with_amnesia(n);
    world.machines[n].wall_ms -= 3_600_000;
    world.network.isolate(n);
    world.start(n);
    world.run(ms(2_000));
    assert_ne!(world.role(n), Role::Booting);
    // … when the others tell it, then it does not take part at once, …
    world.heal();
    world.run_till(ms(2_000), "it has another name", |world| world.node(n).incarnation() > dead);
    assert!(!world.node(n).takes_part(), "{}", world.story());
    world.run(ms(1_000));
    assert!(world.node(n).takes_part(), "{}", world.story());
    // … and takes part under the new name.
    let incarnation = world.node(n).incarnation();
    assert_eq!(world.machines[n].saved.as_ref().map(|saved| saved.incarnation), Some(incarnation));
    let question = IncarnationsReport { answer: false, incarnations: Vec::new() };
    let question = world.envelope((n + 1) % 3, n, Message::Incarnations(Box::new(question)));
    world.give(n, NodeInput::Message(question));
    let told = world.transcript.messages().filter_map(|(from, _, message)| match message {
        Message::Incarnations(told) if from == n => Some(told.incarnations.clone()),
        _ => None,
    });
    let own = KnownIncarnation { node: world.machines[n].settings.id.key(), incarnation };
    assert!(told.last().unwrap().contains(&own), "{}", world.story());
}

/// Who does not answer when it is told that an incarnation takes part is not told for longer than a few heartbeats.
#[test]
fn a_voter_that_cannot_be_reached_is_told_of_an_incarnation_a_few_times() {
    let mut world = World::of(3).seeded(1);
    world.start_all();
    world.run(ms(100));
    world.network.isolate(2);
    world.run(ms(10_000));
    let told = |to: usize| {
        let tells = |message: &Message| matches!(message, Message::Incarnations(told) if !told.answer);
        world.transcript.messages().filter(|(from, whom, message)| (*from, *whom) == (0, to) && tells(message)).count()
    };
    assert_eq!(told(2), 8, "{}", world.story());
    assert!(told(1) < 8, "it answers");
}

#[test]
fn every_node_is_replaced_one_by_one_and_none_is_stuck() {
    for seed in 0..20 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        world.elect();
        for n in 0..3 {
            let settings = world.machines[n].settings.clone();
            let replacement = world.add(settings);
            world.crash(n);
            world.start(replacement);
            world.run(ms(2_000));
            world.leader();
        }
        assert!((3..6).all(|n| world.role(n) != Role::Stopped), "seed {seed}\n{}", world.story());
    }
}

/// What a superseded incarnation says changes nothing, and is answered with what it has to know.
#[test]
fn a_word_of_a_superseded_incarnation_is_dropped_counted_and_answered() {
    let mut world = preferring_the_first(3, 1);
    replaced(&mut world, 3_600_000);
    let answers_to = |world: &mut World, envelope| -> Vec<Message> {
        let said = world.transcript.messages().count();
        world.give(1, NodeInput::Message(envelope));
        world.transcript.messages().skip(said).map(|(.., message)| message.clone()).collect()
    };
    let forged =
        world.forge(0, 1, ElectionMessage::VoteRequest { term: world.fresh_term(), lease: LEASE, released: None });
    let term = world.node(1).term();
    let dropped = world.node(1).counters().dropped[DropReason::Superseded];
    let answers = answers_to(&mut world, forged);
    assert_eq!(world.node(1).counters().dropped[DropReason::Superseded], dropped + 1);
    assert_eq!(world.node(1).term(), term);
    assert!(matches!(answers[..], [Message::Session(Session::Superseded { .. })]), "{answers:?}");
    // The late answer to a probe shows that it is there, and may be all that it ever says to a follower.
    let late = world.envelope(0, 1, Message::Session(Session::ProbeAck { nonce: 1, booting: false }));
    let answers = answers_to(&mut world, late);
    assert!(matches!(answers[..], [Message::Session(Session::Superseded { .. })]), "{answers:?}");
    // Any other answer is not answered: two that are both superseded would talk forever.
    let answer = world.envelope(0, 1, Message::Session(Session::Superseded { by: world.node(1).incarnation() }));
    assert_eq!(answers_to(&mut world, answer), []);
    assert_ne!(world.role(1), Role::Stopped, "nor believed");
}

/// A leader that hears it from one voter still has the others: it ends as orderly as it can.
#[test]
fn a_superseded_leader_loses_its_lease_before_it_stops() {
    let mut world = preferring_the_first(3, 1);
    world.start_all();
    world.run_till(ms(10_000), "the preferred one leads", |world| world.leads(0));
    let by = qcluster_core::Incarnation(world.node(0).incarnation().0 + 5);
    let notice = world.envelope(1, 0, Message::Session(Session::Superseded { by }));
    world.give(0, NodeInput::Message(notice));
    let token = *world.tokens().last().unwrap();
    let lost = Notification::Lost { token, reason: LostReason::Superseded, lapse: Lapse::default() };
    let lost = world.last(|n, told| n == 0 && told == lost);
    let stopped = world.last(|n, told| n == 0 && told == Notification::Superseded { by });
    assert!(lost.unwrap().0 < stopped.unwrap().0, "{}", world.story());
    assert_eq!(world.role(0), Role::Stopped);
    world.run(ms(1_000));
    assert_ne!(world.leader(), 0);
    assert_eq!(world.machines[0].settings.id, id(0));
}

/// Of three with disks, one hears the replacement of another take part, follows nobody, and restarts: on its side of a
/// cut the incarnation that was replaced goes on.
#[test]
fn a_voter_with_a_disk_still_knows_of_a_replacement_after_a_restart() {
    let world = World::with(3, |_, settings| {
        settings.voters[2].priority = 1;
        settings.durability = Durability::Durable;
    });
    let mut world = world.seeded(1);
    let settings = world.machines[0].settings.clone();
    let replacement = world.add(settings);
    (0..3).for_each(|n| world.start(n));
    world.run_till(ms(10_000), "the preferred one leads", |world| world.leads(2));
    world.run(ms(1_000));
    world.freeze(0, ms(16_000));
    world.run(ms(1_000));
    // Given a line: 1, the replacement, and the leader, which 1 does not hear,
    world.network.cut(1, 2);
    world.start(replacement);
    world.run(ms(10_000));
    assert!(world.leads(2));
    let incarnation = world.node(replacement).incarnation();
    assert_eq!(world.machines[1].saved.as_ref().unwrap().incarnation_of(id(0).key()), incarnation);
    // when 1 restarts, and is alone with the incarnation that was replaced, then that one stops.
    world.crash(1);
    world.start(1);
    world.network.split(&[0, 1]);
    world.run(ms(20_000));
    assert_eq!(world.role(0), Role::Stopped, "{}", world.story());
    assert!(world.leads(2));
}
