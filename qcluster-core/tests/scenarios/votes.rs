//! One vote a term, whatever is repeated, overtaken, forgotten or not saved (scenarios 10 to 13, and E6).

use qcluster_core::{Durability, ElectionMessage, Message, NodeInput, Notification, Refusal, Role, Term};

use crate::dice::Dice;
use crate::world::{Disk, Fate, LEASE, World, is, ms};

const ALL_DURABILITIES: [Durability; 2] = [Durability::Diskless, Durability::Durable];

fn request(term: Term) -> ElectionMessage {
    ElectionMessage::VoteRequest { term, lease: LEASE, released: None }
}

/// The answers to requests for votes: `None` is a vote.
fn votes(sent: &[ElectionMessage]) -> Vec<Option<Refusal>> {
    let answers = sent.iter().filter_map(|message| match message {
        ElectionMessage::VoteReply { refusal, .. } => Some(*refusal),
        _ => None,
    });
    answers.collect()
}

fn durable(n: usize) -> World {
    World::with(n, |_, settings| settings.durability = Durability::Durable)
}

#[test]
fn scenario_10_no_vote_counts_twice_and_none_of_an_older_term_counts() {
    for seed in 0..50 {
        // Given five voters of whom only a asks, and whose votes are held back.
        let mut world = World::of(5).seeded(seed);
        world.network.rule(|from, _, message| (from != 0 && is(message, "pre_vote_request")).then_some(Fate::Lose));
        world.network.catch(|_, _, message| is(message, "vote_reply"));
        world.start_all();
        world.run_till(ms(1_000), "all votes on their way", |world| world.network.caught.len() == 4);
        let candidate = 0;
        let old = std::mem::take(&mut world.network.caught);
        let vote = old[0].1.clone();
        // When one vote arrives three times, then it is two of five with the candidate's own.
        for _ in 0..3 {
            world.give(candidate, NodeInput::Message(vote.clone()));
        }
        assert_eq!(world.role(candidate), Role::Candidate, "seed {seed}");
        // When the term is over, then its votes count for nothing.
        let term = world.node(candidate).term();
        world.run_till(ms(2_000), "its next candidacy", |world| {
            world.role(candidate) == Role::Candidate && world.node(candidate).term() > term
        });
        for (to, envelope) in old {
            world.give(to, NodeInput::Message(envelope));
        }
        assert_eq!(world.role(candidate), Role::Candidate, "seed {seed}");
        world.network.stop_catching();
        world.elect();
    }
}

#[test]
fn scenario_10_repeated_and_overtaken_messages_elect_one_a_term() {
    for seed in 0..200 {
        let mut world = World::of(3 + usize::try_from(seed % 3).unwrap()).seeded(seed);
        let mut dice = Dice::new(seed);
        world.network.rule(move |_, _, _| Some(Fate::Twice(ms(1 + dice.below(60)), ms(1 + dice.below(400)))));
        world.start_all();
        for _ in 0..10 {
            world.run(ms(300));
            if let Some(leader) = world.leaders().first() {
                world.crash(*leader);
                world.run(ms(50));
                let gone = world.machines.iter().position(|machine| machine.node.is_none()).unwrap();
                world.start(gone);
            }
        }
        // The judge has counted votes, leaders and leases all along.
        world.network.clear_rules();
        world.elect();
    }
}

#[test]
fn scenario_11_of_two_requests_in_a_term_one_is_granted_again_and_again() {
    for durability in ALL_DURABILITIES {
        let world = World::with(3, |_, settings| settings.durability = durability);
        let mut world = world.of_hermits();
        let (term, before) = (world.fresh_term(), world.node(2).counters().clone());
        assert_eq!(votes(&world.ask(0, 2, request(term))), [None]);
        assert_eq!(votes(&world.ask(1, 2, request(term))), [Some(Refusal::Voted)]);
        assert_eq!(votes(&world.ask(0, 2, request(term))), [None], "it may have been lost");
        assert_eq!(votes(&world.ask(0, 2, request(Term(term.0 - 1)))), [Some(Refusal::OldTerm)]);
        assert_eq!(votes(&world.ask(1, 2, request(term.next()))), [None], "another term, another vote");
        assert_eq!(votes(&world.ask(0, 2, request(term))), [Some(Refusal::OldTerm)]);
        // And all of that is counted.
        let counters = world.node(2).counters();
        assert_eq!(counters.votes_granted, before.votes_granted + 3);
        for (reason, times) in [(Refusal::Voted, 1), (Refusal::OldTerm, 2), (Refusal::Promised, 0)] {
            assert_eq!(counters.votes_refused[reason], before.votes_refused[reason] + times, "{reason:?}");
        }
    }
}

#[test]
fn scenario_11_another_incarnation_of_the_candidate_is_another_candidate() {
    let mut world = durable(3).of_hermits();
    let term = world.fresh_term();
    assert_eq!(votes(&world.ask(0, 2, request(term))), [None]);
    world.crash(0);
    world.run(ms(1_000));
    world.start(0);
    world.heal();
    world.network.cut(0, 1);
    world.network.cut(1, 2);
    world.run(ms(100));
    world.isolate(0);
    assert_eq!(votes(&world.ask(0, 2, request(term))), [Some(Refusal::Voted)], "a token never serves twice");
}

/// A vote that waits for a slow disk is for one incarnation of the candidate: the next one is not told of it.
#[test]
fn a_vote_is_told_to_no_other_incarnation_than_the_one_that_asked() {
    let mut world = durable(3).of_hermits();
    let term = world.fresh_term();
    world.machines[2].disk = Disk::Held;
    assert_eq!(votes(&world.ask(0, 2, request(term))), []);
    // Given that the candidate restarts, and its new incarnation is known to the voter, …
    world.start(0);
    world.network.join(0, 2);
    world.run(ms(120));
    world.isolate(0);
    let pre_vote = ElectionMessage::PreVoteRequest { round: 1, term: term.next(), consent: None };
    assert_eq!(world.ask(0, 2, pre_vote).len(), 1, "it is listened to");
    // … when the disk is done, then nobody is told of the vote.
    let before = world.sent("vote_reply");
    world.sync(2);
    assert_eq!(world.sent("vote_reply"), before);
    assert_eq!(votes(&world.ask(0, 2, request(term))), [Some(Refusal::Voted)]);
}

#[test]
fn scenario_12_a_voter_that_crashes_around_its_save_never_votes_twice() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Crash {
        BeforeTheSave,
        AfterTheSave,
        AfterTheReport,
    }
    for when in [Crash::BeforeTheSave, Crash::AfterTheSave, Crash::AfterTheReport] {
        let mut world = durable(3).of_hermits();
        let term = world.fresh_term();
        world.machines[2].disk = Disk::Held;
        // Given a vote for a that is on its way to the disk, then nothing is told.
        assert_eq!(votes(&world.ask(0, 2, request(term))), []);
        assert_eq!(world.machines[2].held.len(), 1);
        match when {
            Crash::BeforeTheSave => {}
            Crash::AfterTheSave => world.machines[2].saved = Some(world.machines[2].held[0].1.clone()),
            Crash::AfterTheReport => {
                let before = world.sent("vote_reply");
                world.sync(2);
                assert_eq!(world.sent("vote_reply"), before + 1);
            }
        }
        // When it crashes then and comes back, …
        world.crash(2);
        world.machines[2].disk = Disk::Quick;
        world.start(2);
        world.network.heal();
        world.network.cut(0, 1);
        world.run(ms(140));
        world.network.isolate(2);
        world.run(ms(12));
        // … then it votes for another only if its first vote was never saved, and hence never told.
        let vote = votes(&world.ask(1, 2, request(term)));
        let want = if when == Crash::BeforeTheSave { None } else { Some(Refusal::Voted) };
        assert_eq!(vote, [want], "{when:?}");
        let again = votes(&world.ask(0, 2, request(term)));
        assert_eq!(again, [if want.is_none() { Some(Refusal::Voted) } else { None }], "{when:?}");
    }
}

#[test]
fn scenario_12_a_candidate_asks_only_once_its_own_vote_is_saved() {
    for seed in 0..50 {
        let mut world = durable(3).seeded(seed);
        world.start_all();
        world.run(ms(100));
        for n in 0..3 {
            world.machines[n].disk = Disk::Held;
        }
        world.run_till(ms(200), "a candidate", |world| (0..3).any(|n| world.role(n) == Role::Candidate));
        world.run(ms(2_000));
        assert_eq!(world.sent("vote_request"), 0, "seed {seed}");
        // When the disks come back, then somebody leads.
        for n in 0..3 {
            world.machines[n].disk = Disk::Quick;
            world.sync(n);
        }
        world.elect();
    }
}

#[test]
fn scenario_12_crashes_around_saves_leave_one_vote_a_term() {
    for seed in 0..200 {
        let mut world = durable(3).seeded(seed);
        let mut dice = Dice::new(seed);
        world.start_all();
        for _ in 0..60 {
            world.run(ms(dice.below(40)));
            let n = dice.machine(3);
            world.machines[n].disk = if dice.chance(60) { Disk::Held } else { Disk::Quick };
            if world.machines[n].node.is_none() {
                world.start(n);
            } else if dice.chance(40) {
                // The crash may come before or after the disk has done what was asked.
                let held = world.machines[n].held.first().cloned();
                if let Some((_, state)) = held.filter(|_| dice.chance(50)) {
                    world.machines[n].saved = Some(state);
                }
                world.crash(n);
            } else {
                world.sync(n);
            }
        }
        for n in 0..3 {
            world.machines[n].disk = Disk::Quick;
            world.sync(n);
            if world.machines[n].node.is_none() {
                world.start(n);
            }
        }
        world.elect();
    }
}

/// A vote that waits for a slow disk is of its term: it is not told in another.
#[test]
fn a_vote_that_was_overtaken_by_a_term_is_never_told() {
    let mut world = durable(3).of_hermits();
    let term = world.fresh_term();
    world.machines[2].disk = Disk::Held;
    assert_eq!(votes(&world.ask(0, 2, request(term))), []);
    // Given that the voter asks around itself while its disk is slow, and hears of a later term, …
    world.run_till(ms(500), "a pre-candidate", |world| world.role(2) == Role::PreCandidate);
    let round = world.transcript.messages().filter_map(|(from, _, message)| match message {
        Message::Election(ElectionMessage::PreVoteRequest { round, .. }) if from == 2 => Some(round),
        _ => None,
    });
    let round = round.last().unwrap();
    let later = Term(term.0 + 7);
    let refusal = Some(Refusal::OldTerm);
    world.ask(
        1,
        2,
        ElectionMessage::PreVoteReply {
            round,
            refusal,
            term: later,
            stamp: Term(0),
            incarnations: world.incarnations(1),
        },
    );
    // … when the disk is done at last, then no vote is told: not in the first term, nor in the later one.
    let before = world.sent("vote_reply");
    world.sync(2);
    world.sync(2);
    assert_eq!(world.sent("vote_reply"), before, "{}", world.transcript.in_full(&world.machines));
}

/// What a voter without memory may have voted in an earlier incarnation lies below its boot stamp (E12).
#[test]
fn a_voter_without_memory_votes_only_above_its_stamp() {
    let mut world = World::of(3).of_hermits();
    let term = world.fresh_term();
    assert_eq!(votes(&world.ask(0, 2, request(term))), [None]);
    // Given that it forgets its vote in a crash, and its wait is over, …
    world.crash_with_amnesia(2);
    world.run(ms(500));
    world.start(2);
    world.heal();
    world.network.cut(0, 1);
    world.run(ms(140));
    world.isolate(2);
    world.run(ms(12));
    // … then it votes for nobody in that term, and says from where it does.
    let answers = world.ask(1, 2, request(term));
    let [ElectionMessage::VoteReply { refusal, stamp, .. }] = answers[..] else { panic!("{answers:?}") };
    assert_eq!(refusal, Some(Refusal::BelowStamp));
    assert!(stamp > term);
    assert_eq!(votes(&world.ask(1, 2, request(stamp))), [Some(Refusal::BelowStamp)]);
    assert_eq!(votes(&world.ask(1, 2, request(stamp.next()))), [None]);
}

/// A live promise to another refuses a vote, and the voter does not even move to the higher term (E6).
#[test]
fn a_voter_that_has_promised_refuses_without_adopting_the_higher_term() {
    let mut world = World::of(3).of_hermits();
    let (term, now) = (world.fresh_term(), world.now);
    let heartbeat = ElectionMessage::Heartbeat { term, sent_at: now, lease: LEASE, active: true, stamp: Term(0) };
    assert_eq!(world.ask(0, 2, heartbeat).len(), 1, "it promises");
    let higher = Term(term.0 + 5);
    let pre_vote = ElectionMessage::PreVoteRequest { round: 1, term: higher, consent: None };
    for _ in 0..3 {
        assert_eq!(votes(&world.ask(1, 2, request(higher))), [Some(Refusal::Promised)]);
        let answers = world.ask(1, 2, pre_vote);
        let refused = |answer: &ElectionMessage| {
            matches!(answer, ElectionMessage::PreVoteReply { refusal: Some(Refusal::Promised), .. })
        };
        assert!(answers.len() == 1 && answers.iter().all(refused), "{answers:?}");
        assert_eq!(world.node(2).term(), term);
        world.run(ms(49));
    }
    // When a lease has passed since the heartbeat came, then it is free.
    world.run(ms(3));
    assert_eq!(votes(&world.ask(1, 2, request(higher))), [None]);
}

/// While one promise is live, another leadership is followed and not promised (E2′).
#[test]
fn a_voter_holds_one_promise_at_a_time() {
    let mut world = World::of(3).of_hermits();
    let (term, sent_at) = (world.fresh_term(), world.now);
    let heartbeat = |term| ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) };
    assert_eq!(world.ask(0, 2, heartbeat(term)).len(), 1);
    world.run(ms(100));
    assert_eq!(world.ask(1, 2, heartbeat(term.next())), [], "it follows and does not promise");
    assert_eq!(world.node(2).term(), term.next());
    // Repeated and overtaken heartbeats renew nothing (E2).
    assert_eq!(world.ask(1, 2, heartbeat(term.next())), []);
    world.run(ms(49));
    let newer =
        |sent_at| ElectionMessage::Heartbeat { term: term.next(), sent_at, lease: LEASE, active: true, stamp: Term(0) };
    assert_eq!(world.ask(1, 2, newer(world.now)), [], "still");
    world.run(ms(1));
    assert_eq!(world.ask(1, 2, newer(world.now)).len(), 1, "the old promise has run out");
    assert_eq!(world.ask(1, 2, newer(world.now)), [], "once");
}

#[test]
fn scenario_13_a_voter_that_cannot_save_abstains_says_so_and_disturbs_nobody() {
    for seed in 0..50 {
        let mut world = durable(3).seeded(seed);
        world.start_all();
        world.elect();
        world.run(ms(500));
        // Given a follower whose disk fails, when the leader dies, …
        let [broken, sound] = world.followers()[..] else { panic!("two followers") };
        world.machines[broken].disk = Disk::Broken;
        let old = world.leader();
        world.crash(old);
        world.run(ms(3_000));
        // … then the failure is told once, nobody leads, since only one of three may vote, …
        assert!(world.count(|n, told| n == broken && told == Notification::StorageFailed) == 1, "{}", world.story());
        assert!(world.node(broken).abstains() && world.node(broken).counters().persist_failures == 1);
        assert!(world.leaders().is_empty(), "seed {seed}: one of three has a vote");
        // … and with the third back somebody leads, without the vote of the broken one, which follows.
        world.start(old);
        let new = world.elect();
        assert_ne!(new, broken);
        world.run(ms(3_000));
        assert_eq!(world.leader(), new);
        assert_eq!(world.role(broken), Role::Follower);
        assert!(world.machines[sound].node.is_some());
        assert_eq!(world.elections(), 2);
        // Even a mended disk does not bring it back in this incarnation: what it holds is not known.
        world.machines[broken].disk = Disk::Quick;
        let term = world.fresh_term();
        world.isolate(broken);
        world.run(ms(500));
        let answer = world.ask(sound, broken, request(term));
        assert_eq!(votes(&answer), [Some(Refusal::Abstains)]);
    }
}

#[test]
fn scenario_13_a_candidate_that_cannot_save_asks_nobody() {
    for seed in 0..50 {
        let mut world = durable(3).seeded(seed);
        for n in 0..3 {
            world.machines[n].disk = Disk::Broken;
        }
        world.start_all();
        world.run(ms(3_000));
        assert_eq!(world.sent("vote_request") + world.sent("heartbeat"), 0);
        assert_eq!(world.count(|_, told| told == Notification::StorageFailed), 3);
    }
}
