//! Whom to probe next, and what came of it (G2): a shuffled round-robin, so that everybody's turn comes within two rounds.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::NodeKey;
use crate::rng::Rng;
use crate::time::{Span, Time};

/// A probe that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Round {
    pub(super) target: NodeKey,
    pub(super) seq: u32,
    /// When others are asked to try; `NEVER` once they were.
    pub(super) ask_at: Time,
    /// Who were asked, and how many of them said that they had no answer either.
    pub(super) asked: u8,
    pub(super) without_answer: u8,
}

/// A probe for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Relay {
    /// Of the ping to the target.
    seq: u32,
    asker: NodeKey,
    asker_seq: u32,
    target: NodeKey,
    until: Time,
}

/// A relay that came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) asker: NodeKey,
    pub(super) asker_seq: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Probing {
    /// Everybody else who is there, in the order of this round.
    order: Vec<NodeKey>,
    next: usize,
    seq: u32,
    pub(super) round: Option<Round>,
    relays: Vec<Relay>,
    /// When the next probe begins.
    pub(super) due: Time,
}

impl Probing {
    /// How many others are asked to try.
    pub(super) const HELPERS: usize = 3;
    const ERRANDS_MAX: usize = 64;

    pub(super) fn new(due: Time) -> Self {
        Self { order: Vec::new(), next: 0, seq: 0, round: None, relays: Vec::new(), due }
    }

    /// How many others are there.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// One more is there: its turn comes at a random time of this round.
    pub(super) fn add(&mut self, member: NodeKey, rng: &mut Rng) {
        let left = self.order.len() - self.next.min(self.order.len());
        let offset = usize::try_from(rng.below(left as u64 + 1)).unwrap_or(0);
        self.order.insert((self.next + offset).min(self.order.len()), member);
    }

    pub(super) fn remove(&mut self, member: NodeKey) {
        if let Some(at) = self.order.iter().position(|known| *known == member) {
            self.order.remove(at);
            self.next -= usize::from(at < self.next);
        }
        self.round.take_if(|round| round.target == member);
    }

    /// Whose turn it is.
    pub(super) fn next_target(&mut self, rng: &mut Rng) -> Option<NodeKey> {
        if self.next >= self.order.len() {
            self.next = 0;
            for at in (1..self.order.len()).rev() {
                let other = usize::try_from(rng.below(at as u64 + 1)).unwrap_or(0);
                self.order.swap(at, other);
            }
        }
        let target = self.order.get(self.next).copied()?;
        self.next += 1;
        Some(target)
    }

    /// Up to `count` others by chance, each once.
    pub(super) fn some(&self, count: usize, but: Option<NodeKey>, rng: &mut Rng) -> Vec<NodeKey> {
        let mut chosen = Vec::with_capacity(count);
        let wanted = count.min(self.order.len());
        // With few members the same one is drawn again and again: then the first one serves as well.
        for _ in 0..wanted * 4 {
            let at = usize::try_from(rng.below(self.order.len() as u64)).unwrap_or(0);
            let member = self.order[at];
            if chosen.len() < wanted && Some(member) != but && !chosen.contains(&member) {
                chosen.push(member);
            }
        }
        for member in &self.order {
            if chosen.len() >= wanted {
                break;
            }
            if Some(*member) != but && !chosen.contains(member) {
                chosen.push(*member);
            }
        }
        chosen
    }

    pub(super) fn new_seq(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }

    /// Takes on to ask somebody for somebody. Gives the number of the ping, unless there is too much to do.
    pub(super) fn take_relay(&mut self, asker: NodeKey, asker_seq: u32, target: NodeKey, until: Time) -> Option<u32> {
        if self.relays.len() >= Self::ERRANDS_MAX {
            return None;
        }
        let seq = self.new_seq();
        self.relays.push(Relay { seq, asker, asker_seq, target, until });
        Some(seq)
    }

    /// The relay that this answer ends.
    pub(super) fn relay_answered(&mut self, from: NodeKey, seq: u32) -> Option<Done> {
        let at = self.relays.iter().position(|relay| relay.seq == seq && relay.target == from)?;
        let Relay { asker, asker_seq, .. } = self.relays.swap_remove(at);
        Some(Done { asker, asker_seq })
    }

    /// A relay that has waited long enough.
    pub(super) fn relay_due(&mut self, now: Time) -> Option<Done> {
        let at = self.relays.iter().position(|relay| relay.until <= now)?;
        let Relay { asker, asker_seq, .. } = self.relays.swap_remove(at);
        Some(Done { asker, asker_seq })
    }

    pub(super) fn deadline(&self) -> Time {
        let relays = self.relays.iter().map(|relay| relay.until).min().unwrap_or(Time::NEVER);
        let ask_at = self.round.map_or(Time::NEVER, |round| round.ask_at);
        relays.min(ask_at).min(self.due)
    }

    /// This node stood still: what it waited for may have come meanwhile, and says nothing.
    pub(super) fn void(&mut self, now: Time, pause: Span) {
        self.round = None;
        self.relays.clear();
        self.due = now + pause;
    }
}

#[cfg(test)]
mod tests;
