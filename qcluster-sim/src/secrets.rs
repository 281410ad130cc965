//! The secrets of a sealed world, from its seed, and those of strangers.

use qcluster_core::Secret;
use qcluster_core::seal::{Keyring, NONCE_PREFIX_LEN};

use crate::rng::Rng;
use crate::setup::CLUSTER;

/// Secrets by the numbers that schedules have for them. No two have one id (S1).
#[derive(Debug)]
pub(crate) struct Secrets {
    rng: Rng,
    known: Vec<(Secret, u8)>,
}

impl Secrets {
    pub(crate) fn new(rng: Rng) -> Self {
        Self { rng, known: Vec::new() }
    }

    /// The ids of those keys, and the keyring that they make.
    pub(crate) fn keyring(&mut self, keys: &[u8]) -> (Vec<u8>, Keyring) {
        let most = keys.iter().max().map_or(0, |key| usize::from(*key));
        while self.known.len() <= most {
            let secret = draw(&mut self.rng);
            let id = id_of(&secret);
            if self.known.iter().all(|(_, known)| *known != id) {
                self.known.push((secret, id));
            }
        }
        let chosen = || keys.iter().map(|key| &self.known[usize::from(*key)]);
        let keyring = Keyring::new(CLUSTER, chosen().map(|(secret, _)| secret))
            .unwrap_or_else(|error| unreachable!("no two keys of a world have one id: {error}"));
        (chosen().map(|(_, id)| *id).collect(), keyring)
    }

    /// The secret of a key that some host had.
    pub(crate) fn known(&self, key: u8) -> Option<&Secret> {
        self.known.get(usize::from(key)).map(|(secret, _)| secret)
    }
}

/// The random part of the nonces of one incarnation (S2).
pub(crate) fn draw_prefix(rng: &mut Rng) -> [u8; NONCE_PREFIX_LEN] {
    let mut prefix = [0; NONCE_PREFIX_LEN];
    prefix.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&rng.next().to_le_bytes()));
    prefix
}

/// A secret that nobody else has.
pub(crate) fn draw(rng: &mut Rng) -> Secret {
    let mut bytes = [0; Secret::LEN];
    bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&rng.next().to_le_bytes()));
    Secret::new(bytes)
}

/// The same, of a key with that id: about one secret in 255 has it.
pub(crate) fn draw_with_id(rng: &mut Rng, id: u8) -> Secret {
    loop {
        let secret = draw(rng);
        if id_of(&secret) == id {
            return secret;
        }
    }
}

fn id_of(secret: &Secret) -> u8 {
    keyring_of(CLUSTER, secret).ids().next().unwrap_or(0)
}

/// The keyring of one secret.
pub(crate) fn keyring_of(cluster: &str, secret: &Secret) -> Keyring {
    Keyring::new(cluster, [secret]).unwrap_or_else(|error| unreachable!("one secret makes a keyring: {error}"))
}
