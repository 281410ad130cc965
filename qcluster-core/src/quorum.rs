//! Sets of voters and what a majority of them is; while the voters change, a majority of each of two lists (E20).

use core::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::id::VoterIndex;
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

    const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Its members, in order.
pub(crate) struct Members(u64);

impl Iterator for Members {
    type Item = VoterIndex;

    #[inline]
    fn next(&mut self) -> Option<VoterIndex> {
        let rest = self.0.checked_sub(1)?;
        let lowest = u8::try_from(self.0.trailing_zeros()).ok()?;
        self.0 &= rest;
        Some(VoterIndex(lowest))
    }
}

impl IntoIterator for VoterSet {
    type Item = VoterIndex;
    type IntoIter = Members;

    fn into_iter(self) -> Members {
        Members(self.0)
    }
}

impl FromIterator<VoterIndex> for VoterSet {
    fn from_iter<I: IntoIterator<Item = VoterIndex>>(voters: I) -> Self {
        voters.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// In which lists the word of a voter counts (E20 (b)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Weight {
    /// In every list: the voter is in the same step of a change as the node that counts.
    Full,
    /// In the coming list alone: the voter has taken the last step, and may work with nodes of that list only.
    NextOnly,
}

/// The voters that stand behind something, each with its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Support {
    full: VoterSet,
    next_only: VoterSet,
}

impl Support {
    pub(crate) const NONE: Self = Self { full: VoterSet::EMPTY, next_only: VoterSet::EMPTY };

    /// All of them in full.
    pub(crate) const fn full(voters: VoterSet) -> Self {
        Self { full: voters, next_only: VoterSet::EMPTY }
    }

    /// The last word of a voter stands: one that has taken the last step counts in the old list no more.
    pub(crate) fn add(&mut self, voter: VoterIndex, weight: Weight) {
        let one = VoterSet::EMPTY.with(voter);
        (self.full, self.next_only) = match weight {
            Weight::Full => (self.full.union(one), self.next_only.without(one)),
            Weight::NextOnly => (self.full.without(one), self.next_only.union(one)),
        };
    }

    pub(crate) fn of(voter: VoterIndex, weight: Weight) -> Self {
        let mut support = Self::NONE;
        support.add(voter, weight);
        support
    }

    pub(crate) fn remove(&mut self, voter: VoterIndex) {
        let one = VoterSet::EMPTY.with(voter);
        (self.full, self.next_only) = (self.full.without(one), self.next_only.without(one));
    }

    /// Everybody in it, whatever the weight.
    pub(crate) const fn voters(self) -> VoterSet {
        self.full.union(self.next_only)
    }
}

/// The voter lists that have a say: one, or two while the voters change. A quorum is a majority of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quorums {
    current: List,
    next: Option<List>,
}

/// One list of voters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct List {
    voters: VoterSet,
    /// ⌊n/2⌋+1.
    majority: u32,
}

impl List {
    const fn new(voters: VoterSet) -> Self {
        Self { voters, majority: voters.len() / 2 + 1 }
    }

    /// The largest of `times` that a majority has reached, of those who are `counted`.
    ///
    /// It counts instead of sorting: for the handful of voters that real clusters have, that is a few comparisons and no
    /// copy.
    fn newest_of_majority(self, counted: VoterSet, times: &[Time]) -> Time {
        let counted = self.voters.intersection(counted);
        let mut newest = Time::ZERO;
        for voter in counted {
            let time = times[voter.position()];
            if time > newest {
                let reached: u32 = counted.into_iter().map(|voter| u32::from(times[voter.position()] >= time)).sum();
                if reached >= self.majority {
                    newest = time;
                }
            }
        }
        newest
    }

    /// The same, where that is later than `after`. As long as a quorum moves on from one answer to the next, no more than a majority
    /// is past the last one, and one look at each is enough.
    #[inline]
    fn newest_of_majority_after(self, after: Time, counted: VoterSet, times: &[Time]) -> Option<Time> {
        let (mut reached, mut earliest) = (0, Time::NEVER);
        for voter in self.voters.intersection(counted) {
            let time = times[voter.position()];
            if time > after {
                reached += 1;
                earliest = earliest.min(time);
            }
        }
        match reached.cmp(&self.majority) {
            Ordering::Less => None,
            Ordering::Equal => Some(earliest),
            Ordering::Greater => Some(self.newest_of_majority(counted, times)),
        }
    }
}

impl Quorums {
    pub(crate) fn new(current: VoterSet, next: Option<VoterSet>) -> Self {
        Self { current: List::new(current), next: next.map(List::new) }
    }

    /// Whether `support` holds a majority of every list.
    pub(crate) fn reached_by(&self, support: Support) -> bool {
        self.counted(support).all(|(list, counted)| list.voters.intersection(counted).len() >= list.majority)
    }

    /// Whether the voters outside `lost` are too few for a quorum.
    pub(crate) fn out_of_reach(&self, lost: VoterSet) -> bool {
        !self.reached_by(Support::full(self.all().without(lost)))
    }

    /// The newest time that a quorum has reached, where `times[v]` is how far voter `v` of `support` has come (E3).
    pub(crate) fn newest_common(&self, support: Support, times: &[Time]) -> Time {
        let newest = |(list, counted): (List, VoterSet)| list.newest_of_majority(counted, times);
        self.counted(support).map(newest).min().unwrap_or(Time::ZERO)
    }

    /// The same, where that is later than `after`: for who is asked after each answer and knows what it was before.
    #[inline]
    pub(crate) fn newest_common_after(&self, after: Time, support: Support, times: &[Time]) -> Option<Time> {
        let newest = self.current.newest_of_majority_after(after, support.full, times)?;
        let Some(next) = self.next else { return Some(newest) };
        next.newest_of_majority_after(after, support.voters(), times).map(|of_next| newest.min(of_next))
    }

    /// All voters of all lists.
    pub(crate) fn all(&self) -> VoterSet {
        self.next.map_or(self.current.voters, |next| self.current.voters.union(next.voters))
    }

    /// Each list with those of `support` that count in it.
    fn counted(&self, support: Support) -> impl Iterator<Item = (List, VoterSet)> {
        let next = self.next.map(|next| (next, support.voters()));
        core::iter::once((self.current, support.full)).chain(next)
    }
}

#[cfg(test)]
mod tests;
