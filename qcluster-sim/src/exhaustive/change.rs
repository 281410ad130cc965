//! A change of voters that goes on in a small world (E20): its three steps, and which of them a host may be started in.

use crate::setup::HostSet;

/// A step of a change of voters: what a host is configured with. Without a change all have the old list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The old list.
    Old,
    /// Both lists: the middle step.
    Both,
    /// The new list: the last step.
    New,
}

impl Stage {
    pub(super) const ALL: [Self; 3] = [Self::Old, Self::Both, Self::New];

    /// What a host has that is in this step.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Old => "the old list",
            Self::Both => "both lists",
            Self::New => "the new list",
        }
    }
}

/// What an operator does about the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// It is taken after a leader was elected in the middle one, as it has to be.
    Waits,
    /// It is taken at any time, which breaks leases.
    Hurries,
}

/// A change of voters: every living host may be restarted into its next step at any moment, by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The old list.
    pub old: HostSet,
    /// The new list.
    pub new: HostSet,
    /// Hosts of the old list that have died before the first state, and may start again at any moment with the file that they had.
    /// Nobody gives them another one.
    pub dead: HostSet,
    /// In which step each host is in the first state; hosts of the new list alone are not there yet if that is the old one.
    pub from: &'static [Stage],
    /// The last step that hosts are restarted into.
    pub to: Stage,
    /// What the operator does about the last step.
    pub operator: Operator,
}

impl Change {
    /// Whether a host votes in that step.
    pub(super) fn votes(&self, host: usize, stage: Stage) -> bool {
        self.old.contains(host) && stage < Stage::New || self.new.contains(host) && stage > Stage::Old
    }

    /// In which step a host is in the first state.
    pub(super) fn first(&self, host: usize) -> Stage {
        let first = self.from.get(host).copied().unwrap_or(Stage::Old);
        if self.dead.contains(host) { Stage::Old } else { first }
    }

    /// The step that a host may be restarted into that is in this one, while a leader has, or has not, been elected in the middle
    /// one.
    pub(super) fn next(&self, host: usize, stage: Stage, established: bool) -> Option<Stage> {
        let next = match stage {
            Stage::Old => Stage::Both,
            Stage::Both => Stage::New,
            Stage::New => return None,
        };
        let is_early = next == Stage::New && !established && self.operator == Operator::Waits;
        (next <= self.to && !is_early && self.votes(host, next) && !self.dead.contains(host)).then_some(next)
    }

    /// Whether hosts are a quorum for one that leads in step `stage`; each has promised itself in the step beside it. A majority of
    /// each list that has a say there, where those of the old list count that were in the very same step (E20 (b)), and those
    /// of the new one that knew of it.
    pub(super) fn is_quorum(&self, stage: Stage, givers: &[(usize, Stage)]) -> bool {
        let majority = |list: HostSet, counts: &dyn Fn(Stage) -> bool| {
            let those = givers.iter().filter(|(giver, given)| list.contains(*giver) && counts(*given));
            those.count() > list.len() / 2
        };
        let old = stage == Stage::New || majority(self.old, &|given| given == stage);
        let new = stage == Stage::Old || majority(self.new, &|given| given > Stage::Old);
        old && new
    }
}
