//! Nobody asks for votes before a quorum has said that it could win (E5), or a leader has made room for it (E10). That is
//! what keeps a rejoining or half-deaf node from raising the cluster's term and unseating a healthy leader.

use qcluster_core::Incarnation;

use super::{Breach, Rule, Scene};
use crate::setup::HostSet;

/// One host and the pre-votes that reached it.
#[derive(Clone, Copy, Debug)]
struct Asker {
    /// The incarnation and the round that were answered last, and by whom.
    incarnation: Incarnation,
    round: u64,
    grants: HostSet,
    /// The last term that it asked for votes in.
    term: u64,
}

#[derive(Debug)]
pub(super) struct PreVotes {
    askers: Vec<Asker>,
}

impl PreVotes {
    pub(super) fn new(hosts: usize) -> Self {
        let asker = Asker { incarnation: Incarnation::UNKNOWN, round: 0, grants: HostSet::default(), term: 0 };
        Self { askers: vec![asker; hosts] }
    }

    /// A pre-vote has reached the incarnation that it was meant for.
    pub(super) fn granted(&mut self, host: usize, incarnation: Incarnation, from: usize, round: u64) {
        let asker = &mut self.askers[host];
        if incarnation != asker.incarnation || round > asker.round {
            (asker.incarnation, asker.round, asker.grants) = (incarnation, round, HostSet::default());
        }
        if (incarnation, round) == (asker.incarnation, asker.round) {
            asker.grants.insert(from);
        }
    }

    pub(super) fn asked(&mut self, scene: &Scene<'_>, term: u64, released: bool) -> Result<(), Breach> {
        let asker = &mut self.askers[scene.host];
        if core::mem::replace(&mut asker.term, term) == term || released {
            return Ok(());
        }
        let mut grants = if asker.incarnation == scene.incarnation { asker.grants } else { HostSet::default() };
        grants.insert(scene.identity);
        if scene.plan.is_quorum(grants) {
            return Ok(());
        }
        let detail = format!("asks for votes in t{term} with the pre-votes of {grants} only");
        Err(Breach::new(Rule::PreVoteFirst, detail))
    }
}
