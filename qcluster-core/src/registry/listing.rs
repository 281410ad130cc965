//! The visible instances in the order of asking: by name, then owner, then identifier.

use alloc::collections::BTreeMap;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::id::NodeKey;

/// Where the visible instances of each name stand in the table, so that asking for one name does not look at all others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Listing {
    names: BTreeMap<String, BTreeMap<(NodeKey, String), u64>>,
    len: usize,
}

impl Listing {
    pub(super) fn insert(&mut self, name: &str, owner: NodeKey, id: &str, item: u64) {
        if !self.names.contains_key(name) {
            self.names.insert(name.into(), BTreeMap::new());
        }
        let instances = self.names.get_mut(name);
        let added = instances.is_some_and(|instances| instances.insert((owner, id.into()), item).is_none());
        self.len += usize::from(added);
    }

    pub(super) fn remove(&mut self, name: &str, owner: NodeKey, id: &str) {
        let Some(instances) = self.names.get_mut(name) else { return };
        self.len -= usize::from(instances.remove(&(owner, id.into())).is_some());
        if instances.is_empty() {
            self.names.remove(name);
        }
    }

    /// The items of one name, or of all.
    pub(super) fn items(&self, name: Option<&str>) -> impl Iterator<Item = u64> + '_ {
        let one = name.map(|name| self.names.get(name));
        let all = if name.is_none() { Some(self.names.values()) } else { None };
        one.flatten().into_iter().chain(all.into_iter().flatten()).flat_map(|instances| instances.values().copied())
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}
