//! Fingerprints of 128 bits, alike on every machine: no two of a few hundred million states are taken for one.

use std::hash::{BuildHasherDefault, Hash, Hasher};

/// For tables whose keys need no defence.
pub(super) type Fixed = BuildHasherDefault<Print>;

/// Two words that every word of the input is mixed into.
#[derive(Clone, Copy)]
pub(super) struct Print(u64, u64);

impl Default for Print {
    fn default() -> Self {
        Self(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344)
    }
}

impl Print {
    pub(super) fn of(value: &impl Hash) -> u128 {
        let mut print = Self::default();
        value.hash(&mut print);
        print.wide()
    }

    fn wide(self) -> u128 {
        (u128::from(crate::rng::mix(self.0)) << 64) | u128::from(crate::rng::mix(self.1))
    }
}

impl Hasher for Print {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.1 = (self.1.rotate_left(37) ^ word).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }

    fn write_u128(&mut self, word: u128) {
        self.write(&word.to_le_bytes());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write(&word.to_le_bytes());
    }

    fn finish(&self) -> u64 {
        crate::rng::mix(self.0 ^ self.1.rotate_left(32))
    }
}
