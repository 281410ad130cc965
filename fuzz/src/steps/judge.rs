//! What must hold of the cluster as a whole, whatever its network, clocks and disks do.

use std::collections::BTreeMap;

use qcluster_core::{
    ElectionMessage, Endpoint, Envelope, HardState, Incarnation, Message, NodeKey, Notification, Term, Time,
};

use super::machine::{Machine, NODES};
use crate::cluster::{OBSERVER, name};

/// How many nodes hold a lease at this instant.
pub(super) fn holders(machines: &[Machine; NODES], real: u64) -> usize {
    let holds = |machine: &&Machine| {
        machine.endpoint.as_ref().is_some_and(|endpoint| endpoint.node().lease(machine.now(real)).is_some())
    };
    machines.iter().filter(holds).count()
}

/// At most one node holds a lease at this instant. Two leases overlap from the beginning of the later one on, and a lease
/// begins in a step only: so it is enough to look after each.
pub(super) fn one_leads(machines: &[Machine; NODES], real: u64) {
    let holders = holders(machines, real);
    assert!(holders <= 1, "{holders} nodes hold a lease at one time");
}

/// What it remembers of a node over its restarts, and of all of them.
#[derive(Clone, Default)]
pub(super) struct Judge {
    /// The largest token so far.
    token: u64,
    /// By node: the token that its application was last told, while it has not been told of the end.
    told: [Option<u64>; NODES],
    /// By node: what it last wanted to be saved.
    wanted: [Option<HardState>; NODES],
    /// By node: whether that is still under way.
    saving: [bool; NODES],
    /// By node: what its disk has to know.
    saved: [Option<HardState>; NODES],
    /// By voter and term, in which incarnation of whom it voted for.
    votes: BTreeMap<(usize, Term), (NodeKey, Incarnation)>,
    /// By node: the highest term that the running process has shown.
    terms: [Term; NODES],
}

impl Judge {
    /// A process has ended, and begins with nothing that was not saved; what was under way is, or is not.
    pub(super) fn ended(&mut self, node: usize, saved: bool) {
        self.save_ended(node, saved);
        self.wanted[node].clone_from(&self.saved[node]);
        self.told[node] = None;
        self.terms[node] = Term(0);
    }

    /// A step of a node is over.
    pub(super) fn stepped(&mut self, node: usize, endpoint: &Endpoint, now: Time) {
        let lease = endpoint.node().lease(now);
        // An observer shows the term of whom it follows, and none where it follows nobody.
        let term = if node == OBSERVER { Term(0) } else { endpoint.node().term() };
        assert!(term >= self.terms[node], "node {node} has gone back from {:?} to {term:?}", self.terms[node]);
        self.terms[node] = term;
        if let Some(lease) = lease {
            assert_eq!(self.told[node], Some(lease.token.0), "node {node} holds a lease that it has not told");
        }
        assert!(
            endpoint.node().is_stopped() || endpoint.deadline() < Time::NEVER,
            "node {node} never wants to be called"
        );
    }

    /// A node tells its application.
    pub(super) fn told(&mut self, node: usize, notification: &Notification) {
        match notification {
            Notification::Elected { token } => {
                assert_ne!(node, OBSERVER, "an observer leads");
                assert!(token.0 > self.token, "token {} does not grow beyond {}", token.0, self.token);
                assert_eq!(self.told[node], None, "node {node} is elected twice");
                self.token = token.0;
                self.told[node] = Some(token.0);
            }
            Notification::Lost { token, .. } => {
                assert_eq!(self.told[node].take(), Some(token.0), "node {node} has lost what it did not have");
            }
            _ => {}
        }
    }

    /// A node wants a state to be saved.
    pub(super) fn saves(&mut self, node: usize, state: HardState) {
        if let Some(before) = &self.wanted[node] {
            assert!(state.term >= before.term, "the saved term goes back from {:?} to {:?}", before.term, state.term);
            if state.term == before.term && before.vote.is_some() {
                assert_eq!(state.vote, before.vote, "another vote in {:?}", state.term);
            }
            for known in &before.incarnations {
                assert!(state.incarnation_of(known.node) >= known.incarnation, "a known incarnation goes back");
            }
        }
        self.wanted[node] = Some(state);
        self.saving[node] = true;
    }

    /// A save has ended, if one was under way.
    pub(super) fn save_ended(&mut self, node: usize, well: bool) {
        if std::mem::take(&mut self.saving[node]) && well {
            self.saved[node].clone_from(&self.wanted[node]);
        }
    }

    /// A process has begun, with what its disk gave it: all that was ever reported as saved, and not a term less.
    pub(super) fn started(&self, node: usize, given: Option<&HardState>, endpoint: &Endpoint) {
        let saved = self.saved[node].as_ref();
        assert_eq!(given, saved, "node {node} does not find what its disk had saved");
        let term = endpoint.node().term();
        assert!(
            saved.is_none_or(|saved| term >= saved.term),
            "node {node} begins in {term:?}, below what it had saved"
        );
    }

    /// A node sends something. One vote a term, over restarts too.
    pub(super) fn sends(&mut self, node: usize, envelope: &Envelope) {
        let Message::Election(message) = &envelope.message else { return };
        assert_ne!(node, OBSERVER, "an observer takes part in elections: {message:?}");
        let vote = match *message {
            ElectionMessage::VoteRequest { term, .. } => (term, (name(node).key(), envelope.from_incarnation)),
            ElectionMessage::VoteReply { asked, refusal: None, .. } => (asked, (envelope.to, envelope.to_incarnation)),
            _ => return,
        };
        let (term, candidate) = vote;
        let earlier = *self.votes.entry((node, term)).or_insert(candidate);
        assert_eq!(earlier, candidate, "node {node} votes twice in {term:?}");
    }
}
