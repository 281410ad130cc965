//! The actions of a step, as an embedder takes them.

use super::Node;
use super::command::CommandRefused;
use super::event::Action;

/// The actions of a step. Taking them empties the queue; dropped early, the rest stays and comes first next time.
#[derive(Debug)]
#[must_use = "actions have to be carried out, in order"]
pub struct Actions<'a> {
    node: &'a mut Node,
    result: Result<(), CommandRefused>,
}

impl<'a> Actions<'a> {
    pub(super) fn new(node: &'a mut Node, result: Result<(), CommandRefused>) -> Self {
        Self { node, result }
    }
}

impl Actions<'_> {
    /// Of a step with a [`Command`](super::Command): whether it was done.
    ///
    /// # Errors
    /// It was refused; nothing has changed.
    pub fn result(&self) -> Result<(), &CommandRefused> {
        self.result.as_ref().copied()
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
