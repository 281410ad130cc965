//! Where each incarnation of each node is: the address that its name resolves to, and the ones that it has shown to be at, by
//! giving back a number that was sent nowhere else (E18).

mod text;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, NodeKey, VoterIndex};
use crate::secret::Secret;
use crate::time::{Span, Time};

/// An incarnation, and an address: where it has shown to be, or where its datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) incarnation: Incarnation,
    #[serde(with = "text")]
    pub(super) address: SocketAddr,
}

/// The addresses of one node: a name may stand for two incarnations for a moment, when it restarts elsewhere or its identifier is a duplicate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    #[serde(with = "text::option")]
    resolved: Option<SocketAddr>,
    newest: Option<Place>,
    other: Option<Place>,
    /// How often an incarnation of it has shown where it is.
    moves: u64,
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
        self.moves += 1;
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
    secret: Secret,
    voters: Vec<Entry>,
    /// Nodes that are not voters, each with the number of its entry: the lowest was made first.
    others: BTreeMap<NodeKey, (u64, Entry)>,
    entries: u64,
    sender: Option<Sender>,
}

impl Addresses {
    /// The answer to a probe counts for this long at least, and for twice as long at most.
    const ROUND: Span = Span::from_millis(5_000);

    /// Of how many nodes that are not voters it is remembered where they have shown to be.
    const OTHERS_MAX: usize = 1_024;

    pub(super) fn new(voters: usize, secret: Secret) -> Self {
        let voters = alloc::vec![Entry::default(); voters];
        Self { secret, voters, others: BTreeMap::new(), entries: 0, sender: None }
    }

    /// A name was resolved: who is elsewhere has to show it again.
    pub(super) fn resolved(&mut self, voter: VoterIndex, address: SocketAddr) {
        let entry = &mut self.voters[voter.position()];
        if entry.resolved != Some(address) {
            *entry = Entry { resolved: Some(address), moves: entry.moves, ..Entry::default() };
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

    /// The number to ask the sender with, whether it is there. It is sent nowhere else, so that who gives it back has received it.
    pub(super) fn question(&self, sender: Sender, now: Time) -> u64 {
        self.number(sender, Self::round(now))
    }

    /// The sender gives a number back: whether that shows that it is where its datagram came from.
    pub(super) fn answered(&mut self, nonce: u64, now: Time) -> bool {
        let Some(sender) = self.sender else { return false };
        let round = Self::round(now);
        let is_right = [round, round.saturating_sub(1)].into_iter().any(|round| self.number(sender, round) == nonce);
        if is_right {
            let entry = match sender.voter {
                Some(voter) => &mut self.voters[voter.position()],
                None => self.other(sender.key),
            };
            entry.move_to(sender.place);
            self.sender = Some(Sender { allowance: None, ..sender });
        }
        is_right
    }

    /// Numbers change from round to round, so that one that was caught is soon worth nothing.
    fn round(now: Time) -> u64 {
        now.as_nanos() / Self::ROUND.as_nanos()
    }

    /// The number of a probe needs no memory, which somebody could fill: it is a hash over whom it asks and where. How often that node
    /// has moved is in it too, so that one number moves it once.
    fn number(&self, sender: Sender, round: u64) -> u64 {
        let Sender { key, voter, place, .. } = sender;
        let moves = match voter {
            Some(voter) => self.voters[voter.position()].moves,
            None => self.others.get(&key).map_or(0, |(_, entry)| entry.moves),
        };
        let [ip, port] = words(place.address);
        self.secret.number(&[key.0.into(), place.incarnation.0.into(), round.into(), moves.into(), ip, port])
    }

    fn other(&mut self, key: NodeKey) -> &mut Entry {
        if self.others.len() >= Self::OTHERS_MAX && !self.others.contains_key(&key) {
            let goes = self.others.iter().min_by_key(|(_, (number, _))| *number);
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

/// An address in words: the IP, and the port with what else tells it from others.
fn words(address: SocketAddr) -> [u128; 2] {
    let (ip, scope) = match address {
        SocketAddr::V4(address) => (address.ip().to_bits().into(), 0),
        SocketAddr::V6(address) => (address.ip().to_bits(), address.scope_id()),
    };
    let family = u64::from(address.is_ipv6());
    [ip, (u64::from(scope) << 32 | family << 16 | u64::from(address.port())).into()]
}
