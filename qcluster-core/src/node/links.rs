//! Which life of each voter is there: incarnations are learned by a handshake, so that a recording of yesterday opens nothing
//! today, and a second node of the same name is noticed (E17).
//!
//! A message is believed to come from a life if it names the receiver's own present life, which only somebody who has heard
//! from that can know. A *new* life of a voter that was heard lately is not believed at once: the old one is probed
//! first, and only its silence establishes the new one.

use alloc::vec::Vec;

use crate::config::VoterIndex;
use crate::id::{Incarnation, NodeKey};
use crate::time::{Span, Time};

/// What is known of the node behind one voter's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The established life; `UNKNOWN` before the first.
    pub(super) life: Incarnation,
    /// When that life was last heard.
    pub(super) heard: Time,
    contender: Option<Contender>,
    /// The life whose other configuration was reported last (E14).
    mismatch_told: Incarnation,
}

/// A life that says it is a certain voter, with a number for the probe that may be needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) life: Incarnation,
    /// Whether it says that it sits out its boot wait.
    pub(super) booting: bool,
    pub(super) nonce: u64,
}

/// Another life than the established one, while that is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Contender {
    claim: Claim,
    since: Time,
}

/// What a proven message means for the link that it came in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The established life speaks.
    Known,
    /// This life is established from now on.
    Established,
    /// Another life was heard lately: probe that one, and do not listen yet.
    Probe {
        /// Whom to probe.
        life: Incarnation,
        /// Ties the answer to the question.
        nonce: u64,
    },
}

/// The links to all voters, and the schedule of greetings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Links {
    voters: Vec<Link>,
    pub(super) greet_at: Time,
    strangers_told: Vec<NodeKey>,
}

impl Links {
    /// How many strangers are remembered as reported.
    const STRANGERS_MAX: usize = 64;

    pub(super) fn new(voters: usize, now: Time) -> Self {
        let link = Link {
            life: Incarnation::UNKNOWN,
            heard: Time::ZERO,
            contender: None,
            mismatch_told: Incarnation::UNKNOWN,
        };
        Self { voters: alloc::vec![link; voters], greet_at: now, strangers_told: Vec::new() }
    }

    pub(super) fn at(&self, voter: VoterIndex) -> &Link {
        &self.voters[voter.position()]
    }

    /// Takes note of a proven message of `life`. `patience` is how long a probe may take; a life silent for four times
    /// that is gone, and its successor is welcome at once.
    pub(super) fn hear(&mut self, voter: VoterIndex, claim: Claim, now: Time, patience: Span) -> Verdict {
        let life = claim.life;
        let link = &mut self.voters[voter.position()];
        if link.life == life {
            link.heard = now;
            return Verdict::Known;
        }
        let gone = link.life == Incarnation::UNKNOWN || now.since(link.heard) >= patience.times(4);
        match &mut link.contender {
            Some(contender) if contender.claim.life == life && !gone && now.since(contender.since) < patience => {
                contender.claim.booting = claim.booting;
                Verdict::Probe { life: link.life, nonce: contender.claim.nonce }
            }
            Some(contender) if contender.claim.life == life || gone => link.establish(life, now),
            None if gone => link.establish(life, now),
            Some(_) | None => {
                link.contender = Some(Contender { claim, since: now });
                Verdict::Probe { life: link.life, nonce: claim.nonce }
            }
        }
    }

    /// The established life has answered a probe: the contender is a twin. Gives what that one claimed.
    pub(super) fn probe_answered(&mut self, voter: VoterIndex, nonce: u64) -> Option<Claim> {
        let contender = &mut self.voters[voter.position()].contender;
        contender.take_if(|contender| contender.claim.nonce == nonce).map(|contender| contender.claim)
    }

    /// Whether a node with another configuration is to be reported: once for each life of a voter, and once for each
    /// stranger as far as memory allows.
    pub(super) fn mismatch_is_news(&mut self, voter: Option<VoterIndex>, key: NodeKey, life: Incarnation) -> bool {
        if let Some(voter) = voter {
            return core::mem::replace(&mut self.voters[voter.position()].mismatch_told, life) != life;
        }
        let news = !self.strangers_told.contains(&key) && self.strangers_told.len() < Self::STRANGERS_MAX;
        if news {
            self.strangers_told.push(key);
        }
        news
    }
}

impl Link {
    fn establish(&mut self, life: Incarnation, now: Time) -> Verdict {
        self.life = life;
        self.heard = now;
        self.contender = None;
        Verdict::Established
    }
}

#[cfg(test)]
mod tests;
