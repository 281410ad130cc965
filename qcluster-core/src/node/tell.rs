//! Telling: the application by notifications, observers by announcements (E13).

use super::event::{Message, Notification};
use super::{Node, Part};
use crate::election::Change;
use crate::id::{Term, VoterIndex};
use crate::observer;

impl Node {
    pub(super) fn tell(&mut self, change: Change) {
        let notification = match change {
            Change::Elected { token } => Notification::Elected { token },
            Change::Lost { token, reason, lapse } => Notification::Lost { token, reason, lapse },
            Change::Draining { until } => Notification::Draining { until: self.offset.given(until) },
            Change::StorageFailed => Notification::StorageFailed,
            Change::StepEstablished => {
                self.say_step();
                Notification::StepEstablished
            }
            Change::LeaseLength { lease, reason } => Notification::LeaseLengthChanged { lease, reason },
            Change::TooSlow(slow) => Notification::TooSlow(slow),
            Change::Leader { leader, term } => {
                self.announce(leader, term);
                Notification::LeaderChanged { leader, term }
            }
        };
        self.queue.push_notification(notification);
    }

    /// Tells observers at once (E13).
    fn announce(&mut self, leader: Option<VoterIndex>, term: Term) {
        let leader = leader.map(|leader| self.rules.at(leader).key);
        let audience = core::mem::take(&mut self.audience);
        for subscriber in audience.at(self.now) {
            let message = Message::Observer(observer::Message::Announce { leader, term });
            self.send(subscriber.key, subscriber.incarnation, message);
        }
        self.audience = audience;
    }

    /// An observer tells its application of a new leader.
    pub(super) fn tell_what_is_watched(&mut self) {
        let Part::Observer(watch) = &mut self.part else { return };
        if watch.has_news() {
            let (leader, term) = (watch.leader().map(|(leader, _)| leader), watch.term());
            self.queue.push_notification(Notification::LeaderChanged { leader, term });
        }
    }
}
