//! Bytes in, bytes out: addresses follow incarnations, and garbage changes nothing.

use super::{Endpoint, EndpointBoot, Input, Output};
use crate::config::{Rules, Settings, VoterSettings};
use crate::id::NodeId;
use crate::membership;
use crate::metrics::Counters;
use crate::node::{BootError, Command, Message, Role};
use crate::reason::DropReason;
use crate::time::{Span, Time};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

fn address(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn rules(n: usize, size: usize) -> Rules {
    let voters: Vec<VoterSettings> =
        ["a", "b", "c"][..size].iter().map(|id| VoterSettings::new(NodeId::new(id).unwrap())).collect();
    let mut settings = Settings::voter(voters[n].id.clone(), voters);
    settings.timing.max_lease = settings.timing.lease;
    settings.check().unwrap()
}

fn endpoint(n: usize, size: usize) -> Endpoint {
    endpoint_with_seed(n, size, n as u64 + 1)
}

fn endpoint_with_seed(n: usize, size: usize, seed: u64) -> Endpoint {
    let rules = rules(n, size);
    let boot = EndpointBoot { seed, stamp_ms: 1_764_000_000_000, saved: None };
    let mut endpoint = Endpoint::new(rules.clone(), boot, Time::ZERO).unwrap();
    for (port, voter) in (0..).zip(rules.voters()).filter(|(_, voter)| voter.key != rules.key) {
        let resolved = Input::Resolved { peer: voter.key, address: address(port) };
        drain(endpoint.step(Time::ZERO, resolved));
    }
    endpoint
}

/// Everything that is to be sent.
fn drain(mut outputs: super::Outputs<'_>) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut sent = Vec::new();
    while let Some(output) = outputs.next() {
        if let Output::Transmit { to, bytes } = output {
            sent.push((to, bytes.to_vec()));
        }
    }
    sent
}

/// Runs endpoints against one another with no delay until `until`; ports are places in the list.
fn run(endpoints: &mut [Endpoint], until: Time) {
    let mut now = Time::ZERO;
    while now <= until {
        for n in 0..endpoints.len() {
            let mut mail: Vec<(usize, SocketAddr, Vec<u8>)> = Vec::new();
            let sent = drain(endpoints[n].step(now, Input::Timeout));
            mail.extend(sent.into_iter().map(|(to, bytes)| (n, to, bytes)));
            while let Some((from, to, bytes)) = mail.pop() {
                let to = usize::from(to.port());
                let from = address(u16::try_from(from).unwrap());
                let sent = drain(endpoints[to].step(now, Input::Datagram { from, bytes: &bytes }));
                mail.extend(sent.into_iter().map(|(next, bytes)| (to, next, bytes)));
            }
        }
        now = now + Span::from_millis(1);
    }
}

#[test]
fn three_endpoints_elect_over_bytes_alone() {
    let mut endpoints = [endpoint(0, 3), endpoint(1, 3), endpoint(2, 3)];
    let until = Time::from_millis(500);
    run(&mut endpoints, until);
    assert_eq!(endpoints.iter().filter(|endpoint| endpoint.node().is_leader(until)).count(), 1);
    let leaders: Vec<_> = endpoints.iter().map(|endpoint| endpoint.node().leader().cloned()).collect();
    assert!(leaders[0].is_some() && leaders.iter().all(|leader| *leader == leaders[0]));
}

#[test]
fn nothing_is_sent_where_no_address_is_known() {
    let rules = rules(0, 3);
    let boot = EndpointBoot { seed: 1, stamp_ms: 1, saved: None };
    let mut lost = Endpoint::new(rules, boot, Time::ZERO).unwrap();
    assert!(drain(lost.step(Time::ZERO, Input::Timeout)).is_empty());
    assert_eq!(lost.unaddressed(), 2);
}

#[test]
fn garbage_is_counted_and_changes_nothing_else() {
    let mut endpoints = [endpoint(0, 3), endpoint(1, 3), endpoint(2, 3)];
    run(&mut endpoints, Time::from_millis(500));
    let mut target = endpoints[0].clone();
    let now = Time::from_millis(501);
    drain(target.step(now, Input::Timeout));
    let before = target.clone();
    for bytes in [&b""[..], b"GET / HTTP/1.1", &[1; 1_400], &[0; 2_000]] {
        assert!(drain(target.step(now, Input::Datagram { from: address(9), bytes })).is_empty());
    }
    let counters = target.node().counters();
    let dropped = |counters: &Counters| counters.dropped.total();
    assert_eq!(dropped(counters) - dropped(before.node().counters()), 4);
    assert_eq!(target.node().role(), before.node().role());
    assert_eq!(target.node().term(), before.node().term());
    assert_eq!(target.deadline(), before.deadline());
}

#[test]
fn a_clock_that_goes_back_is_noticed_with_whatever_comes() {
    // Given a leader (E15),
    let mut endpoints = [endpoint(0, 3), endpoint(1, 3), endpoint(2, 3)];
    let now = Time::from_millis(500);
    run(&mut endpoints, now);
    let leader = endpoints.iter().find(|endpoint| endpoint.node().is_leader(now)).unwrap();
    let (peer, address) = (rules(0, 3).voters()[0].key, address(9));
    for input in [Input::Datagram { from: address, bytes: b"noise" }, Input::Resolved { peer, address }] {
        // when its clock has gone back by the time of something that says nothing, then its lease is over.
        let mut leader = leader.clone();
        let outputs = leader.step(Time::from_millis(490), input);
        assert_eq!(outputs.lease(), None);
    }
}

#[test]
fn a_recording_opens_nothing_in_a_later_incarnation() {
    // Given a heartbeat that was recorded on its way from the leader to a follower,
    let mut endpoints = [endpoint(0, 3), endpoint(1, 3), endpoint(2, 3)];
    run(&mut endpoints, Time::from_millis(500));
    let leader = endpoints.iter().position(|endpoint| endpoint.node().role() == Role::Leader).unwrap();
    let sent = drain(endpoints[leader].step(Time::from_millis(530), Input::Timeout));
    let (to, recorded) = sent.first().cloned().unwrap();
    let follower = usize::from(to.port());
    // when the follower's next incarnation is given it,
    let mut next_incarnation = endpoint_with_seed(follower, 3, 99);
    drain(next_incarnation.step(Time::ZERO, Input::Timeout));
    let answers = drain(next_incarnation.step(Time::ZERO, Input::Datagram { from: address(9), bytes: &recorded }));
    // then it follows nobody, and only says who it is.
    assert_eq!(next_incarnation.node().counters().dropped[DropReason::OtherIncarnation], 1);
    assert_eq!(next_incarnation.node().term().0, 0);
    assert_eq!(answers.len(), 1);
}

#[test]
fn a_damaged_record_does_not_start() {
    let rules = rules(0, 1);
    let boot = EndpointBoot { seed: 1, stamp_ms: 1, saved: Some(b"not a record") };
    assert!(matches!(Endpoint::new(rules, boot, Time::ZERO), Err(BootError::Record(_))));
}

#[test]
fn outputs_dropped_early_come_next_time() {
    let mut endpoint = endpoint(0, 3);
    let now = Time::from_millis(25);
    {
        let mut outputs = endpoint.step(now, Input::Timeout);
        assert!(matches!(outputs.next(), Some(Output::Transmit { .. })));
    }
    assert_eq!(drain(endpoint.step(now, Input::Timeout)).len(), 1);
}

#[test]
fn a_datagram_from_somebody_who_is_turned_away_is_answered_once() {
    // Given a datagram for another incarnation, stuffed with messages,
    let rules = rules(1, 3);
    let header = crate::wire::Header {
        from: rules.key,
        from_incarnation: crate::id::Incarnation(77),
        to_incarnation: crate::id::Incarnation(78),
        digests: rules.digests,
    };
    let stale = crate::node::Message::Election(crate::election::Message::StaleTerm { term: crate::id::Term(1) });
    let mut bytes = Vec::new();
    let many: [_; 12] = core::array::from_fn(|_| stale.clone());
    crate::wire::encode(&rules, &header, &many, &mut bytes);
    // when a node receives it,
    let mut target = endpoint(0, 3);
    drain(target.step(Time::ZERO, Input::Timeout));
    let answers = drain(target.step(Time::ZERO, Input::Datagram { from: address(9), bytes: &bytes }));
    // then it says once who it is.
    assert_eq!(answers.len(), 1);
}

#[test]
fn a_stopped_endpoint_asks_for_nothing() {
    let mut stopping = endpoint(0, 3);
    drain(stopping.step(Time::ZERO, Input::Timeout));
    drain(stopping.step(Time::ZERO, Input::Command(Command::Shutdown)));
    assert!(stopping.node().is_stopped());
    assert_eq!(stopping.deadline(), Time::NEVER);
}

#[test]
fn a_repetition_from_elsewhere_diverts_nothing() {
    // Given a follower's ack, recorded on its way to the leader,
    let mut endpoints = [endpoint(0, 3), endpoint(1, 3), endpoint(2, 3)];
    run(&mut endpoints, Time::from_millis(500));
    let leader = endpoints.iter().position(|endpoint| endpoint.node().role() == Role::Leader).unwrap();
    let now = Time::from_millis(530);
    let (to, heartbeat) = drain(endpoints[leader].step(now, Input::Timeout)).first().cloned().unwrap();
    let follower = usize::from(to.port());
    let from = address(u16::try_from(leader).unwrap());
    let ack = drain(endpoints[follower].step(now, Input::Datagram { from, bytes: &heartbeat })).remove(0).1;
    drain(endpoints[leader].step(now, Input::Datagram { from: to, bytes: &ack }));
    // when it is repeated from another address,
    drain(endpoints[leader].step(now, Input::Datagram { from: address(9), bytes: &ack }));
    // then the leader goes on speaking to where the follower is;
    let voter = endpoints[leader].rules.index_of(endpoints[follower].rules.key()).unwrap();
    assert_eq!(endpoints[leader].address(voter), Some(to));
    // and if the name stands for another address by then, to that one.
    let peer = endpoints[follower].rules.key();
    drain(endpoints[leader].step(now, Input::Resolved { peer, address: address(8) }));
    drain(endpoints[leader].step(now, Input::Datagram { from: address(9), bytes: &ack }));
    assert_eq!(endpoints[leader].address(voter), Some(address(8)));
}

#[test]
fn a_voter_that_moved_is_found_once_it_answers_from_there() {
    // Given a follower whose datagrams come from another address than before,
    let mut endpoints = [endpoint(0, 3), endpoint(1, 3), endpoint(2, 3)];
    run(&mut endpoints, Time::from_millis(500));
    let leader = endpoints.iter().position(|endpoint| endpoint.node().role() == Role::Leader).unwrap();
    let now = Time::from_millis(530);
    let (to, heartbeat) = drain(endpoints[leader].step(now, Input::Timeout)).first().cloned().unwrap();
    let follower = usize::from(to.port());
    let (from, moved) = (address(u16::try_from(leader).unwrap()), address(9));
    let ack = drain(endpoints[follower].step(now, Input::Datagram { from, bytes: &heartbeat })).remove(0).1;
    // when the leader hears it from there, it asks there whether it is,
    let (asked, probe) = drain(endpoints[leader].step(now, Input::Datagram { from: moved, bytes: &ack })).remove(0);
    assert_eq!(asked, moved);
    let voter = endpoints[leader].rules.index_of(endpoints[follower].rules.key()).unwrap();
    assert_eq!(endpoints[leader].address(voter), Some(to), "not yet");
    // and the answer moves it.
    let answer = drain(endpoints[follower].step(now, Input::Datagram { from, bytes: &probe })).remove(0).1;
    drain(endpoints[leader].step(now, Input::Datagram { from: moved, bytes: &answer }));
    assert_eq!(endpoints[leader].address(voter), Some(moved));
}

#[test]
fn a_datagram_asks_once() {
    // Given a member that puts as many questions into a datagram as fit,
    let (mut target, rules) = (gossiping(0), gossiping(1).rules);
    drain(target.step(Time::ZERO, Input::Timeout));
    let word = crate::membership::Piggyback::default();
    let ping = Message::from(membership::Message::Ping { seq: 1, word });
    let many: [_; 12] = core::array::from_fn(|_| ping.clone());
    // when it is received, then there is one answer beside the greeting.
    let bytes = datagram(&rules, &target, &many);
    let answers = drain(target.step(Time::ZERO, Input::Datagram { from: address(1), bytes: &bytes }));
    let acks = answers.iter().filter(|(_, bytes)| {
        says(&rules, bytes, |message| {
            matches!(message, Message::Membership(message) if matches!(**message, membership::Message::Ack { .. }))
        })
    });
    assert_eq!(acks.count(), 1);
    assert_eq!(target.node().counters().dropped[DropReason::Malformed], 1);
}

#[test]
fn where_a_voter_is_said_to_be_moves_no_election() {
    // Given that a name was resolved, and that somebody says something else,
    let (mut target, rules) = (gossiping(0), gossiping(1).rules);
    drain(target.step(Time::ZERO, Input::Timeout));
    let introduction = membership::Introduction {
        id: NodeId::new("c").unwrap(),
        address: Some(address(9)),
        standing: membership::Standing::of(crate::id::Incarnation(77 << 20)),
        state: membership::State::Alive,
        age_s: 0,
    };
    let said = Message::from(membership::Message::Introduce(introduction));
    let bytes = datagram(&rules, &target, &[said]);
    drain(target.step(Time::ZERO, Input::Datagram { from: address(1), bytes: &bytes }));
    // when that voter is greeted, then where its name says (E19).
    let key = NodeId::new("c").unwrap().key();
    let mut greeted = Vec::new();
    for _ in 0..10 {
        let now = target.deadline();
        for (to, bytes) in drain(target.step(now, Input::Timeout)) {
            let envelopes = crate::read_datagram(&rules, &bytes).unwrap();
            let hello =
                |message: &Message| matches!(message, Message::Session(crate::Session::Hello { to, .. }) if *to == key);
            if hello(&envelopes[0].message) {
                greeted.push(to);
            }
        }
    }
    assert!(!greeted.is_empty());
    assert!(greeted.iter().all(|to| *to == address(2)), "{greeted:?}");
}

/// One of three voters that have members, too.
fn gossiping(n: usize) -> Endpoint {
    let voters: Vec<VoterSettings> = ["a", "b", "c"].map(|id| VoterSettings::new(NodeId::new(id).unwrap())).into();
    let settings = Settings::voter(voters[n].id.clone(), voters).with_gossip(crate::GossipPace::default());
    let rules = settings.check().unwrap();
    let boot = EndpointBoot { seed: 1, stamp_ms: 1_764_000_000_000, saved: None };
    let mut endpoint = Endpoint::new(rules.clone(), boot, Time::ZERO).unwrap();
    for (port, voter) in (0..).zip(rules.voters()) {
        drain(endpoint.step(Time::ZERO, Input::Resolved { peer: voter.key, address: address(port) }));
    }
    endpoint
}

/// A datagram from the node of those rules for the present incarnation of `target`.
fn datagram(rules: &Rules, target: &Endpoint, messages: &[Message]) -> Vec<u8> {
    let header = crate::wire::Header {
        from: rules.key,
        from_incarnation: crate::id::Incarnation(78 << 20),
        to_incarnation: target.node().incarnation(),
        digests: rules.digests,
    };
    let mut bytes = Vec::new();
    crate::wire::begin(rules, &header, &messages[0], &mut bytes);
    for message in &messages[1..] {
        assert_eq!(crate::wire::add(message, &mut bytes), crate::wire::Added::Yes);
    }
    crate::wire::finish(rules.seal, &mut bytes);
    bytes
}

fn says(rules: &Rules, bytes: &[u8], what: impl Fn(&Message) -> bool) -> bool {
    crate::read_datagram(rules, bytes).unwrap().iter().any(|envelope| what(&envelope.message))
}

/// An address of a voter that was never heard is tried at once; of one that is known, or of the node itself, nothing follows.
#[test]
fn a_voter_that_can_be_reached_at_last_is_greeted_at_once() {
    let rules = rules(0, 3);
    let boot = EndpointBoot { seed: 1, stamp_ms: 1, saved: None };
    let mut lost = Endpoint::new(rules.clone(), boot, Time::ZERO).unwrap();
    drain(lost.step(Time::ZERO, Input::Timeout));
    let (me, peer) = (rules.voters()[0].key, rules.voters()[1].key);
    let to = |sent: Vec<(SocketAddr, Vec<u8>)>| sent.into_iter().map(|(to, _)| to).collect::<Vec<_>>();
    let resolved = |peer, port| Input::Resolved { peer, address: address(port) };
    assert_eq!(to(drain(lost.step(Time::ZERO, resolved(peer, 1)))), [address(1)]);
    assert_eq!(to(drain(lost.step(Time::ZERO, resolved(me, 0)))), [], "without membership nobody asks where it is");
    // Given that they know each other, …
    let mut endpoints = [endpoint(0, 3), endpoint(1, 3), endpoint(2, 3)];
    run(&mut endpoints, Time::from_millis(500));
    let now = Time::from_millis(501);
    drain(endpoints[0].step(now, Input::Timeout));
    // … when one is said to be elsewhere, then that is not news to it.
    assert_eq!(to(drain(endpoints[0].step(now, resolved(peer, 7)))), []);
}
