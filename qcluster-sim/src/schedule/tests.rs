//! Schedules run, and survive being written down.

use super::*;
use crate::fault::{Memory, Place};

fn eventful() -> Schedule {
    let setup = Setup::voters(3).observers(1).seed(7).durable();
    let mut schedule = Schedule::quiet(setup, Span::from_millis(3_000));
    let ms = Time::from_millis;
    schedule.faults = vec![
        (ms(400), Fault::Split { group: HostSet::first(1) }),
        (ms(800), Fault::Crash { host: 1 }),
        (ms(1_000), Fault::Restart { host: 1, memory: Memory::Kept, place: Place::Moved, plan: 0 }),
        (Time::from_nanos(1_200_000_001), Fault::Link { from: 0, to: 2, quality: crate::LinkQuality::default() }),
        (ms(1_500), Fault::Heal { hosts: HostSet::first(4) }),
    ];
    schedule.converge =
        Some(Convergence { hosts: HostSet::first(4), from: ms(1_500), within: Span::from_millis(1_000) });
    schedule
}

#[test]
fn what_is_written_reads_back() {
    let schedule = eventful();
    assert_eq!(schedule.to_string().parse(), Ok(schedule));
}

#[test]
fn a_mistake_names_its_line() {
    let error = "hosts 3\nplan voters 0,1,2\n10ms crush 1\n".parse::<Schedule>().unwrap_err();
    assert_eq!(error.to_string(), "line 3: there is no fault `crush`");
}

#[test]
fn the_same_schedule_gives_the_same_hash() {
    let (first, again) = (eventful().run(Recording::Off).unwrap(), eventful().run(Recording::On).unwrap());
    assert_eq!(first.violation, None, "{:#?}", again.trace.records);
    assert_eq!(first.hash, again.hash);
    assert!(first.stats.elections > 0);
}
