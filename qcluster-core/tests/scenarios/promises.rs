//! To whom a promise binds, for how long, and what ends it: stories about one voter, for whom the test speaks (E2, E2′, E4,
//! E6, E10).

use qcluster_core::{DropReason, ElectionMessage, Incarnation, LeadershipId, Refusal, Role, Term, Time};

use crate::world::{LEASE, World, election, id, ms};

/// The voter that the stories are about; 0 leads, and 1 asks for its vote.
const VOTER: usize = 2;
const LEADER: usize = 0;
const OTHER: usize = 1;

fn heartbeat(term: Term, sent_at: Time) -> ElectionMessage {
    ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) }
}

fn release(term: Term) -> ElectionMessage {
    ElectionMessage::Release { term, successor: None }
}

/// Whether the voter would vote for `OTHER`, as far as its promise is concerned: only asked, so that nothing changes.
fn is_free(world: &mut World) -> bool {
    refusal(world, None).is_none()
}

/// The answer of the voter to `OTHER`, which says that the leadership given has agreed.
fn refusal(world: &mut World, consent: Option<LeadershipId>) -> Option<Refusal> {
    let term = world.fresh_term();
    let answers = world.ask(OTHER, VOTER, ElectionMessage::PreVoteRequest { round: 1, term, consent });
    let [ElectionMessage::PreVoteReply { refusal, .. }] = answers[..] else { panic!("{answers:?}") };
    refusal
}

fn acks(answers: &[ElectionMessage]) -> usize {
    answers.iter().filter(|answer| answer.name() == "heartbeat_ack").count()
}

/// A release says the last word of its leadership: what was sent before it and comes later binds nobody (E4).
#[test]
fn a_heartbeat_that_its_release_has_overtaken_binds_nobody() {
    for heard_before in [true, false] {
        let mut world = World::of(3).of_hermits();
        let term = world.fresh_term();
        // Given a leadership that has released the voter, …
        if heard_before {
            assert_eq!(acks(&world.ask(LEADER, VOTER, heartbeat(term, world.now))), 1);
        }
        world.run(ms(20));
        let before_the_release = world.now;
        world.run(ms(1));
        world.ask(LEADER, VOTER, release(term));
        assert!(is_free(&mut world));
        // … when its last heartbeat comes after all, or even a later one, …
        for sent_at in [before_the_release, world.now] {
            let answers = world.ask(LEADER, VOTER, heartbeat(term, sent_at));
            // … then nothing is promised, nobody is said to lead, and another may have the vote at once.
            assert_eq!(acks(&answers), 0, "heard before: {heard_before}");
            assert!(world.node(VOTER).leader().is_none());
            assert!(is_free(&mut world), "heard before: {heard_before}");
        }
    }
}

/// To be named gives no right to forget a promise to somebody else (E2′, E10).
#[test]
fn a_successor_that_is_bound_by_another_promise_does_not_campaign() {
    let mut world = World::of(3).of_hermits();
    let (term, next) = (world.fresh_term(), world.fresh_term().next());
    // Given a promise to one leadership, while the voter follows another, …
    assert_eq!(acks(&world.ask(LEADER, VOTER, heartbeat(term, world.now))), 1);
    let promised_until = world.now + ms(150);
    world.run(ms(50));
    assert_eq!(acks(&world.ask(OTHER, VOTER, heartbeat(next, world.now))), 0, "it follows and promises nothing");
    // … when that other one ends and names the voter, then it keeps its promise, …
    let named = ElectionMessage::Release { term: next, successor: Some(id(VOTER).key()) };
    assert_eq!(world.ask(OTHER, VOTER, named), []);
    assert_eq!((world.role(VOTER), world.node(VOTER).term()), (Role::Follower, next));
    let campaigns = |world: &World| {
        let counters = world.node(VOTER).counters();
        (counters.pre_votes, counters.candidacies)
    };
    let (pre_votes, candidacies) = campaigns(&world);
    world.run_until(promised_until.before(ms(1)));
    assert_eq!((world.role(VOTER), campaigns(&world)), (Role::Follower, (pre_votes, candidacies)));
    // … and asks around, as any other voter does, when that has run out.
    world.run_till(ms(20), "its own time", |world| world.role(VOTER) == Role::PreCandidate);
    assert_eq!(campaigns(&world), (pre_votes + 1, candidacies));
}

/// A release frees from promises to the very leadership that it is of, and from no other (E4).
#[test]
fn a_release_of_another_node_or_another_term_frees_nobody() {
    for (from, terms_later) in [(OTHER, 0), (OTHER, 1), (LEADER, 1), (LEADER, 2)] {
        let mut world = World::of(3).of_hermits();
        let term = world.fresh_term();
        assert_eq!(acks(&world.ask(LEADER, VOTER, heartbeat(term, world.now))), 1);
        let promised_until = world.now + ms(150);
        world.run(ms(20));
        world.ask(from, VOTER, release(Term(term.0 + terms_later)));
        assert_eq!(world.node(VOTER).counters().releases_honoured, 0, "from {from}, {terms_later} later");
        assert_eq!(world.node(VOTER).term(), Term(term.0 + terms_later), "it moves to a higher term all the same (E1)");
        let shown = world.node(VOTER).leader().map(|leader| leader.id.clone());
        assert_eq!(shown, Some(id(LEADER)), "it leads, as far as anybody knows: from {from}, {terms_later} later");
        if from == OTHER || terms_later == 0 {
            assert_eq!(refusal(&mut world, None), Some(Refusal::Promised), "from {from}, {terms_later} later");
        }
        // And it stays bound to the end.
        world.run_until(promised_until.before(ms(1)));
        assert_eq!(refusal(&mut world, None), Some(Refusal::Promised), "from {from}, {terms_later} later");
        world.run(ms(1));
        assert!(is_free(&mut world));
    }
}

/// Who asks may say that a leadership has given way to it. That counts if it is the one that the voter is bound to (E10, E11).
#[test]
fn a_request_that_names_another_leadership_frees_nobody() {
    let mut world = World::of(3).of_hermits();
    let term = world.fresh_term();
    assert_eq!(acks(&world.ask(LEADER, VOTER, heartbeat(term, world.now))), 1);
    let node = id(LEADER).key();
    let incarnation = world.node(LEADER).incarnation();
    let promised = LeadershipId { node, incarnation, term };
    let others = [
        LeadershipId { node: id(OTHER).key(), ..promised },
        LeadershipId { incarnation: Incarnation(incarnation.0 + 1), ..promised },
        LeadershipId { incarnation: Incarnation(incarnation.0 - 1), ..promised },
        LeadershipId { term: term.next(), ..promised },
        LeadershipId { term: Term(term.0 - 1), ..promised },
    ];
    let vote = |world: &mut World, term, released| {
        let answers = world.ask(OTHER, VOTER, ElectionMessage::VoteRequest { term, lease: LEASE, released });
        let [ElectionMessage::VoteReply { refusal, .. }] = answers[..] else { panic!("{answers:?}") };
        refusal
    };
    for other in others {
        assert_eq!(refusal(&mut world, Some(other)), Some(Refusal::Promised), "{other:?}");
        assert_eq!(vote(&mut world, term.next(), Some(other)), Some(Refusal::Promised), "{other:?}");
    }
    assert_eq!(refusal(&mut world, Some(promised)), None);
    assert_eq!(vote(&mut world, term.next(), Some(promised)), None);
}

/// A leader that is elected again is promised to again, as if it were somebody else: for a whole length, and in the new name
/// (E2).
#[test]
fn the_next_leadership_of_the_same_incarnation_is_given_a_whole_promise() {
    // Given a promise to a leadership, and 100 ms later a heartbeat of the next one of the same node, …
    let again = || {
        let mut world = World::of(3).of_hermits();
        let term = world.fresh_term();
        assert_eq!(acks(&world.ask(LEADER, VOTER, heartbeat(term, world.now))), 1);
        world.run(ms(100));
        assert_eq!(acks(&world.ask(LEADER, VOTER, heartbeat(term.next(), world.now))), 1);
        (world, term)
    };
    // … then the promise lasts 150 ms from there, …
    let (mut world, term) = again();
    world.run(ms(149));
    assert_eq!(refusal(&mut world, None), Some(Refusal::Promised));
    world.run(ms(1));
    assert!(is_free(&mut world));
    // … it is not ended by the end of the earlier one, …
    let (mut world, _) = again();
    world.ask(LEADER, VOTER, release(term));
    assert_eq!(refusal(&mut world, None), Some(Refusal::Promised));
    let (node, incarnation) = (id(LEADER).key(), world.node(LEADER).incarnation());
    let earlier = LeadershipId { node, incarnation, term };
    assert_eq!(refusal(&mut world, Some(earlier)), Some(Refusal::Promised));
    assert_eq!(refusal(&mut world, Some(LeadershipId { term: term.next(), ..earlier })), None);
    // … and is by that of the later one.
    world.ask(LEADER, VOTER, release(term.next()));
    assert_eq!(world.node(VOTER).counters().releases_honoured, 1);
    assert!(is_free(&mut world));
}

/// A term has one leader (E1): another one that says it leads in it is not followed, and one of a higher term is.
#[test]
fn a_second_leader_of_a_term_is_not_followed() {
    let mut world = World::of(3).of_hermits();
    let term = world.fresh_term();
    assert_eq!(acks(&world.ask(LEADER, VOTER, heartbeat(term, world.now))), 1);
    let leader = |world: &World| world.node(VOTER).leader().map(|leader| leader.id.clone());
    // Given that the promise to the first one has run out, …
    world.run(ms(150));
    let dropped = world.node(VOTER).counters().dropped[DropReason::Unexpected];
    assert_eq!(world.ask(OTHER, VOTER, heartbeat(term, world.now)), []);
    assert_eq!(world.node(VOTER).counters().dropped[DropReason::Unexpected], dropped + 1);
    assert_ne!(leader(&world), Some(id(OTHER)));
    // … then the first one may go on, …
    world.run(ms(1));
    assert_eq!(acks(&world.ask(LEADER, VOTER, heartbeat(term, world.now))), 1);
    assert_eq!(leader(&world), Some(id(LEADER)));
    // … and is told when its term is over.
    world.run(ms(150));
    assert_eq!(acks(&world.ask(OTHER, VOTER, heartbeat(term.next(), world.now))), 1);
    assert_eq!(leader(&world), Some(id(OTHER)));
    let told = world.ask(LEADER, VOTER, heartbeat(term, world.now));
    assert_eq!(told, [ElectionMessage::StaleTerm { term: term.next() }]);
}

/// Who forgot its votes refuses up to its stamp: it says so with its promise, and who hears that campaigns above it (E12).
#[test]
fn stamps_go_around_with_promises_where_they_are_above_the_term() {
    let mut world = World::of(3).of_hermits();
    world.crash_with_amnesia(VOTER);
    world.run(ms(500));
    world.start(VOTER);
    world.heal();
    world.network.cut(LEADER, OTHER);
    world.run(ms(140));
    world.isolate(VOTER);
    world.run(ms(12));
    let mut stamp_said = |term: u64| {
        world.run(ms(1));
        let answers = world.ask(LEADER, VOTER, heartbeat(Term(term), world.now));
        let [ElectionMessage::HeartbeatAck { stamp, .. }] = answers[..] else { panic!("{answers:?}") };
        stamp
    };
    let stamp = stamp_said(5);
    assert!(stamp > Term(1_764_000_000_000), "it has none but the wall clock's");
    assert_eq!(stamp_said(stamp.0 - 1), stamp);
    assert_eq!(stamp_said(stamp.0), Term(0), "its term says as much");
    assert_eq!(stamp_said(stamp.0 + 1), Term(0));
    // When it hears of a higher one, then it goes above that itself.
    let (term, sent_at, higher) = (Term(stamp.0 + 1), world.now + ms(1), Term(stamp.0 + 1_000));
    world.run(ms(1));
    world.ask(LEADER, VOTER, ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: higher });
    world.run_till(ms(500), "a pre-candidate", |world| world.role(VOTER) == Role::PreCandidate);
    let asked = world.transcript.messages().filter_map(|(from, _, message)| match election(&message) {
        Some(ElectionMessage::PreVoteRequest { term, .. }) if from == VOTER => Some(*term),
        _ => None,
    });
    assert_eq!(asked.last(), Some(higher.next()));
}

/// The leader asks again for the vote that it has already: it still leads, and the promise stands (E6).
#[test]
fn a_repeated_request_of_the_present_leader_clears_no_promise() {
    let mut world = World::of(3).of_hermits();
    let term = world.fresh_term();
    let request = ElectionMessage::VoteRequest { term, lease: LEASE, released: None };
    world.ask(LEADER, VOTER, request);
    assert_eq!(acks(&world.ask(LEADER, VOTER, heartbeat(term, world.now))), 1);
    let again = world.ask(LEADER, VOTER, request);
    assert!(matches!(again[..], [ElectionMessage::VoteReply { refusal: None, .. }]), "{again:?}");
    assert_eq!(refusal(&mut world, None), Some(Refusal::Promised));
}

/// A promise is to one incarnation of a node: the next one of it is another (E2), and cannot give it back (E4).
#[test]
fn a_promise_binds_against_another_incarnation_of_the_same_node() {
    for released in [0, 1] {
        let mut world = World::of(3).of_hermits();
        let term = world.fresh_term();
        assert_eq!(acks(&world.ask(LEADER, VOTER, heartbeat(term, world.now))), 1);
        world.crash(LEADER);
        world.start(LEADER);
        world.network.join(LEADER, VOTER);
        world.run(ms(120));
        world.isolate(LEADER);
        let asked_by_the_next = |world: &mut World| {
            let pre_vote = ElectionMessage::PreVoteRequest { round: 1, term: term.next(), consent: None };
            let answers = world.ask(LEADER, VOTER, pre_vote);
            let [ElectionMessage::PreVoteReply { refusal, .. }] = answers[..] else { panic!("{answers:?}") };
            refusal
        };
        assert_eq!(asked_by_the_next(&mut world), Some(Refusal::Promised));
        world.ask(LEADER, VOTER, release(Term(term.0 + released)));
        assert_eq!(world.node(VOTER).counters().releases_honoured, 0, "{released} terms later");
        assert_eq!(asked_by_the_next(&mut world), Some(Refusal::Promised), "{released} terms later");
        assert_eq!(refusal(&mut world, None), Some(Refusal::Promised), "{released} terms later");
    }
}
