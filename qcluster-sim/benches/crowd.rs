//! Probe.
use qcluster_core::Span;
use qcluster_sim::crowd::{Crowd, CrowdSetup};
use std::time::Instant;
fn s(n: u64) -> Span { Span::from_millis(n*1000) }
fn main() {
    for n in [2usize, 10, 100, 500] {
        let t = Instant::now();
        let mut c = Crowd::new(CrowdSetup::members(n).seed(3));
        c.start_all().unwrap();
        let r = c.run_until(s(60), Crowd::agrees).unwrap();
        println!("{n} join: {r:?}  sent {:?} cpu {:?}", c.sent_by_all(), t.elapsed());
        c.run_for(s(20)).unwrap();
        let b = c.sent_by_all();
        c.run_for(s(20)).unwrap();
        let b = c.sent_by_all().since(b);
        println!("   idle: {:.2} msg/node/s {:.0} B/node/s", b.datagrams as f64/n as f64/20., b.bytes as f64/n as f64/20.);
        let before = c.losses().len();
        let t0 = c.now();
        c.crash(n/2);
        c.run_until(s(60), |c| c.losses().len() >= before + n - 1).unwrap();
        let mut l: Vec<u64> = c.losses()[before..].iter().map(|l| l.at.since(t0).as_millis()).collect();
        l.sort();
        println!("   crash: {} first {:?} last {:?} false {} cpu {:?}", l.len(), l.first(), l.last(), c.false_deaths(), t.elapsed());
        c.audit().unwrap();
    }
}
