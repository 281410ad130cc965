//! The command as a person or a script meets it: what it prints, and what it exits with.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qcluster-sim"));
    command.current_dir(dir).args(arguments);
    command
}

/// A schedule that correct nodes break: a first leader is a change.
const BROKEN: &str = "seed 1\nhosts 3\nplan voters 0,1,2\nchanges 0\nend 3s\n1s crash 0\n";

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

#[test]
fn a_schedule_that_makes_no_sense_exits_with_two_and_names_file_and_line() {
    let dir = TempDir::new().unwrap();
    for (text, place) in [
        ("hosts 2\nplan voters 0,1,2\nend 1s\n", "bad.schedule: line 2: there is no host 2"),
        ("hosts 3\nplan voters 0,1,9\nend 1s\n", "bad.schedule: line 2: there is no host 9"),
        ("hosts 3\nplan voters 0,1,2\nclock 0 local 18446744073s\nend 1s\n", "bad.schedule: line 3: "),
        ("hosts 3\nplan voters 0,1,2\nend 18446744073s\n", "bad.schedule: line 3: "),
        ("hosts 3\nplan voters 0,1,2\nend 1s\n1ms crash 99\n", "bad.schedule: line 4: there is no host 99"),
        ("plan voters 0,1,2\nend 1s\n", "bad.schedule: line 2: a world has 1 to 16 hosts"),
        ("hosts 3\nplan voters 0,1,2\n", "bad.schedule: line 2: a run needs an `end`"),
    ] {
        fs::write(dir.path().join("bad.schedule"), text).unwrap();
        let output = command(dir.path(), &["--schedule", "bad.schedule"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}{output:?}");
        assert!(stderr(&output).contains(place), "{text}{}", stderr(&output));
    }
}

#[test]
fn a_violation_exits_with_one_whoever_stops_reading() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("broken.schedule"), BROKEN).unwrap();
    let mut child = command(dir.path(), &["--schedule", "broken.schedule", "--trace"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Given a reader of both that goes away at once, then only the exit code tells, and it does.
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(dir.path().join("violation-1.svg").exists());
}

#[test]
fn a_violation_exits_with_one_though_its_picture_cannot_be_written() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("broken.schedule"), BROKEN).unwrap();
    // A folder stands where the picture belongs.
    fs::create_dir(dir.path().join("violation-1.svg")).unwrap();
    for more in [&[][..], &["--svg", "violation-1.svg"]] {
        let arguments = [&["--schedule", "broken.schedule"], more].concat();
        let output = command(dir.path(), &arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let words = stderr(&output);
        assert!(words.contains("VIOLATION of Stability"), "{words}");
        assert!(words.contains("the picture could not be written: violation-1.svg"), "{words}");
    }
    // Without a violation the picture was all that was asked for.
    let output = command(dir.path(), &["--seed", "1", "--svg", "violation-1.svg"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn calls_that_would_prove_nothing_are_refused() {
    for arguments in [["--runs", "0"], ["--for", "0s"], ["--exhaustive", "0"], ["--jobs", "0"]] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
        assert!(stderr(&output).contains(arguments[0]), "{output:?}");
    }
}

#[test]
fn what_shows_a_single_run_is_refused_with_many() {
    let many: [&[&str]; 4] = [&[], &["--seed", "1", "--runs", "2"], &["--for", "1s"], &["--exhaustive", "10"]];
    let shown: [&[&str]; 3] = [&["--trace"], &["--show-schedule"], &["--svg", "never.svg"]];
    for many in many {
        for shown in shown {
            let output = run(&[many, shown].concat());
            assert_eq!(output.status.code(), Some(2), "{many:?} {shown:?} {output:?}");
        }
    }
    assert!(!Path::new("never.svg").exists());
}

#[test]
fn a_part_outside_the_run_is_not_drawn_in_silence() {
    let dir = TempDir::new().unwrap();
    let arguments = ["--seed", "1", "--svg", "run.svg", "--between", "90000000..90000001"];
    let output = command(dir.path(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stderr(&output).contains("the run ends at"), "{output:?}");
    assert!(!dir.path().join("run.svg").exists());
}

#[test]
fn a_fresh_seed_is_told_before_the_runs() {
    let output = run(&["--runs", "1"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let words = stderr(&output);
    let seed = words.strip_prefix("seeds from ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    assert!(stdout(&output).contains(&format!("seeds        {seed} to {seed}")), "{words}{}", stdout(&output));
}
