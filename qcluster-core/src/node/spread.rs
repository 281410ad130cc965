//! Telling others: news in ticks, to a few by chance; and what is owed to a peer because tables differ in a measured flow,
//! so that a newcomer is served quickly and nobody's network is flooded (G10).

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
