//! A seeded random generator whose values are part of the contract: the same seed gives the same numbers forever.

use serde::{Deserialize, Serialize};

/// `SplitMix64` (Steele, Lea and Flood 2014): eight bytes of state, every seed is good, and its output never changes with
/// a dependency's version. It spreads timers; it is not for secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Rng(u64);

impl Rng {
    const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The one whose next number is zero: the least that chance can do.
    pub(crate) const fn before_zero() -> Self {
        Self(0_u64.wrapping_sub(Self::GAMMA))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::GAMMA);
        mix(self.0)
    }

    /// A number in `0..bound`, or 0 where `bound` is 0. The bias of at most `bound`/2⁶⁴ does not matter to a timer.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// The finalizer of `SplitMix64`: every bit of the input reaches every bit of the output.
pub(crate) const fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests;
