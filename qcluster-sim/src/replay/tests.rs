//! A recording replays to the same outputs, byte for byte; and what is wrong with one is said.

use std::fs;
use std::path::{Path, PathBuf};

use qcluster_core::recording::Line;
use qcluster_core::{Endpoint, Role, Span};
use tempfile::TempDir;

use super::{Damage, Lines, Replay, Told, files};
use crate::swarm::{Limits, draw};
use crate::{Fault, Memory, Place, Setup, Tape, World};

/// Three voters, one of which crashes and comes back; what host 0, the recorded one, has seen.
fn recorded() -> Tape {
    let mut world = World::new(Setup::voters(3).seed(3)).unwrap();
    world.record(0);
    world.run_for(Span::from_millis(600)).unwrap();
    let leader = world.leader().unwrap();
    for host in [leader, 0] {
        world.apply(Fault::Crash { host });
        world.run_for(Span::from_millis(400)).unwrap();
        world.apply(Fault::Restart { host, memory: Memory::Lost, place: Place::Same, plan: 0 });
        world.run_for(Span::from_millis(400)).unwrap();
    }
    world.recorded(0).unwrap()
}

fn text(lines: &[Line]) -> Vec<String> {
    lines.iter().map(Line::to_json).collect()
}

fn written(dir: &Path, lines: &[String]) -> PathBuf {
    let path = dir.join("node.recording");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

/// Everything that a recording on disk comes to: what was told, the damage, and the replay in the end.
fn replayed(path: &Path) -> (Vec<Told>, Vec<Damage>, Replay) {
    let (mut lines, mut replay) = (Lines::of(files(path)), Replay::default());
    let (mut told, mut damages) = (Vec::new(), Vec::new());
    while let Some((_, line)) = lines.next().unwrap() {
        match line {
            Ok(line) => told.push(replay.take(line)),
            Err(damage) => {
                damages.push(damage);
                replay.damaged();
            }
        }
    }
    (told, damages, replay)
}

/// What comes out when the lines are given to an endpoint by hand.
fn outputs(lines: &[String]) -> Vec<String> {
    let mut endpoint: Option<Endpoint> = None;
    let mut out = Vec::new();
    for line in lines {
        match Line::from_json(line).unwrap() {
            Line::Start(start) => endpoint = Some(start.endpoint().unwrap()),
            Line::Snapshot(snapshot) => endpoint = Some(snapshot.endpoint().unwrap()),
            Line::Gap(_) => endpoint = None,
            Line::Input(given) => {
                let Some(endpoint) = &mut endpoint else { continue };
                let mut outputs = endpoint.step(given.at, given.what.as_input());
                while let Some(output) = outputs.next() {
                    out.push(format!("{output:?}"));
                }
            }
        }
    }
    out
}

#[test]
fn what_a_host_did_in_any_weather_is_replayed_byte_for_byte() {
    for seed in 0..40 {
        // Given a drawn world with all its faults, but for crashes in the middle of a step: those cut outputs off,
        let schedule = draw(seed, Limits::default());
        let mut world = World::new(schedule.setup.clone()).unwrap();
        for (at, fault) in &schedule.faults {
            if !matches!(fault, Fault::CrashDuring { .. }) {
                world.plan_fault(*at, *fault);
            }
        }
        // and recordings that begin with the first start, in the middle, and with a later start;
        (0..schedule.setup.hosts).for_each(|host| world.record(host));
        world.run_for(Span::from_millis(2_000)).unwrap();
        // when each is written down, read and replayed,
        for host in 0..schedule.setup.hosts {
            let tape = world.recorded(host).unwrap();
            let lines = text(&tape.lines);
            // then the same comes out,
            assert!(outputs(&lines) == tape.outputs, "seed {seed}, host {host}: other outputs");
            // and the node comes to the same state.
            let mut replay = Replay::default();
            for line in &lines {
                let told = replay.take(Line::from_json(line).unwrap());
                assert!(!told.is_trouble(), "seed {seed}, host {host}: {told}");
            }
            assert_eq!(replay.totals.outputs, tape.outputs.len() as u64);
            assert_eq!(replay.totals.agreed, u64::from(world.node(host).is_some()), "seed {seed}, host {host}");
        }
    }
}

#[test]
fn a_replay_says_what_the_node_did_and_why() {
    let dir = TempDir::new().unwrap();
    let (told, damages, replay) = replayed(&written(dir.path(), &text(&recorded().lines)));
    let all = told.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for words in [
        "n00 of cluster simulated goes on from a snapshot",
        "n00 of cluster simulated starts, diskless",
        "role: booting -> follower",
        "tells: n01 leads in t",
        "<- n01 (10.0.0.2:7000)  Heartbeat { term: t",
        "-> n01 (10.0.0.2:7000)  HeartbeatAck { term: t",
        "dropped (other_incarnation): meant for another node",
    ] {
        assert!(all.contains(words), "no {words:?} in\n{all}");
    }
    assert_eq!((damages, replay.totals.starts, replay.totals.agreed), (vec![], 1, 1));
    assert_eq!(replay.node().map(qcluster_core::Node::role), Some(Role::Follower));
    // Of all that, little is more than heartbeats.
    let notable = told.iter().filter(|told| told.is_notable()).count();
    assert!(notable > 5 && notable * 2 < told.len(), "{notable} of {}", told.len());
}

#[test]
fn a_recording_that_is_no_file_is_read_with_the_numbers_of_its_lines() {
    let lines = text(&recorded().lines);
    let bytes = format!("{}\nno line\n{}", lines[0], lines[1]).into_bytes();
    let mut read = Lines::read("memory".into(), std::io::Cursor::new(bytes));
    let mut told = Vec::new();
    while let Some((place, line)) = read.next().unwrap() {
        told.push((place.to_string(), line.is_ok()));
    }
    // The last one has no end.
    let told: Vec<_> = told.iter().map(|(place, is_read)| (place.as_str(), *is_read)).collect();
    assert_eq!(told, [("memory:1", true), ("memory:2", false), ("memory:3", false)]);
}

#[test]
fn the_older_of_two_files_comes_first_and_what_is_before_any_beginning_is_left_out() {
    let dir = TempDir::new().unwrap();
    let lines = text(&recorded().lines);
    // Given a recording whose first line is gone, in two files that part before its second beginning,
    let parting = lines.iter().position(|line| line.starts_with(r#"{"start""#)).unwrap();
    let path = written(dir.path(), &lines[parting..]);
    fs::write(dir.path().join("node.recording.1"), lines[1..parting].join("\n") + "\n").unwrap();
    // when it is replayed, then it begins there.
    let (told, damages, replay) = replayed(&path);
    assert_eq!(told.iter().filter(|told| **told == Told::Skipped).count(), parting - 1);
    assert_eq!((damages, replay.totals.starts, replay.totals.picked_up), (vec![], 1, 0));
    assert_eq!(replay.totals.agreed, 1);
}

#[test]
fn damage_is_told_and_nothing_is_made_up_until_the_next_beginning() {
    let dir = TempDir::new().unwrap();
    let lines = text(&recorded().lines);
    let parting = lines.iter().position(|line| line.starts_with(r#"{"start""#)).unwrap();
    let long = format!("{:?}", "x".repeat(usize::try_from(Lines::LEN_MAX).unwrap()));
    for (damaged, is_expected) in [
        ("nonsense", (|damage| matches!(damage, Damage::Unreadable(_))) as fn(&Damage) -> bool),
        ("", |damage| matches!(damage, Damage::Unreadable(_))),
        (&lines[5][..lines[5].len() / 2], |damage| matches!(damage, Damage::Unreadable(_))),
        (&long, |damage| *damage == Damage::TooLong),
    ] {
        let mut lines = lines.clone();
        damaged.clone_into(&mut lines[5]);
        let (told, damages, replay) = replayed(&written(dir.path(), &lines));
        assert!(matches!(damages.as_slice(), [damage] if is_expected(damage)), "{damages:?}");
        assert_eq!(told.iter().filter(|told| **told == Told::Skipped).count(), parting - 6);
        assert_eq!((replay.totals.starts, replay.totals.agreed, replay.totals.disagreed), (1, 1, 0));
    }
}

#[test]
fn bytes_that_are_no_text_and_a_line_that_a_crash_has_cut_off_are_told() {
    let dir = TempDir::new().unwrap();
    let path = written(dir.path(), &text(&recorded().lines)[..3]);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"\xff\xfe\n{\"inp");
    fs::write(&path, bytes).unwrap();
    let (told, damages, _) = replayed(&path);
    assert_eq!(told.len(), 3);
    assert!(matches!(damages.as_slice(), [Damage::Unreadable(_), Damage::CutOff]), "{damages:?}");
}

#[test]
fn a_lost_line_shows_at_the_next_snapshot() {
    let mut world = World::new(Setup::voters(3).seed(3)).unwrap();
    world.record(0);
    world.run_for(Span::from_millis(600)).unwrap();
    let mut lines = world.recorded(0).unwrap().lines;
    lines.remove(lines.len() / 2);
    let mut replay = Replay::default();
    let told: Vec<_> = lines.into_iter().map(|line| replay.take(line)).collect();
    assert!(matches!(told.last(), Some(Told::Compared { agrees: false, .. })));
    assert!(told.last().is_some_and(Told::is_trouble));
}

#[test]
fn another_version_is_told_and_another_format_is_refused() {
    let lines = text(&recorded().lines);
    let (first, start) = (&lines[0], lines.iter().find(|line| line.starts_with(r#"{"start""#)).unwrap());
    let version = format!(r#""version":"{}""#, qcluster_core::recording::VERSION);
    let told = |line: &str, from: &str, to: &str| {
        assert!(line.contains(from));
        Replay::default().take(Line::from_json(&line.replace(from, to)).unwrap())
    };
    // The inputs of another version can be replayed; its states cannot be read,
    let other = told(start, &version, r#""version":"99.0.0""#);
    assert!(matches!(&other, Told::Begins { other_version: Some(version), .. } if version == "99.0.0"), "{other}");
    // a format that nobody knows is refused,
    for line in [first, start] {
        let refused = told(line, r#""format":2"#, r#""format":77"#);
        assert!(matches!(&refused, Told::CannotBegin(why) if why.contains("format 77")), "{refused}");
    }
    // and so is a state with a bit turned, or settings that no node starts with.
    let damaged = told(first, r#""state":"0"#, r#""state":"1"#);
    assert!(matches!(damaged, Told::CannotBegin(_)), "{damaged}");
    let unusable = told(start, r#""lease":150000000"#, r#""lease":1"#);
    assert!(matches!(unusable, Told::CannotBegin(_)), "{unusable}");
}
