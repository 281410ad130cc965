//! Many that join at once.

use qcluster_core::Span;
use qcluster_sim::crowd::{Crowd, CrowdSetup};

use crate::report::{Report, seconds, spread};

pub(crate) fn at_once(report: &mut Report, nodes: usize, gate_ms: u64) {
    let mut taken = Vec::new();
    let mut bytes = 0;
    for seed in report.seed..report.seed + 3 {
        let mut crowd = Crowd::new(CrowdSetup::members(nodes).seed(seed));
        crowd.start_all().expect("no rule is broken");
        let limit = Span::from_millis(120_000);
        taken.push(crowd.run_until(limit, Crowd::agrees).expect("no rule is broken").unwrap_or(limit));
        bytes = crowd.sent_by_all().bytes / nodes as u64;
        crowd.audit().expect("no rule is broken");
    }
    let gate = Span::from_millis(gate_ms);
    let [_, median, slowest] = spread(taken);
    report.figure("all views equal, median", seconds(median));
    report.gate("all views equal, slowest", seconds(slowest), seconds(gate), slowest <= gate);
    report.figure("kilobytes sent by a node", bytes / 1_000);
}
