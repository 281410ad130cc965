//! Schedules that were kept: shapes of networks with the number of leader changes they may cause, and whatever was once found.

use std::fs;
use std::path::Path;

use qcluster_sim::{Recording, Report, Schedule};

#[test]
fn every_schedule_of_the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 18, "the corpus is missing");
    let mut failures = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let schedule: Schedule = fs::read_to_string(&path).unwrap().parse().unwrap_or_else(|e| panic!("{name}: {e}"));
        let outcome = schedule.run(Recording::Off).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Some(violation) = outcome.violation else {
            assert!(outcome.stats.elections > 0, "{name}: nobody ever led");
            continue;
        };
        let command = format!("cargo run --release -p qcluster-sim -- --schedule qcluster-sim/corpus/{name}");
        failures.push(format!("{name}: {}", Report::new(&schedule, &violation, command).text()));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Shapes of networks that have brought other systems down, each with a name and a limit of its own.
#[test]
fn every_shape_says_how_many_leaders_it_may_cost() {
    for shape in [
        "line-3-leader-at-end",
        "line-5-leader-at-end",
        "line-5-leader-in-the-middle",
        "star-5-leader-in-the-center",
        "star-5-leader-on-a-leaf",
        "bridge-5-leader-on-a-side",
        "bridge-5-leader-on-the-bridge",
        "ring-of-majorities-5",
        "half-deaf-leader-3",
        "half-deaf-leader-5",
        "half-deaf-follower-3",
        "two-pendant-nodes-5-leader-inside",
        "two-pendant-nodes-5-leader-pendant",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{shape}.schedule"));
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{shape}: {error}"));
        let schedule: Schedule = text.parse().unwrap_or_else(|error| panic!("{shape}: {error}"));
        assert!(schedule.changes_max.is_some_and(|most| most <= 3), "{shape}: {:?}", schedule.changes_max);
    }
}
