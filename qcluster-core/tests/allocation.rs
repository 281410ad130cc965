//! Reading bytes takes no more memory than there are bytes to justify it, whatever lengths they claim. An allocator counts.

use allocation_counter::{AllocationInfo, measure};
use proptest::collection::vec;
use proptest::prelude::*;
use qcluster_core::{
    DATAGRAM_MAX, Durability, Endpoint, EndpointBoot, HardState, Incarnation, Input, NodeId, Output, Rules, Settings,
    Span, Term, Time, VoterSettings, hard_state, read_datagram,
};

/// For each byte of a datagram: a message takes two bytes at least, and is a hundred times as large in memory; while a list of them
/// grows, it is there twice.
const DATAGRAM_FACTOR: u64 = 256;
/// For each byte of a record.
const RECORD_FACTOR: u64 = 32;
/// Whatever comes.
const BASE: u64 = 1_024;
/// What is behind the prefix of a datagram: sender, incarnations and digests.
const HEADER: std::ops::Range<usize> = 0..39;

fn rules() -> Rules {
    let id = NodeId::new("a").unwrap();
    let voters = ["a", "b", "c"].map(|id| VoterSettings::new(NodeId::new(id).unwrap())).to_vec();
    let mut settings = Settings::voter(id, voters);
    settings.durability = Durability::Durable;
    settings.check().unwrap()
}

/// The start of a datagram of the cluster, up to its messages.
fn header() -> Vec<u8> {
    let boot = EndpointBoot { seed: 1, stamp_ms: 1_764_000_000_000, saved: None };
    let mut endpoint = Endpoint::new(rules(), boot, Time::ZERO).unwrap();
    let address = "127.0.0.1:7002".parse().unwrap();
    let mut outputs = endpoint.step(Time::ZERO, Input::Resolved { peer: NodeId::new("b").unwrap().key(), address });
    while let Some(output) = outputs.next() {
        if let Output::Transmit { bytes, .. } = output {
            return bytes[HEADER].to_vec();
        }
    }
    panic!("a node that knows where another one is greets it");
}

/// The start of a record: whose it is, and in which version.
fn owner(rules: &Rules) -> Vec<u8> {
    const OWNER_LEN: usize = 17;
    let nothing = HardState {
        term: Term(0),
        vote: None,
        stamp: Term(0),
        lease: Span::ZERO,
        incarnation: Incarnation::UNKNOWN,
        incarnations: Vec::new(),
        step: None,
    };
    let mut bytes = Vec::new();
    hard_state::encode(&nothing, rules, &mut bytes);
    bytes.truncate(OWNER_LEN);
    bytes
}

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Bytes that are likely to be lengths, kinds and numbers of postcard; or a short message of them, as often as fits.
fn body() -> impl Strategy<Value = Vec<u8>> {
    const LEN_MAX: usize = DATAGRAM_MAX - 64;
    let byte = || prop_oneof![8 => 0..16_u8, 1 => Just(0xFF), 1 => Just(0x7F), 2 => any::<u8>()];
    let message = (vec(0..12_u8, 2..6), 1..LEN_MAX);
    let repeated = message.prop_map(|(message, len)| message.into_iter().cycle().take(len).collect());
    prop_oneof![vec(byte(), 0..LEN_MAX), repeated]
}

fn most(what: impl FnOnce()) -> u64 {
    let AllocationInfo { bytes_max, .. } = measure(what);
    bytes_max
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_a_datagram_takes_no_more_than_its_size_justifies(kind in 0..3_u8, body in body()) {
        let rules = rules();
        let bytes = match kind {
            0 => body,
            1 => with_checksum(body),
            _ => with_checksum([header(), body].concat()),
        };
        let mut read = None;
        let most = most(|| read = Some(read_datagram(&rules, &bytes)));
        let limit = BASE + DATAGRAM_FACTOR * bytes.len() as u64;
        prop_assert!(most <= limit, "{} bytes of memory for a datagram of {}: {:?}", most, bytes.len(), read);
    }

    #[test]
    fn reading_a_record_takes_no_more_than_its_size_justifies(kind in 0..2_u8, body in body()) {
        let rules = rules();
        let bytes = if kind == 0 { body } else { with_checksum([owner(&rules), body].concat()) };
        let mut read = None;
        let most = most(|| read = Some(hard_state::decode(&bytes, &rules)));
        let limit = BASE + RECORD_FACTOR * bytes.len() as u64;
        prop_assert!(most <= limit, "{} bytes of memory for a record of {}: {:?}", most, bytes.len(), read);
    }
}
