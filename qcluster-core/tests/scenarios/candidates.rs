//! Whose answers a candidate counts, for how long it waits for them, and what is counted of it: stories about one voter, for whom
//! the test speaks (E5 to E7, E24).

use qcluster_core::{
    Durability, ElectionMessage, Envelope, LostReason, Message, NodeInput, Refusal, Role, Session, Term,
};

use crate::world::{Disk, Fate, LEASE, World, is, ms};

/// The voter that the stories are about.
const ASKER: usize = 0;

/// Runs until it opens a round of pre-votes.
fn asks_around(world: &mut World) {
    let rounds = world.node(ASKER).counters().pre_votes;
    world.run_till(ms(500), "a round", |world| world.node(ASKER).counters().pre_votes > rounds);
}

fn pre_vote(world: &World, refusal: Option<Refusal>) -> ElectionMessage {
    ElectionMessage::PreVoteReply {
        round: world.last_round(ASKER).0,
        refusal,
        term: Term(0),
        stamp: Term(0),
        incarnations: world.incarnations(ASKER),
    }
}

fn vote(world: &World, refusal: Option<Refusal>) -> ElectionMessage {
    let asked = world.node(ASKER).term();
    let term = if refusal.is_none() { asked } else { Term(0) };
    ElectionMessage::VoteReply { asked, refusal, term, stamp: Term(0), incarnations: world.incarnations(ASKER) }
}

/// Runs until it asks for votes.
fn campaigns(world: &mut World, others: &[usize]) {
    asks_around(world);
    for &other in others {
        world.ask(other, ASKER, pre_vote(world, None));
    }
    assert_eq!(world.role(ASKER), Role::Candidate);
}

/// Restarts a voter; gives an envelope of its incarnation before.
fn restart(world: &mut World, n: usize, to: usize) -> Envelope {
    let of_its_old_incarnation = world.forge(n, to, ElectionMessage::StaleTerm { term: Term(0) });
    world.crash(n);
    world.start(n);
    world.network.join(n, to);
    of_its_old_incarnation
}

/// Whether the present incarnation of a voter is listened to.
fn is_met(world: &mut World, n: usize, by: usize) -> bool {
    let request = ElectionMessage::PreVoteRequest { round: 1, term: Term(0), consent: None };
    !world.ask(n, by, request).is_empty()
}

/// What the incarnation before has said counts for nothing once another one is there (E24).
#[test]
fn a_pre_vote_of_an_incarnation_that_has_ended_is_taken_back() {
    let mut world = World::of(5).of_hermits();
    asks_around(&mut world);
    world.run(ms(30));
    let mut old = restart(&mut world, 1, ASKER);
    // Given a yes of the old incarnation, which was heard until now, so that the next one is not believed at once, …
    world.give(ASKER, NodeInput::Message(old.clone()));
    asks_around(&mut world);
    old.message = Message::Election(pre_vote(&world, None));
    world.give(ASKER, NodeInput::Message(old));
    world.run(ms(60));
    assert!(is_met(&mut world, 1, ASKER));
    // … then that of another makes two of five, and a third is needed.
    world.ask(2, ASKER, pre_vote(&world, None));
    assert_eq!(world.role(ASKER), Role::PreCandidate);
    world.ask(3, ASKER, pre_vote(&world, None));
    assert_eq!(world.role(ASKER), Role::Candidate);
}

#[test]
fn a_vote_or_refusal_of_an_incarnation_that_has_ended_is_taken_back() {
    for refusal in [None, Some(Refusal::Promised)] {
        let mut world = World::of(5).of_hermits();
        world.network.rule(|from, _, message| (from == 1 && is(message, "vote_reply")).then_some(Fate::Lose));
        campaigns(&mut world, &[2, 3]);
        let mut old = restart(&mut world, 1, ASKER);
        old.message = Message::Election(vote(&world, refusal));
        world.give(ASKER, NodeInput::Message(old));
        world.run(ms(115));
        assert!(is_met(&mut world, 1, ASKER));
        world.ask(2, ASKER, vote(&world, refusal));
        if refusal.is_some() {
            world.ask(3, ASKER, vote(&world, refusal));
        }
        assert_eq!(world.role(ASKER), Role::Candidate, "{refusal:?}");
        world.ask(4, ASKER, vote(&world, refusal));
        let then = if refusal.is_none() { Role::Leader } else { Role::Follower };
        assert_eq!(world.role(ASKER), then, "{refusal:?}");
    }
}

/// Where a vote went to somebody else the term is contested, and those who are silent have two heartbeats left; other refusals
/// change nothing about the time (E7).
#[test]
fn a_contested_term_is_given_up_sooner() {
    for (refusal, ends_after) in [(Refusal::Voted, 50), (Refusal::Promised, 147), (Refusal::BootWait, 147)] {
        let mut world = World::of(5).of_hermits();
        campaigns(&mut world, &[2, 3]);
        let expired = world.node(ASKER).counters().expired_candidacies;
        world.ask(1, ASKER, vote(&world, Some(refusal)));
        world.run(ms(ends_after - 1));
        assert_eq!(world.role(ASKER), Role::Candidate, "{refusal:?}");
        world.run(ms(2));
        assert_eq!(world.role(ASKER), Role::Follower, "{refusal:?}");
        assert_eq!(world.node(ASKER).counters().expired_candidacies, expired + 1);
    }
}

#[test]
fn what_a_voter_has_tried_is_counted() {
    let mut world = World::of(3).of_hermits();
    let of = |world: &World| {
        let counters = world.node(ASKER).counters();
        let lost = counters.lost[LostReason::NoQuorum];
        (counters.candidacies, counters.expired_candidacies, counters.elected, lost)
    };
    let (candidacies, expired, elected, lost) = of(&world);
    campaigns(&mut world, &[1]);
    assert_eq!(of(&world), (candidacies + 1, expired, elected, lost));
    world.run(ms(150));
    assert_eq!(of(&world), (candidacies + 1, expired + 1, elected, lost));
    campaigns(&mut world, &[1]);
    world.ask(1, ASKER, vote(&world, None));
    let (term, sent_at) = (world.node(ASKER).term(), world.now);
    let incarnations = world.incarnations(ASKER);
    world.ask(1, ASKER, ElectionMessage::HeartbeatAck { term, sent_at, lease: LEASE, stamp: Term(0), incarnations });
    assert_eq!(of(&world), (candidacies + 2, expired + 1, elected + 1, lost));
    let lease = world.node(ASKER).lease(world.now).unwrap();
    assert_eq!(world.node(ASKER).lease(lease.valid_until), None, "valid until then, and not at that moment");
    assert!(world.node(ASKER).lease(lease.valid_until.before(qcluster_core::Span::from_nanos(1))).is_some());
    world.run(ms(150));
    assert_eq!(of(&world), (candidacies + 2, expired + 1, elected + 1, lost + 1));
}

/// Of two that ask around at once the one that is first in order goes on, and the other yields, once (E5).
#[test]
fn a_pre_candidate_yields_once_to_one_ahead_of_it() {
    let mut world = World::of(3).of_hermits();
    let (first, last) = (0, 2);
    let ask = |world: &mut World, from, to| {
        world.run_till(ms(500), "a pre-candidate", |world| world.role(to) == Role::PreCandidate);
        let term = world.fresh_term();
        let refused: u64 = world.node(to).counters().votes_refused.total();
        world.ask(from, to, ElectionMessage::PreVoteRequest { round: 1, term, consent: None });
        assert_eq!(world.node(to).counters().votes_refused.total(), refused);
        (world.role(to), world.node(to).counters().yielded)
    };
    let yielded = [first, last].map(|n| world.node(n).counters().yielded);
    assert_eq!(ask(&mut world, last, first), (Role::PreCandidate, yielded[0]));
    assert_eq!(ask(&mut world, first, last), (Role::Follower, yielded[1] + 1));
    assert_eq!(ask(&mut world, first, last), (Role::PreCandidate, yielded[1] + 1), "not twice in a row");
    // What is refused is counted as that, and nobody yields to it.
    let refused: u64 = world.node(last).counters().votes_refused.total();
    world.ask(first, last, ElectionMessage::PreVoteRequest { round: 1, term: Term(0), consent: None });
    assert_eq!(world.node(last).counters().votes_refused.total(), refused + 1);
}

fn durable() -> World {
    World::with(3, |_, settings| settings.durability = Durability::Durable).of_hermits()
}

/// A vote that waits for the disk is taken back if its candidate begins another incarnation, and for nobody else's (E6).
#[test]
fn a_vote_that_waits_is_told_although_another_voter_has_restarted() {
    let (candidate, other, voter) = (0, 1, 2);
    let mut world = durable();
    let term = world.fresh_term();
    world.machines[voter].disk = Disk::Held;
    assert_eq!(world.ask(candidate, voter, ElectionMessage::VoteRequest { term, lease: LEASE, released: None }), []);
    restart(&mut world, other, voter);
    world.run(ms(115));
    assert!(is_met(&mut world, other, voter));
    let before = world.sent("vote_reply");
    world.sync(voter);
    assert_eq!(world.sent("vote_reply"), before + 1);
}

/// Each save has a name of its own: that one is done says nothing about the next (E6).
#[test]
fn an_old_save_that_is_reported_again_makes_no_vote_safe() {
    let (one, other, voter) = (0, 1, 2);
    let mut world = durable();
    world.machines[voter].disk = Disk::Held;
    let term = world.fresh_term();
    let request = |term| ElectionMessage::VoteRequest { term, lease: LEASE, released: None };
    let tells = |told: &[ElectionMessage]| matches!(told, [ElectionMessage::VoteReply { refusal: None, .. }]);
    world.ask(one, voter, request(term));
    let old = world.write_first(voter);
    assert!(tells(&world.provoke(voter, NodeInput::Persisted(old))));
    assert_eq!(world.ask(other, voter, request(term.next())), []);
    // Whatever is said of the save before, that vote waits for its own.
    assert_eq!(world.provoke(voter, NodeInput::Persisted(old)), []);
    assert_eq!(world.provoke(voter, NodeInput::PersistFailed(old)), []);
    assert!(!world.node(voter).abstains());
    let new = world.write_first(voter);
    assert!(tells(&world.provoke(voter, NodeInput::Persisted(new))));
}

/// One save is under way at most. A vote that was given meanwhile is saved at once after it, and nobody is encouraged before; what
/// nobody waits for is saved with the next that matters (E6, E16).
#[test]
fn a_vote_that_was_given_during_a_save_is_saved_next() {
    let (leader, other, voter) = (0, 1, 2);
    let mut world = durable();
    world.machines[voter].disk = Disk::Held;
    let term = world.fresh_term();
    let heartbeat = |world: &World, term| {
        let sent_at = world.now;
        ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) }
    };
    let save = |world: &mut World| {
        let id = world.write_first(voter);
        world.provoke(voter, NodeInput::Persisted(id))
    };
    // Given a save of a term, during which there is another term and nothing else, …
    world.ask(leader, voter, heartbeat(&world, term));
    world.run(ms(1));
    world.ask(leader, voter, heartbeat(&world, term.next()));
    assert_eq!(world.machines[voter].held.len(), 1);
    // … then that one is not saved before there is more to do.
    assert_eq!(save(&mut world), []);
    assert_eq!(world.machines[voter].held.len(), 0);
    world.run(ms(1));
    world.ask(leader, voter, heartbeat(&world, term.next()));
    assert_eq!(world.machines[voter].held.len(), 1);
    // Given a vote during that save, …
    let vote = ElectionMessage::VoteRequest { term: Term(term.0 + 2), lease: LEASE, released: None };
    assert_eq!(world.ask(leader, voter, vote), []);
    let pre_vote = ElectionMessage::PreVoteRequest { round: 1, term: Term(term.0 + 3), consent: None };
    world.run(ms(150));
    let encouraged = world.ask(other, voter, pre_vote);
    assert!(matches!(encouraged[..], [ElectionMessage::PreVoteReply { refusal: Some(Refusal::Voted), .. }]));
    // … then it is the next, and told after it.
    assert_eq!(save(&mut world), []);
    let told = save(&mut world);
    assert!(matches!(told[..], [ElectionMessage::VoteReply { refusal: None, .. }]), "{told:?}");
    let encouraged = world.ask(other, voter, pre_vote);
    assert!(matches!(encouraged[..], [ElectionMessage::PreVoteReply { refusal: None, .. }]));
}

/// Once its boot wait is over, a voter greets those that it has never heard, four times in three trusted leases, and nobody else.
#[test]
fn who_was_never_heard_is_greeted_in_less_than_a_lease() {
    let mut world = World::of(3);
    world.start(0);
    world.start(1);
    world.run(ms(1_000));
    let greetings = |world: &World, to: usize| {
        let hellos = world.transcript.messages().filter(|(from, receiver, message)| {
            (*from, *receiver) == (0, to) && matches!(message, Message::Session(Session::Hello { answer: false, .. }))
        });
        hellos.count()
    };
    let before = [1, 2].map(|to| greetings(&world, to));
    world.run(ms(1_500));
    let after = [1, 2].map(|to| greetings(&world, to));
    assert_eq!([after[0] - before[0], after[1] - before[1]], [0, 14]);
    // What is sent is counted, all of it and by kind.
    let counters = world.node(0).counters();
    let sent = world.transcript.messages().filter(|(from, ..)| *from == 0).count();
    assert_eq!(counters.sent, sent as u64);
    assert_eq!(counters.sent_by_kind.total(), counters.sent);
}
