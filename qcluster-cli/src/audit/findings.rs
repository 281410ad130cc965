//! What leaderships say together: how long nobody led between them, which overlap, and which tokens are not one node's.

use std::collections::BTreeMap;

use super::history::{End, Leadership};

/// What was found in leaderships, the smallest token first.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    pub(super) rows: Vec<Row<'a>>,
    pub(super) overlaps: Vec<Overlap<'a>>,
    /// Tokens of more than one leadership.
    pub(super) shared: Vec<Shared<'a>>,
    /// Of two nodes, the shortest time from the end of a leadership of one to the beginning of a later one of the other.
    pub(super) closest_us: BTreeMap<(&'a str, &'a str), i64>,
    /// By what ended a leadership: the gaps that followed, in order.
    pub(super) gaps_us: BTreeMap<&'a str, Vec<i64>>,
}

/// A leadership and what was before it.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) leadership: &'a Leadership,
    pub(super) gap: Gap,
}

/// From the end of the leadership with the token before, by two wall clocks; negative where this one begins earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// In microseconds.
    Exactly(i64),
    /// The lease before may have been renewed beyond what is known.
    AtMost(i64),
    /// The lease before may have ended earlier than its node noticed.
    AtLeast(i64),
    /// It is the first, or a beginning or an end is missing.
    Unknown,
}

/// A later leadership that begins before the end of an earlier one, on the wall clocks of their nodes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overlap<'a> {
    pub(super) earlier: &'a Leadership,
    pub(super) later: &'a Leadership,
    /// By how much: the clocks differ by at least that, or two leases held at once.
    pub(super) by_us: i64,
}

/// A token that more than one leadership had.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shared<'a> {
    pub(super) token: u64,
    /// One node, if it was elected twice with it.
    pub(super) nodes: Vec<&'a str>,
}

impl<'a> Findings<'a> {
    pub(super) fn of(leaderships: &'a [Leadership]) -> Self {
        let mut findings = Self {
            rows: Vec::with_capacity(leaderships.len()),
            overlaps: Vec::new(),
            shared: shared(leaderships),
            closest_us: BTreeMap::new(),
            gaps_us: BTreeMap::new(),
        };
        // What ended last of each node: a later leadership is held against all of them.
        let mut latest: BTreeMap<&str, &Leadership> = BTreeMap::new();
        for (index, later) in leaderships.iter().enumerate() {
            if let Some(from_us) = later.from_us {
                for earlier in latest.values() {
                    findings.compare(earlier, later, from_us);
                }
            }
            let before = leaderships[..index].last().filter(|before| before.token < later.token);
            findings.note_gap(before, later);
            let last = latest.entry(&later.node).or_insert(later);
            if last.end().known_us() < later.end().known_us() {
                *last = later;
            }
        }
        findings.gaps_us.values_mut().for_each(|gaps| gaps.sort_unstable());
        findings
    }

    fn compare(&mut self, earlier: &'a Leadership, later: &'a Leadership, from_us: i64) {
        if earlier.token == later.token {
            return;
        }
        // What ended later than known overlaps by more, what ended earlier than known may not overlap at all.
        let (overlap_us, gap_us) = match earlier.end() {
            End::At(end_us) => (end_us - from_us, Some(from_us - end_us)),
            End::NotBefore(end_us) => (end_us - from_us, None),
            End::NotAfter(end_us) => (0, (from_us >= end_us).then(|| from_us - end_us)),
            End::Unknown => (0, None),
        };
        if overlap_us > 0 {
            self.overlaps.push(Overlap { earlier, later, by_us: overlap_us });
        }
        // One clock says nothing about the difference of two.
        if let Some(gap_us) = gap_us.filter(|_| earlier.node != later.node) {
            let (a, b) = (earlier.node.as_str(), later.node.as_str());
            let closest_us = self.closest_us.entry((a.min(b), a.max(b))).or_insert(gap_us);
            *closest_us = gap_us.min(*closest_us);
        }
    }

    fn note_gap(&mut self, before: Option<&'a Leadership>, leadership: &'a Leadership) {
        let gap = match (before.map(Leadership::end), leadership.from_us) {
            (Some(End::At(end_us)), Some(from_us)) => Gap::Exactly(from_us - end_us),
            (Some(End::NotBefore(end_us)), Some(from_us)) => Gap::AtMost(from_us - end_us),
            (Some(End::NotAfter(end_us)), Some(from_us)) if from_us >= end_us => Gap::AtLeast(from_us - end_us),
            (Some(End::NotAfter(_) | End::Unknown) | None, _) | (_, None) => Gap::Unknown,
        };
        if let (Some(lost), Gap::Exactly(gap_us @ 0..)) = (before.and_then(|before| before.lost.as_ref()), gap) {
            self.gaps_us.entry(&lost.reason).or_default().push(gap_us);
        }
        self.rows.push(Row { leadership, gap });
    }

    /// By how much the clocks of two nodes may differ, with no overlap still; `None` if no two nodes can be compared.
    pub(super) fn clock_difference_max_us(&self) -> Option<i64> {
        self.closest_us.values().copied().min()
    }

    /// Leaderships that ended for each reason.
    pub(super) fn ends(&self) -> BTreeMap<&'a str, usize> {
        let mut ends = BTreeMap::new();
        for lost in self.rows.iter().filter_map(|row| row.leadership.lost.as_ref()) {
            *ends.entry(lost.reason.as_str()).or_default() += 1;
        }
        ends
    }

    /// Leaderships whose own node wrote of no end, but for the last of all, which may last still.
    pub(super) fn without_end(&self) -> usize {
        let earlier = self.rows.iter().rev().skip(1).map(|row| row.leadership);
        earlier.filter(|leadership| leadership.lost.is_none() && !leadership.is_reported()).count()
    }

    /// Leaderships whose own node wrote of an end only.
    pub(super) fn without_beginning(&self) -> usize {
        self.rows.iter().filter(|row| row.leadership.from_us.is_none() && row.leadership.lost.is_some()).count()
    }

    /// Leaderships whose own node wrote when it noticed their end, and not when that was.
    pub(super) fn only_noticed(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.leadership.end(), End::NotAfter(_))).count()
    }

    /// Leaderships that end before they begin: a clock was set back meanwhile, so that an overlap may not show.
    pub(super) fn set_back(&self) -> usize {
        let is_set_back = |leadership: &Leadership| {
            let known = leadership.from_us.zip(leadership.end().known_us());
            known.is_some_and(|(from_us, end_us)| end_us < from_us)
        };
        self.rows.iter().filter(|row| is_set_back(row.leadership)).count()
    }

    /// Leaderships that only others wrote of.
    pub(super) fn reported(&self) -> usize {
        self.rows.iter().filter(|row| row.leadership.is_reported()).count()
    }
}

impl Overlap<'_> {
    /// Whether the later leadership was over before the earlier one began: no overlap, if the clocks are right, but tokens that
    /// do not grow with time.
    pub(super) fn is_out_of_order(&self) -> bool {
        matches!((self.later.end(), self.earlier.from_us), (End::At(end_us), Some(from_us)) if end_us <= from_us)
    }

    /// Clocks of two nodes may differ by some time; one clock does not differ from itself.
    pub(super) fn is_within(&self, clock_difference_us: i64) -> bool {
        self.earlier.node != self.later.node && self.by_us <= clock_difference_us
    }
}

fn shared(leaderships: &[Leadership]) -> Vec<Shared<'_>> {
    let of_one_token = leaderships.chunk_by(|a, b| a.token == b.token);
    let shared = of_one_token.filter(|same| same.len() > 1 || same.iter().any(|one| one.elections > 1));
    shared
        .map(|same| Shared { token: same[0].token, nodes: same.iter().map(|one| one.node.as_str()).collect() })
        .collect()
}

#[cfg(test)]
mod tests;
