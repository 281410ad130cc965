//! A record comes back as it was, or not at all.

use super::{RecordError, decode, encode};
use crate::config::{Rules, Settings, VoterSettings};
use crate::election::{HardState, Vote};
use crate::id::{Incarnation, NodeId, NodeKey, Term};
use crate::time::Span;
use alloc::vec;
use alloc::vec::Vec;
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
    record[4] = 2;
    let body = record.len() - 4;
    let checksum = crc32fast::hash(&record[..body]);
    record[body..].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(decode(&record, &rules("c", "a")), Err(RecordError::Version(2)));
}

fn any_state() -> impl Strategy<Value = HardState> {
    let vote = (any::<u64>(), any::<u64>());
    let vote = vote.prop_map(|(node, life)| Vote { node: NodeKey(node), incarnation: Incarnation(life) });
    (0..Term::MAX.0, option::of(vote), 0..Term::MAX.0, any::<u64>(), any::<u64>()).prop_map(
        |(term, vote, stamp, lease, life)| HardState {
            term: Term(term),
            vote,
            stamp: Term(stamp),
            lease: Span::from_nanos(lease),
            incarnation: Incarnation(life),
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
