//! The mutants must go on applying to the core, or nobody would notice that they test nothing any more; and each says what it
//! breaks and what has to catch it: an oracle of this simulator, or a scenario of the core. That something does is shown by
//! `mutants/run`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn mutants() -> Vec<PathBuf> {
    let entries = fs::read_dir(package().join("mutants")).unwrap().map(|entry| entry.unwrap().path());
    let mut patches: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "patch")).collect();
    patches.sort();
    assert!(patches.len() >= 28, "only {} mutants", patches.len());
    patches
}

/// Whether the core has a scenario `module::name`. Where its sources are not beside this package, nobody can say.
fn is_scenario(test: &str) -> bool {
    let scenarios = package().join("../qcluster-core/tests/scenarios");
    let Some((module, name)) = test.split_once("::") else { return false };
    let source = fs::read_to_string(scenarios.join(module).with_extension("rs"));
    !scenarios.is_dir() || source.is_ok_and(|source| source.contains(&format!("#[test]\nfn {name}() {{")))
}

/// What is wrong with the words before the diff: a sentence, the rules, and the oracle or test.
fn complaint(patch: &str) -> Option<&'static str> {
    let mut lines = patch.lines();
    let mut after = |prefix: &str| lines.next().and_then(|line| line.strip_prefix(prefix)).unwrap_or_default();
    let (sentence, rules, oracles) = (after(""), after("Breaks: "), after("Killed by: "));
    let is_rule = |rule: &str| {
        rule.strip_prefix(['E', 'S']).is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
    };
    if !sentence.ends_with('.') {
        Some("it does not begin with a sentence")
    } else if !rules.split(", ").all(is_rule) {
        Some("its second line names no rules, as in `Breaks: E6`")
    } else if oracles.is_empty() {
        Some("its third line names no oracle, as in `Killed by: OnePromise`")
    } else if oracles.strip_prefix("scenarios ").is_some_and(|test| !is_scenario(test)) {
        Some(
            "its third line names no scenario of the core, as in `Killed by: scenarios votes::a_voter_holds_one_promise`",
        )
    } else if patch.lines().any(|line| line.starts_with("+++ ") && !line.starts_with("+++ b/qcluster-core/src/")) {
        Some("it changes something else than the core")
    } else {
        None
    }
}

#[test]
fn every_mutant_says_what_it_breaks_and_what_catches_it() {
    let complaints: Vec<_> = mutants()
        .into_iter()
        .filter_map(|path| {
            complaint(&fs::read_to_string(&path).unwrap()).map(|what| format!("{}: {what}", path.display()))
        })
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn every_mutant_applies() {
    let root = package().join("..");
    if std::env::var_os("QCLUSTER_SIM_MUTANT").is_some() {
        return println!("skipped: this is the copy that a mutant was applied to");
    }
    if !root.join("qcluster-core/src").is_dir() {
        return println!("skipped: the core's sources are not beside this package");
    }
    // A repository further up is none of ours: git would take the paths for its own, find none of them, and be content.
    let above = fs::canonicalize(&root).unwrap().parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let mut stale = Vec::new();
    for patch in mutants() {
        let mut git = Command::new("git");
        git.args(["apply", "--check"]).arg(&patch).current_dir(&root).env("GIT_CEILING_DIRECTORIES", &above);
        match git.output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => stale.push(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => return println!("skipped: git cannot be run ({error})"),
        }
    }
    assert!(stale.is_empty(), "these no longer apply:\n{}", stale.join("\n"));
}
