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
        assert!(outcome.stats.elections > 0, "{name}: nobody ever led");
        if let Some(violation) = outcome.violation {
            let command = format!("cargo run --release -p qcluster-sim -- --schedule qcluster-sim/corpus/{name}");
            failures.push(format!("{name}: {}", Report::new(&schedule, &violation, command).text()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
