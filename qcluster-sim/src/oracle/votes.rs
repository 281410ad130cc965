//! One vote a term for each voter, over restarts too (E6), and none that a crash could take back.

use qcluster_core::Incarnation;

use super::{Breach, Rule, Scene, Target};
use crate::setup::id_of;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Vote {
    term: u64,
    identity: usize,
    incarnation: Incarnation,
}

/// By voter: the vote it gave in the highest term. Terms only grow, so that is all there is to remember.
#[derive(Debug)]
pub(super) struct Votes {
    last: Vec<Option<Vote>>,
}

impl Votes {
    pub(super) fn new(hosts: usize) -> Self {
        Self { last: vec![None; hosts] }
    }

    pub(super) fn granted(&mut self, scene: &Scene<'_>, candidate: Target, term: u64) -> Result<(), Breach> {
        let vote = Vote { term, identity: candidate.identity, incarnation: candidate.incarnation };
        let Some(earlier) = self.last[scene.identity].replace(vote) else { return Ok(()) };
        if earlier.term < term || earlier == vote {
            return Ok(());
        }
        let detail = format!(
            "votes for host {} in t{term} after host {} in t{}",
            candidate.identity, earlier.identity, earlier.term
        );
        Err(Breach::new(Rule::OneVotePerTerm, detail))
    }
}

/// A voter with a disk gives out a vote only when the disk has it.
pub(super) fn check_synced(scene: &Scene<'_>, candidate: Target, term: u64) -> Result<(), Breach> {
    if !scene.durable {
        return Ok(());
    }
    let key = id_of(candidate.identity).map(|id| id.key());
    let is_it = scene.synced.is_some_and(|state| {
        state.term.0 == term
            && state.vote.is_some_and(|vote| Ok(vote.node) == key && vote.incarnation == candidate.incarnation)
    });
    if is_it {
        return Ok(());
    }
    let detail = format!(
        "its vote for host {} in t{term} leaves before the disk has it: {:?}",
        candidate.identity, scene.synced
    );
    Err(Breach::new(Rule::SyncedBeforeSent, detail))
}
