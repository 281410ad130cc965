//! Where each life of each node is: the address that its name resolves to, and the ones that it was heard from.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::config::VoterIndex;
use crate::id::{Incarnation, NodeKey};
use crate::observer::Audience;

/// A life and where it was heard from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    life: Incarnation,
    address: SocketAddr,
}

/// The addresses of one voter: a name may stand for two lives for a moment, when it restarts elsewhere or has a twin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    resolved: Option<SocketAddr>,
    newest: Option<Place>,
    other: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    voters: Vec<Entry>,
    /// Nodes that are no voters, the one heard last at the end.
    observers: VecDeque<(NodeKey, Place)>,
    /// Who sent the datagram that is being looked at: it may be answered, whoever it is.
    sender: Option<(NodeKey, Place)>,
}

impl Addresses {
    pub(super) fn new(voters: usize) -> Self {
        Self { voters: alloc::vec![Entry::default(); voters], observers: VecDeque::new(), sender: None }
    }

    /// A name was resolved: what was heard from elsewhere will be heard again if it is still there.
    pub(super) fn resolved(&mut self, voter: VoterIndex, address: SocketAddr) {
        let entry = &mut self.voters[voter.position()];
        if entry.resolved != Some(address) {
            *entry = Entry { resolved: Some(address), newest: None, other: None };
        }
    }

    pub(super) fn sender_is(&mut self, key: NodeKey, life: Incarnation, address: SocketAddr) {
        self.sender = Some((key, Place { life, address }));
    }

    pub(super) fn forget_sender(&mut self) {
        self.sender = None;
    }

    /// A life that is there now was heard from that address. A life that is known already stays where it is: a repetition
    /// from elsewhere must not divert what is meant for it.
    pub(super) fn found(&mut self, voter: Option<VoterIndex>, key: NodeKey, life: Incarnation, address: SocketAddr) {
        let place = Place { life, address };
        let Some(voter) = voter else { return self.found_observer(key, place) };
        let entry = &mut self.voters[voter.position()];
        if ![entry.newest, entry.other].into_iter().flatten().any(|known| known.life == life) {
            entry.other = entry.newest.replace(place);
        }
    }

    /// A life of a voter has said something from there that is newer than all before.
    pub(super) fn moved(&mut self, voter: Option<VoterIndex>, life: Incarnation, address: SocketAddr) {
        let Some(voter) = voter else { return };
        let Entry { newest, other, .. } = &mut self.voters[voter.position()];
        for place in [newest, other].into_iter().flatten().filter(|place| place.life == life) {
            place.address = address;
        }
    }

    fn found_observer(&mut self, key: NodeKey, place: Place) {
        if let Some((_, known)) = self.observers.iter_mut().find(|(known, _)| *known == key) {
            if known.life != place.life {
                *known = place;
            }
            return;
        }
        if self.observers.len() >= Audience::MAX {
            self.observers.pop_front();
        }
        self.observers.push_back((key, place));
    }

    /// Where that life of a voter is, or else where its name points to.
    pub(super) fn of_voter(&self, voter: VoterIndex, life: Incarnation) -> Option<SocketAddr> {
        let entry = &self.voters[voter.position()];
        let places = [entry.newest, entry.other];
        let place = places.into_iter().flatten().find(|place| place.life == life);
        place.map(|place| place.address).or(entry.resolved)
    }

    /// Where to send what is for that life of that node.
    pub(super) fn find(&self, voter: Option<VoterIndex>, key: NodeKey, life: Incarnation) -> Option<SocketAddr> {
        let sender = self.sender.filter(|(sender, place)| *sender == key && place.life == life);
        if let Some((_, place)) = sender {
            return Some(place.address);
        }
        match voter {
            Some(voter) => self.of_voter(voter, life),
            None => self.observers.iter().find(|(known, _)| *known == key).map(|(_, place)| place.address),
        }
    }
}
