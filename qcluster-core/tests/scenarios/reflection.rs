//! A datagram can be repeated by anybody, from anywhere. What comes back there is no more than was sent, and no news, until a
//! number that was sent there alone comes back from it (E18); who is there in truth is served all the same.

pub mod net;

use qcluster_core::{
    Accusers, Command, GossipPace, Incarnation, IncarnationsReport, Input, Introduction, KnownIncarnation,
    MembershipMessage, Message, NodeId, ObserverMessage, Piggyback, ReconcileMessage, Record, RecordBody,
    RegistryMessage, Session, Settings, Standing, State, StateUpdate,
};

use crate::strangers::every_message;
use crate::world::{hello_of, id, ms, voters};
use net::{Name, Net, drain, port, services_of, voter};

/// Where repetitions come from.
pub const ELSEWHERE: u16 = 999;

pub fn newcomer() -> Name {
    Name { key: NodeId::new("newcomer").unwrap().key(), incarnation: Incarnation(1_764_000_000_000 << 20 | 5) }
}

pub fn introduction() -> Introduction {
    let standing = Standing::of(newcomer().incarnation);
    Introduction { id: NodeId::new("newcomer").unwrap(), address: None, standing, state: State::Alive, age_s: 0 }
}

pub fn word() -> Piggyback {
    Piggyback { members: u64::MAX, records: u64::MAX, ..Piggyback::default() }
}

/// One of each message that a node sends.
fn every_kind(net: &Net, to: usize) -> Vec<Message> {
    let me = net.name(to);
    let (session, member, record) = (
        Message::Session,
        |message| Message::Membership(Box::new(message)),
        |message| Message::Registry(Box::new(message)),
    );
    let deleted = Record {
        owner: newcomer().key,
        incarnation: newcomer().incarnation,
        version: 1,
        id: "web-1".into(),
        body: RecordBody::Deleted,
    };
    let known = KnownIncarnation { node: newcomer().key, incarnation: newcomer().incarnation };
    let (standing, state, accusers) = (introduction().standing, State::Suspect, Accusers::default());
    let update = StateUpdate { member: newcomer().key, standing, state, accusers };
    let election = every_message(net.nodes[to].node().term(), net.now).into_iter().map(Message::Election);
    election
        .chain([
            session(hello_of(me.key, false, true, Incarnation::UNKNOWN)),
            session(hello_of(me.key, true, false, Incarnation::UNKNOWN)),
            session(Session::Probe { nonce: 1 }),
            session(Session::ProbeAck { nonce: 1, booting: false }),
            session(Session::Step { established: true }),
            session(Session::Configuration { answer: false, shared: *net.nodes[to].node().rules().shared() }),
            Message::Observer(ObserverMessage::Subscribe),
            Message::Observer(ObserverMessage::Announce { leader: None, term: net.nodes[to].node().term() }),
            Message::Incarnations(Box::new(IncarnationsReport { answer: false, incarnations: vec![] })),
            Message::Incarnations(Box::new(IncarnationsReport { answer: false, incarnations: vec![known; 5] })),
            member(MembershipMessage::Join { at: None, me: introduction() }),
            member(MembershipMessage::Welcome { me: introduction(), seen_at: None, word: word() }),
            member(MembershipMessage::Ping { seq: 1, word: Piggyback::default() }),
            member(MembershipMessage::Ping { seq: 1, word: word() }),
            member(MembershipMessage::Ack { seq: 1, word: word() }),
            member(MembershipMessage::PingReq { seq: 1, target: me.key }),
            member(MembershipMessage::Nack { seq: 1 }),
            member(MembershipMessage::Introduce(introduction())),
            member(MembershipMessage::Update(update)),
            member(MembershipMessage::Compare(ReconcileMessage::Want(vec![me.key.0]))),
            member(MembershipMessage::Compare(ReconcileMessage::Buckets(vec![1; 256]))),
            record(RegistryMessage::Record(deleted.clone())),
            record(RegistryMessage::Owed(deleted)),
            record(RegistryMessage::Compare(ReconcileMessage::Buckets(vec![1; 256]))),
        ])
        .collect()
}

/// A leader of three and a follower with much to tell.
fn with_news() -> (Net, [usize; 2]) {
    let (mut net, leader) = Net::led(3);
    let follower = (leader + 1) % 3;
    net.register(leader, 40);
    net.register(follower, 40);
    (net, [leader, follower])
}

#[test]
fn what_is_repeated_from_elsewhere_draws_no_more_than_it_was() {
    let (net, targets) = with_news();
    let other = 3 - targets[0] - targets[1];
    let mut asked = 0;
    for (to, from) in [
        (targets[0], net.name(other)),
        (targets[1], net.name(other)),
        (targets[0], newcomer()),
        (targets[1], newcomer()),
    ] {
        for message in every_kind(&net, to) {
            for incarnation in [net.name(to).incarnation, Incarnation::UNKNOWN, Incarnation(1)] {
                let bytes = net.datagram(other, from, incarnation, message.clone());
                let mut target = net.nodes[to].clone();
                let repeated = Input::Datagram { from: port(ELSEWHERE), bytes: &bytes };
                let mut answers = drain(target.step(net.now, repeated));
                // Nor does anything follow later.
                while target.deadline() < net.now + ms(1_000) {
                    answers.extend(drain(target.step(target.deadline(), Input::Timeout)));
                }
                answers.retain(|(to, _)| *to == port(ELSEWHERE));
                let drawn: usize = answers.iter().map(|(_, bytes)| bytes.len()).sum();
                println!("{message:?} to {incarnation:?}: {} bytes draw {drawn}", bytes.len());
                assert!(drawn <= bytes.len(), "{message:?}: {} bytes draw {drawn}", bytes.len());
                assert!(answers.iter().all(|(_, bytes)| net.read(bytes).len() == 1), "{message:?} draws news");
                asked += answers.len();
            }
        }
    }
    assert!(asked > 100, "most of it is answered");
}

#[test]
fn what_was_told_to_nobody_is_still_to_be_told() {
    let (net, [leader, follower]) = with_news();
    let ping = Message::Membership(Box::new(MembershipMessage::Ping { seq: 1, word: word() }));
    let bytes = net.datagram(follower, net.name(follower), net.name(leader).incarnation, ping);
    let told_after = |repetitions: usize| {
        let mut node = net.nodes[leader].clone();
        for _ in 0..repetitions {
            drain(node.step(net.now, Input::Datagram { from: port(ELSEWHERE), bytes: &bytes }));
        }
        let mut sent = Vec::new();
        for _ in 0..100 {
            sent.extend(drain(node.step(net.now, Input::Datagram { from: Net::port_of(follower), bytes: &bytes })));
        }
        services_of(&sent.iter().map(|(_, bytes)| net.read(bytes)).collect::<Vec<_>>())
    };
    // Given that somebody repeats a ping often, then others are told as much as ever.
    let told = told_after(0);
    assert_eq!(told.len(), 40, "{told:?}");
    assert_eq!(told_after(200), told);
}

/// A member of which nobody has said where it is.
#[test]
fn news_for_a_member_without_an_address_is_still_to_be_told() {
    let mut net = Net::new();
    let pace = GossipPace { tick: ms(20), ..GossipPace::default() };
    let me = net.start(&Settings::member(id(0)).with_gossip(pace));
    net.run(ms(10));
    let introducer = Name { key: NodeId::new("introducer").unwrap().key(), ..newcomer() };
    net.proves(me, introducer, port(ELSEWHERE));
    let introduce = Message::Membership(Box::new(MembershipMessage::Introduce(introduction())));
    let bytes = net.datagram(me, introducer, net.name(me).incarnation, introduce);
    net.give(me, Input::Datagram { from: port(ELSEWHERE), bytes: &bytes });
    assert_eq!(net.nodes[me].node().members().count(), 2);
    // Given that it has been the only one to tell for longer than news lasts,
    net.register(me, 1);
    net.run(ms(900));
    assert!(net.nodes[me].unaddressed() > 30);
    // when it shows where it is,
    let ping = Message::Membership(Box::new(MembershipMessage::Ping { seq: 1, word: Piggyback::default() }));
    let ping = net.datagram(me, newcomer(), net.name(me).incarnation, ping);
    let from = port(ELSEWHERE + 1);
    let mut told = net.proves(me, newcomer(), from);
    told.extend(drain(net.nodes[me].step(net.now, Input::Datagram { from, bytes: &ping })));
    // then it is told.
    let told: Vec<_> = told.iter().map(|(_, bytes)| net.read(bytes)).collect();
    assert_eq!(services_of(&told).len(), 1, "{told:?}");
}

#[test]
fn a_first_word_from_elsewhere_diverts_nothing() {
    // Given the first greeting of a voter, which somebody catches and sends from elsewhere,
    let mut net = Net::new();
    let me = net.start(&voter(0, 3));
    net.resolve();
    net.run(ms(10));
    let peer = Name { key: id(1).key(), ..newcomer() };
    let hello = Message::Session(hello_of(net.rules[me].key(), false, true, Incarnation::UNKNOWN));
    let bytes = net.datagram(me, peer, net.name(me).incarnation, hello);
    net.give(me, Input::Datagram { from: port(ELSEWHERE), bytes: &bytes });
    // then nobody is spoken to there afterwards.
    let before = net.sent.len();
    net.run(ms(1_000));
    assert!(net.sent.len() > before + 10);
    assert!(net.sent[before..].iter().all(|(_, to, _)| *to != port(ELSEWHERE)));
    let index = net.rules[me].index_of(peer.key).unwrap();
    assert_eq!(net.nodes[me].address(index), Some(Net::port_of(1)));
}

/// An observer that is a member too, and one of the election alone.
#[test]
fn a_newcomer_behind_another_port_joins_and_is_served() {
    for gossip in [true, false] {
        let (mut net, leader) = Net::led(3);
        net.register(leader, 40);
        net.run(ms(2_000));
        let settings = Settings::observer(id(7), voters(0..3));
        let settings = if gossip { settings.with_gossip(GossipPace::default()) } else { settings };
        let newcomer = net.start(&settings);
        net.moves(newcomer);
        net.resolve();
        net.run(ms(1_000));
        let leads = net.rules[leader].id().clone();
        assert_eq!(net.nodes[newcomer].node().leader().map(|voter| voter.id.clone()), Some(leads));
        net.run(ms(4_000));
        assert_eq!(net.services(newcomer), if gossip { 40 } else { 0 });
        assert!((0..3).all(|n| net.nodes[n].node().members().count() == 3 + usize::from(gossip)));
    }
}

#[test]
fn a_member_behind_another_port_joins_through_a_seed_and_is_served() {
    let mut net = Net::new();
    for n in 0..3 {
        let member = net.start(&Settings::member(id(n)));
        if n == 2 {
            net.moves(member);
        }
        net.give(member, Input::Command(Command::Join(Net::port_of(0))));
        net.register(member, 20);
    }
    net.run(ms(8_000));
    for n in 0..3 {
        assert_eq!((net.services(n), net.nodes[n].node().members().count()), (60, 3), "{n}");
    }
}

#[test]
fn voters_that_nobody_finds_by_name_find_each_other_through_one_that_is() {
    // Given voters that have moved before anybody leads, so that their names lead nowhere,
    let mut net = Net::new();
    for n in 0..3 {
        net.start(&voter(n, 3));
    }
    net.resolve();
    net.run(ms(50));
    let moved = [0, 1, 2].map(|n| net.moves(n));
    net.run(ms(1_000));
    assert_eq!(net.leader(), None);
    // when the name of one of them is put right, then all are found.
    for n in [1, 2] {
        net.give(n, Input::Resolved { peer: net.rules[0].key(), address: moved[0] });
    }
    net.run(ms(3_000));
    assert!(net.leader().is_some());
}

#[test]
fn a_voter_that_moves_is_followed_and_the_leader_leads_on() {
    for who_moves in [0, 1] {
        let (mut net, leader) = Net::led(3);
        let term = net.nodes[leader].node().term();
        let moves = (leader + who_moves) % 3;
        for _ in 0..5 {
            net.moves(moves);
            net.run(ms(500));
            assert_eq!((net.leader(), net.nodes[leader].node().term()), (Some(leader), term), "{who_moves}");
        }
    }
}
