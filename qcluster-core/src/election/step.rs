//! How far a voter has come in changes of voters: what it remembers so that nobody goes back unasked (E20 (c)).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::Digests;
use crate::id::NodeKey;

/// The configuration that a voter ran with last, and the lists of voters that it has left behind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChangeStep {
    digests: Digests,
    /// Whether a leader is known to have been elected in this step, if it is a middle one.
    pub(super) established: bool,
    /// The lists that the voter has left by a last step, the latest at the end.
    passed: Vec<NodeKey>,
}

impl ChangeStep {
    /// How many lists are remembered: one for each change of voters.
    const PASSED_MAX: usize = 16;

    /// The step of a voter that begins an incarnation with those rules, after what it has `saved`.
    pub(crate) fn taken(saved: Option<&Self>, digests: &Digests) -> Self {
        let Some(saved) = saved else {
            return Self { digests: *digests, established: false, passed: Vec::new() };
        };
        if saved.digests == *digests {
            return saved.clone();
        }
        let mut passed = saved.passed.clone();
        // A list that was left may come back by a change of its own.
        passed.retain(|list| !digests.lists().any(|new| new == *list));
        let left = saved.digests.left_for(digests);
        passed.extend(left);
        if passed.len() > Self::PASSED_MAX {
            passed.remove(0);
        }
        let established = left.is_some() && saved.established;
        Self { digests: *digests, established, passed }
    }

    /// Whether those rules are an earlier step than this one: the old list without the coming one after the middle step, or
    /// anything with a list that was left.
    pub(crate) fn is_behind(&self, digests: &Digests) -> bool {
        digests.is_back_from(&self.digests) || self.passed.contains(&digests.current())
    }
}

#[cfg(test)]
mod tests;
