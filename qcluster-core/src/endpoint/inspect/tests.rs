//! What is written reads back: every message, with every number in it.

mod gossip;

use alloc::boxed::Box;
use alloc::vec;
use proptest::collection;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::config::{Rules, Settings, VoterSettings};
use crate::election::{KnownIncarnation, LeadershipId, Message as ElectionMessage};
use crate::id::{Incarnation, IncarnationsDigest, NodeId, NodeKey, Term};
use crate::node::{IncarnationsReport, Session};
use crate::observer::Message as ObserverMessage;
use crate::reason::Refusal;
use crate::time::{Span, Time};
use crate::wire::DATAGRAM_MAX;

/// The rules of `a`, one of four voters, which may be about to change.
fn rules(next: Option<&[&str]>) -> Rules {
    let voters = |ids: &[&str]| ids.iter().map(|id| VoterSettings::new(NodeId::new(id).unwrap())).collect();
    let id = NodeId::new("a").unwrap();
    Settings { next_voters: next.map(voters), ..Settings::voter(id, voters(&["a", "b", "c", "d"])) }.check().unwrap()
}

fn term() -> impl Strategy<Value = Term> {
    any::<u64>().prop_map(Term)
}

fn key() -> impl Strategy<Value = NodeKey> {
    any::<u64>().prop_map(NodeKey)
}

fn incarnation() -> impl Strategy<Value = Incarnation> {
    any::<u64>().prop_map(Incarnation)
}

fn time() -> impl Strategy<Value = Time> {
    any::<u64>().prop_map(Time::from_nanos)
}

fn leadership() -> impl Strategy<Value = Option<LeadershipId>> {
    let one = (key(), incarnation(), term());
    option::of(one.prop_map(|(node, incarnation, term)| LeadershipId { node, incarnation, term }))
}

fn refusal() -> impl Strategy<Value = Option<Refusal>> {
    option::of(select(Refusal::ALL))
}

fn lease() -> impl Strategy<Value = Span> {
    any::<u64>().prop_map(Span::from_nanos)
}

fn incarnations() -> impl Strategy<Value = IncarnationsDigest> {
    any::<u32>().prop_map(IncarnationsDigest)
}

fn election() -> impl Strategy<Value = ElectionMessage> {
    use ElectionMessage as M;
    let beats = (term(), time(), lease(), any::<bool>(), term());
    let acks = (term(), time(), lease(), term(), incarnations());
    let pre_votes = (any::<u64>(), term(), leadership());
    let pre_vote_replies = (any::<u64>(), refusal(), term(), term(), incarnations());
    let vote_replies = (term(), refusal(), term(), term(), incarnations());
    prop_oneof![
        beats.prop_map(|(term, sent_at, lease, active, stamp)| M::Heartbeat { term, sent_at, lease, active, stamp }),
        acks.prop_map(|(term, sent_at, lease, stamp, incarnations)| M::HeartbeatAck {
            term,
            sent_at,
            lease,
            stamp,
            incarnations
        }),
        term().prop_map(|term| M::StaleTerm { term }),
        pre_votes.prop_map(|(round, term, consent)| M::PreVoteRequest { round, term, consent }),
        pre_vote_replies.prop_map(|(round, refusal, term, stamp, incarnations)| M::PreVoteReply {
            round,
            refusal,
            term,
            stamp,
            incarnations
        }),
        (term(), lease(), leadership()).prop_map(|(term, lease, released)| M::VoteRequest { term, lease, released }),
        vote_replies.prop_map(|(asked, refusal, term, stamp, incarnations)| M::VoteReply {
            asked,
            refusal,
            term,
            stamp,
            incarnations
        }),
        (term(), option::of(key())).prop_map(|(term, successor)| M::Release { term, successor }),
        term().prop_map(|term| M::CouldYouWin { term }),
        (term(), any::<u64>()).prop_map(|(term, reached)| M::CouldWin { term, reached }),
    ]
}

fn session() -> impl Strategy<Value = Session> {
    let hellos = (key(), any::<[bool; 3]>(), incarnation(), incarnation());
    prop_oneof![
        hellos.prop_map(|(to, [answer, booting, is_new], known, took_part)| Session::Hello {
            to,
            answer,
            booting,
            is_new,
            known,
            took_part
        }),
        any::<u64>().prop_map(|nonce| Session::Probe { nonce }),
        (any::<u64>(), any::<bool>()).prop_map(|(nonce, booting)| Session::ProbeAck { nonce, booting }),
        (incarnation(), any::<bool>()).prop_map(|(other, booting)| Session::DuplicateIdentifier { other, booting }),
        incarnation().prop_map(|by| Session::Superseded { by }),
        any::<bool>().prop_map(|established| Session::Step { established }),
        (any::<bool>(), any::<[u32; 3]>(), any::<u8>()).prop_map(|(answer, [lease, longest, drift], voters)| {
            let mut shared = *Rules::placeholder().shared();
            shared.lease = Span::from_nanos(lease.into());
            shared.max_lease = Span::from_millis(longest.into());
            (shared.drift_ppm, shared.voters) = (drift, voters);
            Session::Configuration { answer, shared }
        }),
    ]
}

fn told() -> impl Strategy<Value = IncarnationsReport> {
    let known = (key(), incarnation()).prop_map(|(node, incarnation)| KnownIncarnation { node, incarnation });
    (any::<bool>(), collection::vec(known, 0..8))
        .prop_map(|(answer, incarnations)| IncarnationsReport { answer, incarnations })
}

fn observer() -> impl Strategy<Value = ObserverMessage> {
    let announcements = (option::of(key()), term());
    prop_oneof![
        Just(ObserverMessage::Subscribe),
        announcements.prop_map(|(leader, term)| ObserverMessage::Announce { leader, term }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        10 => election().prop_map(Message::Election),
        4 => session().prop_map(Message::Session),
        2 => observer().prop_map(Message::Observer),
        2 => told().prop_map(|told| Message::Incarnations(Box::new(told))),
        8 => gossip::gossip(),
    ]
}

/// An envelope to `a`, with the rules that both ends have.
fn envelope() -> impl Strategy<Value = (Rules, Envelope)> {
    const LISTS: &[Option<&[&str]>] = &[None, Some(&["a", "b", "e"])];
    (select(LISTS), key(), incarnation(), incarnation(), message()).prop_map(
        |(next, from, from_incarnation, to_incarnation, message)| {
            let rules = rules(next);
            let (to, digests) = (rules.key(), rules.digests);
            (rules, Envelope { from, from_incarnation, to, to_incarnation, digests, message })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_envelope_comes_back((rules, envelope) in envelope()) {
        let bytes = write_datagram(&rules, &envelope);
        prop_assert!(bytes.len() <= DATAGRAM_MAX);
        prop_assert_eq!(read_datagram(&rules, &bytes), Ok(vec![envelope]));
    }

    /// A burst of up to 32 bits is what the checksum is sure to find; in the prefix other checks come first.
    #[test]
    fn a_burst_of_damage_is_noticed((rules, envelope) in envelope(), at in any::<Index>(), mask in 1..=u32::MAX) {
        let mut bytes = write_datagram(&rules, &envelope);
        let at = at.index(bytes.len() - 3);
        for (byte, bits) in bytes[at..].iter_mut().zip(mask.to_le_bytes()) {
            *byte ^= bits;
        }
        prop_assert!(read_datagram(&rules, &bytes).is_err());
    }

    #[test]
    fn bytes_that_were_cut_are_no_datagram((rules, envelope) in envelope(), len in any::<Index>()) {
        let bytes = write_datagram(&rules, &envelope);
        prop_assert!(read_datagram(&rules, &bytes[..len.index(bytes.len())]).is_err());
    }
}
