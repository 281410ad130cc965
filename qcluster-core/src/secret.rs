//! Numbers that only those know who were told: keyed hashes under a key of this process.

use core::fmt;
use core::hash::Hasher as _;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

use crate::rng::mix;

/// A key for SipHash-2-4 (Aumasson and Bernstein 2012), made of the seed that the embedder drew. Its numbers tell nothing of one
/// another, whereas each number of [`Rng`](crate::rng::Rng) tells all that follow. It is as hard to guess as the seed: 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Secret(u64, u64);

impl Secret {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed, mix(!seed))
    }

    /// The number that stands for those words, the same on every machine.
    pub(crate) fn number(self, words: &[u128]) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.0, self.1);
        for word in words {
            hasher.write(&word.to_le_bytes());
        }
        hasher.finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests;
