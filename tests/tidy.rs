//! Holds what the compiler and the lints cannot: the layers of the core, its purity, and the shape of files.

#[path = "tidy/guarantees.rs"]
mod guarantees;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;

use std::path::Path;

use source::{Finding, Source};

/// Every rule over the sources of a project.
fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = sources.iter().flat_map(shape::check).collect();
    findings.extend(layers::check(sources));
    findings.sort();
    findings
}

/// One finding a line.
fn list(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_project_keeps_its_own_rules() {
    let sources = source::read_project(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(sources.iter().any(|source| source.path == "tests/tidy.rs"), "the walk did not even find this file");
    let findings = check(&sources);
    assert!(findings.is_empty(), "breaches of the project's rules:\n{}", list(&findings));
}

/// The table of guarantees is worth as much as the tests that it names.
#[test]
fn the_tests_that_the_readme_names_exist() {
    let sources = source::read_project(Path::new(env!("CARGO_MANIFEST_DIR")));
    let readme = sources.iter().find(|source| source.path == "README.md").expect("there is a README.md");
    let missing = guarantees::missing(readme, &sources);
    assert!(!guarantees::named(readme).is_empty(), "the README names no test at all");
    assert!(missing.is_empty(), "the README promises what nothing shows:\n{}", list(&missing));
}
