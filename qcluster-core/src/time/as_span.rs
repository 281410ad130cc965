//! A `Duration` for users that is written and read as a [`Span`] is: in nanoseconds, as one number.

use core::time::Duration;

use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

use super::Span;

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    Span::from(*duration).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Span::deserialize(deserializer).map(Duration::from)
}
