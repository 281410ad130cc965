//! What is said of a member, and which of two updates wins.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, NodeId, NodeKey, stable_hash};

/// An incarnation of a member and how often it had to speak up in it (G1). The larger one is the later one, and what is said of an
/// earlier one counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// The incarnation: a restarted member is welcome at once, whatever was said of the one before.
    pub incarnation: Incarnation,
    /// Raised by the member alone, when it contradicts what is said of it (G3), moves or leaves.
    pub refutation: u32,
}

impl Standing {
    /// That of an incarnation which has contradicted nothing yet.
    pub const fn of(incarnation: Incarnation) -> Self {
        Self { incarnation, refutation: 0 }
    }

    pub(super) fn next(self) -> Self {
        Self { refutation: self.refutation.saturating_add(1), ..self }
    }
}

/// What a member is thought to be. Of one standing, the later in this list wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// It answers, or is said to.
    Alive,
    /// It did not answer somebody; it counts as there until that has aged (G2).
    Suspect,
    /// It is gone, and nobody knows why.
    Down,
    /// It said goodbye (G4).
    Left,
}

impl State {
    /// A short name that never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Left => "left",
        }
    }

    /// Whether its services are to be used: a suspicion alone takes nothing away.
    pub const fn is_present(self) -> bool {
        match self {
            Self::Alive | Self::Suspect => true,
            Self::Down | Self::Left => false,
        }
    }
}

/// A member with all that others need to find it, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Introduction {
    /// Who it is.
    pub id: NodeId,
    /// Where it says that it is, once it knows.
    pub address: Option<SocketAddr>,
    /// Which incarnation of it.
    pub standing: Standing,
    /// What it is thought to be.
    pub state: State,
    /// For how many seconds it has been that: what is forgotten by one node is not to be learned again from another.
    pub age_s: u32,
}

/// The state of a member as the sender sees it, for receivers that know the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StateUpdate {
    /// Of whom.
    pub member: NodeKey,
    /// In which incarnation.
    pub standing: Standing,
    /// What it is thought to be.
    pub state: State,
    /// While it is suspected: who has found so for itself.
    pub accusers: Accusers,
}

/// Those who have had no answer from a suspect themselves (Lifeguard's independent confirmations), as many as count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Accusers([Option<NodeKey>; Accusers::MAX]);

impl Accusers {
    /// More make a suspicion age no faster.
    pub const MAX: usize = 3;

    /// A single one.
    pub fn one(accuser: NodeKey) -> Self {
        Self([Some(accuser), None, None])
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Adds those of another update, and tells whether any was new.
    pub(super) fn add(&mut self, others: &Self) -> bool {
        let before = self.count();
        for other in others.0.into_iter().flatten() {
            if !self.0.contains(&Some(other))
                && let Some(free) = self.0.iter_mut().find(|place| place.is_none())
            {
                *free = Some(other);
            }
        }
        self.count() > before
    }
}

/// What two nodes are to agree on: who is there, in which incarnation. Suspicions are left out: they spread and end faster than
/// tables are compared.
pub(super) fn stamp_of(standing: Standing, state: State) -> u32 {
    let class: u8 = match state {
        State::Alive | State::Suspect => 0,
        State::Down => 1,
        State::Left => 2,
    };
    let hash = stable_hash(&[&standing.incarnation.0.to_le_bytes(), &standing.refutation.to_le_bytes(), &[class]]);
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests;
