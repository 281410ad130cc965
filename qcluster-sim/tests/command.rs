//! The command as a person or a script meets it: what it prints, and what it exits with.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use qcluster_core::Span;
use qcluster_core::recording::Line;
use qcluster_sim::{Setup, World};
use serde_json::Value;
use tempfile::TempDir;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_qcluster-sim")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The recording of a voter of three, in its whole lines.
fn recording() -> Vec<String> {
    let mut world = World::new(Setup::voters(3).seed(7)).unwrap();
    world.record(1);
    world.run_for(Span::from_millis(800)).unwrap();
    world.recorded(1).unwrap().lines.iter().map(Line::to_json).collect()
}

fn write(dir: &Path, lines: &[String]) -> String {
    let path = dir.join("recording");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_recording_is_replayed_in_words_and_in_json() {
    let dir = TempDir::new().unwrap();
    let lines = recording();
    let path = write(dir.path(), &lines);

    let words = run(&["--replay", &path]);
    assert_eq!(words.status.code(), Some(0), "{words:?}");
    assert!(stdout(&words).contains("snapshots    1 agree with the replay, 0 do not"), "{}", stdout(&words));

    let brief = run(&["--replay", &path, "--brief"]);
    assert_eq!(brief.status.code(), Some(0));
    assert!(stdout(&brief).len() < stdout(&words).len() / 2, "{}", stdout(&brief));

    let json = run(&["--replay", &path, "--format", "json"]);
    assert_eq!(json.status.code(), Some(0));
    let values: Vec<Value> = stdout(&json).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(values.len(), lines.len() + 1, "one object for each line, and the totals");
    assert_eq!(values.last().unwrap()["totals"]["agreed"], 1);
}

#[test]
fn a_damaged_recording_exits_with_one_and_none_with_two() {
    let dir = TempDir::new().unwrap();
    let mut lines = recording();
    lines[4] = "{\"input\":".into();
    let damaged = run(&["--replay", &write(dir.path(), &lines)]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(stdout(&damaged).contains("recording:5: damaged: "), "{}", stdout(&damaged));

    let nothing = run(&["--replay", &write(dir.path(), &lines[1..4])]);
    assert_eq!(nothing.status.code(), Some(2));
    let absent = run(&["--replay", "there is no such file"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(absent.stdout.is_empty() && !absent.stderr.is_empty());
}

#[test]
fn a_seed_prints_its_hash_and_runs_print_their_rates() {
    let one = run(&["--seed", "5", "--format", "json"]);
    assert_eq!(one.status.code(), Some(0), "{one:?}");
    let again: Value = serde_json::from_str(&stdout(&run(&["--seed", "5", "--format", "json"]))).unwrap();
    let one: Value = serde_json::from_str(&stdout(&one)).unwrap();
    assert!(one["hash"].is_string() && one["hash"] == again["hash"], "{one} {again}");

    let many = run(&["--seed", "1", "--runs", "4", "--jobs", "2"]);
    assert_eq!(many.status.code(), Some(0), "{many:?}");
    for words in ["million a second", "of each core", "violations   0"] {
        assert!(stdout(&many).contains(words), "{}", stdout(&many));
    }
}
