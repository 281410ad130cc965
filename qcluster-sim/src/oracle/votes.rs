//! One vote a term for each voter, over restarts too (E6), none that a crash could take back, and a quorum of them under
//! every leadership.

use std::collections::VecDeque;

use qcluster_core::Incarnation;

use super::{Breach, Rule, Scene, Target};
use crate::setup::{HostSet, id_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Vote {
    term: u64,
    identity: usize,
    incarnation: Incarnation,
}

/// Who voted for one candidate in one term.
#[derive(Clone, Copy, Debug)]
struct Candidacy {
    of: Vote,
    voters: HostSet,
}

#[derive(Debug)]
pub(super) struct Votes {
    /// By voter: the vote that its latest incarnation gave in the highest term, and which incarnation that is. Terms
    /// only grow, so that is all there is to remember.
    last: Vec<Option<(Incarnation, Vote)>>,
    /// The latest candidacies, to see what leaderships stand on.
    candidacies: VecDeque<Candidacy>,
    /// The leadership that was looked at last.
    led: Option<Vote>,
}

impl Votes {
    const REMEMBERED: usize = 256;

    pub(super) fn new(hosts: usize) -> Self {
        Self { last: vec![None; hosts], candidacies: VecDeque::new(), led: None }
    }

    /// A vote leaves its voter.
    pub(super) fn said(&mut self, scene: &Scene<'_>, candidate: Target, term: u64) {
        let of = Vote { term, identity: candidate.identity, incarnation: candidate.incarnation };
        if let Some(known) = self.candidacies.iter_mut().rev().find(|known| known.of == of) {
            return known.voters.insert(scene.identity);
        }
        if self.candidacies.len() >= Self::REMEMBERED {
            self.candidacies.pop_front();
        }
        self.candidacies.push_back(Candidacy { of, voters: core::iter::once(scene.identity).collect() });
    }

    /// A leader speaks: a quorum must have voted for it.
    pub(super) fn led(&mut self, scene: &Scene<'_>, term: u64) -> Result<(), Breach> {
        let of = Vote { term, identity: scene.identity, incarnation: scene.incarnation };
        if self.led.replace(of) == Some(of) {
            return Ok(());
        }
        let known = self.candidacies.iter().rev().find(|known| known.of == of);
        let voters = known.map_or(HostSet::default(), |known| known.voters);
        if scene.plan.is_quorum(voters) {
            return Ok(());
        }
        Err(Breach::new(Rule::VotesWitnessed, format!("leads in t{term} with the votes of {voters} only")))
    }

    /// A vote leaves its voter: one a term, over restarts too. What a later incarnation has voted does not bind an
    /// earlier one: nobody who knows that incarnation counts on this one (E24).
    pub(super) fn granted(&mut self, scene: &Scene<'_>, candidate: Target, term: u64) -> Result<(), Breach> {
        let vote = Vote { term, identity: candidate.identity, incarnation: candidate.incarnation };
        let last = &mut self.last[scene.identity];
        if last.is_some_and(|(incarnation, _)| scene.incarnation < incarnation) {
            return Ok(());
        }
        let Some((_, earlier)) = last.replace((scene.incarnation, vote)) else { return Ok(()) };
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
