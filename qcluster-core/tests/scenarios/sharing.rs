//! What voters know of incarnations is shared before anything counts, and saved before anything rests on it (E24):
//! stories about one voter, for which the test speaks.

use qcluster_core::{
    DropReason, Durability, ElectionMessage, Envelope, Incarnation, IncarnationsDigest, IncarnationsReport,
    KnownIncarnation, Message, NodeInput, NodeKey, Refusal, Role, Term, Time,
};

use crate::world::{Disk, LEASE, World, hello_of, ms};

const VOTER: usize = 2;

/// Somebody of whom `from` alone has heard.
fn somebody(node: u64) -> KnownIncarnation {
    KnownIncarnation { node: NodeKey(node), incarnation: Incarnation(5) }
}

fn digest(incarnations: &[KnownIncarnation]) -> IncarnationsDigest {
    incarnations.iter().copied().collect()
}

/// `from` tells `to` all that it knows.
fn tell(world: &mut World, from: usize, to: usize, incarnations: &[KnownIncarnation]) -> Vec<ElectionMessage> {
    let told = IncarnationsReport { answer: true, incarnations: incarnations.to_vec() };
    let envelope = world.envelope(from, to, Message::Incarnations(Box::new(told)));
    world.provoke(to, NodeInput::Message(envelope))
}

/// Yes to the round of the voter.
fn yes(world: &World, incarnations: IncarnationsDigest) -> ElectionMessage {
    let (round, _) = world.last_round(VOTER);
    ElectionMessage::PreVoteReply { round, refusal: None, term: Term(0), stamp: Term(0), incarnations }
}

fn asks_for_incarnations(world: &World, of: usize) -> usize {
    let asks = |(from, to, message): &(usize, usize, Message)| {
        (*from, *to) == (VOTER, of) && matches!(message, Message::Incarnations(told) if !told.answer)
    };
    world.transcript.messages().filter(asks).count()
}

#[test]
fn a_vote_that_waits_counts_with_all_that_its_giver_knew_alone() {
    let mut world = World::of(3).of_hermits();
    world.run_till(ms(500), "a pre-candidate", |world| world.role(VOTER) == Role::PreCandidate);
    let (known, later) = (vec![somebody(77)], vec![somebody(77), somebody(78)]);
    let asked = asks_for_incarnations(&world, 0);
    // Given a yes of a voter that knows of incarnations which this one was never told of, …
    let ((round, _), incarnations) = (world.last_round(VOTER), digest(&later));
    let yes = ElectionMessage::PreVoteReply { round, refusal: None, term: Term(0), stamp: Term(0), incarnations };
    world.ask(0, VOTER, yes);
    // … then it asks for these, and counts nothing, …
    assert_eq!(world.role(VOTER), Role::PreCandidate);
    assert_eq!(asks_for_incarnations(&world, 0), asked + 1);
    // … not with what the other one knew before either, …
    tell(&mut world, 0, VOTER, &known);
    assert_eq!(world.role(VOTER), Role::PreCandidate);
    // … nor with what somebody else tells, …
    tell(&mut world, 1, VOTER, &later);
    assert_eq!(world.role(VOTER), Role::PreCandidate);
    // … and with all that it knew then, it does. So with the vote.
    tell(&mut world, 0, VOTER, &later);
    assert_eq!(world.role(VOTER), Role::Candidate);
    let (term, incarnations) = (world.node(VOTER).term(), digest(&known));
    let yes = ElectionMessage::VoteReply { asked: term, refusal: None, term, stamp: Term(0), incarnations };
    world.ask(0, VOTER, yes);
    assert_eq!(world.role(VOTER), Role::Candidate);
    tell(&mut world, 0, VOTER, &later);
    assert_eq!(world.role(VOTER), Role::Candidate);
    tell(&mut world, 0, VOTER, &known);
    assert_eq!(world.role(VOTER), Role::Leader);
}

#[test]
fn a_promise_is_told_once_the_incarnation_that_it_is_for_is_saved() {
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
    let heartbeat =
        |sent_at: Time| ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) };
    // Given the heartbeat of an incarnation that is not on its disk yet, then it is bound, and says nothing, …
    assert_eq!(world.ask(0, VOTER, heartbeat(sent_at)), []);
    let bound = world.node(VOTER).promise(world.now).map(|(leadership, _)| leadership.node);
    assert_eq!(bound, Some(world.machines[0].settings.id.key()));
    // … until its disk is done.
    world.sync(VOTER);
    let answers = world.ask(0, VOTER, heartbeat(sent_at + ms(1)));
    assert!(matches!(answers[..], [ElectionMessage::HeartbeatAck { .. }]), "{answers:?}");
}

/// The leader of five has one promise, and two more would renew its lease. Then it hears that the incarnation which
/// gave that one was replaced, and hears one more promise.
#[test]
fn what_an_earlier_incarnation_acknowledged_counts_no_more() {
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
        let ack =
            |incarnations| ElectionMessage::HeartbeatAck { term, sent_at, lease: LEASE, stamp: Term(0), incarnations };
        world.ask(earlier, leader, ack(world.incarnations(earlier)));
        assert_eq!(world.node(leader).lease(world.now), lease, "two are not a majority");
        let mut incarnations = world.incarnations(other);
        if is_told {
            let node = world.machines[earlier].settings.id.key();
            let incarnation = Incarnation(world.node(earlier).incarnation().0 + 5);
            let told = [KnownIncarnation { node, incarnation }];
            tell(&mut world, other, leader, &told);
            incarnations = digest(&told);
        }
        world.ask(other, leader, ack(incarnations));
        assert_eq!(world.node(leader).lease(world.now) == lease, is_told, "{}", world.story());
    }
}

/// A leader that counted the promise of a voter that has met a later incarnation could hold its lease beside that one.
#[test]
fn a_promise_does_not_count_before_its_giver_has_told_what_it_knew() {
    let mut world = World::of(3).seeded(1);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    let follower = world.followers()[0];
    world.network.isolate(leader);
    let known = [somebody(77)];
    let ack = |world: &mut World| {
        world.run(ms(30));
        let lease = world.acknowledge_knowing(follower, leader, world.last_heartbeat(leader), digest(&known));
        lease.map(|lease| lease.valid_until)
    };
    // Given a promise of a follower that has heard of somebody of whom the leader has not, then it renews nothing, …
    let lease = world.node(leader).lease(world.now).map(|lease| lease.valid_until);
    assert!(lease.is_some());
    let unshared = world.node(leader).counters().dropped[DropReason::UnsharedIncarnations];
    assert_eq!(ack(&mut world), lease, "{}", world.story());
    assert_eq!(world.node(leader).counters().dropped[DropReason::UnsharedIncarnations], unshared + 1);
    // … and the next one does, once the follower has told.
    tell(&mut world, follower, leader, &known);
    assert!(ack(&mut world) > lease, "{}", world.story());
}

/// Its own name is among those that are told of: a later incarnation takes part, be it the last that there is room for.
#[test]
fn who_is_told_of_its_own_later_incarnation_stops() {
    for last in [false, true] {
        let mut world = World::of(3).of_hermits();
        let incarnation = if last { 1 << 63 } else { world.node(VOTER).incarnation().0 + 5 };
        let told = KnownIncarnation { incarnation: Incarnation(incarnation), ..somebody(0) };
        tell(&mut world, 0, VOTER, &[told]);
        assert_ne!(world.role(VOTER), Role::Stopped);
        let node = world.machines[VOTER].settings.id.key();
        tell(&mut world, 0, VOTER, &[KnownIncarnation { node, ..told }]);
        assert_eq!(world.role(VOTER), Role::Stopped);
    }
}

/// Nobody is to be made believe in an incarnation above which there is no room (E18).
#[test]
fn an_incarnation_that_no_clock_accounts_for_is_not_learned() {
    let mut world = World::of(3).of_hermits();
    let node = world.machines[1].settings.id.key();
    let largest = Incarnation(u64::MAX);
    tell(&mut world, 0, VOTER, &[KnownIncarnation { node, incarnation: largest }]);
    let (term, sent_at) = (world.fresh_term(), world.now);
    let answers =
        world.ask(1, VOTER, ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) });
    assert!(matches!(answers[..], [ElectionMessage::HeartbeatAck { .. }]), "{answers:?}");
    let own = world.machines[VOTER].settings.id.key();
    tell(&mut world, 0, VOTER, &[KnownIncarnation { node: own, incarnation: largest }]);
    assert_ne!(world.role(VOTER), Role::Stopped);
}

/// It may have been replaced while it was silent. What the others acknowledged before it came back, they said without
/// knowing that it would count: they may have met its replacement since, and it may count elsewhere.
#[test]
fn who_was_silent_for_a_lease_counts_with_what_was_acknowledged_since() {
    let mut world = World::of(5).seeded(1);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    let [steady, silent, late, ..] = world.followers()[..] else { panic!("{}", world.story()) };
    world.network.isolate(silent);
    world.network.isolate(late);
    world.run(ms(1_000));
    world.network.isolate(leader);
    let ack = |world: &mut World, from: usize| {
        let sent_at = world.last_heartbeat(leader);
        world.acknowledge(from, leader, sent_at)
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
    // Even if the next one comes back, with whom they do not count yet.
    world.run(ms(30));
    ack(&mut world, silent);
    assert_eq!(ack(&mut world, late), longest);
    let last = ack(&mut world, steady);
    assert!(last.map(|lease| lease.valid_until) > longest.map(|lease| lease.valid_until), "{}", world.story());
}

/// The leader may learn of an incarnation first: what a follower knew is a part of what it knows, and no renewal waits for the
/// follower to be told.
#[test]
fn a_promise_counts_with_what_its_giver_knew_when_the_leader_has_learned_more() {
    let mut world = World::of(5).seeded(1);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    let [one, two, teller, other] = world.followers()[..] else { panic!("{}", world.story()) };
    world.network.isolate(leader);
    let learn = |world: &mut World, above: u64| {
        let incarnation = Incarnation(world.node(other).incarnation().0 + above);
        let node = world.machines[other].settings.id.key();
        tell(world, teller, leader, &[KnownIncarnation { node, incarnation }]);
        world.incarnations(leader)
    };
    let ack = |world: &mut World, incarnations| {
        world.run(ms(30));
        let sent_at = world.last_heartbeat(leader);
        world.acknowledge_knowing(one, leader, sent_at, incarnations);
        let lease = world.acknowledge_knowing(two, leader, sent_at, incarnations);
        lease.map(|lease| lease.valid_until)
    };
    // Given followers that have shown to know what the leader knows, …
    let shared = learn(&mut world, 5);
    let first = ack(&mut world, shared);
    assert!(first.is_some(), "{}", world.story());
    // … when the leader learns more, then their next promises count with what they knew.
    assert_ne!(learn(&mut world, 6), shared);
    assert!(ack(&mut world, shared) > first, "{}", world.story());
}

/// Of each voter the last word waits, beside those of others.
#[test]
fn words_that_wait_do_not_displace_each_other() {
    let mut world = World::of(5).of_hermits();
    let voter = 4;
    world.run_till(ms(500), "a pre-candidate", |world| world.role(voter) == Role::PreCandidate);
    let (known, later) = ([somebody(77)], [somebody(77), somebody(78)]);
    let (round, _) = world.last_round(voter);
    let yes = |incarnations| ElectionMessage::PreVoteReply {
        round,
        refusal: None,
        term: Term(0),
        stamp: Term(0),
        incarnations,
    };
    // Given one that says yes twice, since when it has heard of more, and another one, …
    world.ask(0, voter, yes(digest(&known)));
    world.ask(0, voter, yes(digest(&later)));
    world.ask(1, voter, yes(digest(&known)));
    // … when each tells what it knew first, then the first one's word still waits, …
    tell(&mut world, 0, voter, &known);
    tell(&mut world, 1, voter, &known);
    assert_eq!(world.role(voter), Role::PreCandidate);
    // … and the other one's has not been lost.
    tell(&mut world, 0, voter, &later);
    assert_eq!(world.role(voter), Role::Candidate, "{}", world.story());
}

/// An incarnation that another voter has met replaces one which acknowledges until then: it may have acknowledged
/// elsewhere as well.
#[test]
fn a_later_incarnation_counts_with_what_was_acknowledged_since_it_was_told_of() {
    let mut world = World::of(5).seeded(1);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    let [earlier, other, ..] = world.followers()[..] else { panic!("{}", world.story()) };
    world.network.isolate(leader);
    world.run(ms(30));
    let lease = world.node(leader).lease(world.now);
    assert!(lease.is_some());
    let incarnation = Incarnation(world.node(earlier).incarnation().0 + 5);
    let ack = |world: &mut World, from: usize| {
        let sent_at = world.last_heartbeat(leader);
        let (term, incarnations) = (world.node(leader).term(), world.incarnations(leader));
        let mut ack = world.forge(
            from,
            leader,
            ElectionMessage::HeartbeatAck { term, sent_at, lease: LEASE, stamp: Term(0), incarnations },
        );
        if from == earlier {
            ack.from_incarnation = incarnation;
        }
        world.give(leader, NodeInput::Message(ack));
        world.node(leader).lease(world.now)
    };
    // Given one promise, and then that of an incarnation that the leader was told of meanwhile, then they do not make a majority, …
    assert_eq!(ack(&mut world, other), lease);
    let node = world.machines[earlier].settings.id.key();
    tell(&mut world, other, leader, &[KnownIncarnation { node, incarnation }]);
    assert_eq!(ack(&mut world, earlier), lease, "{}", world.story());
    // … but they do once both have acknowledged what was sent after that.
    world.run(ms(30));
    ack(&mut world, other);
    assert!(ack(&mut world, earlier).map(|lease| lease.valid_until) > lease.map(|lease| lease.valid_until));
}

/// Who refuses in its boot wait and takes part afterwards is the same incarnation: what it has said still counts.
#[test]
fn a_candidate_does_not_ask_again_who_refused_before_it_took_part() {
    let mut world = World::of(3);
    world.start_all();
    world.run(ms(100));
    (0..3).for_each(|n| world.network.isolate(n));
    let asked = |world: &World| {
        let asks = |message: &Message| matches!(message, Message::Election(ElectionMessage::VoteRequest { .. }));
        let asked_of = |voter: usize| {
            let messages = world.transcript.messages();
            messages.filter(|(from, to, message)| (*from, *to) == (VOTER, voter) && asks(message)).count()
        };
        [0, 1].map(asked_of)
    };
    let takes_part = |world: &mut World, from: usize| {
        let to = world.machines[VOTER].settings.id.key();
        let hello = hello_of(to, true, false, Incarnation::UNKNOWN);
        let hello = world.envelope(from, VOTER, Message::Session(hello));
        world.give(VOTER, NodeInput::Message(hello));
    };
    // Given a candidate that one has refused, …
    world.run_till(ms(2_000), "a pre-candidate", |world| world.role(VOTER) == Role::PreCandidate);
    takes_part(&mut world, 1);
    let ((round, _), incarnations) = (world.last_round(VOTER), world.incarnations(VOTER));
    let yes = ElectionMessage::PreVoteReply { round, refusal: None, term: Term(0), stamp: Term(0), incarnations };
    world.ask(1, VOTER, yes);
    assert_eq!(world.role(VOTER), Role::Candidate, "{}", world.story());
    let (asked_for, refusal) = (world.node(VOTER).term(), Some(Refusal::BootWait));
    let no = ElectionMessage::VoteReply { asked: asked_for, refusal, term: Term(0), stamp: Term(0), incarnations };
    world.ask(0, VOTER, no);
    // … when that one's boot wait is over, then the silent one alone is asked again.
    takes_part(&mut world, 0);
    let [refused, silent] = asked(&world);
    world.run(ms(35));
    assert_eq!(world.role(VOTER), Role::Candidate, "{}", world.story());
    assert_eq!(asked(&world), [refused, silent + 1], "{}", world.story());
}

/// What a voter knew when it gave its word, it has told; but not for a later incarnation.
#[test]
fn a_held_word_of_an_earlier_incarnation_does_not_count_for_the_later_one() {
    let mut world = World::of(3).of_hermits();
    world.run_till(ms(500), "a pre-candidate", |world| world.role(VOTER) == Role::PreCandidate);
    // Given a yes of somebody that knew more,
    let known = vec![somebody(77)];
    let yes = yes(&world, digest(&known));
    world.ask(0, VOTER, yes);
    // and that a later incarnation of it takes part,
    let later = Incarnation(world.node(0).incarnation().0 + 5);
    let later_incarnation = KnownIncarnation { node: world.machines[0].settings.id.key(), incarnation: later };
    tell(&mut world, 1, VOTER, &[later_incarnation]);
    // when that one tells what the earlier one knew, then the word of the earlier one still does not count.
    let told = IncarnationsReport { answer: true, incarnations: known };
    let envelope = world.envelope(0, VOTER, Message::Incarnations(Box::new(told)));
    world.give(VOTER, NodeInput::Message(Envelope { from_incarnation: later, ..envelope }));
    assert_eq!(world.role(VOTER), Role::PreCandidate, "{}", world.story());
}
