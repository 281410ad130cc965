//! Sealed datagrams (S1–S4): what leaves the machine, and what an [`Endpoint`](crate::Endpoint) reads and writes.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 2 |
//! | 4 | cluster tag |
//! | 1 | key id, from 1 to 255 |
//! | 24 | nonce: 16 random bytes of the sender's incarnation, and a counter |
//! | … | what a plain datagram has between its key id and its checksum, encrypted |
//! | 16 | authentication tag, over the first six bytes too |
//!
//! The cipher is XChaCha20-Poly1305 (RFC 8439, with the nonce of draft-irtf-cfrg-xchacha-03). Keys and their ids come from the secret and
//! the name of the cluster by HKDF-SHA-256 (RFC 5869). The endpoint never sees a key: a [`Seal`] stands between it and the sockets, gives
//! it a plain datagram that names the key which it was sealed with, and is no part of snapshots and recordings.

mod replay;

use alloc::vec::Vec;
use core::fmt;

use chacha20poly1305::aead::{AeadInPlace as _, KeyInit as _};
use chacha20poly1305::{Key as CipherKey, Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::config::{SealMode, Secret, cluster_tag};
use crate::reason::DropReason;
use crate::wire::{
    self, CHECKSUM_LEN, DATAGRAM_MAX, NOT_SEALED, PREFIX_LEN, SEAL_NONCE_LEN, SEAL_TAG_LEN, SEALED_VERSION, VERSION,
};
use replay::{Freshness, Replays};

/// Tells these keys from all others that somebody may derive from the same secret.
const PURPOSE: &[u8] = b"qcluster datagram 2";

/// What a nonce is drawn from: random bytes that no other incarnation of any node has drawn.
pub const NONCE_PREFIX_LEN: usize = 16;

/// The keys of a cluster: the first one seals, all of them open.
pub struct Keyring {
    cluster_tag: [u8; 4],
    keys: Vec<Key>,
}

struct Key {
    id: u8,
    cipher: XChaCha20Poly1305,
}

/// Why secrets make no keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyringError {
    /// There is none.
    Empty,
    /// One secret is there twice.
    Repeated {
        /// The places of both, from 0.
        places: [usize; 2],
    },
    /// Two keys have one id, so that no node could tell which of them opens a datagram: replace one of the secrets.
    SameId {
        /// The places of both among the secrets, from 0.
        places: [usize; 2],
    },
}

impl Keyring {
    /// The keys of that cluster.
    ///
    /// # Errors
    /// There is no secret, or two of them cannot be told apart.
    pub fn new<'a>(cluster: &str, secrets: impl IntoIterator<Item = &'a Secret>) -> Result<Self, KeyringError> {
        let (mut keys, mut seen): (Vec<Key>, Vec<&Secret>) = (Vec::new(), Vec::new());
        for secret in secrets {
            let key = Key::derived(cluster, secret);
            if let Some(earlier) = keys.iter().position(|earlier| earlier.id == key.id) {
                let places = [earlier, keys.len()];
                let is_repeated = seen[earlier] == secret;
                return Err(if is_repeated {
                    KeyringError::Repeated { places }
                } else {
                    KeyringError::SameId { places }
                });
            }
            keys.push(key);
            seen.push(secret);
        }
        if keys.is_empty() {
            Err(KeyringError::Empty)
        } else {
            Ok(Self { cluster_tag: cluster_tag(cluster).to_le_bytes(), keys })
        }
    }

    /// The ids of all keys, which tell nothing about the secrets. The first one seals.
    pub fn ids(&self) -> impl Iterator<Item = u8> + '_ {
        self.keys.iter().map(|key| key.id)
    }
}

/// The id of the key that a datagram was sealed with, before or after it was opened; `None` of a plain one.
pub fn key_id(datagram: &[u8]) -> Option<u8> {
    let (prefix, _) = datagram.split_first_chunk::<PREFIX_LEN>()?;
    let [.., key_id] = *prefix;
    (key_id != NOT_SEALED).then_some(key_id)
}

impl Key {
    fn derived(cluster: &str, secret: &Secret) -> Self {
        const CIPHER_KEY_LEN: usize = 32;
        let mut derived = Zeroizing::new([0; CIPHER_KEY_LEN + 1]);
        let expanded =
            Hkdf::<Sha256>::new(Some(PURPOSE), secret.as_bytes()).expand(cluster.as_bytes(), derived.as_mut_slice());
        debug_assert!(expanded.is_ok(), "33 bytes are no more than HKDF can give");
        let (key, id) = derived.split_at(CIPHER_KEY_LEN);
        // Zero means "not sealed".
        Self { id: id[0] % u8::MAX + 1, cipher: XChaCha20Poly1305::new(CipherKey::from_slice(key)) }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("ids", &self.ids().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("mode", &self.mode).field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no secret"),
            Self::Repeated { places: [one, other] } => write!(f, "secrets {} and {} are the same", one + 1, other + 1),
            Self::SameId { places: [one, other] } => write!(
                f,
                "secrets {} and {} have the same key id by chance, so that nodes could not tell them apart: replace one of them",
                one + 1,
                other + 1
            ),
        }
    }
}

impl core::error::Error for KeyringError {}

/// Seals what a node sends, and opens what it receives. It is of one incarnation, and cannot be cloned: no nonce is used twice.
///
/// A copy of the memory in which it lives must not run beside it, as after a fork or from a snapshot of a virtual machine: both would
/// use the same nonces, and give the key away.
pub struct Seal {
    keyring: Keyring,
    mode: SealMode,
    nonce_prefix: [u8; NONCE_PREFIX_LEN],
    /// Datagrams sealed so far.
    counter: u64,
    replays: Replays,
    buffer: Vec<u8>,
}

impl Seal {
    /// The largest counter of a nonce. The bit above it is for datagrams that outlive their node (W4).
    const COUNTER_MAX: u64 = u64::MAX >> 1;

    /// A seal for one incarnation of a node. `nonce_prefix` has to be random, and of this incarnation alone.
    pub fn new(keyring: Keyring, mode: SealMode, nonce_prefix: [u8; NONCE_PREFIX_LEN]) -> Self {
        let buffer = Vec::with_capacity(DATAGRAM_MAX);
        Self { keyring, mode, nonce_prefix, counter: 0, replays: Replays::default(), buffer }
    }

    /// What goes over the network for a plain datagram. `None` where it cannot be sealed: after 2⁶³ datagrams, or where it is none or too
    /// long.
    pub fn seal<'a>(&'a mut self, plain: &'a [u8]) -> Option<&'a [u8]> {
        if self.mode == SealMode::Accept {
            return Some(plain);
        }
        let key = self.keyring.keys.first()?;
        let (prefix, rest) = plain.split_first_chunk::<PREFIX_LEN>()?;
        let (body, _) = rest.split_last_chunk::<CHECKSUM_LEN>()?;
        self.counter = self.counter.checked_add(1).filter(|counter| *counter <= Self::COUNTER_MAX)?;
        let mut nonce = [0; SEAL_NONCE_LEN];
        nonce[..NONCE_PREFIX_LEN].copy_from_slice(&self.nonce_prefix);
        nonce[NONCE_PREFIX_LEN..].copy_from_slice(&self.counter.to_be_bytes());
        let [_, tag @ .., _] = prefix;
        self.buffer.clear();
        self.buffer.push(SEALED_VERSION);
        self.buffer.extend_from_slice(tag);
        self.buffer.push(key.id);
        self.buffer.extend_from_slice(&nonce);
        self.buffer.extend_from_slice(body);
        let (clear, secret) = self.buffer.split_at_mut(PREFIX_LEN + SEAL_NONCE_LEN);
        let sealed = key.cipher.encrypt_in_place_detached(XNonce::from_slice(&nonce), &clear[..PREFIX_LEN], secret);
        self.buffer.extend_from_slice(sealed.ok()?.as_slice());
        (self.buffer.len() <= DATAGRAM_MAX).then_some(&self.buffer)
    }

    /// The plain datagram for what came over the network. Sealed ones are opened once: a repetition is refused.
    ///
    /// # Errors
    /// Why it must not be read: that is for [`Input::Refused`](crate::Input::Refused).
    pub fn open<'a>(&'a mut self, bytes: &'a [u8]) -> Result<&'a [u8], DropReason> {
        if bytes.len() > DATAGRAM_MAX {
            return Err(DropReason::Malformed);
        }
        let (prefix, rest) = bytes.split_first_chunk::<PREFIX_LEN>().ok_or(DropReason::Malformed)?;
        let [version, tag @ .., key_id] = *prefix;
        if tag != self.keyring.cluster_tag && (version == VERSION || version == SEALED_VERSION) {
            return Err(DropReason::ForeignCluster);
        }
        if version != SEALED_VERSION {
            // Only what was opened here says that it was sealed.
            return match self.mode {
                _ if version != VERSION => Err(DropReason::Version),
                _ if key_id != NOT_SEALED => Err(DropReason::UnknownKey),
                SealMode::Require => Err(DropReason::NotSealed),
                SealMode::Accept | SealMode::Send => Ok(bytes),
            };
        }
        let key = self.keyring.keys.iter().find(|key| key.id == key_id).ok_or(DropReason::UnknownKey)?;
        let (nonce, rest) = rest.split_first_chunk::<SEAL_NONCE_LEN>().ok_or(DropReason::Malformed)?;
        let (body, tag) = rest.split_last_chunk::<SEAL_TAG_LEN>().ok_or(DropReason::Malformed)?;
        let Freshness::New(fresh) = self.replays.look(nonce) else { return Err(DropReason::Replayed) };
        let (nonce, tag) = (XNonce::from_slice(nonce), Tag::from_slice(tag));
        self.buffer.clear();
        self.buffer.extend_from_slice(&[0; PREFIX_LEN]);
        self.buffer.extend_from_slice(body);
        let opened = key.cipher.decrypt_in_place_detached(nonce, prefix, &mut self.buffer[PREFIX_LEN..], tag);
        opened.map_err(|_| DropReason::Forged)?;
        // Not before: a forged one must not keep the real one out.
        self.replays.note(fresh);
        wire::reopened(*prefix, &mut self.buffer);
        Ok(&self.buffer)
    }

    /// Seals and opens with other keys from now on. Nonces go on where they were, so that none is used twice with a key that stays.
    pub fn set_keyring(&mut self, keyring: Keyring) {
        self.keyring = keyring;
    }

    /// Seals and lets in other datagrams from now on: that is for [`Input::SealChanged`](crate::Input::SealChanged) too.
    pub fn set_mode(&mut self, mode: SealMode) {
        self.mode = mode;
    }

    /// What it seals, and what it lets in.
    pub fn mode(&self) -> SealMode {
        self.mode
    }

    /// Its keys.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }
}

#[cfg(test)]
mod tests;
