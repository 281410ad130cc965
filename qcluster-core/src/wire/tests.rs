//! The format is pinned by golden vectors; whatever is not in it is refused.

use super::{DATAGRAM_MAX, Header, encode, open};
use crate::config::{Rules, Settings, Timing, VoterSettings};
use crate::election::{KnownIncarnation, LeadershipId, Message as Election};
use crate::id::{Incarnation, IncarnationsDigest, NodeId, NodeKey, Term};
use crate::membership::{Accusers, Hint, Introduction, Message as Member, Piggyback, Standing, State, StateUpdate};
use crate::node::{IncarnationsReport, Message, Session};
use crate::observer::Message as Observer;
use crate::reason::{DropReason, Refusal};
use crate::reconcile::Message as Reconcile;
use crate::registry::{Health, Message as Registry, Record, RecordBody, ServiceFacts};
use crate::time::{Span, Time};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;

fn rules(cluster: &str) -> Rules {
    let voters: Vec<VoterSettings> =
        ["server_a", "server_b", "server_c"].map(|id| VoterSettings::new(NodeId::new(id).unwrap())).to_vec();
    let settings = Settings { cluster: cluster.into(), ..Settings::voter(voters[0].id.clone(), voters) };
    settings.check().unwrap()
}

fn header(rules: &Rules) -> Header {
    Header {
        from: rules.key,
        from_incarnation: Incarnation(0x0102_0304_0506_0708),
        to_incarnation: Incarnation(0x1112_1314_1516_1718),
        digests: rules.digests,
    }
}

/// One of each message, with numbers of the size that a cluster really has.
fn messages() -> Vec<Message> {
    let (term, lease) = (Term(1_764_000_000_123), Span::from_millis(150));
    let stamp = Term(0);
    let incarnations = IncarnationsDigest(0x2122_2324);
    let sent_at = Time::from_millis(3_600_000);
    let leadership = LeadershipId { node: NodeKey(7), incarnation: Incarnation(8), term };
    vec![
        Message::Session(Session::Hello {
            to: NodeKey(9),
            answer: false,
            booting: true,
            is_new: true,
            known: Incarnation(5),
            took_part: Incarnation(0),
        }),
        Message::Session(Session::Probe { nonce: 300 }),
        Message::Session(Session::ProbeAck { nonce: 300, booting: false }),
        Message::Session(Session::DuplicateIdentifier { other: Incarnation(5), booting: true }),
        Message::Election(Election::Heartbeat { term, sent_at, lease, active: true, stamp }),
        Message::Election(Election::HeartbeatAck { term, sent_at, lease, stamp, incarnations }),
        Message::Election(Election::StaleTerm { term }),
        Message::Election(Election::PreVoteRequest { round: 1, term, consent: Some(leadership) }),
        Message::Election(Election::PreVoteReply {
            round: 1,
            refusal: Some(Refusal::Promised),
            term,
            stamp,
            incarnations,
        }),
        Message::Election(Election::VoteRequest { term, lease, released: None }),
        Message::Election(Election::VoteReply { asked: term, refusal: None, term, stamp, incarnations }),
        Message::Election(Election::Release { term, successor: Some(NodeKey(3)) }),
        Message::Election(Election::CouldYouWin { term }),
        Message::Election(Election::CouldWin { term, reached: 5 }),
        Message::Observer(Observer::Subscribe),
        Message::Observer(Observer::Announce { leader: Some(NodeKey(3)), term }),
        Message::Session(Session::Superseded { by: Incarnation(5) }),
        Message::Incarnations(Box::new(IncarnationsReport {
            answer: true,
            incarnations: vec![KnownIncarnation { node: NodeKey(9), incarnation: Incarnation(5) }],
        })),
        Message::Session(Session::Step { established: true }),
        Message::Session(Session::Configuration { answer: false, shared: *rules("default").shared() }),
    ]
    .into_iter()
    .chain(gossip(term))
    .collect()
}

/// One of each message about members and services.
fn gossip(term: Term) -> Vec<Message> {
    let address = Some(SocketAddr::from(([127, 0, 0, 1], 7_001)));
    let standing = Standing { incarnation: Incarnation(0x0102_0304_0506_0708), refutation: 2 };
    let id = NodeId::new("server_b").unwrap();
    let me = || Introduction { id: id.clone(), address, standing, state: State::Alive, age_s: 7 };
    let leader = Some(Hint { leader: NodeKey(3), term });
    let word = Piggyback { about_you: Some((standing, State::Suspect)), members: 5, records: 6, leader };
    let update =
        StateUpdate { member: NodeKey(3), standing, state: State::Suspect, accusers: Accusers::one(NodeKey(4)) };
    let facts = ServiceFacts {
        name: "web".into(),
        host: Some("10.0.0.7".into()),
        port: 8_001,
        tags: vec!["v1".into()],
        metadata: r#"{"zone":"b"}"#.into(),
        health: Health::Warning,
        ttl_ms: Some(10_000),
    };
    let record =
        |body| Record { owner: NodeKey(3), incarnation: Incarnation(9), version: 300, id: "web-1".into(), body };
    let members = [
        Member::Join { at: address, me: me() },
        Member::Welcome { me: me(), seen_at: address, word },
        Member::Ping { seq: 300, word },
        Member::Ack { seq: 300, word: Piggyback::default() },
        Member::PingReq { seq: 300, target: NodeKey(3) },
        Member::Nack { seq: 300 },
        Member::Introduce(me()),
        Member::Update(update),
        Member::Compare(Reconcile::Want(vec![1, 300])),
    ];
    let records = [
        Registry::Record(record(RecordBody::Service(facts))),
        Registry::Record(record(RecordBody::Metadata(r#"{"zone":"b"}"#.into()))),
        Registry::Owed(record(RecordBody::Deleted)),
        Registry::Compare(Reconcile::Range { from: 0, to: 300, items: vec![(1, 300)] }),
        Registry::Compare(Reconcile::Buckets(vec![1, 300])),
    ];
    members.into_iter().map(Message::from).chain(records.into_iter().map(Message::from)).collect()
}

fn datagram(message: &Message) -> Vec<u8> {
    let rules = rules("default");
    let mut bytes = Vec::new();
    encode(&rules, &header(&rules), message, &mut bytes);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn the_format_is_pinned() {
    let line = |message: &Message| format!("{} {message:?}\n", hex(&datagram(message)));
    let lines = messages().iter().fold(String::new(), |text, message| text + &line(message));
    let golden = include_str!("golden.txt");
    assert!(lines == golden, "a changed format needs a new version and new vectors; now it is\n{lines}");
}

#[test]
fn a_heartbeat_and_its_ack_are_small() {
    // Two followers at the default pace: 80 heartbeats and 80 acks a second in 12 kB, less what sealing will add.
    for message in messages().iter().skip(4).take(2) {
        assert!(datagram(message).len() <= 72, "{message:?} takes {} bytes", datagram(message).len());
    }
}

/// A node with another configuration may be told, too, wherever it is (E18).
#[test]
fn a_configuration_fits_the_shortest_datagram() {
    let mut shared = *rules("default").shared();
    (shared.lease, shared.max_lease) = (Timing::LEASE_MAX, Timing::LEASE_MAX);
    (shared.drift_ppm, shared.voters, shared.next_voters) = (Timing::DRIFT_PPM_MAX, 63, 63);
    for answer in [false, true] {
        let len = datagram(&Message::Session(Session::Configuration { answer, shared })).len();
        assert_eq!(len, datagram(&Message::Session(Session::Probe { nonce: 300 })).len(), "{len} bytes");
    }
}

#[test]
fn every_message_comes_back() {
    let rules = rules("default");
    for message in messages() {
        let bytes = datagram(&message);
        let mut opened = open(&rules, rules.seal, &bytes).unwrap();
        assert_eq!(opened.header, header(&rules));
        assert_eq!(opened.next_message::<Message>(), Some(Ok(message)));
        assert_eq!(opened.next_message::<Message>(), None);
    }
}

#[test]
fn one_datagram_may_hold_several_messages() {
    let rules = rules("default");
    let mut bytes = Vec::new();
    let both = (messages()[4].clone(), messages()[14].clone());
    encode(&rules, &header(&rules), &both, &mut bytes);
    let mut opened = open(&rules, rules.seal, &bytes).unwrap();
    assert_eq!(opened.next_message::<Message>(), Some(Ok(both.0)));
    assert_eq!(opened.next_message::<Message>(), Some(Ok(both.1)));
    assert_eq!(opened.next_message::<Message>(), None);
}

#[test]
fn damage_is_noticed_wherever_it_is() {
    let rules = rules("default");
    let whole = datagram(&messages()[4]);
    for len in 0..whole.len() {
        assert!(open(&rules, rules.seal, &whole[..len]).is_err(), "cut to {len}");
    }
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&rules, rules.seal, &damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn each_kind_of_foreign_datagram_has_its_reason() {
    let rules = rules("default");
    let refused = |bytes: &[u8]| open(&rules, rules.seal, bytes).unwrap_err();
    let with = |position: usize, value: u8| {
        let mut bytes = datagram(&messages()[4]);
        bytes[position] = value;
        bytes
    };
    assert_eq!(refused(&with(0, 2)), DropReason::Version);
    assert_eq!(refused(&with(5, 1)), DropReason::UnknownKey);
    assert_eq!(refused(&vec![1; DATAGRAM_MAX + 1]), DropReason::Malformed);
    assert_eq!(refused(&[]), DropReason::Malformed);
    let other = self::rules("another");
    let mut bytes = Vec::new();
    encode(&other, &header(&other), &messages()[4], &mut bytes);
    assert_eq!(refused(&bytes), DropReason::ForeignCluster);
}

#[test]
fn a_sound_frame_without_a_sound_message_is_malformed() {
    let rules = rules("default");
    let mut bytes = Vec::new();
    encode(&rules, &header(&rules), &[250_u8, 250, 250], &mut bytes);
    let mut opened = open(&rules, rules.seal, &bytes).unwrap();
    assert_eq!(opened.next_message::<Message>(), Some(Err(DropReason::Malformed)));
    assert_eq!(opened.next_message::<Message>(), None, "nothing after it is looked at");
    encode(&rules, &header(&rules), &(), &mut bytes);
    assert_eq!(open(&rules, rules.seal, &bytes).unwrap_err(), DropReason::Malformed, "no message at all");
}
