//! Hand-overs: first the work ends, then the lease, and only then the next begins (scenarios 16, 33, 38, and E10).

use qcluster_core::{
    Command, ElectionMessage, LostReason, NodeId, NodeInput, Notification, Refusal, Role, Seat, Settings, Term,
    TransferRefused,
};

use crate::world::{LEASE, World, id, is, ms, voters};

/// A leader of `n` that has led for a second.
fn led(n: usize, seed: u64) -> (World, usize) {
    let mut world = World::of(n).seeded(seed);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    (world, leader)
}

fn transferred(n: usize, told: &Notification, leader: usize) -> bool {
    n == leader && matches!(told, Notification::Lost { reason: LostReason::Transferred, .. })
}

#[test]
fn scenario_16_a_transfer_to_a_live_voter_takes_one_term_and_no_wait() {
    for n in [2, 3, 5] {
        for seed in 0..50 {
            let (mut world, old) = led(n, seed);
            let (target, term) = ((old + 1) % n, world.node(old).term());
            let begun = world.now;
            world.give(old, NodeInput::Command(Command::Transfer(Some(id(target)))));
            world.run_till(ms(20), "the target leads", |world| world.leads(target));
            assert!(world.now.since(begun) <= ms(6), "{}", world.now.since(begun));
            assert_eq!(world.node(target).term(), term.next());
            world.run(ms(5_000));
            assert_eq!((world.leader(), world.elections()), (target, 2), "seed {seed}\n{}", world.story());
        }
    }
}

#[test]
fn a_transfer_reads_well() {
    let (mut world, old) = led(3, 1);
    world.transcript.begin(world.now);
    world.give(old, NodeInput::Command(Command::Transfer(Some(id((old + 1) % 3)))));
    world.run(ms(8));
    world.transcript.assert_golden(&world.machines, "transfer");
}

#[test]
fn scenario_16_a_transfer_to_a_dead_voter_ends_in_an_ordinary_election() {
    for seed in 0..50 {
        let (mut world, old) = led(3, seed);
        let dead = (old + 1) % 3;
        world.crash(dead);
        world.run(ms(1_000));
        let begun = world.now;
        world.give(old, NodeInput::Command(Command::Transfer(Some(id(dead)))));
        world.elect();
        assert!(world.now.since(begun) <= ms(300), "seed {seed}: {}", world.now.since(begun));
        assert_eq!(world.elections(), 2);
    }
}

#[test]
fn scenario_16_of_two_transfers_under_way_the_later_counts() {
    for seed in 0..50 {
        let (mut world, old) = led(5, seed);
        world.machines[old].drains_at_once = false;
        let (first, second) = ((old + 1) % 5, (old + 2) % 5);
        world.give(old, NodeInput::Command(Command::Transfer(Some(id(first)))));
        world.run(ms(30));
        world.give(old, NodeInput::Command(Command::Transfer(Some(id(second)))));
        world.run(ms(30));
        assert_eq!(world.leader(), old, "it drains");
        assert_eq!(world.count(|_, told| matches!(told, Notification::Draining { .. })), 1);
        world.give(old, NodeInput::Command(Command::Drained));
        world.run(ms(1_000));
        assert_eq!((world.leader(), world.elections()), (second, 2));
    }
}

#[test]
fn scenario_16_a_transfer_to_itself_does_nothing() {
    let (mut world, leader) = led(3, 1);
    let before = world.node(leader).counters().clone();
    world.give(leader, NodeInput::Command(Command::Transfer(Some(id(leader)))));
    assert_eq!(world.node(leader).counters(), &before);
    world.run(ms(1_000));
    assert_eq!((world.leader(), world.elections()), (leader, 1));
}

#[test]
fn scenario_16_a_transfer_to_an_observer_or_a_stranger_is_refused() {
    let (mut world, leader) = led(3, 1);
    let mut settings = Settings::voter(id(3), voters(0..3));
    settings.seat = Seat::Observer;
    let observer = world.add(settings);
    world.start(observer);
    world.run(ms(500));
    let stranger = NodeId::new("nobody").unwrap();
    for target in [id(3), stranger] {
        let refused = world.node(leader).can_transfer(world.now, Some(&target));
        assert_eq!(refused, Err(TransferRefused::NotAVoter));
        world.give(leader, NodeInput::Command(Command::Transfer(Some(target))));
    }
    assert_eq!(world.node(leader).counters().transfers_refused, 2);
    let follower = (leader + 1) % 3;
    let refused = world.node(follower).can_transfer(world.now, None);
    assert_eq!(refused, Err(TransferRefused::NotLeader));
    world.give(follower, NodeInput::Command(Command::Transfer(None)));
    world.run(ms(1_000));
    assert_eq!((world.leader(), world.elections()), (leader, 1));
}

#[test]
fn scenario_16_whoever_steps_down_or_stops_hands_over_quickly() {
    for (event, reason) in [
        (NodeInput::Command(Command::StepDown), LostReason::SteppedDown),
        (NodeInput::Command(Command::Shutdown), LostReason::Shutdown),
    ] {
        for seed in 0..50 {
            let (mut world, old) = led(3, seed);
            let begun = world.now;
            world.give(old, event.clone());
            let lost = |n, told| n == old && matches!(told, Notification::Lost { reason: r, .. } if r == reason);
            assert_eq!(world.count(lost), 1);
            let counters = world.node(old).counters();
            assert_eq!((counters.transfers, counters.lost[reason], counters.lost.total()), (1, 1, 1));
            let new = world.elect_another(old);
            assert!(world.now.since(begun) <= ms(30), "{reason:?}, seed {seed}: {}", world.now.since(begun));
            assert_eq!(world.node(old).is_stopped(), reason == LostReason::Shutdown);
            world.run(ms(5_000));
            assert_eq!((world.leader(), world.elections()), (new, 2));
        }
    }
}

#[test]
fn transfers_back_and_forth_never_overlap() {
    for seed in 0..50 {
        let (mut world, _) = led(3, seed);
        let mut dice = crate::dice::Dice::new(seed);
        for _ in 0..100 {
            let n = dice.machine(3);
            let target = if dice.chance(30) { None } else { Some(id(dice.machine(3))) };
            world.give(
                n,
                if dice.chance(10) {
                    NodeInput::Command(Command::StepDown)
                } else {
                    NodeInput::Command(Command::Transfer(target))
                },
            );
            world.run(ms(dice.below(12)));
        }
        world.run(ms(300));
        world.elect();
    }
}

#[test]
fn scenario_33_a_release_is_honoured_for_no_other_incarnation_of_its_leader() {
    for seed in 0..50 {
        // Given a leader that hands over while its words are held back, …
        let (mut world, old) = led(3, seed);
        let (target, third) = ((old + 1) % 3, (old + 2) % 3);
        world.network.catch(|_, _, message| is(message, "release"));
        world.give(old, NodeInput::Command(Command::Transfer(Some(id(target)))));
        assert_eq!(world.network.caught.len(), 2);
        world.network.stop_catching();
        let releases = world.network.caught.clone();
        // … when it restarts, alone or with its target, and leads again, …
        world.crash_with_amnesia(old);
        world.start(old);
        if seed % 2 == 0 {
            world.crash_with_amnesia(target);
            world.start(target);
        }
        world.elect();
        world.run(ms(1_000));
        let now_leads = world.leader();
        if now_leads != old {
            world.give(now_leads, NodeInput::Command(Command::Transfer(Some(id(old)))));
            world.run(ms(500));
        }
        assert_eq!(world.leader(), old);
        let (elections, term) = (world.elections(), world.node(old).term());
        let honoured = |world: &World| [target, third].map(|n| world.node(n).counters().releases_honoured);
        let before = honoured(&world);
        // … then the old release moves nothing at any receiver.
        for (to, envelope) in releases {
            let said = world.provoke(to, NodeInput::Message(envelope));
            assert!(said.iter().all(|message| message.name() != "vote_request"), "seed {seed}: {said:?}");
        }
        world.run(ms(3_000));
        assert_eq!(honoured(&world), before);
        assert_eq!((world.leader(), world.elections()), (old, elections), "seed {seed}\n{}", world.story());
        assert_eq!(world.node(old).term(), term);
    }
}

#[test]
fn scenario_33_a_release_of_an_older_term_frees_nobody_from_a_newer_promise() {
    for seed in 0..50 {
        let (mut world, old) = led(3, seed);
        world.network.catch(|_, _, message| is(message, "release"));
        world.give(old, NodeInput::Command(Command::Transfer(Some(id((old + 1) % 3)))));
        world.network.stop_catching();
        // The same incarnation leads again, in a later term.
        world.elect();
        world.run(ms(200));
        let other = world.leader();
        world.give(other, NodeInput::Command(Command::Transfer(Some(id(old)))));
        world.run(ms(500));
        assert_eq!(world.leader(), old);
        let (elections, term) = (world.elections(), world.node(old).term());
        world.release_caught();
        world.run(ms(3_000));
        assert_eq!((world.leader(), world.elections()), (old, elections), "seed {seed}\n{}", world.story());
        assert_eq!(world.node(old).term(), term);
    }
}

/// Promises name the leadership to the last bit: node, incarnation and term.
#[test]
fn scenario_33_a_release_of_another_leadership_of_the_same_node_frees_nobody() {
    let mut world = World::of(3).of_hermits();
    let (term, sent_at) = (world.fresh_term(), world.now);
    world.ask(0, 2, ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) });
    let request = ElectionMessage::VoteRequest { term: term.next(), lease: LEASE, released: None };
    for other in [Term(term.0 - 1), Term(term.0 - 2)] {
        assert_eq!(world.ask(0, 2, ElectionMessage::Release { term: other, successor: None }), []);
        let refused = |answer: &ElectionMessage| {
            matches!(answer, ElectionMessage::VoteReply { refusal: Some(Refusal::Promised), .. })
        };
        let answers = world.ask(1, 2, request);
        assert!(answers.len() == 1 && answers.iter().all(refused), "{answers:?}");
    }
    assert_eq!(world.node(2).counters().releases_honoured, 0);
    world.ask(0, 2, ElectionMessage::Release { term, successor: None });
    assert_eq!(world.node(2).counters().releases_honoured, 1);
    let answers = world.ask(1, 2, request);
    assert!(matches!(answers[..], [ElectionMessage::VoteReply { refusal: None, .. }]), "{answers:?}");
}

#[test]
fn scenario_38_work_that_needs_time_has_ended_before_the_lease() {
    for seed in 0..50 {
        let (mut world, old) = led(3, seed);
        let target = (old + 1) % 3;
        world.machines[old].drains_at_once = false;
        let begun = world.now;
        world.give(old, NodeInput::Command(Command::Transfer(Some(id(target)))));
        let draining = |n, told| n == old && matches!(told, Notification::Draining { .. });
        assert_eq!(world.count(draining), 1);
        // While the work ends, the lease is renewed.
        while world.now < begun + ms(100) {
            world.run(ms(1));
            assert_eq!(world.leader(), old, "seed {seed}");
            assert!(world.sent("release") == 0);
        }
        let drained = world.now;
        world.give(old, NodeInput::Command(Command::Drained));
        assert!(!world.leads(old));
        world.run_till(ms(20), "the target leads", |world| world.leads(target));
        let lost = world.last(|n, told| transferred(n, &told, old)).unwrap();
        let elected = world.last(|n, told| n == target && matches!(told, Notification::Elected { .. })).unwrap();
        assert_eq!(lost.1, drained);
        assert!(lost.0 < elected.0 && lost.1 < elected.1);
    }
}

#[test]
fn scenario_38_work_that_never_ends_is_waited_for_no_longer_than_the_grace() {
    let (mut world, old) = led(3, 1);
    world.machines[old].drains_at_once = false;
    let begun = world.now;
    world.give(old, NodeInput::Command(Command::Transfer(None)));
    world.run(ms(1_499));
    assert_eq!(world.leader(), old, "ten leases of 150 ms");
    world.run(ms(20));
    let lost = world.last(|n, told| transferred(n, &told, old)).unwrap();
    assert_eq!(lost.1, begun + ms(1_500));
    assert_ne!(world.leader(), old);
}

/// `CampaignNow` in a release is for one voter only, and only while its own term is that term.
#[test]
fn a_release_makes_nobody_campaign_in_a_later_term() {
    let mut world = World::of(3).of_hermits();
    let term = world.fresh_term();
    let release = ElectionMessage::Release { term, successor: Some(id(2).key()) };
    world.ask(
        1,
        2,
        ElectionMessage::Heartbeat {
            term: term.next(),
            sent_at: world.now,
            lease: LEASE,
            active: true,
            stamp: Term(0),
        },
    );
    assert_eq!(world.ask(0, 2, release), [], "its term is over");
    assert_eq!(world.role(2), Role::Follower);
    let late = ElectionMessage::Release { term: term.next(), successor: Some(id(2).key()) };
    let said = world.ask(1, 2, late);
    assert!(said.iter().all(|message| matches!(message, ElectionMessage::VoteRequest { released: Some(_), .. })));
    assert_eq!(said.len(), 2);
}

/// Who has not answered for a lease is named by nobody, whatever its priority: it would cost a heartbeat at least, and the
/// head start of those who are there (E10).
#[test]
fn no_voter_is_named_that_has_fallen_silent() {
    for event in [NodeInput::Command(Command::Transfer(None)), NodeInput::Command(Command::Shutdown)] {
        for seed in 0..20 {
            // Given that the second in priority has crashed, and a lease has passed, …
            let mut world = World::with(5, |_, settings| {
                for (voter, entry) in settings.voters.iter_mut().enumerate() {
                    entry.priority = 5 - u32::try_from(voter).unwrap();
                }
            });
            world = world.seeded(seed);
            world.start_all();
            assert_eq!(world.elect(), 0);
            world.run(ms(1_000));
            world.crash(1);
            world.run(ms(200 + seed));
            // … when the first hands over, then the third is named, and leads at once.
            let begun = world.now;
            let said = world.provoke(0, event.clone());
            let named = said.iter().filter_map(|message| match message {
                ElectionMessage::Release { successor, .. } => Some(*successor),
                _ => None,
            });
            assert_eq!(named.collect::<Vec<_>>(), [Some(id(2).key()); 4], "seed {seed}");
            world.run_till(ms(20), "the third leads", |world| world.leads(2));
            assert!(world.now.since(begun) <= ms(6), "seed {seed}: {}", world.now.since(begun));
        }
    }
}
