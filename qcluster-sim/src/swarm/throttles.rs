//! Machines that are short of processor time: a process that has used up its share stands still for the rest of a period, again and
//! again, as a container with a limit does (E23).

use qcluster_core::{Span, Time};

use crate::fault::Fault;
use crate::rng::Rng;
use crate::setup::{Plan, Setup};

/// Throttles some hosts, or all, for a part of the time, in a third of the runs whose leases may become longer. The chance is of its
/// own, so that the other runs are what they were.
pub(super) fn draw(setup: &Setup, from: Time, to: Time, faults: &mut Vec<(Time, Fault)>) {
    let mut rng = Rng::for_part(setup.seed, u64::MAX - 5);
    let Some(Plan { lease, max_lease, .. }) = setup.plans.first() else { return };
    if max_lease == lease || !rng.one_in(3) {
        return;
    }
    let all = rng.one_in(2);
    // A hundred milliseconds where the lease is a hundred and fifty, and up to nine tenths of them.
    let period = lease.split(3).times(2);
    let still = period.split(10).times(rng.between(3, 9));
    let time = to.since(from);
    for host in 0..setup.hosts {
        if !all && rng.one_in(2) {
            continue;
        }
        // Not all at the same moment.
        let begin = from + Span::from_nanos(rng.below(time.as_nanos() / 2 + period.as_nanos()));
        let end = begin + Span::from_nanos(rng.below(time.as_nanos() + 1));
        let mut at = begin;
        while at + still < end.min(to) {
            faults.push((at, Fault::Freeze { host }));
            faults.push((at + still, Fault::Thaw { host }));
            at = at + period;
        }
    }
}
