//! Where faults are drawn, and what they do to links.

use crate::fault::Fault;
use crate::setup::HostSet;

/// The lane that a fault belongs to, or all of them.
pub(super) fn lane_of(fault: Fault) -> Option<usize> {
    match fault {
        Fault::Crash { host }
        | Fault::CrashDuring { host, .. }
        | Fault::Restart { host, .. }
        | Fault::Freeze { host }
        | Fault::Thaw { host }
        | Fault::Rate { host, .. }
        | Fault::ClockJump { host, .. }
        | Fault::WallJump { host, .. }
        | Fault::Lag { host, .. }
        | Fault::Disk { host, .. }
        | Fault::Shutdown { host }
        | Fault::Hostile { to: host, .. }
        | Fault::Keys { host, .. }
        | Fault::Seal { host, .. }
        | Fault::Twin { host, .. } => Some(host),
        Fault::Cut { to, .. } | Fault::Mend { to, .. } | Fault::Link { to, .. } => Some(to),
        Fault::Split { .. } | Fault::MendAll | Fault::Transfer { .. } | Fault::StepDown | Fault::Heal { .. } => None,
    }
}

/// What a fault does to the matrix of cut links.
pub(super) fn change_links(links: &mut [bool], hosts: usize, fault: Fault) {
    let mut set = |from: usize, to: usize, cut: bool| {
        if from < hosts && to < hosts {
            links[from * hosts + to] = cut;
        }
    };
    match fault {
        Fault::Cut { from, to } => set(from, to, true),
        Fault::Mend { from, to } => set(from, to, false),
        Fault::Split { group } => {
            for (from, to) in pairs(hosts).filter(|(from, to)| group.contains(*from) != group.contains(*to)) {
                set(from, to, true);
            }
        }
        Fault::MendAll => pairs(hosts).for_each(|(from, to)| set(from, to, false)),
        Fault::Heal { hosts: group } => {
            let inside = |host: usize| HostSet::contains(group, host);
            pairs(hosts).filter(|(from, to)| inside(*from) && inside(*to)).for_each(|(from, to)| set(from, to, false));
        }
        Fault::Crash { .. }
        | Fault::CrashDuring { .. }
        | Fault::Restart { .. }
        | Fault::Freeze { .. }
        | Fault::Thaw { .. }
        | Fault::Link { .. }
        | Fault::Rate { .. }
        | Fault::ClockJump { .. }
        | Fault::WallJump { .. }
        | Fault::Lag { .. }
        | Fault::Disk { .. }
        | Fault::Transfer { .. }
        | Fault::StepDown
        | Fault::Shutdown { .. }
        | Fault::Hostile { .. }
        | Fault::Keys { .. }
        | Fault::Seal { .. }
        | Fault::Twin { .. } => {}
    }
}

pub(super) fn pairs(hosts: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..hosts).flat_map(move |from| (0..hosts).map(move |to| (from, to)))
}
