//! The picture is well formed and shows what happened.

use super::{Arrows, View, draw};
use crate::fault::Fault;
use crate::oracle::Rule;
use crate::schedule::Schedule;
use crate::setup::{HostSet, Setup};
use crate::world::Recording;
use qcluster_core::{Span, Time};

#[test]
fn a_run_becomes_a_picture() {
    let mut schedule = Schedule::quiet(Setup::voters(3).seed(2), Span::from_millis(1_500));
    schedule.faults = vec![
        (Time::from_millis(500), Fault::Split { group: HostSet::first(1) }),
        (Time::from_millis(900), Fault::Freeze { host: 1 }),
        (Time::from_millis(1_000), Fault::Crash { host: 2 }),
    ];
    let trace = schedule.run(Recording::On).unwrap().trace;
    let view = View { hosts: 3, from: Time::ZERO, to: Time::from_millis(1_500), arrows: Arrows::Shown, broken: None };
    let svg = draw(&trace, &view);
    for part in
        ["host 2", "class=\"lease\"", "class=\"cut\"", "frozen", "not running", "<title>heartbeat</title>", "split 0"]
    {
        assert!(svg.contains(part), "no {part}");
    }
    assert_eq!(svg.matches("<title>").count(), svg.matches("</title>").count());
}

#[test]
fn the_moment_of_a_violation_is_marked_with_its_rule() {
    let trace = Schedule::quiet(Setup::voters(3).seed(2), Span::from_millis(1_500)).run(Recording::On).unwrap().trace;
    let at = Time::from_millis(1_500);
    let of = |from: u64, to: u64| {
        let (from, to, broken) = (Time::from_millis(from), Time::from_millis(to), Some((at, Rule::Stability)));
        draw(&trace, &View { hosts: 3, from, to, arrows: Arrows::Hidden, broken })
    };
    let marked = of(0, 1_500);
    assert!(marked.contains("<line class=\"broken\"") && marked.contains(">Stability</text>"), "{marked}");
    assert!(!of(0, 1_000).contains("<line class=\"broken\""), "it lies outside of what is drawn");
}
