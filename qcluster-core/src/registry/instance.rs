//! A service on its node, and what becomes of it.

use alloc::sync::Arc;

use serde::{Deserialize, Serialize};

use super::form;
use super::service::{Service, ServiceKey};
use crate::id::NodeKey;

/// A service and the node that it runs on. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Instance {
    /// The node that it runs on.
    pub owner: NodeKey,
    /// What it says about itself.
    #[serde(with = "form::shared")]
    pub service: Arc<Service>,
}

impl Instance {
    /// What it goes by in the whole cluster.
    pub fn key(&self) -> ServiceKey {
        ServiceKey { owner: self.owner, id: self.service.id.clone() }
    }
}

/// A change of what is where. Replayed in order onto an empty set, changes give the services that are visible; each is told
/// once, and what happens between two askings is told as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServiceChange {
    /// It is there now.
    Added(Instance),
    /// It is there as before, and says something else about itself.
    Changed(Instance),
    /// It is there no more, or its node is not; this is what was told of it last.
    Removed(Instance),
}

impl ServiceChange {
    /// A short name that never changes.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Added(_) => "added",
            Self::Changed(_) => "changed",
            Self::Removed(_) => "removed",
        }
    }

    /// The instance that it is about.
    pub fn instance(&self) -> &Instance {
        match self {
            Self::Added(instance) | Self::Changed(instance) | Self::Removed(instance) => instance,
        }
    }
}
