//! Moving the origins of clocks, so that what behaves alike compares equal (see [`Node::rebase`](crate::Node::rebase)).

use super::Time;
use crate::id::NodeKey;

/// How the clocks move.
pub(crate) struct Rebase<'a> {
    /// What the own clock shows.
    pub(crate) now: Time,
    /// What every clock is to show.
    pub(crate) present: Time,
    /// What the clocks of all nodes show.
    pub(crate) clocks: &'a dyn Fn(NodeKey) -> Time,
}

impl Rebase<'_> {
    /// A moment on the own clock.
    pub(crate) fn time(&self, time: Time) -> Time {
        self.moved(time, self.now)
    }

    /// A deadline on the own clock: when it has passed, it does not matter how long ago.
    pub(crate) fn due(&self, time: Time) -> Time {
        self.time(time.max(self.now))
    }

    /// A moment on the clock of another node.
    pub(crate) fn time_of(&self, node: NodeKey, time: Time) -> Time {
        self.moved(time, (self.clocks)(node))
    }

    /// Whether a moment on the own clock is to come.
    pub(crate) fn is_to_come(&self, time: Time) -> bool {
        time > self.now
    }

    fn moved(&self, time: Time, now: Time) -> Time {
        match time {
            Time::NEVER => Time::NEVER,
            time if time > now => self.present + time.since(now),
            time => self.present.before(now.since(time)),
        }
    }
}
