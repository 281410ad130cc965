//! Promises and leases across crashes, and leaderships that nobody answers (scenarios 14, 31, 32, 34, and E7, E9).

use qcluster_core::{
    Command, ElectionMessage, Envelope, FencingToken, LostReason, Message, NodeInput, Notification, Role,
};

use crate::world::{LEASE, World, is, ms};

#[test]
fn scenario_14_a_restarted_voter_is_silent_until_its_wait_is_over() {
    for seed in 0..100 {
        // Given a leader whose two followers crash just after they have promised, …
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let leader = world.elect();
        world.run(ms(1_000 + seed % 25));
        let followers = world.followers();
        for &n in &followers {
            world.crash(n);
            world.start(n);
        }
        world.transcript.begin(world.now);
        // … when nobody hears the leader any more, …
        world.isolate(leader);
        world.run(ms(149));
        // … then for 150 ms they vote, promise and ask nothing, and its lease has run out before they elect another.
        for kind in ["vote_request", "pre_vote_request", "heartbeat_ack"] {
            let theirs = |(from, _, message): &(usize, usize, Message)| *from != leader && is(message, kind);
            assert_eq!(world.transcript.messages().filter(theirs).count(), 0, "seed {seed}: {kind}");
        }
        let new = world.elect_another(leader);
        assert!(followers.contains(&new));
    }
}

#[test]
fn scenario_14_nothing_makes_a_booting_voter_promise_or_vote() {
    let mut world = World::of(3);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    let leader = world.leader();
    let [asker, fresh] = world.followers()[..] else { panic!("two followers") };
    world.crash(fresh);
    world.start(fresh);
    // The leader's heartbeats and a release from it reach the fresh one, and so does a candidate.
    world.run(ms(140));
    assert_eq!(world.role(fresh), Role::Booting);
    assert!(world.node(fresh).leader().is_some(), "it may show who leads");
    let before = world.transcript.messages().count();
    world.give(leader, NodeInput::Command(Command::StepDown));
    world.run(ms(5));
    let term = world.fresh_term();
    let request = ElectionMessage::VoteRequest { term, lease: LEASE, released: None };
    let answer = world.ask(asker, fresh, request);
    assert!(answer.iter().all(|message| message.name() == "vote_reply"), "{answer:?}");
    let yes = |message: &Message| match message {
        Message::Election(
            ElectionMessage::VoteReply { refusal, .. } | ElectionMessage::PreVoteReply { refusal, .. },
        ) => refusal.is_none(),
        other => is(other, "heartbeat_ack"),
    };
    let said = world.transcript.messages().skip(before).filter(|(from, _, message)| *from == fresh && yes(message));
    assert_eq!(said.count(), 0, "{}", world.transcript.in_full(&world.machines));
}

/// Three voters; `winner` has won and reaches nobody, `next` waits for its turn, and the `voter` has voted for the winner.
struct Unheard {
    world: World,
    winner: usize,
    voter: usize,
    next: usize,
}

fn a_winner_that_nobody_hears(seed: u64) -> Unheard {
    let mut world = World::of(3).seeded(seed);
    world.network.catch(|_, _, message| is(message, "heartbeat"));
    world.start_all();
    world.run_till(ms(300), "a winner", |world| (0..3).any(|n| world.role(n) == Role::Leader));
    let winner = (0..3).find(|n| world.role(*n) == Role::Leader).unwrap();
    let (voter, next) = ((winner + 1) % 3, (winner + 2) % 3);
    Unheard { world, winner, voter, next }
}

#[test]
fn scenario_31_an_old_vote_elects_nobody_beside_a_newer_promise() {
    for seed in 0..100 {
        // Given a winner whose heartbeats are lost, and a candidate of the next term whose vote is held back, …
        let Unheard { mut world, winner, .. } = a_winner_that_nobody_hears(seed);
        world.network.catch(|_, _, message| is(message, "heartbeat") || is(message, "vote_reply"));
        world.network.caught.clear();
        let has_voted =
            |world: &World| world.network.caught.iter().any(|(_, letter)| is(&letter.message, "vote_reply"));
        world.run_till(ms(140), "another candidate", has_voted);
        let of_vote = |(_, letter): &&(usize, Envelope)| is(&letter.message, "vote_reply");
        let (candidate, vote) = world.network.caught.iter().find(of_vote).unwrap().clone();
        assert_ne!(candidate, winner);
        let voter = (0..3).find(|n| *n != winner && *n != candidate).unwrap();
        let old = [world.node(winner).term(), world.node(candidate).term()];
        // … when the voter forgets all in a crash and hears only the old winner after its wait, …
        world.crash_with_amnesia(voter);
        world.start(voter);
        world.network.stop_catching();
        world.network.only(&[(winner, voter)]);
        world.run(ms(170));
        // … then the old winner has given up for good, …
        // … and the old vote makes no leader either.
        world.give(candidate, NodeInput::Message(vote));
        assert_ne!(world.role(candidate), Role::Leader, "seed {seed}");
        world.heal();
        world.elect();
        let tokens = world.tokens();
        assert!(old.iter().all(|term| !tokens.contains(&FencingToken::from(*term))), "seed {seed}\n{}", world.story());
    }
}

#[test]
fn scenario_31_an_older_leadership_is_not_woken_by_a_voter_that_forgot_a_newer_one() {
    for seed in 0..100 {
        // Given a winner that nobody hears, and a leader in a later term, with the voter's promise, …
        let Unheard { mut world, winner, voter, next } = a_winner_that_nobody_hears(seed);
        world.network.only(&[(voter, next)]);
        world.network.stop_catching();
        world.run_till(ms(1_000), "a leader of a later term", |world| !world.leaders().is_empty());
        // … when that leader dies, and the voter forgets all and hears only the old winner, …
        let newer = world.leader();
        let voter = if newer == voter { next } else { voter };
        world.crash(newer);
        world.crash_with_amnesia(voter);
        world.start(voter);
        world.network.only(&[(winner, voter)]);
        // … then no token falls: the judge would say so.
        world.run(ms(2_000));
        assert_eq!(world.elections(), 2, "seed {seed}: an election each\n{}", world.story());
    }
}

#[test]
fn a_winner_without_answers_ends_before_a_lease_has_passed() {
    for seed in 0..50 {
        let Unheard { mut world, winner, .. } = a_winner_that_nobody_hears(seed);
        let (won, term) = (world.now, world.node(winner).term());
        world.run_till(ms(150), "it gives up", |world| world.role(winner) != Role::Leader);
        assert!(world.now.since(won) <= ms(147), "seed {seed}");
        assert_eq!(world.elections(), 0);
        // What was held back comes too late.
        world.network.stop_catching();
        world.release_caught();
        world.elect();
        assert!(!world.tokens().contains(&FencingToken::from(term)));
    }
}

/// A candidate's term is over Ll after it first asked, on whatever day the vote arrives (E7).
#[test]
fn a_vote_that_comes_too_late_elects_nobody_even_before_the_timer_has_fired() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        world.network.catch(|_, _, message| is(message, "vote_reply"));
        world.start_all();
        world.run_till(ms(300), "votes", |world| !world.network.caught.is_empty());
        let (candidate, vote) = world.network.caught[0].clone();
        // Given a process that was stalled, so that the vote is looked at before the timer.
        world.freeze(candidate, ms(400));
        world.run(ms(399));
        world.give(candidate, NodeInput::Message(vote));
        assert_ne!(world.role(candidate), Role::Leader, "seed {seed}");
    }
}

/// However late its votes have come: those who gave them may be bound elsewhere by then (E7).
#[test]
fn a_winner_without_a_lease_gives_up_a_trusted_lease_after_it_has_asked() {
    let mut world = World::of(3);
    world.network.catch(|_, _, message| is(message, "vote_reply"));
    world.start_all();
    world.run_till(ms(300), "votes", |world| !world.network.caught.is_empty());
    // The request has taken a millisecond.
    let (candidate, vote) = world.network.caught[0].clone();
    world.run(ms(100));
    world.isolate(candidate);
    world.give(candidate, NodeInput::Message(vote));
    world.run(ms(45));
    assert_eq!(world.role(candidate), Role::Leader, "{}", world.story());
    world.run(ms(4));
    assert_eq!(world.role(candidate), Role::Follower, "{}", world.story());
}

/// Everybody hears the winner, and it hears nobody: after its votes, or after its lease has begun.
fn deafen(world: &mut World, deaf: usize) {
    for other in (0..world.machines.len()).filter(|n| *n != deaf) {
        world.network.cut_one_way(other, deaf);
    }
}

/// A name, how many voters, and who is joined to whom.
type Shape = (&'static str, usize, &'static [(usize, usize)]);

#[test]
fn scenario_32_a_winner_that_hears_nobody_gives_up_in_time() {
    // The first one of each list is the winner's place.
    let shapes: [Shape; 9] = [
        ("all of 3", 3, &[(0, 1), (0, 2), (1, 2)]),
        ("star of 3", 3, &[(0, 1), (1, 2)]),
        ("all of 4", 4, &[(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]),
        ("star of 4", 4, &[(1, 0), (1, 2), (1, 3)]),
        ("line of 4", 4, &[(0, 1), (1, 2), (2, 3)]),
        ("star of 5", 5, &[(1, 0), (1, 2), (1, 3), (1, 4)]),
        ("line of 5", 5, &[(0, 1), (1, 2), (2, 3), (3, 4)]),
        ("bridge of 5", 5, &[(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4)]),
        ("all but one pair of 5", 5, &[(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4)]),
    ];
    for (shape, n, pairs) in shapes {
        for seed in 0..40 {
            let mut world = World::of(n).seeded(seed);
            world.start_all();
            // Given a winner that has not heard an ack yet, or a leader, …
            let wanted = if seed % 2 == 0 { "won" } else { "leads" };
            world.run_till(ms(400), "a winner", |world| {
                (0..n).any(|n| if wanted == "won" { world.role(n) == Role::Leader } else { world.leads(n) })
            });
            let deaf = (0..n).find(|n| world.role(*n) == Role::Leader).unwrap();
            // … when the network becomes that shape, with the winner deaf at its end, …
            let place = |n: usize| {
                if n == 0 {
                    deaf
                } else if n == deaf {
                    0
                } else {
                    n
                }
            };
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| (place(*a), place(*b))).collect();
            world.network.only(&pairs);
            deafen(&mut world, deaf);
            let begun = world.now;
            // … then it gives up within a lease, and another leads soon after.
            world.run_till(ms(151), "it gives up", |world| world.role(deaf) != Role::Leader);
            world.elect_another(deaf);
            let took = world.now.since(begun);
            assert!(took < ms(1_500), "{shape}, seed {seed}: {took}\n{}", world.story());
            world.run(ms(5_000));
            assert_ne!(world.leader(), deaf);
        }
    }
}

#[test]
fn scenario_34_who_follows_a_half_deaf_leader_does_not_wait_for_promises_that_no_longer_bind() {
    for seed in 0..100 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let leader = world.elect();
        world.run(ms(1_000));
        deafen(&mut world, leader);
        let expired = |_, told| matches!(told, Notification::Lost { reason: LostReason::NoQuorum, .. });
        world.run_till(ms(200), "its end", |world| world.count(expired) == 1);
        let lost = world.now;
        world.elect_another(leader);
        let gap = world.now.since(lost);
        assert!(gap <= ms(40), "seed {seed}: {gap} without a leader\n{}", world.story());
    }
}
