//! One leader a term (E1), and tokens that strictly grow.

use qcluster_core::Incarnation;

use super::{Breach, Rule, Scene};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leader {
    term: u64,
    identity: usize,
    incarnation: Incarnation,
}

/// Who was seen to lead in the latest terms, and the largest token so far.
#[derive(Debug)]
pub(super) struct Terms {
    /// A ring: what is older than this many terms is forgotten.
    leaders: [Option<Leader>; Self::REMEMBERED],
    elected: Option<Leader>,
}

impl Terms {
    const REMEMBERED: usize = 64;

    pub(super) fn new() -> Self {
        Self { leaders: [None; Self::REMEMBERED], elected: None }
    }

    /// A leader speaks, inwardly or outwardly elected.
    pub(super) fn heartbeat(&mut self, scene: &Scene<'_>, term: u64) -> Result<(), Breach> {
        let speaker = Leader { term, identity: scene.identity, incarnation: scene.incarnation };
        let at = usize::try_from(term % Self::REMEMBERED as u64).unwrap_or(0);
        let known = &mut self.leaders[at];
        match known {
            Some(leader) if leader.term == term && *leader != speaker => {
                let detail = format!("leads in t{term}, in which host {} has led", leader.identity);
                Err(Breach::new(Rule::OneLeaderPerTerm, detail))
            }
            Some(leader) if leader.term > term => Ok(()),
            Some(_) | None => {
                *known = Some(speaker);
                Ok(())
            }
        }
    }

    pub(super) fn elected(&mut self, scene: &Scene<'_>, token: u64) -> Result<(), Breach> {
        let leader = Leader { term: token, identity: scene.identity, incarnation: scene.incarnation };
        match self.elected.replace(leader) {
            Some(earlier) if earlier.term >= token => {
                let detail =
                    format!("elected with token {token} after host {} with {}", earlier.identity, earlier.term);
                Err(Breach::new(Rule::TokensGrow, detail))
            }
            Some(_) | None => Ok(()),
        }
    }
}
