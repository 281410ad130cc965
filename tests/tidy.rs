//! Holds what the compiler and the lints cannot: the layers of the core, its purity, and the shape of files.

#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;

use std::fmt::Write as _;
use std::path::Path;

use source::{Finding, Source};

/// Every rule over the sources of a project.
fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = sources.iter().flat_map(shape::check).collect();
    findings.extend(layers::check(sources));
    findings.sort();
    findings
}

#[test]
fn the_project_keeps_its_own_rules() {
    let sources = source::read_project(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(sources.iter().any(|source| source.path == "tests/tidy.rs"), "the walk did not even find this file");
    let findings = check(&sources);
    let list = findings.iter().fold(String::new(), |mut list, finding| {
        let _ = writeln!(list, "{finding}");
        list
    });
    assert!(findings.is_empty(), "{} breaches of the project's rules:\n{list}", findings.len());
}
