//! Telling others: news in ticks, to a few by chance; and what is owed to a peer because tables differ in a measured flow,
//! so that a newcomer is served quickly and nobody's network is flooded (G10). Both go on datagrams of their own, and fill up others.

use alloc::vec::Vec;

use super::Node;
use super::event::Message;
use super::gossip::Gossip;
use crate::id::NodeKey;
use crate::rumors::Place;
use crate::time::{Span, Time};

/// News of one of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Member(Place),
    Record(Place),
}

impl Gossip {
    /// How many hear news at each tick.
    const FANOUT: usize = 3;
    /// How many datagrams of what is owed go out at a time, this far apart: half a megabyte a second.
    const FLOW: usize = 8;
    const FLOW_PAUSE: Span = Span::from_millis(20);

    /// The first news: who is there comes before what is where.
    fn first_news(&self, now: Time) -> Option<(News, Message)> {
        let member = || {
            let (place, message) = self.membership.rumor(None, now)?;
            Some((News::Member(place), message.into()))
        };
        let record = || {
            let (place, message) = self.registry.rumor(None)?;
            Some((News::Record(place), message.into()))
        };
        member().or_else(record)
    }

    /// Something was told once more.
    pub(super) fn told(&mut self, news: News) {
        match news {
            News::Member(place) => self.membership.told(place),
            News::Record(place) => self.registry.told(place, self.membership.told_max()),
        }
    }

    /// What was to be told was not sent.
    fn untold(&mut self, message: &Message) {
        match message {
            Message::Membership(message) => {
                if let Some(member) = message.subject() {
                    self.membership.untold(member.0);
                }
            }
            Message::Registry(message) => {
                if let Some(record) = message.subject() {
                    self.registry.untold(record);
                }
            }
            Message::Session(_) | Message::Election(_) | Message::Observer(_) | Message::Incarnations(_) => {}
        }
    }

    /// What to tell that peer next because tables differ.
    pub(super) fn next_owed(&mut self, peer: NodeKey, now: Time) -> Option<Message> {
        let member = self.membership.next_owed(peer, now).map(Message::from);
        member.or_else(|| self.registry.next_owed(peer).map(Message::from))
    }
}

impl Node {
    /// Tells news and what is owed, where it is time.
    pub(super) fn spread(&mut self) {
        self.tell_news();
        self.pay_off();
        if let Some(gossip) = &mut self.gossip {
            gossip.plan();
        }
    }

    fn tell_news(&mut self) {
        let now = self.now;
        let Some(gossip) = &mut self.gossip else { return };
        if !gossip.has_news() || now < gossip.tick_at {
            return;
        }
        gossip.tick_at = now + gossip.settings.pace.tick;
        for member in gossip.membership.audience(Gossip::FANOUT) {
            let Some(gossip) = &mut self.gossip else { return };
            let Some((news, message)) = gossip.first_news(now) else { return };
            gossip.told(news);
            self.send_to_member(member, message);
        }
    }

    fn pay_off(&mut self) {
        let now = self.now;
        let Some(gossip) = &mut self.gossip else { return };
        if !gossip.owes() || now < gossip.flow_at {
            return;
        }
        gossip.flow_at = now + Gossip::FLOW_PAUSE;
        let mut owed_peers: Vec<NodeKey> = gossip.owed_peers().collect();
        owed_peers.sort_unstable();
        owed_peers.dedup();
        for peer in owed_peers.iter().cycle().take(Gossip::FLOW) {
            let Some(gossip) = &mut self.gossip else { return };
            if let Some(message) = gossip.next_owed(*peer, now) {
                self.send_to_member(*peer, message);
            }
        }
    }
}

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
    /// A message went to nobody: news in it was told to nobody.
    pub(crate) fn went_to_nobody(&mut self, message: &Message) {
        if let Some(gossip) = &mut self.gossip {
            gossip.untold(message);
            gossip.plan();
        }
    }

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
