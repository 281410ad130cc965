//! Why a call to the registry is refused.

use alloc::string::String;
use core::fmt;

use super::service::ServiceError;
use super::table::NoPlace;

/// Why a service cannot be registered, changed or deregistered. The state is unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryError {
    /// The service, or the metadata, is not as it has to be.
    Invalid(ServiceError),
    /// This node has as many services as one node may have.
    TooManyServices,
    /// All nodes together have as many records as there may be.
    TableFull,
    /// The identifier has the hash of another record's. Another identifier will do.
    Collision,
    /// This node has no service of that identifier.
    Unknown {
        /// The identifier that was asked for.
        id: String,
    },
    /// The service has no time to live, so that a heartbeat without a health means nothing.
    NoTtl {
        /// The service's identifier.
        id: String,
    },
    /// This node is leaving.
    Leaving,
    /// This node takes no part in membership and registry.
    NoRegistry,
}

impl From<ServiceError> for RegistryError {
    fn from(error: ServiceError) -> Self {
        Self::Invalid(error)
    }
}

impl From<NoPlace> for RegistryError {
    fn from(no_place: NoPlace) -> Self {
        match no_place {
            NoPlace::Owner => Self::TooManyServices,
            NoPlace::Table => Self::TableFull,
            NoPlace::Collision => Self::Collision,
        }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::TooManyServices => {
                f.write_str("this node has as many services as one may have: deregister some first")
            }
            Self::TableFull => f.write_str("the cluster has as many records as there may be: deregister some first"),
            Self::Collision => f.write_str("id: has the hash of another service's: choose another one"),
            Self::Unknown { id } => {
                write!(f, "this node has registered no service with the id `{id}`; another may have")
            }
            Self::NoTtl { id } => write!(
                f,
                "the service `{id}` has no ttl_ms, so it needs no heartbeats: name a health to set it, or register it with one"
            ),
            Self::NoRegistry => f.write_str("this node runs the election alone, and has no registry"),
            Self::Leaving => f.write_str("this node is leaving the cluster, and registers nothing any more"),
        }
    }
}

impl core::error::Error for RegistryError {}
