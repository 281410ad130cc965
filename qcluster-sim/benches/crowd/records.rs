//! Many services: how soon a change of one is known to all, what it costs to agree on all of them, and what a newcomer costs.

use qcluster_core::{Service, ServiceChange, Span, Time};
use qcluster_sim::crowd::{Crowd, CrowdSetup, Traffic};

use crate::report::{Report, millis, seconds, spread};

const CHANGES: usize = 10;

/// A crowd whose nodes offer services, and all know of all.
fn filled(report: &Report, nodes: usize, offering: usize, services: usize) -> Crowd {
    let mut crowd = Crowd::new(CrowdSetup::members(nodes).seed(report.seed));
    for host in 0..offering {
        crowd.start(host, &[0]).expect("no rule is broken");
    }
    crowd.run_until(Span::from_millis(120_000), Crowd::agrees).expect("no rule is broken").expect("they agree by now");
    for service in 0..services {
        crowd.register(service % offering, numbered(service, 80)).expect("no rule is broken");
    }
    let begun = crowd.now();
    agreed(&mut crowd).expect("all registries are equal by now");
    report.figure("all have all, after registering at once", seconds(crowd.now().since(begun)));
    crowd.run_for(Span::from_millis(20_000)).expect("no rule is broken");
    crowd
}

fn agreed(crowd: &mut Crowd) -> Option<Span> {
    crowd.run_until(Span::from_millis(600_000), Crowd::records_agree).expect("no rule is broken")
}

/// A service as they are: a name, a port, a few tags and metadata.
fn numbered(index: usize, port: u16) -> Service {
    let mut service = Service::new("billing", port);
    service.id = format!("billing-{index}");
    service.tags = vec!["http".into(), "eu-west".into()];
    service.metadata = [("version".to_owned(), "1.4.2".into())].into();
    service
}

/// One change after the other, each when the last is known.
pub(crate) fn one_change(report: &mut Report, nodes: usize, services: usize) {
    let mut crowd = filled(report, nodes, nodes, services);
    let mut taken = Vec::new();
    for change in 0..CHANGES {
        let index = (change + 1) * services / (CHANGES + 1);
        crowd.watch_service(&format!("billing-{index}"));
        let begun = crowd.now();
        crowd.register(index % nodes, numbered(index, 81)).expect("no rule is broken");
        let all = |crowd: &Crowd| crowd.sightings().len() >= nodes;
        crowd.run_until(Span::from_millis(60_000), all).expect("no rule is broken");
        let is_change = crowd.sightings().iter().all(|seen| matches!(seen.change, ServiceChange::Changed(_)));
        assert!(is_change, "it was there before and is there now");
        let last = crowd.sightings().iter().map(|seen| seen.at).max().filter(|_| all(&crowd));
        taken.push(last.unwrap_or(Time::NEVER).since(begun));
        crowd.run_for(Span::from_millis(5_000)).expect("no rule is broken");
    }
    crowd.audit().expect("no rule is broken");
    let [fastest, median, slowest] = spread(taken);
    let gate = Span::from_millis(2_000);
    report.figure("a change known to all, fastest", seconds(fastest));
    report.gate("a change known to all, median", seconds(median), seconds(gate), median <= gate);
    report.figure("a change known to all, slowest", seconds(slowest));
}

/// What it costs to agree while nothing changes, for few records and for many.
pub(crate) fn steady(report: &mut Report, nodes: usize, counts: [usize; 3]) {
    let mut rates = Vec::new();
    for services in counts {
        let mut crowd = filled(report, nodes, nodes, services);
        let (before, span) = (crowd.sent_by_all(), Span::from_millis(60_000));
        crowd.run_for(span).expect("no rule is broken");
        let sent = crowd.sent_by_all().since(before);
        let rate = per_node_second(sent.bytes, nodes, span);
        report.figure(&format!("bytes a node a second, {services} records"), format!("{rate:.1}"));
        let comparisons: u64 = crowd.live().map(|(_, node)| node.counters().comparisons).sum();
        report.figure("comparisons since the start, all nodes", comparisons);
        rates.push(rate);
    }
    let (least, most) =
        rates.iter().fold((f64::MAX, 0.0_f64), |(least, most), rate| (least.min(*rate), most.max(*rate)));
    let apart = (most / least - 1.0) * 100.0;
    report.gate("largest above the smallest", format!("{apart:.1} %"), "10 %", apart <= 10.0);
}

/// One more node joins those that have everything.
pub(crate) fn newcomer(report: &mut Report, nodes: usize, services: usize) {
    let mut crowd = filled(report, nodes + 1, nodes, services);
    let (begun, before) = (crowd.now(), crowd.sent_by_all());
    crowd.start(nodes, &[0]).expect("no rule is broken");
    let has_all = |crowd: &Crowd| crowd.node(nodes).is_some_and(|node| node.services(None).count() == services);
    let taken = crowd.run_until(Span::from_millis(600_000), has_all).expect("no rule is broken");
    report.figure("a newcomer has all", taken.map_or("never".into(), seconds));
    let sent = |crowd: &Crowd| -> Traffic { crowd.sent_by_all().since(before) };
    report.figure("kilobytes sent by all until then", sent(&crowd).bytes / 1_000);
    report.figure("kilobytes sent by the newcomer", crowd.sent(nodes).bytes / 1_000);
    crowd.run_for(Span::from_millis(30_000)).expect("no rule is broken");
    let over = crowd.now().since(begun);
    report.figure(
        "bytes a node a second, 30 s longer",
        format!("{:.0}", per_node_second(sent(&crowd).bytes, nodes, over)),
    );
    let is_equal = crowd.records_agree() && crowd.services_are_right();
    report.gate("all registries are equal", is_equal, true, is_equal);
}

/// Storms of faults while services come and go.
pub(crate) fn storms(report: &mut Report, count: u64) {
    let mut slowest = Span::ZERO;
    let mut broken = 0;
    for seed in report.seed..report.seed + count {
        match qcluster_sim::crowd::storm_of_records(seed) {
            Ok(taken) => slowest = slowest.max(taken),
            Err(breach) => {
                broken += 1;
                println!("{breach}");
            }
        }
    }
    report.figure("registries equal after members are, slowest", seconds(slowest));
    report.gate(&format!("of {count} storms broke a rule"), broken, 0, broken == 0);
}

/// Ratios of counts and of the clock are for people to read.
fn per_node_second(count: u64, nodes: usize, span: Span) -> f64 {
    let each = count / nodes as u64;
    f64::from(u32::try_from(each).unwrap_or(u32::MAX)) * 1_000.0 / millis(span)
}
