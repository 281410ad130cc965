//! What an identifier may be, and that its stand-ins are stable.

use super::{BadNodeId, FencingToken, Incarnation, NodeId, stable_hash};
use alloc::string::String;

#[test]
fn an_identifier_is_short_and_printable() {
    assert_eq!(NodeId::new("server_a").unwrap().as_str(), "server_a");
    assert_eq!(NodeId::new(""), Err(BadNodeId::Empty));
    assert_eq!(NodeId::new("two words"), Err(BadNodeId::NotPrintable));
    assert_eq!(NodeId::new("naïve"), Err(BadNodeId::NotPrintable));
    assert_eq!(NodeId::new(&String::from_utf8(alloc::vec![b'a'; 65]).unwrap()), Err(BadNodeId::TooLong));
}

#[test]
fn keys_never_change() {
    // Pinned: nodes of different versions must agree on these.
    assert_eq!(NodeId::new("server_a").unwrap().key().0, stable_hash(&[b"server_a"]));
    assert_eq!(stable_hash(&[b"server_a"]), 0xdb16_1de9_c183_504c);
    assert_ne!(stable_hash(&[b"ab", b"c"]), stable_hash(&[b"a", b"bc"]));
}

#[test]
fn incarnations_grow_with_the_stamp_and_are_never_unknown() {
    assert!(Incarnation::new(2, 0) > Incarnation::new(1, u64::MAX));
    assert_ne!(Incarnation::new(0, 0), Incarnation::UNKNOWN);
    let ahead = Incarnation::new(9_000, 5);
    assert!(ahead.above(0) > ahead);
}

/// A resource stores the number, and a program that prints one sees what it is.
#[test]
fn a_token_is_a_number_by_name() {
    let token = FencingToken(7);
    assert_eq!((u64::from(token), alloc::format!("{token} {token:?}")), (7, "7 FencingToken(7)".into()));
}
