//! Messages about members and services, with anything in them that fits one datagram.

use alloc::string::String;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{incarnation, key, term};
use crate::id::NodeId;
use crate::membership::{Accusers, Hint, Introduction, Message as Member, Piggyback, Standing, State, StateUpdate};
use crate::node::Message;
use crate::reconcile::Message as Reconcile;
use crate::registry::{Health, Message as Registry, Record, RecordBody, ServiceFacts};

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        (any::<[u8; 4]>(), any::<u16>()).prop_map(|(host, port)| SocketAddr::from((host, port))),
        (any::<[u8; 16]>(), any::<u16>())
            .prop_map(|(host, port)| SocketAddr::from((IpAddr::from(Ipv6Addr::from(host)), port))),
    ]
}

fn standing() -> impl Strategy<Value = Standing> {
    (incarnation(), any::<u32>()).prop_map(|(incarnation, refutation)| Standing { incarnation, refutation })
}

fn state() -> impl Strategy<Value = State> {
    select(&[State::Alive, State::Suspect, State::Down, State::Left][..])
}

fn introduction() -> impl Strategy<Value = Introduction> {
    let id = "[a-z][a-z0-9_-]{0,30}".prop_map(|id| NodeId::new(&id).unwrap());
    (id, option::of(address()), standing(), state(), any::<u32>())
        .prop_map(|(id, address, standing, state, age_s)| Introduction { id, address, standing, state, age_s })
}

fn word() -> impl Strategy<Value = Piggyback> {
    let leader = option::of((key(), term()).prop_map(|(leader, term)| Hint { leader, term }));
    (option::of((standing(), state())), any::<u64>(), any::<u64>(), leader)
        .prop_map(|(about_you, members, records, leader)| Piggyback { about_you, members, records, leader })
}

fn compare() -> impl Strategy<Value = Reconcile> {
    prop_oneof![
        vec(any::<u32>(), 0..=200).prop_map(Reconcile::Buckets),
        (any::<u64>(), any::<u64>(), vec(any::<(u64, u32)>(), 0..=60)).prop_map(|(from, to, items)| Reconcile::Range {
            from,
            to,
            items
        }),
        vec(any::<u64>(), 0..=100).prop_map(Reconcile::Want),
    ]
}

fn member() -> impl Strategy<Value = Member> {
    let accusers = option::of(key()).prop_map(|accuser| accuser.map(Accusers::one).unwrap_or_default());
    prop_oneof![
        (option::of(address()), introduction()).prop_map(|(at, me)| Member::Join { at, me }),
        (introduction(), option::of(address()), word()).prop_map(|(me, seen_at, word)| Member::Welcome {
            me,
            seen_at,
            word
        }),
        (any::<u32>(), word()).prop_map(|(seq, word)| Member::Ping { seq, word }),
        (any::<u32>(), word()).prop_map(|(seq, word)| Member::Ack { seq, word }),
        (any::<u32>(), key()).prop_map(|(seq, target)| Member::PingReq { seq, target }),
        any::<u32>().prop_map(|seq| Member::Nack { seq }),
        introduction().prop_map(Member::Introduce),
        (key(), standing(), state(), accusers).prop_map(|(member, standing, state, accusers)| {
            Member::Update(StateUpdate { member, standing, state, accusers })
        }),
        compare().prop_map(Member::Compare),
    ]
}

fn text() -> impl Strategy<Value = String> {
    any::<[char; 8]>().prop_map(|chars| chars.iter().collect())
}

fn record() -> impl Strategy<Value = Record> {
    let health = select(&[Health::Passing, Health::Warning, Health::Critical][..]);
    let facts = (text(), option::of(text()), any::<u16>(), vec(text(), 0..8), text(), health, option::of(any::<u64>()));
    let body = prop_oneof![
        Just(RecordBody::Deleted),
        text().prop_map(RecordBody::Metadata),
        facts.prop_map(|(name, host, port, tags, metadata, health, ttl_ms)| {
            RecordBody::Service(ServiceFacts { name, host, port, tags, metadata, health, ttl_ms })
        }),
    ];
    (key(), incarnation(), any::<u64>(), text(), body).prop_map(|(owner, incarnation, version, id, body)| Record {
        owner,
        incarnation,
        version,
        id,
        body,
    })
}

/// Any of them.
pub(super) fn gossip() -> impl Strategy<Value = Message> {
    prop_oneof![
        3 => member().prop_map(Message::from),
        2 => record().prop_map(|record| Message::from(Registry::Record(record))),
        1 => record().prop_map(|record| Message::from(Registry::Owed(record))),
        1 => compare().prop_map(|compare| Message::from(Registry::Compare(compare))),
    ]
}
