//! The rules that concern several voters.

use super::super::change::Stage;
use super::super::locals::Locals;
use super::State;

impl State {
    /// The rules that concern several voters. Claims begin and grow at steps alone, but what they stand on also ends with
    /// time and crashes, so this is asked in every state.
    pub(in super::super) fn judge(&self, locals: &Locals) -> Result<(), String> {
        let voters = 0..locals.world.voters;
        let mut holder = None;
        for voter in voters.clone() {
            let local = locals.get(self.locals[voter]);
            if let Some(term) = local.leads() {
                let also = |other: &usize| locals.get(self.locals[*other]).leads() == Some(term);
                if let Some(other) = (0..voter).find(also) {
                    return Err(format!("hosts {other} and {voter} both lead in {term:?} (E1)"));
                }
            }
            let Some((leadership, left)) = local.lease() else { continue };
            if let Some(other) = holder.replace(voter) {
                return Err(format!("hosts {other} and {voter} hold leases at once (E3)"));
            }
            let given = |giver: usize| Some((giver, locals.get(self.locals[giver]).stands_by(leadership)?));
            let givers: Vec<(usize, Stage)> = voters.clone().filter_map(given).collect();
            if !locals.world.is_quorum(local.stage, &givers) {
                let givers: Vec<usize> = givers.iter().map(|(giver, _)| *giver).collect();
                return Err(format!(
                    "host {voter} has a lease for another {left} that stands on promises of {givers:?} alone \
                     (E2, E3, E9, E20)"
                ));
            }
        }
        Ok(())
    }
}
