//! A record comes back as it was, or not at all.

use super::{RecordError, decode, encode};
use crate::config::{Rules, Settings, VoterSettings};
use crate::election::{ChangeStep, HardState, KnownIncarnation, Vote};
use crate::id::{Incarnation, NodeId, NodeKey, Term};
use crate::time::Span;
use alloc::vec;
use alloc::vec::Vec;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;

fn rules(cluster: &str, id: &str) -> Rules {
    let id = NodeId::new(id).unwrap();
    let settings = Settings { cluster: cluster.into(), ..Settings::voter(id.clone(), vec![VoterSettings::new(id)]) };
    settings.check().unwrap()
}

fn state() -> HardState {
    HardState {
        term: Term(1_764_000_000_007),
        vote: Some(Vote { node: NodeKey(11), incarnation: Incarnation(12) }),
        stamp: Term(1_764_000_000_000),
        lease: Span::from_millis(150),
        incarnation: Incarnation(13),
        incarnations: [(2, 21), (3, 22)]
            .map(|(node, incarnation)| KnownIncarnation { node: NodeKey(node), incarnation: Incarnation(incarnation) })
            .to_vec(),
        step: Some(ChangeStep::taken(None, &rules("c", "a").digests)),
    }
}

fn record() -> Vec<u8> {
    let mut record = Vec::new();
    encode(&state(), &rules("c", "a"), &mut record);
    record
}

#[test]
fn comes_back_as_it_was() {
    assert_eq!(decode(&record(), &rules("c", "a")), Ok(state()));
}

#[test]
fn any_damage_is_noticed() {
    let whole = record();
    for len in 0..whole.len() {
        assert_eq!(decode(&whole[..len], &rules("c", "a")), Err(RecordError::Damaged), "cut to {len}");
    }
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&damaged, &rules("c", "a")), Err(RecordError::Damaged), "bit {bit}");
    }
}

#[test]
fn somebody_elses_record_is_refused() {
    assert_eq!(decode(&record(), &rules("c", "b")), Err(RecordError::OtherNode));
    assert_eq!(decode(&record(), &rules("d", "a")), Err(RecordError::OtherCluster));
}

#[test]
fn a_later_version_is_named() {
    let mut record = record();
    record[4] = 3;
    seal(&mut record);
    assert_eq!(decode(&record, &rules("c", "a")), Err(RecordError::Version(3)));
}

/// Bytes that the release before this one wrote: the voter goes on from them, and knows no incarnations yet.
#[test]
fn a_record_of_version_1_is_read() {
    let earlier = HardState { incarnations: Vec::new(), step: None, ..state() };
    let mut record = Vec::new();
    encode(&earlier, &rules("c", "a"), &mut record);
    record[4] = 1;
    // The empty list and the step that is not there are a byte each.
    record.drain(record.len() - 6..record.len() - 4);
    seal(&mut record);
    assert_eq!(decode(&record, &rules("c", "a")), Ok(earlier));
}

/// What is looked up by halving has to be in order.
#[test]
fn incarnations_out_of_order_are_damage() {
    let mut disordered = state();
    disordered.incarnations.reverse();
    let mut record = Vec::new();
    encode(&disordered, &rules("c", "a"), &mut record);
    assert_eq!(decode(&record, &rules("c", "a")), Err(RecordError::Damaged));
}

fn seal(record: &mut [u8]) {
    let body = record.len() - 4;
    let checksum = crc32fast::hash(&record[..body]);
    record[body..].copy_from_slice(&checksum.to_le_bytes());
}

fn any_state() -> impl Strategy<Value = HardState> {
    let vote = (any::<u64>(), any::<u64>());
    let vote = vote.prop_map(|(node, incarnation)| Vote { node: NodeKey(node), incarnation: Incarnation(incarnation) });
    let incarnations = btree_map(any::<u64>(), any::<u64>(), 0..4);
    (0..Term::MAX.0, option::of(vote), 0..Term::MAX.0, any::<u64>(), any::<u64>(), incarnations).prop_map(
        |(term, vote, stamp, lease, incarnation, incarnations)| HardState {
            term: Term(term),
            vote,
            stamp: Term(stamp),
            lease: Span::from_nanos(lease),
            incarnation: Incarnation(incarnation),
            incarnations: incarnations
                .into_iter()
                .map(|(node, incarnation)| KnownIncarnation {
                    node: NodeKey(node),
                    incarnation: Incarnation(incarnation),
                })
                .collect(),
            step: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_state_comes_back(state in any_state()) {
        let rules = rules("c", "a");
        let mut record = Vec::new();
        encode(&state, &rules, &mut record);
        prop_assert_eq!(decode(&record, &rules), Ok(state));
    }

    /// A burst of up to 32 bits is what the checksum is sure to find.
    #[test]
    fn a_burst_of_damage_is_noticed(state in any_state(), at in any::<prop::sample::Index>(), mask in 1..=u32::MAX) {
        let rules = rules("c", "a");
        let mut record = Vec::new();
        encode(&state, &rules, &mut record);
        let at = at.index(record.len() - 3);
        for (byte, bits) in record[at..].iter_mut().zip(mask.to_le_bytes()) {
            *byte ^= bits;
        }
        prop_assert_eq!(decode(&record, &rules), Err(RecordError::Damaged));
    }
}
