//! What every node of a crowd is held to: by what it tells its application as it happens, and by its tables when they are
//! audited.

mod goodbyes;
mod records;
mod tables;
mod telling;

use std::fmt;

use qcluster_core::{MemberChange, MemberEvent, Node, Standing, Time};

pub(super) use goodbyes::Goodbyes;
pub(super) use records::Records;

/// What an oracle of a crowd holds nodes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrowdRule {
    /// A member that was told down, or left, comes back with a larger standing only (G1, G3).
    DeadStayDead,
    /// What is told of a member never goes back to an earlier standing (G1).
    StandingsGrow,
    /// Who said goodbye is not told down (G4).
    LeftIsNotDown,
    /// Changes alternate, and replayed they give the table.
    ChangesGiveTheTable,
    /// Tables, queues and datagrams stay under their bounds (G10).
    Bounded,
    /// A deadline that has come is dealt with.
    DeadlineMoves,
    /// After the heal all views are equal within a bound (G7), and nobody who is there is told down again.
    OneAgain,
    /// A service is shown as its owner wrote it, never as it was before something that was shown, nor after it was shown
    /// to be gone; and an owner offers what it was asked to (G5, G8).
    OwnersWrite,
    /// Changes of services, replayed, give the services that are shown.
    ServicesAreToldOnce,
    /// After the heal all registries are equal within a bound, and show what is offered (G6, G8).
    RecordsAgree,
}

/// A node broke a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub rule: CrowdRule,
    /// When, in time since the start of the crowd.
    pub at: Time,
    /// Which host it was.
    pub host: usize,
    /// What it did.
    pub what: String,
    /// The seed of the crowd.
    pub seed: u64,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, at, host, what, seed } = self;
        write!(f, "{rule:?} broken by host {host} at {at} (seed {seed}): {what}")
    }
}

impl std::error::Error for Breach {}

/// What a host was last told of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) what: MemberEvent,
    pub(super) standing: Standing,
}

impl Seen {
    pub(super) fn is_there(self) -> bool {
        match self.what {
            MemberEvent::Joined | MemberEvent::Changed => true,
            MemberEvent::Down | MemberEvent::Left => false,
        }
    }
}

/// What one incarnation of a host was told, by member.
#[derive(Debug, Default)]
pub(super) struct Diary {
    seen: Vec<Option<Seen>>,
}

impl Diary {
    /// Takes a change down, and tells which rule it breaks.
    pub(super) fn told(&mut self, member: usize, change: &MemberChange) -> Result<(), (CrowdRule, String)> {
        if self.seen.len() <= member {
            self.seen.resize(member + 1, None);
        }
        let seen = Seen { what: change.what, standing: change.member.standing };
        let before = self.seen[member].replace(seen);
        telling::check(before, seen).map_err(|(rule, what)| (rule, format!("{}: {what}", change.member.id)))
    }

    /// What was told of a member that is gone counts no more: the node may have forgotten it.
    pub(super) fn forget_gone(&mut self, member: usize) {
        if let Some(seen) = self.seen.get_mut(member)
            && seen.is_some_and(|seen| !seen.is_there())
        {
            *seen = None;
        }
    }

    /// Compares the table of a node with what it has told.
    pub(super) fn audit(
        &self,
        node: &Node,
        host_of: impl Fn(&qcluster_core::NodeId) -> Option<usize>,
    ) -> Result<(), (CrowdRule, String)> {
        tables::check(node, |id| host_of(id).and_then(|host| self.seen.get(host).copied().flatten()))
    }
}
