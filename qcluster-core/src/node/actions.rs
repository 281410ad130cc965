//! The actions of a step: one ordered list, bounded whatever the embedder does, and how an embedder takes them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Node;
use super::command::CommandRefused;
use super::event::{Action, Envelope, Notification};
use crate::election::{HardState, PersistId};
use crate::reason::MessageKind;

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

/// The actions that wait to be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Queue {
    actions: VecDeque<Action>,
    notifications: usize,
}

impl Queue {
    /// Beyond this many waiting actions, sends are given up as the network would.
    const ACTIONS_MAX: usize = 1_024;
    /// How many of them may wait when one about members and services is put in: none of those takes the room of an election's
    /// (E19).
    const GOSSIP_MAX: usize = Self::ACTIONS_MAX / 2;
    /// Beyond this many waiting notifications, the oldest make room.
    const NOTIFICATIONS_MAX: usize = 128;

    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { actions: VecDeque::with_capacity(capacity), notifications: 0 }
    }

    /// Whether a message of that kind may still be put in: looked at before its envelope is made.
    #[inline]
    pub(super) fn has_room_for(&self, kind: MessageKind) -> bool {
        let is_gossip = matches!(kind, MessageKind::Membership | MessageKind::Registry);
        self.actions.len() < if is_gossip { Self::GOSSIP_MAX } else { Self::ACTIONS_MAX }
    }

    /// What there [is room](Self::has_room_for) for.
    #[inline]
    pub(super) fn push_send(&mut self, envelope: Envelope) {
        self.actions.push_back(Action::Send(envelope));
    }

    /// Never more than one is under way, so it always fits.
    pub(super) fn push_persist(&mut self, (id, hard_state): (PersistId, Box<HardState>)) {
        self.actions.push_back(Action::Persist { id, hard_state });
    }

    pub(super) fn push_notification(&mut self, notification: Notification) {
        if self.notifications >= Self::NOTIFICATIONS_MAX {
            self.make_room();
        }
        self.notifications += 1;
        self.actions.push_back(Action::Notify(notification));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.actions.len()
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Action> {
        self.notifications -= usize::from(matches!(self.actions.front(), Some(Action::Notify(_))));
        self.actions.pop_front()
    }

    /// Forgets notifications that newer ones have made useless: all but `Elected` and `Lost`, and of those the oldest pair
    /// of one leadership, so that they still alternate.
    fn make_room(&mut self) {
        // The first that waits may be the `Lost` of an `Elected` that was taken: that one stays.
        let mut to_go = 2;
        let mut first = true;
        self.actions.retain(|action| match action {
            Action::Notify(Notification::Lost { .. }) if core::mem::take(&mut first) => true,
            Action::Notify(Notification::Elected { .. } | Notification::Lost { .. }) => {
                first = false;
                let goes = to_go > 0;
                to_go -= i32::from(goes);
                !goes
            }
            Action::Send(_)
            | Action::Persist { .. }
            | Action::Notify(
                Notification::StorageFailed
                | Notification::DuplicateIdentifier { .. }
                | Notification::Superseded { .. }
                | Notification::StepEstablished
                | Notification::Member(_)
                | Notification::Service(_)
                | Notification::Trust { .. },
            ) => true,
            Action::Notify(
                Notification::Draining { .. }
                | Notification::LeaderChanged { .. }
                | Notification::ConfigMismatch { .. }
                | Notification::DuplicateSeen { .. }
                | Notification::StepsDiffer { .. }
                | Notification::StepTooEarly { .. }
                | Notification::WallClockOff { .. }
                | Notification::LeaseLengthChanged { .. }
                | Notification::TooSlow(_),
            ) => false,
        });
        self.notifications = self.actions.iter().filter(|action| matches!(action, Action::Notify(_))).count();
    }
}

#[cfg(test)]
mod tests;
