//! What is different in another node's configuration, as data.

use alloc::string::String;

use qcluster_core::SettingDifference;
use serde::{Deserialize, Serialize};

/// A setting of which this node and another one have different values (E14).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DifferenceStatus {
    /// Its name in a configuration file; `voters`, `next voters` and `priority` for the lists.
    pub setting: String,
    /// Its value at this node.
    pub here: String,
    /// Its value at the other one.
    pub there: String,
}

impl From<SettingDifference> for DifferenceStatus {
    fn from(difference: SettingDifference) -> Self {
        let SettingDifference { setting, here, there, .. } = difference;
        Self { setting: setting.into(), here, there }
    }
}
