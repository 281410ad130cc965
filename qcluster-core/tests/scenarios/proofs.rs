//! How a node shows where it is (E18): the numbers of probes, what each of them proves, and what counts from a proven address only.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use qcluster_core::{
    DropReason, GossipPace, Incarnation, Input, Introduction, MembershipMessage, Message, ObserverMessage,
    ReconcileMessage, RegistryMessage, Session, Settings,
};

use crate::reflection::net::{Name, Net, drain, port, voter};
use crate::reflection::{ELSEWHERE, introduction, newcomer, word};
use crate::world::{hello_of, id, ms, voters};

#[test]
fn an_answer_to_a_probe_proves_the_address_that_was_asked() {
    // Given a voter that greets from another address than its name stands for, and is asked there,
    let mut net = Net::new();
    let me = net.start(&voter(0, 3));
    net.resolve();
    net.run(ms(10));
    let peer = Name { key: id(1).key(), ..newcomer() };
    let index = net.rules[me].index_of(peer.key).unwrap();
    let from = port(50);
    let ack = net.answer_to_probe(me, peer, from);
    // when the answer comes from elsewhere, then nothing is proven; when it comes from there, that is.
    for (from, is_at) in [(port(ELSEWHERE), Net::port_of(1)), (from, from)] {
        net.give(me, Input::Datagram { from, bytes: &ack });
        assert_eq!(net.nodes[me].address(index), Some(is_at));
    }
}

/// It may be repeated from as many places as there are: who was asked here is not forgotten for that.
#[test]
fn a_voter_that_moves_is_found_however_often_it_is_repeated() {
    let (mut net, leader) = Net::led(3);
    let follower = (leader + 1) % 3;
    let index = net.rules[leader].index_of(net.name(follower).key).unwrap();
    let hello = Message::Session(hello_of(net.name(leader).key, false, true, Incarnation::UNKNOWN));
    let hello = net.datagram(follower, net.name(follower), net.name(leader).incarnation, hello);
    // Given a voter that was asked at its new place,
    let moved = net.moves(follower);
    let ack = net.answer_to_probe(leader, net.name(follower), moved);
    // when it is repeated from elsewhere before it answers,
    for elsewhere in 0..5_000 {
        let repeated = Input::Datagram { from: port(ELSEWHERE + elsewhere), bytes: &hello };
        drain(net.nodes[leader].step(net.now, repeated));
    }
    // then its answer counts.
    net.give(leader, Input::Datagram { from: moved, bytes: &ack });
    assert_eq!(net.nodes[leader].address(index), Some(moved));
}

#[test]
fn an_answer_to_a_probe_counts_for_five_seconds_and_not_for_ten() {
    let (net, leader) = Net::led(3);
    let follower = (leader + 1) % 3;
    let index = net.rules[leader].index_of(net.name(follower).key).unwrap();
    let round = ms(5_000);
    // Rounds begin at any time.
    for moment in 0..1_000 {
        let mut node = net.nodes[leader].clone();
        let at = net.now + round.times(moment).split(1_000);
        drain(node.step(at, Input::Timeout));
        let ack = net.answer_at(&mut node.clone(), leader, net.name(follower), port(ELSEWHERE), at);
        for (later, counts) in [(round, true), (round.times(2), false)] {
            let mut node = node.clone();
            drain(node.step(at + later, Input::Datagram { from: port(ELSEWHERE), bytes: &ack }));
            assert_eq!(node.address(index) == Some(port(ELSEWHERE)), counts, "{moment} {later}");
        }
    }
}

#[test]
fn a_number_is_for_one_node_one_incarnation_and_one_address() {
    let (net, leader) = Net::led(3);
    let [one, other] = [1, 2].map(|n| net.name((leader + n) % 3));
    let later = Name { incarnation: Incarnation(one.incarnation.0 + (1 << 20)), ..one };
    let addresses = ["10.0.0.1:50", "10.0.0.2:50", "10.0.0.1:51", "[::a00:1]:50", "[fe80::1%1]:50", "[fe80::1%2]:50"];
    let all = [one, other, later, newcomer()]
        .into_iter()
        .flat_map(|who| addresses.map(|address| (who, address.parse::<SocketAddr>().unwrap())));
    let numbers: BTreeSet<u64> = all.clone().map(|(who, from)| net.asks(leader, who, from)).collect();
    assert_eq!(numbers.len(), all.count());
}

#[test]
fn an_answer_that_is_repeated_moves_nobody_back() {
    let (mut net, leader) = Net::led(3);
    let follower = net.name((leader + 1) % 3);
    let index = net.rules[leader].index_of(follower.key).unwrap();
    let (first, second) = (port(50), port(51));
    let mut acks = Vec::new();
    // Even if it has been there and come back,
    for moved in [first, second, first, second] {
        let ack = net.answer_to_probe(leader, follower, moved);
        net.give(leader, Input::Datagram { from: moved, bytes: &ack });
        acks.push((moved, ack));
        for (from, bytes) in &acks {
            net.give(leader, Input::Datagram { from: *from, bytes });
            assert_eq!(net.nodes[leader].address(index), Some(moved));
        }
    }
    // or its name stands for another address meanwhile.
    net.give(leader, Input::Resolved { peer: follower.key, address: port(52) });
    for (from, bytes) in &acks {
        net.give(leader, Input::Datagram { from: *from, bytes });
        assert_eq!(net.nodes[leader].address(index), Some(port(52)));
    }
}

/// It may have left, and be forgotten, and its address may be somebody else's by now.
#[test]
fn a_join_that_is_repeated_from_elsewhere_introduces_nobody() {
    let (mut net, leader) = Net::led(3);
    let former = port(700);
    let me = Introduction { address: Some(former), ..introduction() };
    let welcome = MembershipMessage::Welcome { me: me.clone(), seen_at: None, word: word() };
    for message in [MembershipMessage::Join { at: None, me: me.clone() }, welcome, MembershipMessage::Introduce(me)] {
        let before = net.sent.len();
        let message = Message::Membership(Box::new(message));
        let bytes = net.datagram(leader, newcomer(), net.name(leader).incarnation, message);
        net.give(leader, Input::Datagram { from: port(ELSEWHERE), bytes: &bytes });
        net.run(ms(2_000));
        assert!(net.sent.len() > before + 100);
        assert!(net.sent[before..].iter().all(|(_, to, _)| *to != former));
        assert_eq!(net.nodes[leader].node().members().count(), 3);
    }
}

#[test]
fn an_answer_to_a_probe_proves_one_address_once() {
    let (mut net, leader) = Net::led(3);
    let follower = (leader + 1) % 3;
    let index = net.rules[leader].index_of(net.rules[follower].key()).unwrap();
    let before = net.sent.len();
    // Given a follower that has moved, and was found,
    let moved = net.moves(follower);
    net.run(ms(500));
    assert_eq!(net.nodes[leader].address(index), Some(moved));
    let said: Vec<_> = net.sent[before..].iter().filter(|(n, ..)| *n == follower).cloned().collect();
    // when all that it has said is repeated from elsewhere, over and over,
    for _ in 0..3 {
        for (_, _, bytes) in said.iter().filter(|(_, to, _)| *to == Net::port_of(leader)) {
            let repeated = Input::Datagram { from: port(ELSEWHERE), bytes };
            for (to, answer) in drain(net.nodes[leader].step(net.now, repeated)) {
                assert!(to != port(ELSEWHERE) || answer.len() <= bytes.len());
            }
            net.now = net.now + ms(1);
        }
    }
    // then it stays where it is.
    assert_eq!(net.nodes[leader].address(index), Some(moved));
}

/// It comes on a datagram that was sent for something else, as most introductions do.
#[test]
fn what_fills_up_a_datagram_introduces_nobody_from_elsewhere() {
    let (mut net, leader) = Net::led(3);
    let follower = (leader + 1) % 3;
    // Given one that has not heard of a newcomer yet, and what it is told of it,
    let (before, sent) = (net.nodes[leader].clone(), net.sent.len());
    net.start(&Settings::observer(id(7), voters(0..3)).with_gossip(GossipPace::default()));
    net.resolve();
    net.run(ms(500));
    let is_filling = |bytes: &[u8]| {
        let messages = net.read(bytes);
        messages.len() > 1 && messages[1..].iter().any(introduces)
    };
    let told: Vec<_> = net.sent[sent..]
        .iter()
        .filter(|(n, to, bytes)| *n == follower && *to == Net::port_of(leader) && is_filling(bytes))
        .collect();
    assert!(!told.is_empty());
    // when that comes from elsewhere, then it knows as many as before; and one more when it comes from where it was sent.
    for (from, count) in [(port(ELSEWHERE), 3), (Net::port_of(follower), 4)] {
        let mut node = before.clone();
        for (_, _, bytes) in &told {
            drain(node.step(net.now, Input::Datagram { from, bytes }));
        }
        assert_eq!(node.node().members().count(), count, "{from}");
    }
}

fn introduces(message: &Message) -> bool {
    matches!(message, Message::Membership(message) if matches!(**message, MembershipMessage::Introduce(_)))
}

#[test]
fn what_has_a_node_speak_later_is_dropped_from_elsewhere() {
    let (net, leader) = Net::led(3);
    let buckets = || ReconcileMessage::Buckets(vec![1; 256]);
    for (who, message) in [
        (net.name((leader + 1) % 3), Message::Membership(Box::new(MembershipMessage::Compare(buckets())))),
        (
            net.name((leader + 1) % 3),
            Message::Membership(Box::new(MembershipMessage::PingReq { seq: 1, target: net.name(leader).key })),
        ),
        (net.name((leader + 1) % 3), Message::Registry(Box::new(RegistryMessage::Compare(buckets())))),
        (newcomer(), Message::Observer(ObserverMessage::Subscribe)),
    ] {
        let bytes = net.datagram(leader, who, net.name(leader).incarnation, message);
        for (from, dropped) in [(port(ELSEWHERE), 1), (port(ELSEWHERE + 1), 0)] {
            let mut node = net.nodes[leader].clone();
            if dropped == 0 {
                let ack = net.answer_at(&mut node, leader, who, from, net.now);
                drain(node.step(net.now, Input::Datagram { from, bytes: &ack }));
            }
            let counted = |node: &qcluster_core::Endpoint| node.node().counters().dropped[DropReason::UnprovenAddress];
            let before = counted(&node);
            drain(node.step(net.now, Input::Datagram { from, bytes: &bytes }));
            assert_eq!(counted(&node) - before, dropped, "{from}");
        }
    }
}

/// It cannot be asked: it would not answer. It is told what differs all the same (E14).
#[test]
fn who_joins_with_another_configuration_hears_of_it() {
    let (mut net, leader) = Net::led(3);
    let mut settings = voter(0, 3);
    settings.timing.lease = settings.timing.lease.times(2);
    let other = net.start(&settings);
    let join = Message::Membership(Box::new(MembershipMessage::Join { at: None, me: introduction() }));
    let bytes = net.datagram(other, newcomer(), net.name(leader).incarnation, join);
    let answers = drain(net.nodes[leader].step(net.now, Input::Datagram { from: port(ELSEWHERE), bytes: &bytes }));
    let is_configuration =
        |bytes: &[u8]| matches!(net.read(bytes)[..], [Message::Session(Session::Configuration { .. })]);
    assert!(answers.iter().any(|(to, bytes)| *to == port(ELSEWHERE) && is_configuration(bytes)), "{answers:?}");
}

/// Neither can ask the other, since each speaks with the other's name; what they tell each other counts all the same (E17).
#[test]
fn of_two_members_with_one_name_each_hears_the_other_from_any_address() {
    let mut net = Net::new();
    let me = net.start(&Settings::member(id(0)));
    net.run(ms(5_000));
    let name = net.name(me);
    let other = Name { incarnation: Incarnation(name.incarnation.0 + (1 << 20)), ..name };
    let join = Message::Membership(Box::new(MembershipMessage::Join { at: None, me: introduction() }));
    let bytes = net.datagram(me, other, name.incarnation, join);
    let answers = drain(net.nodes[me].step(net.now, Input::Datagram { from: port(ELSEWHERE), bytes: &bytes }));
    let told: Vec<_> = answers.iter().map(|(to, bytes)| (*to, net.read(bytes))).collect();
    // It has met nobody yet.
    let duplicate = Session::DuplicateIdentifier { other: name.incarnation, booting: true };
    assert_eq!(told, [(port(ELSEWHERE), vec![Message::Session(duplicate)])]);
}
