//! The leaderships that the files of all nodes tell of, merged by token and node: in which order they are read does not matter.

use std::collections::BTreeMap;

use super::lines::{Event, Told};

/// What was read of so far.
#[derive(Debug, Default)]
pub(super) struct History {
    leaderships: BTreeMap<(u64, String), Leadership>,
}

/// A leadership, as far as the files tell of it. Times are in microseconds since 1970, on the wall clock of its node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leadership {
    pub(super) token: u64,
    pub(super) node: String,
    pub(super) from_us: Option<i64>,
    /// The latest end of a lease that was told while it lasted.
    held_us: Option<i64>,
    pub(super) lost: Option<Lost>,
    /// Elections of that node with that token: more than one is one too many.
    pub(super) elections: u32,
}

/// How a leadership ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) until: End,
    pub(super) reason: String,
}

/// How much is known of a leadership's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// This is it.
    At(i64),
    /// A lease was held until then; whether it was renewed, nobody wrote down.
    NotBefore(i64),
    /// It was over when its node noticed, which is all that was written down.
    NotAfter(i64),
    /// Others heard of it, and that is all.
    Unknown,
}

impl History {
    pub(super) fn take(&mut self, event: Event) {
        let Event { node, told } = event;
        match told {
            Told::Elected { token, at_us, valid_until_us } => {
                let leadership = self.entry(token, node);
                // One file read twice tells of one election.
                leadership.elections += u32::from(leadership.from_us != Some(at_us));
                leadership.from_us = Some(leadership.from_us.map_or(at_us, |from_us| from_us.min(at_us)));
                leadership.holds(valid_until_us);
            }
            Told::Lost { token, at_us, valid_until_us, reason } => {
                let until = valid_until_us.map_or(End::NotAfter(at_us), End::At);
                let lost = &mut self.entry(token, node).lost;
                // Of two ends with one token, which is a finding by itself, the later one counts.
                if lost.as_ref().is_none_or(|lost| lost.until.known_us() < until.known_us()) {
                    *lost = Some(Lost { until, reason });
                }
            }
            Told::Leader { token, leader, valid_until_us } => self.entry(token, leader).holds(valid_until_us),
            Told::NoLeader | Told::Missed { .. } => {}
        }
    }

    fn entry(&mut self, token: u64, node: String) -> &mut Leadership {
        let new = Leadership { token, node: node.clone(), ..Leadership::default() };
        self.leaderships.entry((token, node)).or_insert(new)
    }

    /// All of them, the smallest token first: tokens are the order of leaderships, whatever clocks say.
    pub(super) fn leaderships(self) -> Vec<Leadership> {
        self.leaderships.into_values().collect()
    }
}

impl Leadership {
    fn holds(&mut self, valid_until_us: Option<i64>) {
        self.held_us = self.held_us.max(valid_until_us);
    }

    pub(super) fn end(&self) -> End {
        match &self.lost {
            Some(lost) => lost.until,
            None => self.held_us.max(self.from_us).map_or(End::Unknown, End::NotBefore),
        }
    }

    /// Whether its own node wrote nothing of it: its file is missing, or ends before.
    pub(super) fn is_reported(&self) -> bool {
        self.elections == 0 && self.lost.is_none()
    }
}

impl End {
    /// The moment that is known of it.
    pub(super) fn known_us(self) -> Option<i64> {
        match self {
            Self::At(us) | Self::NotBefore(us) | Self::NotAfter(us) => Some(us),
            Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests;
