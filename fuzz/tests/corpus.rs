//! Replays every input that fuzzing has found worth keeping, so that what was found stays found without a fuzzing engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use qcluster_fuzz::TARGETS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    paths.sort();
    paths
}

/// The names of what is in a folder, without their endings.
fn names(folder: &str) -> BTreeSet<String> {
    let stem = |path: &PathBuf| path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
    entries(&root().join(folder)).iter().map(stem).collect()
}

#[test]
fn every_target_has_a_binary_and_a_corpus_and_there_are_no_others() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
}

/// One test, not one for each target: the limit on memory is that of a process which does one thing at a time.
#[test]
fn what_was_found_stays_found() {
    for (name, body) in TARGETS.iter().copied() {
        let inputs = entries(&root().join("corpus").join(name));
        assert!(!inputs.is_empty(), "the corpus of {name} is empty");
        for input in inputs {
            let data = fs::read(&input).unwrap_or_else(|error| panic!("cannot read {}: {error}", input.display()));
            // Captured unless the test fails: it names the input that panics.
            println!("{name}: {}", input.display());
            body(&data);
        }
    }
}
