//! What every step of an election works with, and what comes of it.

use alloc::vec::Vec;

use super::{Lapse, Message, Slow};
use crate::id::{FencingToken, Term, VoterIndex};
use crate::metrics::Counters;
use crate::reason::{DropReason, LeaseLengthReason, LostReason};
use crate::time::{Span, Time};

/// What an election wants done, in this order. Small and copied, since every heartbeat makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Send {
        to: VoterIndex,
        message: Message,
    },
    /// The [state under way](super::Election::under_way) is to be saved.
    Persist,
    Changed(Change),
    /// Another voter is to be told what is known of incarnations, and to tell what it knows (E24).
    TellIncarnations {
        to: VoterIndex,
    },
}

/// What an election tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Elected { token: FencingToken },
    Lost { token: FencingToken, reason: LostReason, lapse: Lapse },
    Draining { until: Time },
    Leader { leader: Option<VoterIndex>, term: Term },
    StorageFailed,
    StepEstablished,
    TooSlow(Slow),
    LeaseLength { lease: Span, reason: LeaseLengthReason },
}

/// What every step works with: the time, where effects go, and what is counted.
pub(crate) struct Context<'a> {
    pub(crate) now: Time,
    pub(crate) effects: &'a mut Vec<Effect>,
    pub(crate) counters: &'a mut Counters,
}

impl Context<'_> {
    pub(super) fn send(&mut self, to: VoterIndex, message: Message) {
        self.effects.push(Effect::Send { to, message });
    }

    pub(super) fn tell(&mut self, change: Change) {
        self.effects.push(Effect::Changed(change));
    }

    pub(super) fn drop(&mut self, reason: DropReason) {
        self.counters.drop(reason);
    }
}
