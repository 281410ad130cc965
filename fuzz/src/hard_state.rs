//! Any bytes as a saved record: refused, or the record of a state that a voter can go on from.

use arbitrary::{Arbitrary, Unstructured};
use qcluster_core::hard_state::{decode, encode};
use qcluster_core::{Boot, HardState, Incarnation, Node, Rules, Span, Term, Time};

use crate::cluster::{STAMP_MS, config, end_with_checksum, rules};

#[derive(Debug, Arbitrary)]
enum Record<'a> {
    /// Anything at all.
    Raw(&'a [u8]),
    /// With a right checksum.
    Sealed(&'a [u8]),
    /// With a right checksum and a right owner: what comes behind them decides.
    Owned { version: u8, state: &'a [u8] },
}

pub(crate) fn run(data: &[u8]) {
    let Ok(record) = Record::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut durable = config(0);
    durable.data_dir = Some("state".to_owned());
    let rules = rules(&durable);
    let bytes = bytes(&record, &rules);
    let Ok(saved) = decode(&bytes, &rules) else { return };
    let mut again = Vec::new();
    encode(&saved, &rules, &mut again);
    assert_eq!(decode(&again, &rules).as_ref(), Ok(&saved), "what was read cannot be written and read again");
    // Whatever was saved, a voter starts with it or says why not; it does not panic, and its term does not go back.
    let term = saved.term;
    let boot = Boot::new(1, STAMP_MS).with_saved(saved);
    if let Ok(node) = Node::new(rules, boot, Time::ZERO) {
        assert!(node.term() >= term, "{:?} is below the saved {term:?}", node.term());
    }
}

fn bytes(record: &Record<'_>, rules: &Rules) -> Vec<u8> {
    let mut bytes = match record {
        Record::Raw(bytes) => return bytes.to_vec(),
        Record::Sealed(bytes) => bytes.to_vec(),
        Record::Owned { version, state } => {
            let mut bytes = owner(rules);
            bytes[4] = *version;
            bytes.extend_from_slice(state);
            bytes
        }
    };
    end_with_checksum(&mut bytes);
    bytes
}

/// The part of a record that says whose it is: magic, version, cluster, node.
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
    encode(&nothing, rules, &mut bytes);
    bytes.truncate(OWNER_LEN);
    bytes
}
