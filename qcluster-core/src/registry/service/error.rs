//! Why a service cannot be registered, in a sentence that names the field and the limit.

use core::fmt;

use super::Service;
use crate::config::Config;
use crate::host::{BadHost, Host};

/// Why a service, or a node's metadata, is refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceError {
    /// Its [`host`](Service::host) is none that a client could connect to.
    Host(BadHost),
    /// It is empty, too long, or has characters that it must not have.
    Text(ServiceField),
    /// There are more tags than [`Service::TAGS_MAX`].
    TooManyTags {
        /// How many there are.
        tags: usize,
    },
    /// The metadata is longer than [`Config::METADATA_LEN_MAX`].
    LongMetadata {
        /// Its length in bytes, as compact JSON.
        len: usize,
    },
    /// The metadata is no JSON object, or is nested too deeply to be read back.
    UnreadableMetadata,
    /// The time to live is less than a millisecond, or longer than [`Service::TTL_MAX`].
    Ttl,
    /// All of it together is longer than [`Service::RECORD_LEN_MAX`].
    TooLong {
        /// Its length in bytes, as it would travel.
        len: usize,
    },
}

/// A field of a service that is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceField {
    /// [`Service::id`].
    Id,
    /// [`Service::name`].
    Name,
    /// One of [`Service::tags`].
    Tag {
        /// Its place in the list, from 0.
        index: usize,
    },
}

impl ServiceField {
    /// Whether the text may stand in this field.
    pub(in crate::registry) fn check(self, text: &str) -> Result<(), ServiceError> {
        let is_graphic = || text.bytes().all(|byte| byte.is_ascii_graphic());
        let (len_max, is_fine) = match self {
            // Addresses with a dot or two as their last part are cut by clients that follow them.
            Self::Id | Self::Name => {
                (Service::NAME_LEN_MAX, is_graphic() && !text.contains('/') && !matches!(text, "." | ".."))
            }
            Self::Tag { .. } => (Service::TAG_LEN_MAX, !text.chars().any(char::is_control)),
        };
        if is_fine && (1..=len_max).contains(&text.len()) { Ok(()) } else { Err(ServiceError::Text(self)) }
    }
}

/// Whether clients could connect to that host.
pub(in crate::registry) fn check_host(text: &str) -> Result<(), ServiceError> {
    Host::parse_reachable(text).map(|_| ()).map_err(ServiceError::Host)
}

impl fmt::Display for ServiceField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id => f.write_str("id"),
            Self::Name => f.write_str("name"),
            Self::Tag { index } => write!(f, "tags[{index}]"),
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(field @ (ServiceField::Id | ServiceField::Name)) => write!(
                f,
                "{field}: has to be 1 to {} printable ASCII characters without spaces and `/`, and not just dots",
                Service::NAME_LEN_MAX
            ),
            Self::Host(problem) => write!(f, "host: {problem}"),
            Self::Text(field @ ServiceField::Tag { .. }) => {
                write!(f, "{field}: has to be 1 to {} bytes without control characters", Service::TAG_LEN_MAX)
            }
            Self::TooManyTags { tags } => write!(f, "tags: {tags} are too many: at most {}", Service::TAGS_MAX),
            Self::LongMetadata { len } => {
                write!(f, "metadata: is {len} bytes as JSON, and at most {} fit", Config::METADATA_LEN_MAX)
            }
            Self::UnreadableMetadata => {
                f.write_str("metadata: has to be a JSON object that is nested less than 128 deep")
            }
            Self::Ttl => write!(
                f,
                "ttl_ms: has to be 1 to {}; leave it out for a service that sends no heartbeats",
                Service::TTL_MAX.as_millis()
            ),
            Self::TooLong { len } => write!(
                f,
                "the service is {len} bytes as it travels, and at most {} fit a datagram: shorten its tags, host or metadata",
                Service::RECORD_LEN_MAX
            ),
        }
    }
}

impl core::error::Error for ServiceError {}
