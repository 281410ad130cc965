//! What must not be taken for a death: loss, a loop that stands still, and many that start again at once.

use qcluster_core::Span;
use qcluster_sim::crowd::{self, Crowd, CrowdSetup, Whereabouts};

use crate::crashes::settled;
use crate::report::{Report, seconds};

pub(crate) fn an_hour_of_loss(report: &mut Report, nodes: usize, loss_ppm: u32) {
    let mut crowd = settled(CrowdSetup::members(nodes).seed(report.seed).loss_ppm(loss_ppm));
    let while_joining = crowd.false_deaths();
    report.gate("false deaths while they join", while_joining, 0, while_joining == 0);
    crowd.run_for(Span::from_millis(3_600_000)).expect("no rule is broken");
    let suspicions: u64 = crowd.live().map(|(_, node)| node.counters().probes_failed).sum();
    report.figure("probes without an answer", suspicions);
    let deaths = crowd.false_deaths() - while_joining;
    if std::env::var("DBG").is_ok() {
        for l in crowd.losses().iter().take(5) {
            println!("{l:?}");
        }
    }
    report.gate("false deaths in an hour", deaths, 0, deaths == 0);
    let agreed = crowd.run_until(Span::from_millis(60_000), Crowd::agrees).expect("no rule is broken");
    report.gate("all views equal at the end", agreed.map_or("no".into(), seconds), "yes", agreed.is_some());
}

pub(crate) fn stall(report: &mut Report, nodes: usize, stall_ms: u64) {
    let (mut accused, mut died) = (0, 0);
    for host in 0..20 {
        let mut crowd = settled(CrowdSetup::members(nodes).seed(report.seed + host as u64));
        crowd.stall(host, Span::from_millis(stall_ms));
        crowd.run_for(Span::from_millis(stall_ms)).expect("no rule is broken");
        let before = crowd.losses().len();
        crowd.run_for(Span::from_millis(60_000)).expect("no rule is broken");
        accused += crowd.losses()[before..].iter().filter(|loss| loss.by == host).count();
        died += usize::from(crowd.losses().iter().any(|loss| loss.of == host));
    }
    report.gate("deaths told by those that stood still", accused, 0, accused == 0);
    report.figure("of 20 that stood still were held dead", died);
}

pub(crate) fn mass_restart(report: &mut Report, nodes: usize) {
    let mut crowd = settled(CrowdSetup::members(nodes).seed(report.seed));
    // All accuse a few that are gone, while all others start again.
    for host in 0..nodes / 10 {
        crowd.crash(host);
    }
    crowd.run_for(Span::from_millis(2_000)).expect("no rule is broken");
    for host in 0..nodes {
        crowd.restart(host, Whereabouts::Same, &[0, 1]).expect("no rule is broken");
    }
    let agreed = crowd.run_until(Span::from_millis(60_000), Crowd::agrees).expect("no rule is broken");
    report.gate(
        "all alive in all views",
        agreed.map_or("never".into(), seconds),
        "10.00 s",
        agreed.is_some_and(|taken| taken <= Span::from_millis(10_000)),
    );
}

/// Crashes, restarts, cuts, stalls and goodbyes by chance.
pub(crate) fn storms(report: &mut Report, count: u64) {
    let mut slowest = Span::ZERO;
    let mut broken = 0;
    for seed in report.seed..report.seed + count {
        match crowd::storm(seed) {
            Ok(taken) => slowest = slowest.max(taken),
            Err(breach) => {
                broken += 1;
                println!("{breach}");
            }
        }
    }
    report.figure("one again after the heal, slowest", seconds(slowest));
    report.gate(&format!("of {count} storms broke a rule"), broken, 0, broken == 0);
}
