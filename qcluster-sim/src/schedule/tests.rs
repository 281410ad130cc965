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

/// Three voters and a spare host, with those lines after line 4.
fn three(lines: &str) -> Result<Schedule, BadSchedule> {
    format!("hosts 4\nplan voters 0,1,2\nend 3s\nseed 1\n{lines}\n").parse()
}

#[test]
fn a_host_or_a_plan_that_there_is_not_is_named_with_its_line() {
    for (line, word) in [
        ("1ms crash 99", "host 99"),
        ("1ms cut 0>9", "host 9"),
        ("1ms split 9", "host 9"),
        ("1ms heal 0,9", "host 9"),
        ("1ms twin 7 of 0", "host 7"),
        ("1ms twin 3 of 7", "host 7"),
        ("1ms twin 1 of 0", "spare"),
        ("1ms transfer 77", "host 77"),
        ("1ms restart 0 kept same plan 9", "plan 9"),
        ("clock 15 wall +1", "host"),
        ("durable 0,9", "host 9"),
        ("converge 9 from 1s within 1s", "host 9"),
        ("converge none from 1s within 1s", "nobody"),
        ("plan voters 0,1,9", "host 9"),
        ("plan voters 0,1 next 0,9", "host 9"),
        ("plan voters 0,1,2 priorities 1,0,0,5", "4 priorities"),
        ("seal require keys 8", "key 8"),
        ("seal require keys 0,1,0", "key 0 is there twice"),
        ("seal required keys 0", "plain, accept, send or require"),
        ("1ms keys 0 add 1", "seal require keys 0"),
        ("1ms seal 0 send", "seal require keys 0"),
        ("1ms hostile 0 rekeyed", "seal require keys 0"),
        ("1ms hostile 0 friendly", "noise, replay"),
    ] {
        let error = three(line).expect_err(line);
        assert_eq!(error.line, 5, "{line}: {error}");
        assert!(error.reason.contains(word), "{line}: {error}");
    }
}

#[test]
fn what_is_out_of_its_range_is_named_with_its_line() {
    for line in [
        "clock 0 local 18446744073s",
        "99999999999999999999s crash 0",
        "4s crash 0",
        "converge 0,1,2 from 4s within 1s",
        "link loss 4000000000",
        "link delay 2ms..1ms",
        "disk delay 2ms..1ms fail 1",
        "1ms link 0>1 corrupt 1000001",
        "1ms disk 0 delay 2ms..1ms",
        "1ms rate 0 +900000001",
        "ms crash 0",
        ".5ms crash 0",
        "+5ms crash 0",
        "plan voters none",
        "plan voters 0,1,2 heartbeat 0ms",
        "hosts 4",
        "end 4s",
        "plain voters 0,1,2",
    ] {
        let error = three(line).expect_err(line);
        assert_eq!(error.line, 5, "{line}: {error}");
    }
}

#[test]
fn a_schedule_without_hosts_plan_or_end_is_refused_at_its_last_line() {
    let plan = "plan voters 0,1,2";
    for (text, word) in [
        (format!("{plan}\nend 1s\n"), "hosts"),
        ("hosts 3\nend 1s\n".to_owned(), "plan"),
        (format!("hosts 3\n{plan}\n"), "end"),
    ] {
        let error = text.parse::<Schedule>().expect_err(&text);
        assert_eq!(error.line, 2, "{error}");
        assert!(error.reason.contains(word), "{error}");
    }
    let error = "".parse::<Schedule>().unwrap_err();
    assert_eq!(error.line, 1, "{error}");
}

#[test]
fn an_assumption_that_is_broken_in_silence_is_named_with_the_line_to_add() {
    for (line, add) in [
        ("1ms clock-jump 0 -140000000", "broken rates"),
        ("1ms rate 0 -500000000", "broken rates"),
        ("clock 0 rate -500000000", "broken rates"),
        ("1ms wall-jump 0 -90000000", "broken walls"),
        ("clock 0 wall -90000000", "broken walls"),
    ] {
        let error = three(line).expect_err(line);
        assert_eq!(error.line, 5, "{error}");
        assert!(error.reason.contains(add), "{error}");
        three(&format!("{line}\n{add}")).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn wild_walls_break_nothing_where_all_voters_keep_their_disks() {
    let lines = "clock 0 wall -90000000\n1ms wall-jump 1 -90000000\ndurable 0,1,2";
    assert!(three(lines).is_ok());
    assert_eq!(three(&format!("{lines}\n2ms restart 1 lost same plan 0")).unwrap_err().line, 5);
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let text = eventful().to_string();
    assert_eq!(format!("\u{feff}{text}").parse(), Ok(eventful()));
}

#[test]
fn a_world_refuses_voters_that_there_are_not() {
    for voters in [HostSet::first(3), HostSet(0b1000_0000)] {
        let mut setup = Setup::voters(2);
        setup.plans[0].voters = voters;
        let error = World::new(setup).expect_err("there are two hosts");
        assert!(error.contains("there is no host"), "{error}");
    }
    let beyond = Setup { durable: HostSet::first(3), ..Setup::voters(2) };
    assert!(World::new(beyond).is_err());
    let later = crate::ClockSetup { local: Time::from_nanos(u64::MAX - 1), ..crate::ClockSetup::default() };
    assert!(World::new(Setup { clocks: vec![later], ..Setup::voters(2) }).is_err());
}
