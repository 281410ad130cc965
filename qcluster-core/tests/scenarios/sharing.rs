//! What voters know of lives is shared before anything counts, and saved before anything rests on it (E24): stories about one voter,
//! for which the test speaks.

use qcluster_core::{
    Durability, ElectionMessage, Envelope, Event, Incarnation, KnownLife, LivesDigest, LivesTold, Message, NodeKey,
    Notification, Role, Term, Time,
};

use crate::world::{Disk, Fate, World, ms};

const VOTER: usize = 2;

/// Somebody of whom `from` alone has heard.
fn somebody(node: u64) -> KnownLife {
    KnownLife { node: NodeKey(node), life: Incarnation(5) }
}

fn digest(lives: &[KnownLife]) -> LivesDigest {
    lives.iter().copied().collect()
}

/// `from` tells `to` all that it knows.
fn tell(world: &mut World, from: usize, to: usize, lives: &[KnownLife]) -> Vec<ElectionMessage> {
    let told = LivesTold { answer: true, lives: lives.to_vec() };
    let envelope = world.envelope(from, to, Message::Lives(Box::new(told)));
    world.provoke(to, Event::Message(envelope))
}

/// Yes to the round of the voter.
fn yes(world: &World, lives: LivesDigest) -> ElectionMessage {
    let (round, _) = world.last_round(VOTER);
    ElectionMessage::PreVoteReply { round, refusal: None, term: Term(0), stamp: Term(0), lives }
}

fn asks_for_lives(world: &World, of: usize) -> usize {
    let asks = |(from, to, message): &(usize, usize, Message)| {
        (*from, *to) == (VOTER, of) && matches!(message, Message::Lives(told) if !told.answer)
    };
    world.transcript.messages().filter(asks).count()
}

#[test]
fn a_vote_that_waits_counts_with_all_that_its_giver_knew_alone() {
    let mut world = World::of(3).of_hermits();
    world.run_till(ms(500), "a pre-candidate", |world| world.role(VOTER) == Role::PreCandidate);
    let (known, later) = (vec![somebody(77)], vec![somebody(77), somebody(78)]);
    let asked = asks_for_lives(&world, 0);
    // Given a yes of a voter that knows of lives which this one was never told of, …
    let ((round, _), lives) = (world.last_round(VOTER), digest(&later));
    let yes = ElectionMessage::PreVoteReply { round, refusal: None, term: Term(0), stamp: Term(0), lives };
    world.ask(0, VOTER, yes);
    // … then it asks for these, and counts nothing, …
    assert_eq!(world.role(VOTER), Role::PreCandidate);
    assert_eq!(asks_for_lives(&world, 0), asked + 1);
    // … not with what the other one knew before either, …
    tell(&mut world, 0, VOTER, &known);
    assert_eq!(world.role(VOTER), Role::PreCandidate);
    // … nor with what somebody else tells, …
    tell(&mut world, 1, VOTER, &later);
    assert_eq!(world.role(VOTER), Role::PreCandidate);
    // … and with all that it knew then, it does. So with the vote.
    tell(&mut world, 0, VOTER, &later);
    assert_eq!(world.role(VOTER), Role::Candidate);
    let (term, lives) = (world.node(VOTER).term(), digest(&known));
    let yes = ElectionMessage::VoteReply { asked: term, refusal: None, term, stamp: Term(0), lives };
    world.ask(0, VOTER, yes);
    assert_eq!(world.role(VOTER), Role::Candidate);
    tell(&mut world, 0, VOTER, &later);
    assert_eq!(world.role(VOTER), Role::Candidate);
    tell(&mut world, 0, VOTER, &known);
    assert_eq!(world.role(VOTER), Role::Leader);
}

#[test]
fn a_promise_is_told_once_the_life_that_it_is_for_is_saved() {
    let world = World::with(3, |_, settings| {
        settings.voters[1].priority = 1;
        settings.durability = Durability::Durable;
    });
    let mut world = world.seeded(1);
    world.start_all();
    world.run_till(ms(10_000), "the preferred one leads", |world| world.leads(1));
    world.run(ms(1_000));
    world.crash(0);
    world.machines[VOTER].disk = Disk::Held;
    world.start(0);
    world.run(ms(400));
    (0..3).for_each(|n| world.network.isolate(n));
    world.run(ms(400));
    let (term, sent_at) = (world.fresh_term(), world.now);
    let heartbeat = |sent_at: Time| ElectionMessage::Heartbeat { term, sent_at, active: true, stamp: Term(0) };
    // Given the heartbeat of a life that is not on its disk yet, then it is bound, and says nothing, …
    assert_eq!(world.ask(0, VOTER, heartbeat(sent_at)), []);
    let bound = world.node(VOTER).promise(world.now).map(|(leadership, _)| leadership.node);
    assert_eq!(bound, Some(world.machines[0].settings.id.key()));
    // … until its disk is done.
    world.sync(VOTER);
    let answers = world.ask(0, VOTER, heartbeat(sent_at + ms(1)));
    assert!(matches!(answers[..], [ElectionMessage::HeartbeatAck { .. }]), "{answers:?}");
}

/// The leader of five has one promise, and two more would renew its lease. Then it hears that the life which gave that one was
/// replaced, and hears one more promise.
#[test]
fn what_an_earlier_life_acknowledged_counts_no_more() {
    for is_told in [true, false] {
        let mut world = World::of(5).seeded(1);
        world.start_all();
        let leader = world.elect();
        world.run(ms(1_000));
        let [earlier, other, ..] = world.followers()[..] else { panic!("{}", world.story()) };
        world.network.isolate(leader);
        world.run(ms(30));
        let sent_at = world.last_heartbeat(leader);
        let (term, lease) = (world.node(leader).term(), world.node(leader).lease(world.now));
        let ack = |lives| ElectionMessage::HeartbeatAck { term, sent_at, stamp: Term(0), lives };
        world.ask(earlier, leader, ack(world.lives(earlier)));
        assert_eq!(world.node(leader).lease(world.now), lease, "two are no majority");
        let mut lives = world.lives(other);
        if is_told {
            let node = world.machines[earlier].settings.id.key();
            let life = Incarnation(world.node(earlier).incarnation().0 + 5);
            let told = [KnownLife { node, life }];
            tell(&mut world, other, leader, &told);
            lives = digest(&told);
        }
        world.ask(other, leader, ack(lives));
        assert_eq!(world.node(leader).lease(world.now) == lease, is_told, "{}", world.story());
    }
}

/// Its own name is among those that are told of: a later life takes part.
#[test]
fn who_is_told_of_its_own_later_life_stops() {
    let mut world = World::of(3).of_hermits();
    let told = KnownLife { life: Incarnation(world.node(VOTER).incarnation().0 + 5), ..somebody(0) };
    tell(&mut world, 0, VOTER, &[told]);
    assert_ne!(world.role(VOTER), Role::Stopped);
    let node = world.machines[VOTER].settings.id.key();
    tell(&mut world, 0, VOTER, &[KnownLife { node, ..told }]);
    assert_eq!(world.role(VOTER), Role::Stopped);
}

/// Nobody is to be made believe in a life above which there is no room (E18).
#[test]
fn a_life_that_no_clock_accounts_for_is_not_learned() {
    let mut world = World::of(3).of_hermits();
    let node = world.machines[1].settings.id.key();
    let largest = Incarnation(u64::MAX);
    tell(&mut world, 0, VOTER, &[KnownLife { node, life: largest }]);
    let (term, sent_at) = (world.fresh_term(), world.now);
    let answers = world.ask(1, VOTER, ElectionMessage::Heartbeat { term, sent_at, active: true, stamp: Term(0) });
    assert!(matches!(answers[..], [ElectionMessage::HeartbeatAck { .. }]), "{answers:?}");
    let own = world.machines[VOTER].settings.id.key();
    tell(&mut world, 0, VOTER, &[KnownLife { node: own, life: largest }]);
    assert_ne!(world.role(VOTER), Role::Stopped);
}

/// It may have been replaced while it was silent. What the others acknowledged before it came back, they said without knowing that it
/// would count: they may have met its replacement since, and it may count elsewhere.
#[test]
fn who_was_silent_for_a_lease_counts_with_what_was_acknowledged_since() {
    let mut world = World::of(5).seeded(1);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    let [steady, silent, ..] = world.followers()[..] else { panic!("{}", world.story()) };
    world.network.isolate(silent);
    world.run(ms(1_000));
    world.network.isolate(leader);
    let ack = |world: &mut World, from: usize| {
        let sent_at = world.last_heartbeat(leader);
        let (term, lives) = (world.node(leader).term(), world.lives(leader));
        world.ask(from, leader, ElectionMessage::HeartbeatAck { term, sent_at, stamp: Term(0), lives });
        world.node(leader).lease(world.now)
    };
    world.run(ms(30));
    let lease = world.node(leader).lease(world.now);
    assert!(lease.is_some());
    // Given one promise, and then that of the silent one, then they do not make a majority, …
    assert_eq!(ack(&mut world, steady), lease);
    assert_eq!(ack(&mut world, silent), lease);
    // … but they do once both have acknowledged what was sent after that.
    world.run(ms(30));
    assert_eq!(ack(&mut world, steady), lease);
    let longer = ack(&mut world, silent);
    assert!(longer.map(|lease| lease.valid_until) > lease.map(|lease| lease.valid_until), "{}", world.story());
    // And from then on each of its promises counts at once.
    world.run(ms(30));
    assert_eq!(ack(&mut world, silent), longer);
    let longest = ack(&mut world, steady);
    assert!(longest.map(|lease| lease.valid_until) > longer.map(|lease| lease.valid_until), "{}", world.story());
}

/// What a voter knew when it gave its word, it has told; but not for a later life.
#[test]
fn a_held_word_of_an_earlier_life_does_not_count_for_the_later_one() {
    let mut world = World::of(3).of_hermits();
    world.run_till(ms(500), "a pre-candidate", |world| world.role(VOTER) == Role::PreCandidate);
    // Given a yes of somebody that knew more,
    let known = vec![somebody(77)];
    let word = yes(&world, digest(&known));
    world.ask(0, VOTER, word);
    // and that a later life of it takes part,
    let later = Incarnation(world.node(0).incarnation().0 + 5);
    let later_life = KnownLife { node: world.machines[0].settings.id.key(), life: later };
    tell(&mut world, 1, VOTER, &[later_life]);
    // when that one tells what the earlier one knew, then the word of the earlier one still does not count.
    let told = LivesTold { answer: true, lives: known };
    let envelope = world.envelope(0, VOTER, Message::Lives(Box::new(told)));
    world.give(VOTER, Event::Message(Envelope { from_incarnation: later, ..envelope }));
    assert_eq!(world.role(VOTER), Role::PreCandidate, "{}", world.story());
}

#[test]
fn the_last_word_of_a_voter_waits() {
    let mut world = World::of(3).of_hermits();
    world.run_till(ms(500), "a pre-candidate", |world| world.role(VOTER) == Role::PreCandidate);
    let (known, later) = (vec![somebody(77)], vec![somebody(77), somebody(78)]);
    for lives in [&known, &later] {
        let word = yes(&world, digest(lives));
        world.ask(0, VOTER, word);
    }
    tell(&mut world, 0, VOTER, &later);
    assert_eq!(world.role(VOTER), Role::Candidate, "{}", world.story());
}

/// Leases that are lost while one voter comes again and again, over seeds. The others are there before it, and `leader` leads them.
fn lost_leases(voters: usize, links: &[(usize, usize)], leader: usize, coming: usize, one_way_ms: u64) -> usize {
    let mut lost = 0;
    for seed in 0..10 {
        let mut world = World::with(voters, |_, settings| settings.voters[leader].priority = 1).seeded(seed);
        world.network.only(links);
        world.network.rule(move |_, _, _| Some(Fate::Deliver(ms(one_way_ms))));
        (0..voters).filter(|n| *n != coming).for_each(|n| world.start(n));
        world.run_till(ms(60_000), "the preferred one leads", |world| world.leads(leader));
        world.run(ms(1_000));
        let losses = |world: &World| world.count(|_, told| matches!(told, Notification::Lost { .. }));
        let before = losses(&world);
        for _ in 0..3 {
            world.start(coming);
            world.run(ms(2_000));
            world.crash(coming);
        }
        lost += losses(&world) - before;
    }
    lost
}

/// A leader knows more than who promised a moment ago, once a voter has restarted that it alone hears: what they knew it knows still.
#[test]
fn a_restart_that_the_leader_alone_sees_costs_no_lease() {
    let star = [(0, 1), (1, 2), (0, 2), (1, 3)];
    for one_way_ms in [1, 20, 30, 35] {
        assert_eq!(lost_leases(4, &star, 1, 3, one_way_ms), 0, "round trip {} ms", 2 * one_way_ms);
    }
}

/// A follower that learns of a life says so before its next promise.
#[test]
fn a_restart_that_the_leader_does_not_see_costs_no_lease() {
    for one_way_ms in [1, 20, 30, 35] {
        assert_eq!(lost_leases(3, &[(0, 1), (1, 2)], 0, 2, one_way_ms), 0, "round trip {} ms", 2 * one_way_ms);
    }
}
