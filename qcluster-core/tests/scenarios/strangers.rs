//! Messages that must change nothing but a counter (scenario 20, and E18).

use std::net::{Ipv4Addr, SocketAddr};

use qcluster_core::{
    DropReason, Durability, ElectionMessage, Endpoint, EndpointBoot, Envelope, Incarnation, IncarnationsDigest, Input,
    Message, NodeId, NodeInput, Role, Session, Settings, Term, Time, read_datagram, write_datagram,
};

use crate::dice::Dice;
use crate::world::{LEASE, Law, World, hello_of, id, ms, voters};

/// A leader of three that has led for a second, and one of its followers.
fn led() -> (World, usize, usize) {
    let mut world = World::of(3);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    (world, leader, (leader + 1) % 3)
}

/// Gives the message to its receiver, and demands that it is dropped for that reason, without a word or a change.
fn is_dropped(world: &mut World, to: usize, envelope: &Envelope, reason: DropReason) {
    let face = |world: &World| {
        let node = world.node(to);
        (node.term(), node.role(), node.deadline(), node.lease(world.now), node.counters().dropped[reason])
    };
    let (term, role, deadline, lease, dropped) = face(world);
    let said = world.provoke(to, NodeInput::Message(envelope.clone()));
    assert_eq!(face(world), (term, role, deadline, lease, dropped + 1), "{:?}", envelope.message);
    assert!(said.is_empty(), "{said:?}");
}

pub fn every_message(term: Term, now: Time) -> Vec<ElectionMessage> {
    let (stamp, refusal, incarnations) = (Term(0), None, IncarnationsDigest::default());
    vec![
        ElectionMessage::Heartbeat { term, sent_at: now, lease: LEASE, active: true, stamp },
        ElectionMessage::HeartbeatAck { term, sent_at: now, lease: LEASE, stamp, incarnations },
        ElectionMessage::StaleTerm { term },
        ElectionMessage::PreVoteRequest { round: 1, term, consent: None },
        ElectionMessage::PreVoteReply { round: 1, refusal, term, stamp, incarnations },
        ElectionMessage::VoteRequest { term, lease: LEASE, released: None },
        ElectionMessage::VoteReply { asked: term, refusal, term, stamp, incarnations },
        ElectionMessage::Release { term, successor: Some(id(0).key()) },
        ElectionMessage::CouldYouWin { term },
        ElectionMessage::CouldWin { term, reached: u64::MAX },
    ]
}

#[test]
fn scenario_20_a_message_from_itself_is_dropped_and_counted() {
    let (mut world, leader, follower) = led();
    for n in [leader, follower] {
        for message in every_message(world.fresh_term(), world.now) {
            let mut envelope = world.forge(n, (n + 1) % 3, message);
            envelope.to = envelope.from;
            envelope.to_incarnation = envelope.from_incarnation;
            is_dropped(&mut world, n, &envelope, DropReason::FromSelf);
        }
    }
    world.run(ms(1_000));
    assert_eq!((world.leader(), world.elections()), (leader, 1));
}

#[test]
fn scenario_20_a_message_from_a_stranger_is_dropped_and_counted() {
    let (mut world, leader, follower) = led();
    for n in [leader, follower] {
        for message in every_message(world.fresh_term(), world.now) {
            let mut envelope = world.forge((n + 1) % 3, n, message);
            envelope.from = NodeId::new("stranger").unwrap().key();
            is_dropped(&mut world, n, &envelope, DropReason::Stranger);
        }
    }
    world.run(ms(1_000));
    assert_eq!((world.leader(), world.elections()), (leader, 1));
}

/// Where there is no gossip, nobody but a voter has known this node.
#[test]
fn a_greeting_of_a_stranger_renames_nobody() {
    let mut world = World::of(3);
    world.start_all();
    world.run(ms(50));
    let incarnation = world.node(0).incarnation();
    let known = Incarnation(incarnation.0 + 5);
    let hello = hello_of(id(0).key(), true, false, known);
    let mut envelope = world.envelope(1, 0, Message::Session(hello));
    envelope.from = NodeId::new("stranger").unwrap().key();
    is_dropped(&mut world, 0, &envelope, DropReason::Stranger);
    assert_eq!(world.node(0).incarnation(), incarnation);
}

#[test]
fn scenario_20_terms_that_leave_no_room_to_grow_are_dropped_and_counted() {
    let (mut world, leader, follower) = led();
    for n in [leader, follower] {
        for term in [Term(u64::MAX), Term(u64::MAX - 1), Term::MAX] {
            for message in every_message(term, world.now) {
                let envelope = world.forge((n + 1) % 3, n, message);
                is_dropped(&mut world, n, &envelope, DropReason::HugeTerm);
            }
        }
        let stamp = Term(u64::MAX);
        let heartbeat =
            ElectionMessage::Heartbeat { term: Term(1), sent_at: world.now, lease: LEASE, active: true, stamp };
        let envelope = world.forge((n + 1) % 3, n, heartbeat);
        is_dropped(&mut world, n, &envelope, DropReason::HugeTerm);
    }
    world.run(ms(1_000));
    assert_eq!((world.leader(), world.elections()), (leader, 1));
}

/// Terms and stamps that no elections and no wall clock account for would end all elections to come, if they were believed
/// (E18). What a clock may show that is a century ahead is believed, and leaves room.
#[test]
fn a_term_that_jumps_too_far_is_dropped_and_elections_go_on() {
    for huge in [(1 << 62) - 1, 1 << 50, (1 << 43) + (1 << 40) + 1] {
        let (mut world, leader, follower) = led();
        for message in every_message(Term(huge), world.now) {
            let envelope = world.forge(leader, follower, message);
            is_dropped(&mut world, follower, &envelope, DropReason::HugeTerm);
        }
        world.crash(leader);
        world.elect_another(leader);
    }
    for term in [1 << 42, 1 << 43] {
        let (mut world, leader, follower) = led();
        world.ask(leader, follower, ElectionMessage::PreVoteRequest { round: 1, term: Term(term), consent: None });
        let heartbeat = ElectionMessage::Heartbeat {
            term: Term(term),
            sent_at: world.now,
            lease: LEASE,
            active: false,
            stamp: Term(0),
        };
        world.ask(leader, follower, heartbeat);
        assert_eq!(world.node(follower).term(), Term(term));
        world.crash(leader);
        world.elect_another(leader);
        assert!(world.tokens().last().unwrap().0 > term);
    }
}

/// However far elections have come, the last term of all is left to nobody.
#[test]
fn the_largest_term_is_dropped_even_by_who_has_come_close_to_it() {
    let world = World::with(3, |_, settings| settings.durability = Durability::Durable);
    let mut world = world.seeded(1);
    world.start_all();
    world.elect();
    world.crash(0);
    world.machines[0].saved.as_mut().unwrap().term = Term(Term::MAX.0 - 1);
    world.start(0);
    world.run(ms(50));
    let request = |term: Term| ElectionMessage::PreVoteRequest { round: 1, term, consent: None };
    let envelope = world.forge(1, 0, request(Term::MAX));
    is_dropped(&mut world, 0, &envelope, DropReason::HugeTerm);
    let answers = world.ask(1, 0, request(Term(Term::MAX.0 - 1)));
    assert!(matches!(answers[..], [ElectionMessage::PreVoteReply { .. }]), "{answers:?}");
}

#[test]
fn scenario_20_a_message_for_another_incarnation_is_dropped_and_counted() {
    let (mut world, leader, follower) = led();
    for n in [leader, follower] {
        for message in every_message(world.fresh_term(), world.now) {
            for incarnation in [0, 1, u64::MAX] {
                let mut envelope = world.forge((n + 1) % 3, n, message);
                envelope.to_incarnation = Incarnation(incarnation);
                is_dropped(&mut world, n, &envelope, DropReason::OtherIncarnation);
            }
        }
    }
    world.run(ms(1_000));
    assert_eq!((world.leader(), world.elections()), (leader, 1));
}

/// A greeting may go astray, a probe is a question to one incarnation alone, and who has just answered knows already.
#[test]
fn who_names_another_incarnation_is_told_the_present_one_if_it_asks_for_this_node() {
    let (mut world, leader, follower) = led();
    let key = |n: usize| world.machines[n].settings.id.key();
    let (here, elsewhere) = (key(leader), key(3 - leader - follower));
    let hello = |to, answer| Message::Session(hello_of(to, answer, false, Incarnation::UNKNOWN));
    let heartbeat = every_message(world.fresh_term(), world.now)[0];
    for (message, is_answered) in [
        (hello(here, false), true),
        (hello(here, true), false),
        (hello(elsewhere, false), false),
        (Message::Session(Session::Probe { nonce: 1 }), false),
        (Message::Election(heartbeat), true),
    ] {
        let mut envelope = world.envelope(follower, leader, message.clone());
        envelope.to_incarnation = Incarnation(1);
        let said = world.transcript.messages().count();
        world.give(leader, NodeInput::Message(envelope));
        let answers: Vec<Message> =
            world.transcript.messages().skip(said).map(|(.., message)| message.clone()).collect();
        let is_told = matches!(answers[..], [Message::Session(Session::Hello { answer: true, .. })]);
        assert_eq!((is_told, answers.is_empty()), (is_answered, !is_answered), "{message:?}: {answers:?}");
    }
}

/// Whatever becomes of it.
#[test]
fn what_is_received_is_counted_by_its_kind() {
    let (mut world, leader, follower) = led();
    let envelope = world.forge(follower, leader, every_message(world.fresh_term(), world.now)[2]);
    let kind = envelope.message.kind();
    let received = |world: &World| {
        let counters = world.node(leader).counters();
        (counters.received, counters.received_by_kind[kind], counters.received_by_kind.total())
    };
    let (all, of_kind, sum) = received(&world);
    assert!(all > 100 && sum == all);
    world.give(leader, NodeInput::Message(envelope));
    assert_eq!(received(&world), (all + 1, of_kind + 1, sum + 1));
}

#[test]
fn scenario_20_a_message_of_another_incarnation_of_a_voter_is_not_believed() {
    let (mut world, leader, follower) = led();
    for (n, from) in [(leader, follower), (follower, leader)] {
        for message in every_message(world.fresh_term(), world.now) {
            let mut envelope = world.forge(from, n, message);
            envelope.from_incarnation = Incarnation(envelope.from_incarnation.0 + 1);
            is_dropped(&mut world, n, &envelope, DropReason::UnprovenIncarnation);
        }
    }
    world.run(ms(1_000));
    assert_eq!((world.leader(), world.elections()), (leader, 1));
}

#[test]
fn scenario_20_a_datagram_of_another_cluster_is_dropped_and_counted() {
    let rules = Settings::voter(id(0), voters(0..3)).check().unwrap();
    let mut foreign = Settings::voter(id(1), voters(0..3));
    foreign.cluster = "elsewhere".into();
    let foreign = foreign.check().unwrap();
    // Given a message that would be heard in this cluster, …
    let world = World::of(3).of_hermits();
    let heartbeat = every_message(Term(5), Time::ZERO)[0];
    let envelope = world.forge(1, 0, heartbeat);
    let home = Settings::voter(id(1), voters(0..3)).check().unwrap();
    assert_eq!(read_datagram(&rules, &write_datagram(&home, &envelope)).map(|all| all.len()), Ok(1));
    // … when it comes from a cluster of another name, then it is dropped, counted and not answered.
    let bytes = write_datagram(&foreign, &envelope);
    assert_eq!(read_datagram(&rules, &bytes), Err(DropReason::ForeignCluster));
    let boot = EndpointBoot { seed: 1, stamp_ms: 1_764_000_000_000, saved: None };
    let mut endpoint = Endpoint::new(rules, boot, Time::ZERO).unwrap();
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 7_002));
    let mut outputs = endpoint.step(Time::ZERO, Input::Datagram { from, bytes: &bytes });
    while outputs.next().is_some() {}
    assert_eq!(endpoint.node().counters().dropped[DropReason::ForeignCluster], 1);
}

/// Known voters that say anything at all, in any order: no panic, and no second lease, vote or leader of a term from the
/// node that listens; afterwards the cluster works.
#[test]
fn nonsense_from_known_voters_neither_panics_nor_sticks() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let mut world = World::of(3).seeded(seed);
        // Lies of a voter may well make two leaders; what is asked for here is that the listener keeps its own house.
        for law in [Law::OneLease, Law::TokensGrow, Law::OneLeaderATerm, Law::NoStorm] {
            world.judge.waive(law);
        }
        world.start_all();
        for _ in 0..300 {
            world.run(ms(dice.below(10)));
            let (from, to) = (dice.machine(3), dice.machine(3));
            if from == to || world.machines[from].node.is_none() {
                continue;
            }
            let near = world.node(to).term().0.max(3) - 2 + dice.below(5);
            let term = Term(if dice.chance(3) { near + (1 << 40) } else { near });
            let messages = every_message(term, world.now.before(ms(dice.below(50))));
            let message = messages[dice.machine(messages.len())];
            let mut envelope = world.forge(from, to, message);
            if dice.chance(20) {
                let other = envelope.from_incarnation;
                envelope.message = Message::Session(
                    [
                        hello_of(envelope.to, false, true, Incarnation(dice.below(9))),
                        Session::Probe { nonce: dice.below(9) },
                        Session::ProbeAck { nonce: dice.below(9), booting: false },
                        hello_of(envelope.to, true, false, other),
                    ][dice.machine(4)],
                );
            }
            world.give(to, NodeInput::Message(envelope));
        }
        world.run(ms(1_000));
        world.run_till(ms(1_000), "a leader", |world| !world.leaders().is_empty());
        assert!((0..3).all(|n| world.role(n) != Role::Stopped), "seed {seed}");
    }
}

/// An incarnation that claims to be beyond all that a clock accounts for stops nobody from being itself; what is just
/// within that is believed.
#[test]
fn a_node_that_is_told_of_an_impossible_incarnation_of_its_own_keeps_its_name() {
    const LARGEST: u64 = 1 << 63;
    // A node that goes above it has to be believed too.
    let room = 1 << 21;
    for (known, is_believed) in [(u64::MAX, false), (LARGEST + 1, false), (LARGEST, false), (LARGEST - room, true)] {
        let mut world = World::of(3);
        world.start_all();
        world.run(ms(50));
        let incarnation = world.node(0).incarnation();
        let hello = hello_of(id(0).key(), true, false, Incarnation(known));
        let hello = world.envelope(1, 0, Message::Session(hello));
        world.give(0, NodeInput::Message(hello));
        assert_eq!(world.node(0).incarnation() != incarnation, is_believed, "{known}");
        assert!(!is_believed || world.node(0).incarnation() > Incarnation(known));
        world.elect();
    }
}
