//! Sets of voters and what a majority of them is; while the voters change, a majority of each of two lists (E20).

use serde::{Deserialize, Serialize};

use crate::config::VoterIndex;
use crate::time::Time;

/// A set of voters as a bit set over their indices: the same voter counts once, however often it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct VoterSet(u64);

impl VoterSet {
    /// How many voters fit. One bit stays free, so that `1 << CAPACITY` is still a number.
    pub(crate) const CAPACITY: usize = 63;

    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) fn insert(&mut self, voter: VoterIndex) {
        self.0 |= 1 << voter.0;
    }

    pub(crate) fn with(mut self, voter: VoterIndex) -> Self {
        self.insert(voter);
        self
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn contains(self, voter: VoterIndex) -> bool {
        self.0 & (1 << voter.0) != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn len(self) -> u32 {
        self.0.count_ones()
    }

    const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl FromIterator<VoterIndex> for VoterSet {
    fn from_iter<I: IntoIterator<Item = VoterIndex>>(voters: I) -> Self {
        voters.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// The voter lists that have a say: one, or two while the voters change. A quorum is a majority of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quorums {
    current: VoterSet,
    next: Option<VoterSet>,
}

impl Quorums {
    pub(crate) const fn new(current: VoterSet, next: Option<VoterSet>) -> Self {
        Self { current, next }
    }

    /// Whether `set` holds a majority of every list.
    pub(crate) fn reached_by(&self, set: VoterSet) -> bool {
        self.lists().all(|list| list.intersection(set).len() >= majority(list))
    }

    /// Whether the voters outside `lost` are too few for a quorum.
    pub(crate) fn out_of_reach(&self, lost: VoterSet) -> bool {
        !self.reached_by(self.all().without(lost))
    }

    /// The newest time that a quorum has reached, where `times[v]` is how far voter `v` has come (E3).
    pub(crate) fn newest_common(&self, times: &[Time]) -> Time {
        self.lists().map(|list| newest_of_majority(list, times)).min().unwrap_or(Time::ZERO)
    }

    /// All voters of all lists.
    pub(crate) fn all(&self) -> VoterSet {
        VoterSet(self.current.0 | self.next.unwrap_or_default().0)
    }

    fn lists(&self) -> impl Iterator<Item = VoterSet> {
        core::iter::once(self.current).chain(self.next)
    }
}

/// ⌊n/2⌋+1.
const fn majority(list: VoterSet) -> u32 {
    list.len() / 2 + 1
}

/// The largest of `times` that a majority of `list` has reached.
///
/// It counts instead of sorting: for the handful of voters that real clusters have, that is a few comparisons and no copy.
fn newest_of_majority(list: VoterSet, times: &[Time]) -> Time {
    let reached = |time: Time| members(list).filter(|&voter| times[voter] >= time).count();
    members(list)
        .map(|voter| times[voter])
        .filter(|&time| reached(time) >= majority(list) as usize)
        .max()
        .unwrap_or(Time::ZERO)
}

fn members(list: VoterSet) -> impl Iterator<Item = usize> {
    let mut bits = list.0;
    core::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(lowest)
    })
}

#[cfg(test)]
mod tests;
