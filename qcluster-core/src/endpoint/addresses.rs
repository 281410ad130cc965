//! Where each incarnation of each node is: the address that its name resolves to, and the ones that it has shown to be at, by
//! giving back a number that was sent nowhere else (E18).

mod text;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, NodeKey, VoterIndex};
use crate::time::{Span, Time};

/// An incarnation, and where it was heard.
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

/// The addresses of one node: a name may stand for two incarnations for a moment, when it restarts elsewhere or its identifier is a duplicate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    #[serde(with = "text::option")]
    resolved: Option<SocketAddr>,
    newest: Option<Place>,
    other: Option<Place>,
    asked: Option<Asked>,
}

impl Entry {
    /// Where that incarnation has shown to be, if it has.
    fn place_of(&self, incarnation: Incarnation) -> Option<&Place> {
        let of_incarnation = |place: &&Place| place.incarnation == incarnation;
        self.newest.as_ref().filter(of_incarnation).or_else(|| self.other.as_ref().filter(of_incarnation))
    }

    /// Whether that incarnation is there: where it has shown to be, or else where the name points to.
    fn is_at(&self, place: Place) -> bool {
        let shown = self.place_of(place.incarnation).map(|known| known.address);
        shown.or(self.resolved) == Some(place.address)
    }

    /// An incarnation has shown that it is there.
    fn move_to(&mut self, place: Place) {
        let of_incarnation = |known: &&mut Place| known.incarnation == place.incarnation;
        if let Some(known) = [&mut self.newest, &mut self.other].into_iter().flatten().find(of_incarnation) {
            *known = place;
            return;
        }
        self.other = self.newest.replace(place);
    }
}

/// Who sent the datagram that is being looked at: it may be answered, known or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sender {
    pub(super) key: NodeKey,
    pub(super) voter: Option<VoterIndex>,
    pub(super) place: Place,
    /// How many bytes may still be sent there in answer; `None` if it is known to be there (E18).
    pub(super) allowance: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Addresses {
    voters: Vec<Entry>,
    /// Nodes that are not voters, each with the number of its entry: the lowest was made first.
    others: BTreeMap<NodeKey, (u64, Entry)>,
    entries: u64,
    sender: Option<Sender>,
}

impl Addresses {
    /// Of how many nodes that are not voters it is remembered where they were heard.
    const OTHERS_MAX: usize = 1_024;

    pub(super) fn new(voters: usize) -> Self {
        Self { voters: alloc::vec![Entry::default(); voters], others: BTreeMap::new(), entries: 0, sender: None }
    }

    /// A name was resolved: who is elsewhere has to show it again.
    pub(super) fn resolved(&mut self, voter: VoterIndex, address: SocketAddr) {
        let entry = &mut self.voters[voter.position()];
        if entry.resolved != Some(address) {
            *entry = Entry { resolved: Some(address), ..Entry::default() };
        }
    }

    /// Somebody sends a datagram of `len` bytes. A datagram can be repeated by anybody, from anywhere, even one that never
    /// arrived: so that it names this node's present incarnation says nothing of where it comes from.
    pub(super) fn sender_is(
        &mut self,
        voter: Option<VoterIndex>,
        key: NodeKey,
        place: Place,
        len: usize,
        is_spoken_to: impl FnOnce() -> bool,
    ) {
        let is_known = match voter {
            Some(voter) => self.voters[voter.position()].is_at(place),
            None => is_spoken_to() || self.others.get(&key).is_some_and(|(_, entry)| entry.is_at(place)),
        };
        self.sender = Some(Sender { key, voter, place, allowance: (!is_known).then_some(len) });
    }

    pub(super) fn forget_sender(&mut self) {
        self.sender = None;
    }

    /// The sender, where it is not known to be where its datagram came from.
    pub(super) fn unproven(&self) -> Option<Sender> {
        self.sender.filter(|sender| sender.allowance.is_some())
    }

    /// How many bytes may still be sent to that address in this step, if they are counted.
    pub(super) fn allowance(&mut self, to: SocketAddr) -> Option<&mut usize> {
        self.sender.as_mut().filter(|sender| sender.place.address == to)?.allowance.as_mut()
    }

    /// The number to ask the sender with, where it has to be asked whether it is there and was not asked lately. It is sent
    /// nowhere else, so that who gives it back has received it.
    pub(super) fn question(
        &mut self,
        sender: Sender,
        now: Time,
        patience: Span,
        fresh: impl FnOnce() -> u64,
    ) -> Option<u64> {
        let Sender { key, voter, place, .. } = sender;
        let entry = match voter {
            Some(voter) => &mut self.voters[voter.position()],
            None => self.other(key),
        };
        if entry.asked.is_some_and(|asked| now < asked.at + patience) {
            return None;
        }
        // The answer may take longer than that.
        let same = entry.asked.filter(|asked| asked.place == place).map(|asked| asked.nonce);
        let nonce = same.unwrap_or_else(fresh);
        entry.asked = Some(Asked { place, nonce, at: now });
        Some(nonce)
    }

    /// The sender gives a number back: whether that shows that it is where its datagram came from.
    pub(super) fn answered(&mut self, nonce: u64) -> bool {
        let Some(sender) = &mut self.sender else { return false };
        let entry = match sender.voter {
            Some(voter) => Some(&mut self.voters[voter.position()]),
            None => self.others.get_mut(&sender.key).map(|(_, entry)| entry),
        };
        let Some(entry) = entry else { return false };
        let place = sender.place;
        let is_right = entry.asked.take_if(|asked| asked.nonce == nonce && asked.place == place).is_some();
        if is_right {
            entry.move_to(place);
            sender.allowance = None;
        }
        is_right
    }

    fn other(&mut self, key: NodeKey) -> &mut Entry {
        if self.others.len() >= Self::OTHERS_MAX && !self.others.contains_key(&key) {
            let has_shown = |entry: &Entry| entry.newest.is_some();
            let goes = self.others.iter().min_by_key(|(_, (number, entry))| (has_shown(entry), *number));
            let goes = goes.map(|(key, _)| *key);
            goes.and_then(|key| self.others.remove(&key));
        }
        self.entries += 1;
        let number = self.entries;
        &mut self.others.entry(key).or_insert_with(|| (number, Entry::default())).1
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
        if let Some(sender) = &self.sender
            && sender.key == key
            && sender.place.incarnation == incarnation
        {
            return Some(sender.place.address);
        }
        if let Some(voter) = voter {
            return self.heard_from(voter, incarnation).or_else(said).or(self.voters[voter.position()].resolved);
        }
        let shown = || self.others.get(&key)?.1.newest.map(|place| place.address);
        said().or_else(shown)
    }
}
