//! What is sealed opens with the same secret, once, and in no other way.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{Keyring, KeyringError, NONCE_PREFIX_LEN, Seal};
use crate::config::{Rules, SealMode, Secret, Settings, VoterSettings};
use crate::id::{Incarnation, NodeId};
use crate::reason::DropReason;
use crate::wire::{self, DATAGRAM_MAX, Header};

fn secret(byte: u8) -> Secret {
    Secret::new([byte; Secret::LEN])
}

fn seal(mode: SealMode, secrets: &[u8], life: u8) -> Seal {
    let secrets: Vec<Secret> = secrets.iter().map(|byte| secret(*byte)).collect();
    Seal::new(Keyring::new("test", &secrets).unwrap(), mode, [life; NONCE_PREFIX_LEN])
}

fn rules(seal: Option<SealMode>) -> Rules {
    let id = NodeId::new("a").unwrap();
    let voters = [VoterSettings::new(id.clone())].to_vec();
    Settings { cluster: "test".into(), seal, ..Settings::voter(id, voters) }.check().unwrap()
}

fn header(rules: &Rules) -> Header {
    Header {
        from: rules.key(),
        from_incarnation: Incarnation(7),
        to_incarnation: Incarnation(9),
        digests: rules.digests(),
    }
}

/// A plain datagram with a message of that number.
fn plain(mode: SealMode, message: u64) -> Vec<u8> {
    let rules = rules(Some(mode));
    let mut buffer = Vec::new();
    wire::encode(&rules, &header(&rules), &message, &mut buffer);
    buffer
}

fn sealed(seal: &mut Seal, message: u64) -> Vec<u8> {
    seal.seal(&plain(seal.mode(), message)).unwrap().to_vec()
}

/// The message of a datagram, as the endpoint reads it.
fn read(mode: SealMode, plain: &[u8]) -> Result<u64, DropReason> {
    let rules = rules(Some(mode));
    wire::open(&rules, rules.seal, plain)?.next_message::<u64>().expect("it has one")
}

#[test]
fn s2_what_is_sealed_is_read_by_who_has_the_secret() {
    let (mut from, mut to) = (seal(SealMode::Require, &[1], 1), seal(SealMode::Require, &[1], 2));
    let plain = plain(SealMode::Require, 77);
    let sealed = from.seal(&plain).unwrap().to_vec();
    assert_eq!(sealed.len(), plain.len() + 36);
    assert_eq!(sealed[..6], [&[2][..], &plain[1..5], &[from.keyring().ids().next().unwrap()]].concat());
    // Nothing behind the clear part is as it was.
    assert!(!sealed.windows(8).any(|window| plain[6..].windows(8).any(|other| window == other)));
    assert_eq!(to.open(&sealed).and_then(|opened| read(SealMode::Require, opened)), Ok(77));
}

#[test]
fn s2_no_two_datagrams_have_one_nonce() {
    let mut seals = [seal(SealMode::Require, &[1], 1), seal(SealMode::Send, &[1], 2)];
    let mut nonces: Vec<Vec<u8>> = Vec::new();
    for turn in 0..100 {
        nonces.extend(seals.iter_mut().map(|seal| sealed(seal, turn)[6..30].to_vec()));
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 200);
}

#[test]
fn s2_a_seal_ends_before_its_counter_does() {
    let mut seal = seal(SealMode::Require, &[1], 1);
    seal.counter = Seal::COUNTER_MAX - 1;
    assert!(seal.seal(&plain(SealMode::Require, 1)).is_some());
    assert_eq!(seal.seal(&plain(SealMode::Require, 1)), None);
    assert_eq!(seal.seal(&plain(SealMode::Require, 1)), None);
}

#[test]
fn s1_keys_are_of_a_secret_and_a_cluster() {
    let id = |cluster, byte| Keyring::new(cluster, [&secret(byte)]).unwrap().ids().next().unwrap();
    assert_ne!(id("test", 1), id("other", 1));
    assert_ne!(id("test", 1), id("test", 2));
    assert!((0..=255).all(|byte| id("test", byte) != 0));
    // The same secret in another cluster, with the clear part made to fit.
    let mut from = Seal::new(Keyring::new("other", [&secret(1)]).unwrap(), SealMode::Require, [1; NONCE_PREFIX_LEN]);
    let mut to = seal(SealMode::Require, &[1], 2);
    let mut bytes = sealed(&mut from, 1);
    bytes[5] = id("test", 1);
    assert_eq!(to.open(&bytes), Err(DropReason::Forged));
}

#[test]
fn s1_two_secrets_with_one_id_are_refused_by_their_places() {
    let ids: Vec<u8> =
        (0..=255).map(|byte| Keyring::new("test", [&secret(byte)]).unwrap().ids().next().unwrap()).collect();
    let (one, other) = (0..256)
        .flat_map(|one| (0..one).map(move |other| (other, one)))
        .find(|(one, other)| ids[*one] == ids[*other])
        .expect("256 secrets and 255 ids");
    let secrets = [0, one, other].map(|place| secret(u8::try_from(place).unwrap()));
    let error = Keyring::new("test", &secrets[1..]).unwrap_err();
    assert_eq!(error, KeyringError::SameId { places: [0, 1] });
    assert!(error.to_string().starts_with("secrets 1 and 2 have the same key id"));
    // The same secret has the same id by no chance.
    let error = Keyring::new("test", [&secrets[1], &secrets[1]]).unwrap_err();
    assert_eq!(error, KeyringError::Repeated { places: [0, 1] });
    assert_eq!(error.to_string(), "secrets 1 and 2 are the same");
    assert_eq!(Keyring::new("test", []).unwrap_err(), KeyringError::Empty);
}

#[test]
fn s3_a_datagram_is_opened_once_and_a_forged_one_keeps_none_out() {
    let (mut from, mut to) = (seal(SealMode::Require, &[1], 1), seal(SealMode::Require, &[1], 2));
    let (first, second) = (sealed(&mut from, 1), sealed(&mut from, 2));
    let mut forged = first.clone();
    forged[40] ^= 1;
    assert_eq!(to.open(&forged), Err(DropReason::Forged));
    assert!(to.open(&second).is_ok());
    assert!(to.open(&first).is_ok());
    for bytes in [&first, &second] {
        assert_eq!(to.open(bytes), Err(DropReason::Replayed));
    }
}

#[test]
fn s4_each_mode_sends_and_takes_what_the_next_one_understands() {
    use SealMode::{Accept, Require, Send};
    for (from, to, is_taken) in [
        (Accept, Accept, true),
        (Accept, Send, true),
        (Accept, Require, false),
        (Send, Accept, true),
        (Send, Send, true),
        (Send, Require, true),
        (Require, Accept, true),
        (Require, Send, true),
        (Require, Require, true),
    ] {
        let (mut sender, mut receiver) = (seal(from, &[1], 1), seal(to, &[1], 2));
        let bytes = sealed(&mut sender, 5);
        assert_eq!(bytes[0], if from == Accept { 1 } else { 2 });
        let read = receiver.open(&bytes).and_then(|opened| read(to, opened));
        assert_eq!(read, if is_taken { Ok(5) } else { Err(DropReason::NotSealed) }, "{from:?} to {to:?}");
    }
    // A cluster without a secret is understood until seals are required.
    let without = plain(Send, 6);
    assert!(seal(Accept, &[1], 1).open(&without).is_ok());
    assert_eq!(wire::open(&rules(Some(Require)), Some(Require), &without).unwrap_err(), DropReason::NotSealed);
}

#[test]
fn s5_all_secrets_open_and_the_first_one_seals() {
    let (mut old, mut new) = (seal(SealMode::Require, &[1], 1), seal(SealMode::Require, &[2], 2));
    let (mut first, mut second) = (seal(SealMode::Require, &[1, 2], 3), seal(SealMode::Require, &[2, 1], 4));
    let from_old = sealed(&mut old, 1);
    let from_new = sealed(&mut new, 2);
    for between in [&mut first, &mut second] {
        assert!(between.open(&from_old).is_ok());
        assert!(between.open(&from_new).is_ok());
    }
    assert!(old.open(&sealed(&mut first, 3)).is_ok());
    assert!(new.open(&sealed(&mut second, 4)).is_ok());
    assert_eq!(old.open(&sealed(&mut second, 5)), Err(DropReason::UnknownKey));
}

#[test]
fn what_was_not_opened_here_does_not_say_that_it_was() {
    let mut bytes = plain(SealMode::Send, 1);
    bytes[5] = 9;
    let end = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    for mode in [SealMode::Accept, SealMode::Send, SealMode::Require] {
        assert_eq!(seal(mode, &[1], 1).open(&bytes), Err(DropReason::UnknownKey));
    }
    assert_eq!(wire::open(&rules(None), None, &bytes).unwrap_err(), DropReason::UnknownKey);
}

#[test]
fn e18_whatever_is_sent_a_question_fits_into_what_came() {
    use SealMode::{Accept, Require, Send};
    for from in [Accept, Send, Require] {
        let shortest = sealed(&mut seal(from, &[1], 1), 1);
        for to in [Accept, Send, Require] {
            let mut receiver = seal(to, &[1], 2);
            let Ok(opened) = receiver.open(&shortest) else { continue };
            let Ok(datagram) = wire::open(&rules(Some(to)), Some(to), opened) else { continue };
            assert_eq!(datagram.received_len, shortest.len());
            let answer = plain(to, 2);
            let sent = wire::sent_len(Some(to), answer.len());
            assert_eq!(sent, receiver.seal(&answer).unwrap().len());
            assert!(sent <= shortest.len(), "{from:?} to {to:?}");
        }
    }
    // To a node without a secret goes no more than it has sent, as long as this one does not seal.
    let mut answer = Vec::new();
    let accepting = rules(Some(Accept));
    wire::begin(&accepting, &header(&accepting), &2_u64, &mut answer);
    wire::finish_within(accepting.seal, &mut answer, 72);
    assert_eq!(answer.len(), 72);
}

/// As long as a datagram can be.
#[test]
fn the_longest_datagram_can_be_sealed() {
    let rules = rules(Some(SealMode::Require));
    let mut longest = Vec::new();
    wire::begin(&rules, &header(&rules), &1_u64, &mut longest);
    while wire::add(&1_u8, &mut longest) == wire::Added::Yes {}
    wire::finish(rules.seal, &mut longest);
    let (mut from, mut to) = (seal(SealMode::Require, &[1], 1), seal(SealMode::Require, &[1], 2));
    let sealed = from.seal(&longest).unwrap();
    assert!((DATAGRAM_MAX - 16..=DATAGRAM_MAX).contains(&sealed.len()), "{}", sealed.len());
    assert_eq!(to.open(sealed).unwrap().len(), longest.len());
    assert_eq!(from.seal(&[1; DATAGRAM_MAX]), None);
}

#[test]
fn what_is_of_another_cluster_or_version_is_told_as_that() {
    let mut to = seal(SealMode::Require, &[1], 2);
    for version in [1, 2] {
        let mut bytes = plain(SealMode::Send, 1);
        (bytes[0], bytes[1]) = (version, bytes[1] ^ 1);
        assert_eq!(to.open(&bytes), Err(DropReason::ForeignCluster));
    }
    let mut later = plain(SealMode::Send, 1);
    later[0] = 3;
    assert_eq!(to.open(&later), Err(DropReason::Version));
}

#[test]
fn keys_are_not_shown() {
    let seal = seal(SealMode::Require, &[1], 1);
    let ids: Vec<u8> = seal.keyring().ids().collect();
    assert!(format!("{seal:?}").contains(&format!("Keyring {{ ids: {ids:?}, .. }}")));
}

/// The bytes of version 2, with a nonce and a secret that are known. A change of them needs a new version.
#[test]
fn the_sealed_format_is_pinned() {
    let mut seal = seal(SealMode::Require, &[1], 0x11);
    let bytes = sealed(&mut seal, 5);
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    assert_eq!(hex, include_str!("golden.txt").trim());
}

proptest! {
    #[test]
    fn whatever_comes_is_refused_or_read_and_never_more_than_it_was(
        mut bytes in prop::collection::vec(any::<u8>(), 0..DATAGRAM_MAX + 8),
        kind in 0..3_u8,
    ) {
        let mut to = seal(SealMode::Require, &[1, 2], 2);
        let id = to.keyring().ids().next().unwrap();
        if kind > 0 && bytes.len() > 6 {
            bytes[0] = kind;
            bytes[1..5].copy_from_slice(&plain(SealMode::Require, 1)[1..5]);
            bytes[5] = id;
        }
        prop_assert!(to.open(&bytes).is_err());
    }

    #[test]
    fn a_bit_that_was_changed_anywhere_is_noticed(at in 0..108_usize, bit in 0..8_u8) {
        let (mut from, mut to) = (seal(SealMode::Require, &[1], 1), seal(SealMode::Require, &[1], 2));
        let mut bytes = sealed(&mut from, 1);
        prop_assert_eq!(bytes.len(), 108);
        bytes[at] ^= 1 << bit;
        prop_assert!(to.open(&bytes).is_err());
    }

    /// Each of them begins its nonces with the random bytes of its incarnation, and counts from there. The top bit of the counter is
    /// another channel, which those of a running node stay out of.
    #[test]
    fn s2_no_nonce_repeats_over_restarts_and_channels(
        lives in prop::collection::btree_set(any::<[u8; NONCE_PREFIX_LEN]>(), 1..6),
        turns in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..200),
        counters in prop::collection::vec(0..Seal::COUNTER_MAX, 6),
    ) {
        let mut seals: Vec<Seal> = lives.iter().zip(&counters).map(|(life, counter)| {
            let mut seal = Seal::new(Keyring::new("test", [&secret(1)]).unwrap(), SealMode::Require, *life);
            seal.counter = *counter;
            seal
        }).collect();
        let mut nonces = BTreeSet::new();
        for (turn, message) in turns {
            let seal = &mut seals[turn.index(lives.len())];
            let plain = plain(SealMode::Require, message);
            let Some(sealed) = seal.seal(&plain) else { continue };
            let nonce = sealed[6..30].to_vec();
            prop_assert_eq!(nonce[NONCE_PREFIX_LEN] >> 7, 0, "the channel of those that outlive their node");
            prop_assert!(nonces.insert(nonce), "a nonce was used twice");
        }
    }
}
