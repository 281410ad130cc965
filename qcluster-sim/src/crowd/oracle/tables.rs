//! The table of a node against what it has told, and against the bounds.

use qcluster_core::{Node, NodeId};

use super::{CrowdRule, Seen};

pub(super) fn check(node: &Node, seen: impl Fn(&NodeId) -> Option<Seen>) -> Result<(), (CrowdRule, String)> {
    for member in node.members() {
        if member.id == *node.rules().id() {
            continue;
        }
        let told = seen(&member.id);
        let is_there = member.state.is_present();
        // Of one that was never there nothing is told.
        let agrees = told.map_or(!is_there, |told| {
            told.is_there() == is_there && (!is_there || told.standing.incarnation == member.standing.incarnation)
        });
        if !agrees {
            return Err((CrowdRule::ChangesGiveTheTable, format!("{member:?}, of which {told:?} was told last")));
        }
    }
    if node.counters().overflowed > 0 {
        return Err((CrowdRule::Bounded, format!("{} sends were given up", node.counters().overflowed)));
    }
    Ok(())
}
