//! The hard state never goes back: not its term, not a vote within a term, not the incarnation that wrote it (E1, E6, E12).

use qcluster_core::HardState;

use super::{Breach, Rule, Scene};

/// By host: the state that this incarnation gave out to be saved last.
#[derive(Debug)]
pub(super) struct Storage {
    last: Vec<Option<HardState>>,
}

impl Storage {
    pub(super) fn new(hosts: usize) -> Self {
        Self { last: vec![None; hosts] }
    }

    pub(super) fn started(&mut self, host: usize) {
        self.last[host] = None;
    }

    pub(super) fn saves(&mut self, scene: &Scene<'_>, state: &HardState) -> Result<(), Breach> {
        let earlier = self.last[scene.host].replace(state.clone()).or_else(|| scene.synced.cloned());
        let Some(earlier) = earlier else { return Ok(()) };
        let broken = if state.term < earlier.term {
            "its term goes back"
        } else if state.term == earlier.term && earlier.vote.is_some() && state.vote != earlier.vote {
            "its vote changes within a term"
        } else if state.incarnation < earlier.incarnation {
            "its incarnation goes back"
        } else if state.stamp < earlier.stamp {
            "its stamp goes back"
        } else {
            return Ok(());
        };
        Err(Breach::new(Rule::HardStateMonotone, format!("{broken}: from {earlier:?} to {state:?}")))
    }
}
