//! The mutants must go on applying to the core, or nobody would notice that they test nothing any more.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_mutant_applies_and_names_its_oracle() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(package.join("mutants")).unwrap().map(|entry| entry.unwrap().path());
    let patches: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "patch")).collect();
    assert!(patches.len() >= 28, "only {} mutants", patches.len());
    let mut stale = Vec::new();
    for patch in patches {
        let text = fs::read_to_string(&patch).unwrap();
        let checked =
            Command::new("git").args(["apply", "--check"]).arg(&patch).current_dir(package.join("..")).output();
        let applies = match checked {
            Ok(output) => output.status.success(),
            Err(error) => {
                println!("skipped: git cannot be run ({error})");
                return;
            }
        };
        // The copy that a mutant was applied to runs this test too: there the one that is in place does not apply.
        if !applies && std::env::var_os("QCLUSTER_SIM_MUTANT").is_none() {
            stale.push(patch.display().to_string());
        }
        assert!(text.lines().any(|line| line.starts_with("Killed by: ")), "{} names no oracle", patch.display());
    }
    assert!(stale.is_empty(), "these no longer apply: {stale:?}");
}
