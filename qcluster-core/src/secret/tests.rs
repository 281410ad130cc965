//! Which numbers a key gives is pinned: recordings are replayed on other machines.

use std::format;

use super::Secret;

#[test]
fn numbers_are_sip_hashes() {
    // The vector for sixteen bytes that its authors publish with the key of the bytes 0 to 15.
    let secret = Secret(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
    assert_eq!(secret.number(&[0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100]), 0x3f2a_cc7f_57c2_9bdb);
}

#[test]
fn each_seed_and_each_word_gives_another_number() {
    let numbers =
        [(1, [1, 2]), (2, [1, 2]), (1, [1, 3]), (1, [0, 2])].map(|(seed, words)| Secret::new(seed).number(&words));
    let distinct = std::collections::BTreeSet::from(numbers);
    assert_eq!(distinct.len(), numbers.len());
}

#[test]
fn a_key_is_not_printed() {
    assert_eq!(format!("{:?}", Secret::new(0x1234)), "Secret(..)");
}
