//! A record comes back as it was, or not at all.

use super::{RecordError, decode, encode};
use crate::config::{Rules, Settings, VoterSettings};
use crate::election::{HardState, Vote};
use crate::id::{Incarnation, NodeId, NodeKey, Term};
use crate::time::Span;
use alloc::vec;
use alloc::vec::Vec;

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
