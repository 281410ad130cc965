//! Filling datagrams: behind the message that one is sent for there is room for what its receiver is owed, and for news.

use alloc::vec::Vec;

use super::Node;
use super::event::Message;
use super::spread::News;
use crate::id::NodeKey;
use crate::rumors::Place;

/// How much of a datagram was filled, and with what.
#[derive(Debug)]
pub(crate) struct TopUp {
    to: NodeKey,
    ride: Ride,
    stage: Stage,
    last: Option<Place>,
    /// What the datagram was made for is not put in again.
    first: Option<u64>,
    told: Vec<News>,
    misses: u8,
}

/// On what news travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ride {
    /// On a datagram to a member by chance.
    Member,
    /// On an election's, always to the same few: only what was hardly told yet, or it would be told to nobody else.
    Election,
}

/// What a datagram is being filled with, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Owed,
    Members,
    Records,
    Full,
}

impl Node {
    /// Begins to fill up a datagram; `None` if there is nothing to fill it with.
    pub(crate) fn top_up(&self, to: NodeKey, first: &Message) -> Option<TopUp> {
        let gossip = self.gossip.as_ref()?;
        let (ride, stage) = match first {
            Message::Session(_) | Message::Observer(_) | Message::Incarnations(_) => return None,
            Message::Election(_) => (Ride::Election, Stage::Members),
            Message::Membership(_) | Message::Registry(_) => (Ride::Member, Stage::Owed),
        };
        let has_something = gossip.has_news() || (ride == Ride::Member && gossip.owes());
        let first = subject_of(first);
        has_something.then_some(TopUp { to, ride, stage, last: None, first, told: Vec::new(), misses: 0 })
    }

    /// The next message to put into that datagram. Say what became of it by [`TopUp::fits`] or [`Self::does_not_fit`].
    pub(crate) fn next_to_top_up(&mut self, top_up: &mut TopUp) -> Option<Message> {
        let now = self.now;
        let gossip = self.gossip.as_mut()?;
        loop {
            let (place, message) = match top_up.stage {
                Stage::Full => return None,
                Stage::Owed => {
                    if let Some(message) = gossip.next_owed(top_up.to, now) {
                        return Some(message);
                    }
                    top_up.stage = Stage::Members;
                    continue;
                }
                Stage::Members => match gossip.membership.rumor(top_up.last, now) {
                    Some((place, message)) if top_up.takes(place) => (place, message.into()),
                    Some(_) | None => {
                        (top_up.stage, top_up.last) = (Stage::Records, None);
                        continue;
                    }
                },
                Stage::Records => match gossip.registry.rumor(top_up.last) {
                    Some((place, message)) if top_up.takes(place) => (place, message.into()),
                    Some(_) | None => {
                        top_up.stage = Stage::Full;
                        continue;
                    }
                },
            };
            top_up.last = Some(place);
            if Some(place.subject()) != top_up.first {
                return Some(message);
            }
        }
    }

    /// It was not: of news, smaller ones may still fit.
    pub(crate) fn does_not_fit(&mut self, top_up: &mut TopUp, message: Message) {
        const MISSES_MAX: u8 = 3;
        top_up.misses += 1;
        if top_up.stage == Stage::Owed {
            match (message, &mut self.gossip) {
                (Message::Membership(message), Some(gossip)) => gossip.membership.put_back(top_up.to, *message),
                (Message::Registry(message), Some(gossip)) => gossip.registry.put_back(top_up.to, *message),
                (Message::Session(_) | Message::Election(_) | Message::Observer(_) | Message::Incarnations(_), _)
                | (_, None) => {}
            }
            top_up.stage = Stage::Full;
        }
        if top_up.misses >= MISSES_MAX {
            top_up.stage = Stage::Full;
        }
    }

    /// The datagram is done.
    pub(crate) fn topped_up(&mut self, top_up: TopUp) {
        if let Some(gossip) = &mut self.gossip {
            for news in top_up.told {
                gossip.told(news);
            }
            gossip.plan();
        }
    }
}

impl TopUp {
    /// What was given last was put in.
    pub(crate) fn fits(&mut self) {
        let news = match self.stage {
            Stage::Members => self.last.map(News::Member),
            Stage::Records => self.last.map(News::Record),
            Stage::Owed | Stage::Full => None,
        };
        self.told.extend(news);
    }

    fn takes(&self, place: Place) -> bool {
        /// A rider of an election was told so often at most.
        const HARDLY: u16 = 2;
        self.ride == Ride::Member || place.told() < HARDLY
    }
}

/// What news a message is.
fn subject_of(message: &Message) -> Option<u64> {
    match message {
        Message::Membership(message) => message.subject().map(|member| member.0),
        Message::Registry(message) => message.subject(),
        Message::Session(_) | Message::Election(_) | Message::Observer(_) | Message::Incarnations(_) => None,
    }
}
