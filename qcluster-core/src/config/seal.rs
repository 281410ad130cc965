//! The secret of a cluster as it is written, and what is sealed with it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use zeroize::Zeroize as _;

use super::variable::variable_in;

/// A secret that all nodes of a cluster share: 32 random bytes. `Debug` hides it, and dropped it is overwritten.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; Self::LEN]);

impl Secret {
    /// Its length in bytes.
    pub const LEN: usize = 32;

    /// A secret of random bytes.
    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The secret itself, in base64, as configurations have it.
    pub fn reveal(&self) -> String {
        BASE64.encode(&self.0)
    }

    /// The secret itself.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Reads base64, with or without padding, in either alphabet, or hexadecimal.
impl FromStr for Secret {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        if variable_in(text).is_some() {
            return Err(BadSecret::Variable);
        }
        let encodings = [HEXLOWER_PERMISSIVE, BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD];
        let mut is_encoded = false;
        for mut bytes in encodings.iter().filter_map(|encoding| encoding.decode(text.as_bytes()).ok()) {
            is_encoded = true;
            let secret = <[u8; Self::LEN]>::try_from(bytes.as_slice());
            bytes.zeroize();
            if let Ok(secret) = secret {
                return Ok(Self(secret));
            }
        }
        Err(if is_encoded { BadSecret::Length } else { BadSecret::Alphabet })
    }
}

/// What is wrong with a text that stands for no secret must not repeat it: so the value is looked at, whatever it is.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn parsed(value: Value) -> Result<Secret, BadSecret> {
    let Value::String(mut text) = value else { return Err(BadSecret::Alphabet) };
    let secret = text.parse();
    text.zeroize();
    secret
}

/// Reads a list of secrets, and repeats nothing of what is none.
pub(super) fn deserialize_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Secret>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Array(values) if !values.is_empty() => {
            let number = |(index, value)| {
                parsed(value).map_err(|error| D::Error::custom(format!("number {}: {error}", index + 1)))
            };
            values.into_iter().enumerate().map(number).collect()
        }
        _ => Err(D::Error::custom("must be a list of at least one secret; a single one belongs into `secret`")),
    }
}

/// Reads a mode, and repeats nothing of what is none: it may be a secret at the wrong place.
pub(super) fn deserialize_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SealMode>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    SealMode::deserialize(value).map(Some).map_err(|_| D::Error::custom("must be \"accept\", \"send\" or \"require\""))
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.reveal())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a text is not a secret. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadSecret {
    /// It is neither base64 nor hexadecimal.
    Alphabet,
    /// It does not stand for 32 bytes.
    Length,
    /// It has a variable in it that was not replaced.
    Variable,
}

impl fmt::Display for BadSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alphabet => {
                "a secret is 32 bytes in base64 or hexadecimal, and this is neither: `qcluster keygen` makes one"
            }
            Self::Length => "a secret has 32 bytes, and this has another length: `qcluster keygen` makes one",
            Self::Variable => "has a variable in it that was not replaced",
        })
    }
}

impl core::error::Error for BadSecret {}

/// What a node with a secret sends, and what it lets in. From a cluster without a secret to one that lets nothing else in, all nodes take
/// one step after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealMode {
    /// It sends plain datagrams, and takes sealed ones too.
    Accept,
    /// It seals what it sends, and takes plain datagrams too.
    Send,
    /// It seals what it sends, and takes nothing else.
    #[default]
    Require,
}

impl SealMode {
    /// Its name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Send => "send",
            Self::Require => "require",
        }
    }
}

#[cfg(test)]
mod tests;
