//! What a service says about itself, and its limits.

mod error;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

pub(super) use error::check_host;
pub use error::{ServiceError, ServiceField};

use crate::config::{Metadata, to_metadata};
use crate::id::NodeKey;
use crate::time::Span;

/// One instance of a service, as the node that it runs on describes it (G5).
///
/// As JSON only `name` is needed. `id` is then the name, the host that of the node, the port 0, the health passing, and
/// there is no time to live; unknown fields are errors:
///
/// ```
/// use std::time::Duration;
/// use qcluster_core::{Health, Service};
///
/// let service: Service = serde_json::from_str(r#"{"name": "billing", "port": 8001, "ttl_ms": 10000}"#)?;
/// assert_eq!((service.id.as_str(), service.health), ("billing", Health::Passing));
/// assert_eq!(service, Service::new("billing", 8001).with_ttl(Duration::from_secs(10)));
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// All of it has to fit one datagram: [`Service::check`] tells whether it does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Service {
    /// What tells it from other services of its node: 1 to [`Service::NAME_LEN_MAX`] printable ASCII characters without
    /// spaces and without `/`, since it stands in addresses.
    pub id: String,
    /// What it is asked for by; the same rules as for `id`. Many nodes, and one node many times, may offer one name.
    pub name: String,
    /// Where it listens, if not where its node does: a name or an address that clients can connect to, see
    /// [`Host::parse_reachable`](crate::Host::parse_reachable).
    pub host: Option<String>,
    /// The port that it listens on, or 0 where a port makes no sense.
    pub port: u16,
    /// Labels to choose by, in the order given: at most [`Service::TAGS_MAX`], each of 1 to [`Service::TAG_LEN_MAX`] bytes
    /// without control characters.
    pub tags: Vec<String>,
    /// Anything else, at most [`Config::METADATA_LEN_MAX`](crate::Config::METADATA_LEN_MAX) bytes as compact JSON.
    pub metadata: Metadata,
    /// How it says that it is.
    pub health: Health,
    /// How long it may be silent before it counts as critical: 1 ms to [`Service::TTL_MAX`], sent to other nodes in whole
    /// milliseconds, rounded down. Without it no heartbeat is expected. Registering counts as the first one.
    pub ttl: Option<Duration>,
}

/// How a service is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It works.
    #[default]
    Passing,
    /// It works, and something is wrong.
    Warning,
    /// It does not work, or was silent for longer than its time to live.
    Critical,
}

impl Health {
    /// The name that stands in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Service {
    /// The longest name and the longest identifier of a service, in bytes.
    pub const NAME_LEN_MAX: usize = 64;
    /// The most tags.
    pub const TAGS_MAX: usize = 16;
    /// The longest tag, in bytes.
    pub const TAG_LEN_MAX: usize = 64;
    /// The longest time to live: thirty days.
    pub const TTL_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
    /// After this many further times to live in silence a critical service is deregistered.
    pub const TTL_GRACES: u64 = 10;
    /// However short its time to live, a critical service stays at least this long.
    pub const TTL_GRACE_MIN: Duration = Duration::from_secs(60);
    /// The largest record of a service, or of a node's metadata, in bytes as it travels: it fits one datagram.
    pub const RECORD_LEN_MAX: usize = 1_200;

    /// A passing service with no more than a name, which is its identifier too, and a port.
    pub fn new(name: impl Into<String>, port: u16) -> Self {
        let name = name.into();
        Self {
            id: name.clone(),
            name,
            host: None,
            port,
            tags: Vec::new(),
            metadata: Metadata::new(),
            health: Health::Passing,
            ttl: None,
        }
    }

    /// The same service under that identifier.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { id: id.into(), ..self }
    }

    /// The same service on that host.
    #[must_use]
    pub fn with_host(self, host: impl Into<String>) -> Self {
        Self { host: Some(host.into()), ..self }
    }

    /// The same service with those tags, in place of the ones that it had.
    #[must_use]
    pub fn with_tags(self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { tags: tags.into_iter().map(Into::into).collect(), ..self }
    }

    /// The same service with that metadata, in place of what it had.
    ///
    /// ```
    /// use qcluster_core::Service;
    ///
    /// let service = Service::new("billing", 8001).with_tags(["blue", "eu"]).with_metadata([("weight", 3)]);
    /// assert_eq!(service.metadata["weight"], 3);
    /// ```
    #[must_use]
    pub fn with_metadata(
        self,
        metadata: impl IntoIterator<Item = (impl Into<String>, impl Into<serde_json::Value>)>,
    ) -> Self {
        Self { metadata: to_metadata(metadata), ..self }
    }

    /// The same service with that health.
    #[must_use]
    pub fn with_health(self, health: Health) -> Self {
        Self { health, ..self }
    }

    /// The same service with that time to live: without a heartbeat for that long it counts as critical.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }

    /// The time to live in whole milliseconds, rounded down, as in JSON.
    pub fn ttl_ms(&self) -> Option<u64> {
        self.ttl.map(|ttl| Span::from(ttl).as_millis())
    }

    /// How long a critical service may stay silent before it is deregistered, beyond its time to live.
    pub(super) fn grace(ttl: Span) -> Span {
        ttl.times(Self::TTL_GRACES).max(Self::TTL_GRACE_MIN.into())
    }
}

/// The name of a service's record: its node, and what the node calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceKey {
    /// The node that the service runs on, and that alone writes its record.
    pub owner: NodeKey,
    /// The service's identifier on that node.
    pub id: String,
}
