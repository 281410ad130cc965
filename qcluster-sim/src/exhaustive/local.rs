//! One voter as it is between two steps.

use std::hash::{Hash, Hasher};

use qcluster_core::{HardState, LeadershipId, Node, Role, Span, Term, Time};

use super::change::Stage;
use super::history::History;
use super::world::SmallWorld;

const PRESENT: Time = SmallWorld::PRESENT;

/// One voter, dead or alive.
#[derive(Clone, Debug)]
pub(super) struct Local {
    /// The living node.
    pub(super) node: Option<Node>,
    /// What its disk holds.
    pub(super) saved: Option<HardState>,
    /// What its disk is writing.
    pub(super) writing: Option<HardState>,
    pub(super) history: History,
    /// Its highest term, in death too.
    pub(super) term: Term,
    /// The step of a change of voters that it is in, or was in last.
    pub(super) stage: Stage,
}

impl Hash for Local {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.node, &self.saved, &self.writing, &self.history, self.term, self.stage).hash(state);
    }
}

impl Local {
    /// A voter before its first start.
    pub(super) fn unborn() -> Self {
        let history = History::default();
        Self { node: None, saved: None, writing: None, history, term: Term(0), stage: Stage::Old }
    }

    /// What it leads with a lease, and for how long on its own clock.
    pub(super) fn lease(&self) -> Option<(LeadershipId, Span)> {
        let node = self.node.as_ref()?;
        let lease = node.lease(PRESENT)?;
        Some((leadership_of(node, Term(lease.token.0)), lease.valid_until.since(PRESENT)))
    }

    /// What it leads, with or without a lease.
    pub(super) fn leads(&self) -> Option<Term> {
        self.node.as_ref().filter(|node| node.role() == Role::Leader).map(Node::term)
    }

    pub(super) fn is_booting(&self) -> bool {
        self.node.as_ref().is_some_and(|node| !node.takes_part() && !node.is_stopped())
    }

    pub(super) fn is_due(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.deadline() <= PRESENT)
    }

    /// Whether its promise to that leadership is kept from now on: by itself, or by its death and boot wait (E9). If so, in
    /// which step of a change it was given.
    pub(super) fn stands_by(&self, leadership: LeadershipId) -> Option<Stage> {
        match &self.node {
            Some(node) if !self.is_booting() => {
                node.promise(PRESENT).filter(|(to, _)| *to == leadership).map(|_| self.stage)
            }
            Some(_) | None => self.history.stands_by(leadership),
        }
    }

    /// How long on its clock until something about it changes by itself.
    pub(super) fn next_moment(&self) -> Option<Span> {
        let to_come = |time: Time| (time > PRESENT && time < Time::NEVER).then(|| time.since(PRESENT));
        let node = self.node.as_ref();
        let deadline = node.and_then(|node| to_come(node.deadline()));
        let promise = node.and_then(|node| node.promise(PRESENT)).and_then(|(_, until)| to_come(until));
        let lease = self.lease().map(|(_, left)| left);
        let own = [deadline, promise, lease].into_iter().flatten();
        // What a dead or starting voter has promised matters to those who rely on it.
        let given = self.history.next_end().filter(|_| node.is_none() || self.is_booting());
        own.chain(given).min()
    }
}

fn leadership_of(node: &Node, term: Term) -> LeadershipId {
    LeadershipId { node: node.rules().key(), incarnation: node.incarnation(), term }
}
