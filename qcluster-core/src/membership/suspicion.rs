//! Suspicions: each has to age before its subject counts as down, and ages faster the more nodes have found so for themselves
//! (G2; Dadgar, Phillips and Currey, Lifeguard, 2017).

use alloc::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::standing::Accusers;
use crate::time::{Span, Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Suspicion {
    since: Time,
    until: Time,
    accusers: Accusers,
}

/// How long a suspicion ages, from what is known when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// With as many confirmations as count.
    pub(super) min: Span,
    /// With none.
    pub(super) max: Span,
    /// How many confirmations can be had at all: of one node alone, or of two, none.
    pub(super) confirmations: usize,
}

/// All suspicions, and when the next one is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Suspicions {
    by_member: BTreeMap<u64, Suspicion>,
    by_end: BTreeSet<(Time, u64)>,
}

impl Suspicions {
    pub(super) fn begin(&mut self, member: u64, now: Time, accusers: Accusers, patience: Patience) {
        self.end(member);
        let until = now + age(accusers, patience);
        self.by_member.insert(member, Suspicion { since: now, until, accusers });
        self.by_end.insert((until, member));
    }

    /// Others have found so as well. Tells whether that was news.
    pub(super) fn confirm(&mut self, member: u64, others: &Accusers, patience: Patience) -> bool {
        let Some(suspicion) = self.by_member.get_mut(&member) else { return false };
        if !suspicion.accusers.add(others) {
            return false;
        }
        let until = (suspicion.since + age(suspicion.accusers, patience)).min(suspicion.until);
        self.by_end.remove(&(suspicion.until, member));
        suspicion.until = until;
        self.by_end.insert((until, member));
        true
    }

    /// Nothing of it fires from now on (G3).
    pub(super) fn end(&mut self, member: u64) {
        if let Some(suspicion) = self.by_member.remove(&member) {
            self.by_end.remove(&(suspicion.until, member));
        }
    }

    pub(super) fn accusers(&self, member: u64) -> Accusers {
        self.by_member.get(&member).map(|suspicion| suspicion.accusers).unwrap_or_default()
    }

    /// The member whose suspicion has aged enough, if there is one.
    pub(super) fn due(&self, now: Time) -> Option<u64> {
        self.by_end.first().filter(|(until, _)| *until <= now).map(|(_, member)| *member)
    }

    pub(super) fn deadline(&self) -> Time {
        self.by_end.first().map_or(Time::NEVER, |(until, _)| *until)
    }

    /// This node stood still: nobody could defend itself meanwhile.
    pub(super) fn put_off(&mut self, by: Span) {
        self.by_end.clear();
        for (member, suspicion) in &mut self.by_member {
            suspicion.since = suspicion.since + by;
            suspicion.until = suspicion.until + by;
            self.by_end.insert((suspicion.until, *member));
        }
    }
}

/// From `max` with one accuser to `min` with all that count, falling with the logarithm of their number.
fn age(accusers: Accusers, patience: Patience) -> Span {
    /// log(2) / log(3), in thousandths: of what one confirmation of two takes away.
    const ONE_OF_TWO: u64 = 631;
    let Patience { min, max, confirmations } = patience;
    let confirmed = accusers.count().saturating_sub(1);
    let range = max.as_nanos().saturating_sub(min.as_nanos());
    match confirmed {
        _ if confirmed >= confirmations => min,
        0 => max,
        _ => Span::from_nanos(max.as_nanos() - range / 1_000 * ONE_OF_TWO),
    }
}

#[cfg(test)]
mod tests;
