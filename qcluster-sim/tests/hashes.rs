//! A seed is the same run on every machine, in every profile, today and after a rebuild: hashes of some seeds and of every
//! schedule of the corpus, pinned in `hashes.txt`.
//!
//! They change whenever nodes decide otherwise or datagrams look otherwise, and so does what a seed in an old report
//! means. Where that is meant, this blesses the new ones, to be read and committed with the change:
//!
//! ```sh
//! QCLUSTER_SIM_BLESS=1 cargo test -p qcluster-sim --test hashes
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use qcluster_sim::swarm::{Limits, draw};
use qcluster_sim::{Recording, Schedule};

const BLESS: &str = "QCLUSTER_SIM_BLESS=1 cargo test -p qcluster-sim --test hashes";
/// Seeds that are pinned: enough that a change shows in several.
const SEEDS: u64 = 48;

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn corpus() -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(package().join("corpus")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn hash(schedule: &Schedule) -> String {
    schedule.run(Recording::Off).unwrap().hash.to_string()
}

/// A line for each run: what it is, and its hash.
fn hashes() -> Vec<String> {
    let seeds = (0..SEEDS).map(|seed| format!("{}  seed {seed}", hash(&draw(seed, Limits::default()))));
    let schedules = corpus().into_iter().map(|path| {
        let schedule: Schedule = fs::read_to_string(&path).unwrap().parse().unwrap();
        format!("{}  {}", hash(&schedule), path.file_name().unwrap().display())
    });
    seeds.chain(schedules).collect()
}

#[test]
fn a_seed_means_the_same_run_as_ever() {
    if std::env::var_os("QCLUSTER_SIM_MUTANT").is_some() {
        return println!(
            "skipped: a mutant does something else by design, and this says nothing about whether it is seen"
        );
    }
    let pinned = package().join("tests/hashes.txt");
    let present = hashes();
    if std::env::var_os("QCLUSTER_SIM_BLESS").is_some() {
        return fs::write(pinned, present.join("\n") + "\n").unwrap();
    }
    let text = fs::read_to_string(&pinned).unwrap();
    let before: Vec<&str> = text.lines().collect();
    let mut differences = String::new();
    for line in &present {
        if !before.contains(&line.as_str()) {
            let _ = writeln!(differences, "  is      {line}");
        }
    }
    for line in before.iter().filter(|line| !present.iter().any(|present| present == *line)) {
        let _ = writeln!(differences, "  pinned  {line}");
    }
    assert!(
        differences.is_empty(),
        "other runs than those that are pinned. If nodes are meant to decide or speak otherwise, `{BLESS}` pins the new \
         ones; if not, something depends on the machine, the build or an order that is not ours:\n{differences}"
    );
}
