//! What hosts of a sealed world have in their files: what they seal and let in, and which keys (S1, S4, S5).

use std::fmt;

use qcluster_core::SealMode;
use serde::{Deserialize, Serialize};

use super::check::require;

/// What the files of one host say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealSetup {
    /// What it seals and lets in; `None` where its configuration names no secret.
    pub mode: Option<SealMode>,
    /// Its keys by number, of which the first one seals.
    pub keys: Vec<u8>,
}

/// What is done to one key of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyChange {
    /// It opens with that one, too.
    Add,
    /// It seals with that one.
    Use,
    /// It has that one no more.
    Remove,
}

impl SealSetup {
    /// How many keys a world can have.
    pub const KEYS_MAX: u8 = 8;

    /// Nothing but what is sealed with the first key is let in.
    pub fn required() -> Self {
        Self { mode: Some(SealMode::Require), keys: vec![0] }
    }

    /// Makes a change of keys, if the node would: what it seals with stays, and what it does not have it does not use (S5).
    pub(crate) fn change(&mut self, change: KeyChange, key: u8) {
        let place = self.keys.iter().position(|known| *known == key);
        match (change, place) {
            (KeyChange::Add, None) => self.keys.push(key),
            (KeyChange::Use, Some(place)) => self.keys[..=place].rotate_right(1),
            (KeyChange::Remove, Some(1..)) => self.keys.retain(|known| *known != key),
            (KeyChange::Add, Some(_)) | (KeyChange::Use, None) | (KeyChange::Remove, Some(0) | None) => {}
        }
    }

    /// Whether what leaves a host with the files `other` is let in by one with these.
    pub(crate) fn hears(&self, other: &Self) -> bool {
        let key = other.mode.filter(|mode| *mode != SealMode::Accept).and_then(|_| other.keys.first());
        match (self.mode, key) {
            (None, key) => key.is_none(),
            (Some(mode), None) => mode != SealMode::Require,
            (Some(_), Some(key)) => self.keys.contains(key),
        }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// A sentence says what does not.
    pub(crate) fn check(&self) -> Result<(), String> {
        require(!self.keys.is_empty(), || "a sealed world has at least one key".into())?;
        self.keys.iter().try_for_each(|key| check_key(*key))?;
        let repeated = self.keys.iter().enumerate().find(|(place, key)| self.keys[..*place].contains(key));
        repeated.map_or(Ok(()), |(_, key)| Err(format!("key {key} is there twice")))
    }
}

/// Whether there is a key of that number.
pub(crate) fn check_key(key: u8) -> Result<(), String> {
    require(key < SealSetup::KEYS_MAX, || {
        format!("there is no key {key} among {}, which count from 0", SealSetup::KEYS_MAX)
    })
}

/// A mode as schedules call it.
pub(crate) fn name_of(mode: Option<SealMode>) -> &'static str {
    match mode {
        None => "plain",
        Some(SealMode::Accept) => "accept",
        Some(SealMode::Send) => "send",
        Some(SealMode::Require) => "require",
    }
}

impl fmt::Display for SealSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        write!(f, "{} keys {}", name_of(self.mode), keys.join(","))
    }
}

#[cfg(test)]
mod tests;
