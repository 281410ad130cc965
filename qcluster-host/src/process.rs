//! Which process a node is of. A fork leaves a child with a copy of the node's memory and none of its threads: it must send nothing, since both
//! would use the same nonces (S7), and who holds a handle there is told.

use std::process;

/// The process in which a node was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    /// This one.
    pub(crate) fn current() -> Self {
        Self(process::id())
    }

    /// Whether it is this one, and not the parent of this one.
    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }

    /// Another one than this.
    #[cfg(test)]
    pub(crate) fn other() -> Self {
        Self(process::id().wrapping_add(1))
    }
}
