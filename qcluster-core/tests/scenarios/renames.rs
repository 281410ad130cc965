//! A voter that is told of a larger incarnation of its name goes above it while nobody can have replaced it: a restart that
//! forgets nothing (E17).

use qcluster_core::{
    Durability, ElectionMessage, Incarnation, KnownIncarnation, Message, NodeInput, Role, Session, Span, Term,
};

use crate::world::{Disk, Law, World, id, is, ms};

/// A voter tells that node that a later incarnation of its name takes part. Gives that incarnation.
fn supersede(world: &mut World, n: usize) -> Incarnation {
    let by = Incarnation(world.node(n).incarnation().0 + 5);
    let notice = world.envelope((n + 1) % 3, n, Message::Session(Session::Superseded { by }));
    world.give(n, NodeInput::Message(notice));
    by
}

/// The other incarnation has to be one before it, whose wall clock was ahead (E17).
#[test]
fn who_has_just_started_goes_above_the_incarnation_that_is_said_to_take_part() {
    let mut world = World::of(3);
    world.start_all();
    world.run(ms(50));
    let by = supersede(&mut world, 0);
    assert!(world.node(0).incarnation() > by, "{}", world.story());
    assert_eq!(world.role(0), Role::Booting);
}

/// The other incarnation may have begun and taken part while this one waited for its disk.
#[test]
fn who_has_booted_for_long_stops_for_the_incarnation_that_is_said_to_take_part() {
    let world = World::with(3, |_, settings| settings.durability = Durability::Durable);
    let mut world = world.seeded(1);
    world.machines[0].disk = Disk::Held;
    world.start_all();
    world.run(ms(1_000));
    assert_eq!(world.role(0), Role::Booting);
    supersede(&mut world, 0);
    assert_eq!(world.role(0), Role::Stopped, "{}", world.story());
}

/// Three, of which 0 is over its boot wait and has met nobody before this moment, in which it hears 1.
fn just_met(durability: Durability) -> World {
    let world = World::with(3, |_, settings| settings.durability = durability);
    let mut world = world.seeded(1);
    world.network.isolate(0);
    world.start_all();
    world.run(ms(1_000));
    assert_ne!(world.role(0), Role::Booting);
    let hello = Session::Hello { to: id(0).key(), answer: true, booting: false, known: world.node(0).incarnation() };
    let hello = world.envelope(1, 0, Message::Session(hello));
    world.give(0, NodeInput::Message(hello));
    world
}

/// An incarnation after it would have to begin and sit out its boot wait first.
#[test]
fn who_met_others_less_than_a_lease_ago_goes_above_the_incarnation_that_is_said_to_take_part() {
    let lease = World::of(1).machines[0].settings.timing.trusted_lease();
    for (met_for, goes_above) in [(Span::ZERO, true), (lease.less(Span::from_nanos(1)), true), (lease, false)] {
        let mut world = just_met(Durability::Diskless);
        world.run(met_for);
        let by = supersede(&mut world, 0);
        let role = if goes_above { Role::Booting } else { Role::Stopped };
        assert_eq!(world.role(0), role, "{met_for}\n{}", world.story());
        assert_eq!(world.node(0).incarnation() > by, goes_above);
    }
}

/// The one that it meets first has forgotten what it was; those that it meets a moment later have not.
#[test]
fn who_meets_first_one_that_has_forgotten_its_dead_incarnation_goes_above_it_all_the_same() {
    for seed in 0..20 {
        let world = World::with(5, |_, settings| settings.durability = Durability::Durable);
        let mut world = world.seeded(seed);
        world.start_all();
        world.elect();
        world.run(ms(1_000));
        let dead = world.node(0).incarnation();
        world.machines[0].wall_ms -= 3_600_000;
        for n in [0, 1] {
            world.crash_with_amnesia(n);
            world.network.isolate(n);
            world.start(n);
        }
        world.run(ms(1_000));
        assert!(world.node(0).incarnation() < dead && world.role(0) != Role::Booting);
        world.network.join(0, 1);
        world.run(ms(80));
        assert!(world.node(0).incarnation() < dead, "seed {seed}: 1 has not forgotten\n{}", world.story());
        world.heal();
        world.run(ms(1_000));
        assert!(world.node(0).incarnation() > dead, "seed {seed}\n{}", world.story());
        assert_ne!(world.role(0), Role::Stopped);
        world.leader();
    }
}

/// As if it had crashed: the candidate has to ask the next incarnation.
#[test]
fn who_goes_above_another_incarnation_does_not_give_the_vote_that_waits_for_its_disk() {
    let mut world = just_met(Durability::Durable);
    world.machines[0].disk = Disk::Held;
    let term = world.fresh_term();
    assert_eq!(world.ask(1, 0, ElectionMessage::VoteRequest { term, released: None }), []);
    supersede(&mut world, 0);
    let before = world.sent("vote_reply");
    world.sync(0);
    world.run(ms(500));
    world.sync(0);
    assert_eq!(world.sent("vote_reply"), before, "{}", world.story());
}

/// As if it had crashed: it asks for nothing before its new boot wait is over, and for no votes in the term of the old name.
#[test]
fn who_goes_above_another_incarnation_ends_its_round_and_its_candidacy() {
    for is_candidate in [false, true] {
        let mut world = just_met(Durability::Durable);
        world.machines[0].disk = Disk::Held;
        world.run_till(ms(100), "it asks around", |world| world.role(0) == Role::PreCandidate);
        if is_candidate {
            let (round, term) = world.last_round(0);
            let (term, incarnations) = (Term(term.0 - 1), world.incarnations(0));
            let yes = ElectionMessage::PreVoteReply { round, refusal: None, term, stamp: Term(0), incarnations };
            world.ask(1, 0, yes);
            assert_eq!(world.role(0), Role::Candidate, "{}", world.story());
        }
        supersede(&mut world, 0);
        assert_eq!(world.role(0), Role::Booting, "{}", world.story());
        let by_0 = |world: &World| {
            let asks = |message: &Message| is(message, "vote_request") || is(message, "pre_vote_request");
            world.transcript.messages().filter(|(from, _, message)| *from == 0 && asks(message)).count()
        };
        let before = by_0(&world);
        world.sync(0);
        world.sync(0);
        world.run(ms(149));
        assert_eq!(by_0(&world), before, "{is_candidate}\n{}", world.story());
        assert_eq!(world.role(0), Role::Booting);
    }
}

/// Those who knew the old name are told of the new one, unasked.
#[test]
fn who_goes_above_another_incarnation_says_again_that_it_takes_part() {
    let mut world = just_met(Durability::Diskless);
    supersede(&mut world, 0);
    let incarnation = world.node(0).incarnation();
    world.run(ms(1_000));
    assert_ne!(world.role(0), Role::Booting);
    let own = KnownIncarnation { node: id(0).key(), incarnation };
    let told = world.transcript.messages().any(|(from, to, message)| {
        let Message::Incarnations(told) = message else { return false };
        (from, to) == (0, 1) && !told.answer && told.incarnations.contains(&own)
    });
    assert!(told, "{}", world.story());
}

/// Else those who promised themselves to it would not know whose release it is (E4).
#[test]
fn who_goes_above_another_incarnation_while_it_leads_releases_its_voters_under_the_old_name() {
    let mut world = just_met(Durability::Diskless);
    // What it is told here are lies: 1 and 2 have a leader.
    for law in [Law::OneLease, Law::OneLeaderATerm, Law::TokensGrow] {
        world.judge.waive(law);
    }
    world.run_till(ms(100), "it asks around", |world| world.role(0) == Role::PreCandidate);
    let (round, term) = world.last_round(0);
    let (before, incarnations) = (Term(term.0 - 1), world.incarnations(0));
    world.ask(1, 0, ElectionMessage::PreVoteReply { round, refusal: None, term: before, stamp: Term(0), incarnations });
    world.ask(1, 0, ElectionMessage::VoteReply { asked: term, refusal: None, term, stamp: Term(0), incarnations });
    let sent_at = world.last_heartbeat(0);
    assert!(world.acknowledge(1, 0, sent_at).is_some(), "{}", world.story());
    let old = world.node(0).incarnation();
    world.network.catch(|from, _, message| from == 0 && is(message, "release"));
    supersede(&mut world, 0);
    assert_eq!((world.leads(0), world.role(0)), (false, Role::Booting), "{}", world.story());
    let released: Vec<Incarnation> =
        world.network.caught.iter().map(|(_, envelope)| envelope.from_incarnation).collect();
    assert_eq!(released, [old, old]);
}

/// It is greeted back under the new name, and does not wait for somebody to speak to the old one.
#[test]
fn who_goes_above_another_incarnation_greets_everybody_at_once() {
    let mut world = just_met(Durability::Diskless);
    let said = world.transcript.messages().count();
    supersede(&mut world, 0);
    let greets =
        |message: &Message| matches!(message, Message::Session(Session::Hello { booting: true, answer: false, .. }));
    let greeted = world.transcript.messages().skip(said).filter(|(from, _, message)| *from == 0 && greets(message));
    assert_eq!(greeted.map(|(_, to, _)| to).collect::<Vec<_>>(), [1, 2]);
}

/// What the earlier incarnation promised runs out while it boots, whatever its name.
#[test]
fn who_goes_above_another_incarnation_in_its_boot_wait_does_not_begin_it_again() {
    let mut world = World::of(3).seeded(1);
    world.start_all();
    world.run(ms(50));
    supersede(&mut world, 0);
    world.run(ms(101));
    assert_ne!(world.role(0), Role::Booting, "{}", world.story());
}
