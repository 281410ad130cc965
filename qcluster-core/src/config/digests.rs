//! What stands for a configuration in every message, and how two of them are related while the voters change (E14, E20).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::NodeKey;

/// What stands for "the same rules" in every message (E14): a hash of voters, priorities, lease and drift bound; two of
/// them while the voters change (E20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digests {
    current: NodeKey,
    next: Option<NodeKey>,
}

/// In which step of a change of voters another node is, seen from this one (E20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// In the same one, or nothing changes.
    Same,
    /// In an earlier one: it has the old list alone while this node has both, or both while this node has the new one alone.
    Earlier,
    /// In a later one.
    Later,
}

impl Digests {
    pub(super) const fn new(current: NodeKey, next: Option<NodeKey>) -> Self {
        Self { current, next }
    }

    /// Writes itself behind what a datagram holds so far.
    pub(crate) fn append_to(&self, buffer: &mut Vec<u8>) {
        self.current.append_to(buffer);
        buffer.push(u8::from(self.next.is_some()));
        if let Some(next) = self.next {
            next.append_to(buffer);
        }
    }

    /// Reads itself from the start of `bytes`; the second value is what follows.
    pub(crate) fn take_from(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (current, bytes) = NodeKey::take_from(bytes)?;
        let (next, bytes) = match bytes.split_first()? {
            (0, bytes) => (None, bytes),
            (1, bytes) => NodeKey::take_from(bytes).map(|(next, bytes)| (Some(next), bytes))?,
            _ => return None,
        };
        Some((Self { current, next }, bytes))
    }

    /// In which step the other node is; `None` if the two may not work together: they are in different changes, or two steps
    /// apart.
    pub(crate) fn step_of(&self, other: &Self) -> Option<Step> {
        match (self.next, other.next) {
            _ if self == other => Some(Step::Same),
            (None, Some(next)) if self.current == next => Some(Step::Earlier),
            (Some(_), None) if self.current == other.current => Some(Step::Earlier),
            (None, Some(_)) if self.current == other.current => Some(Step::Later),
            (Some(next), None) if next == other.current => Some(Step::Later),
            (None | Some(_), None | Some(_)) => None,
        }
    }

    /// Whether two nodes may work together: they have the same list of voters, or one of them has both lists of a change
    /// and the other one of these.
    pub fn agree(&self, other: &Self) -> bool {
        self.step_of(other).is_some()
    }

    pub(crate) const fn current(&self) -> NodeKey {
        self.current
    }

    /// The one list, or the two of a change.
    pub(crate) fn lists(&self) -> impl Iterator<Item = NodeKey> {
        core::iter::once(self.current).chain(self.next)
    }

    /// The list that a node leaves behind if its configuration was this one and is `new` from now on.
    pub(crate) fn left_for(&self, new: &Self) -> Option<NodeKey> {
        self.next.filter(|next| *next == new.current).map(|_| self.current)
    }

    /// Whether a node that goes from `later` to this one takes back the middle step of a change: for the old list alone, or for
    /// the middle step of another change.
    pub(crate) fn is_back_from(&self, later: &Self) -> bool {
        later.next.is_some() && self.next != later.next && self.current == later.current
    }

    /// Whether the voters change, and this is the middle step.
    pub(crate) const fn is_joint(&self) -> bool {
        self.next.is_some()
    }
}
