//! The actions of a step, as an embedder takes them.

use super::Node;
use super::event::Action;
use crate::registry::RegistryError;

/// The actions of a step. Taking them empties the queue; dropped early, the rest stays and comes first next time.
#[derive(Debug)]
#[must_use = "actions have to be carried out, in order"]
pub struct Actions<'a> {
    node: &'a mut Node,
}

impl<'a> Actions<'a> {
    pub(super) fn new(node: &'a mut Node) -> Self {
        Self { node }
    }
}

impl Actions<'_> {
    /// Why the step's [`RegistryCommand`](crate::RegistryCommand) was refused, if it was: nothing has changed then.
    pub fn refusal(&self) -> Option<&RegistryError> {
        self.node.refusal()
    }
}

impl Iterator for Actions<'_> {
    type Item = Action;

    fn next(&mut self) -> Option<Action> {
        self.node.next_action()
    }

    /// At least what waits in the queue; changes among members are looked up behind it.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.node.queue.len(), None)
    }
}
