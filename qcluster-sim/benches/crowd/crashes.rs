//! How soon all know of a crash, and what it costs while nothing happens.

use qcluster_core::Span;
use qcluster_sim::crowd::{Crowd, CrowdSetup, Kinds, Traffic};

use crate::report::{Report, millis, seconds, spread};

const SEEDS: u64 = 3;
const CRASHES: usize = 5;

pub(crate) fn known_to_all(report: &mut Report, nodes: usize, gate_ms: u64) {
    let mut first = Vec::new();
    let mut last = Vec::new();
    let mut false_deaths = 0;
    for seed in report.seed..report.seed + SEEDS {
        let mut crowd = settled(CrowdSetup::members(nodes).seed(seed));
        for crash in 0..CRASHES {
            let victim = (crash + 1) * nodes / (CRASHES + 1);
            let (before, at) = (crowd.losses().len(), crowd.now());
            let others = crowd.live().count() - 1;
            crowd.crash(victim);
            let all =
                |crowd: &Crowd| crowd.losses()[before..].iter().filter(|loss| loss.of == victim).count() == others;
            crowd.run_until(Span::from_millis(60_000), all).expect("no rule is broken");
            let told = crowd.losses()[before..].iter().filter(|loss| loss.of == victim).map(|loss| loss.at.since(at));
            first.extend(told.clone().min());
            last.push(if all(&crowd) { told.max().unwrap_or(Span::ZERO) } else { Span::from_millis(60_000) });
            crowd.run_for(Span::from_millis(10_000)).expect("no rule is broken");
        }
        crowd.audit().expect("no rule is broken");
        false_deaths += crowd.false_deaths();
    }
    let gate = Span::from_millis(gate_ms);
    let [_, median, worst] = spread(last);
    report.figure("known to the first, median", seconds(spread(first)[1]));
    report.gate("known to all, median", seconds(median), seconds(gate), median <= gate);
    report.figure("known to all, slowest", seconds(worst));
    report.gate("false deaths", false_deaths, 0, false_deaths == 0);
}

pub(crate) fn idle(report: &mut Report, nodes: usize, voters: usize) {
    const MEASURED: Span = Span::from_millis(60_000);
    let kinds = if voters > 0 { Kinds::Apart } else { Kinds::Together };
    let mut crowd = settled(CrowdSetup { voters, kinds, ..CrowdSetup::members(nodes).seed(report.seed) });
    let sent_by_each = |crowd: &Crowd| -> Vec<Traffic> { (0..nodes).map(|host| crowd.sent(host)).collect() };
    let before = sent_by_each(&crowd);
    crowd.run_for(MEASURED).expect("no rule is broken");
    let sent = sent_by_each(&crowd).into_iter().zip(before).map(|(now, before)| now.since(before));
    let node_seconds = millis(MEASURED) / 1_000.0;
    let rate = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / node_seconds;
    let most = sent.clone().map(|sent| sent.datagrams).max().unwrap_or(0);
    let all: Traffic = sent.sum();
    let each = rate(all.datagrams / nodes as u64);
    report.gate("messages a node a second, mean", format!("{each:.2}"), 5, each <= 5.0);
    report.figure("messages a second of the busiest node", format!("{:.2}", rate(most)));
    report.figure("bytes a node a second, mean", format!("{:.0}", rate(all.bytes / nodes as u64)));
}

/// A crowd that agrees and has nothing more to tell.
pub(crate) fn settled(setup: CrowdSetup) -> Crowd {
    let mut crowd = Crowd::new(setup);
    crowd.start_all().expect("no rule is broken");
    crowd.run_until(Span::from_millis(120_000), Crowd::agrees).expect("no rule is broken").expect("they agree by now");
    crowd.run_for(Span::from_millis(20_000)).expect("no rule is broken");
    crowd
}
