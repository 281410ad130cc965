//! Where each incarnation of each node is: the address that its name resolves to, and the ones that it was heard from.

mod text;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, NodeKey, VoterIndex};
use crate::observer::Audience;
use crate::time::{Span, Time};

/// An incarnation and where it was heard from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) incarnation: Incarnation,
    #[serde(with = "text")]
    pub(super) address: SocketAddr,
}

/// An incarnation was asked to show that it is at another place than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    place: Place,
    nonce: u64,
    at: Time,
}

/// Whether a datagram came from where its sender is known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Here,
    /// It came from another place, and its sender should be asked there.
    Elsewhere(VoterIndex),
}

/// The addresses of one voter: a name may stand for two incarnations for a moment, when it restarts elsewhere or its identifier is a duplicate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    #[serde(with = "text::option")]
    resolved: Option<SocketAddr>,
    newest: Option<Place>,
    other: Option<Place>,
    asked: Option<Asked>,
}

impl Entry {
    /// Where that incarnation was heard from, if it was.
    fn place_of(&self, incarnation: Incarnation) -> Option<&Place> {
        let of_incarnation = |place: &&Place| place.incarnation == incarnation;
        self.newest.as_ref().filter(of_incarnation).or_else(|| self.other.as_ref().filter(of_incarnation))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Addresses {
    voters: Vec<Entry>,
    /// Nodes that are not voters, the one heard last at the end.
    observers: VecDeque<(NodeKey, Place)>,
    /// Who sent the datagram that is being looked at: it may be answered, known or not.
    sender: Option<(NodeKey, Place)>,
}

impl Addresses {
    pub(super) fn new(voters: usize) -> Self {
        Self { voters: alloc::vec![Entry::default(); voters], observers: VecDeque::new(), sender: None }
    }

    /// A name was resolved: what was heard from elsewhere will be heard again if it is still there. An incarnation that is known
    /// stays known, or the repetition of a datagram from a stranger's address would be the first that is heard of it.
    pub(super) fn resolved(&mut self, voter: VoterIndex, address: SocketAddr) {
        let entry = &mut self.voters[voter.position()];
        if entry.resolved != Some(address) {
            entry.resolved = Some(address);
            entry.asked = None;
            for known in [&mut entry.newest, &mut entry.other].into_iter().flatten() {
                known.address = address;
            }
        }
    }

    pub(super) fn sender_is(&mut self, key: NodeKey, place: Place) {
        self.sender = Some((key, place));
    }

    pub(super) fn forget_sender(&mut self) {
        self.sender = None;
    }

    /// An incarnation that is there now was heard from that address. An incarnation that is known already stays where
    /// it is until it has shown that it moved: anybody can repeat a datagram from elsewhere, even one that never
    /// arrived, and must not divert what is meant for its sender.
    pub(super) fn found(
        &mut self,
        voter: Option<VoterIndex>,
        key: NodeKey,
        place: Place,
        now: Time,
        patience: Span,
    ) -> Found {
        let Some(index) = voter else {
            self.found_observer(key, place);
            return Found::Here;
        };
        let entry = &mut self.voters[index.position()];
        let Some(known) = entry.place_of(place.incarnation) else {
            entry.other = entry.newest.replace(place);
            return Found::Here;
        };
        if known.address == place.address {
            return Found::Here;
        }
        let asked_lately = entry.asked.is_some_and(|asked| now < asked.at + patience);
        if asked_lately { Found::Here } else { Found::Elsewhere(index) }
    }

    /// A probe went to where an incarnation of a voter was heard from.
    pub(super) fn asked(&mut self, voter: VoterIndex, place: Place, nonce: u64, at: Time) {
        self.voters[voter.position()].asked = Some(Asked { place, nonce, at });
    }

    /// The answer to a probe has come from there.
    pub(super) fn answered(&mut self, voter: Option<VoterIndex>, nonce: u64, address: SocketAddr) {
        let Some(voter) = voter else { return };
        let entry = &mut self.voters[voter.position()];
        let right = |asked: &mut Asked| asked.nonce == nonce && asked.place.address == address;
        let Some(Asked { place, .. }) = entry.asked.take_if(right) else { return };
        for known in [&mut entry.newest, &mut entry.other].into_iter().flatten() {
            if known.incarnation == place.incarnation {
                known.address = address;
            }
        }
    }

    fn found_observer(&mut self, key: NodeKey, place: Place) {
        if let Some((_, known)) = self.observers.iter_mut().find(|(known, _)| *known == key) {
            if known.incarnation != place.incarnation {
                *known = place;
            }
            return;
        }
        if self.observers.len() >= Audience::MAX {
            self.observers.pop_front();
        }
        self.observers.push_back((key, place));
    }

    /// Where that incarnation of a voter is, or else where its name points to.
    pub(super) fn of_voter(&self, voter: VoterIndex, incarnation: Incarnation) -> Option<SocketAddr> {
        self.heard_from(voter, incarnation).or(self.voters[voter.position()].resolved)
    }

    fn heard_from(&self, voter: VoterIndex, incarnation: Incarnation) -> Option<SocketAddr> {
        self.voters[voter.position()].place_of(incarnation).map(|place| place.address)
    }

    /// Where to send what is for that incarnation of that node, which may have `said` where it is.
    pub(super) fn find(
        &self,
        voter: Option<VoterIndex>,
        key: NodeKey,
        incarnation: Incarnation,
        said: impl FnOnce() -> Option<SocketAddr>,
    ) -> Option<SocketAddr> {
        if let Some((sender, place)) = &self.sender
            && *sender == key
            && place.incarnation == incarnation
        {
            return Some(place.address);
        }
        if let Some(voter) = voter {
            return self.heard_from(voter, incarnation).or_else(said).or(self.voters[voter.position()].resolved);
        }
        let heard = || self.observers.iter().find(|(known, _)| *known == key).map(|(_, place)| place.address);
        said().or_else(heard)
    }
}
