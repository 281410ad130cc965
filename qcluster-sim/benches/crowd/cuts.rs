//! Cuts: until both sides are one again after the heal.

use qcluster_core::Span;
use qcluster_sim::crowd::{Crowd, CrowdSetup};

use crate::crashes::settled;
use crate::report::{Report, seconds};

pub(crate) fn minutes(report: &mut Report, first: usize, second: usize, minutes: u64) {
    let mut crowd = settled(CrowdSetup::members(first + second).seed(report.seed));
    crowd.cut_after(first);
    crowd.run_for(Span::from_millis(minutes * 60_000)).expect("no rule is broken");
    let apart = crowd.agree_among(|host| host < first) && crowd.agree_among(|host| host >= first);
    report.gate("each side is a cluster of its own", apart, true, apart);
    crowd.heal();
    let (before, bytes) = (crowd.losses().len(), crowd.sent_by_all().bytes);
    let limit = Span::from_millis(300_000);
    let taken = crowd.run_until(limit, Crowd::agrees).expect("no rule is broken").unwrap_or(limit);
    crowd.run_for(Span::from_millis(60_000)).expect("no rule is broken");
    let gate = Span::from_millis(60_000);
    report.gate("one again after the heal", seconds(taken), seconds(gate), taken <= gate);
    let deaths = crowd.losses()[before..].iter().filter(|loss| loss.was_there).count();
    report.gate("deaths told of the living meanwhile", deaths, 0, deaths == 0);
    report.figure("kilobytes sent by a node", (crowd.sent_by_all().bytes - bytes) / (first + second) as u64 / 1_000);
    crowd.audit().expect("no rule is broken");
}
