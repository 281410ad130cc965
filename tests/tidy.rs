//! Holds what the compiler and the lints cannot: the layers of the core, its purity, modules without cycles, the shape of
//! files, and links between pages.

#[path = "tidy/cycles.rs"]
mod cycles;
#[path = "tidy/guarantees.rs"]
mod guarantees;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/links.rs"]
mod links;
#[path = "tidy/paths.rs"]
mod paths;
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
    findings.extend(cycles::check(sources));
    findings.extend(links::check(sources));
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

fn page<'a>(sources: &'a [Source], path: &str) -> &'a Source {
    sources.iter().find(|source| source.path == path).unwrap_or_else(|| panic!("there is no {path}"))
}

/// The table of guarantees is worth as much as the tests that it names.
#[test]
fn the_tests_that_the_guarantees_name_exist() {
    let sources = source::read_project(Path::new(env!("CARGO_MANIFEST_DIR")));
    let guarantees = page(&sources, "docs/GUARANTEES.md");
    let missing = guarantees::missing(guarantees, &sources);
    assert!(!guarantees::named(guarantees).is_empty(), "the guarantees name no test at all");
    assert!(missing.is_empty(), "what nothing shows is promised:\n{}", list(&missing));
}

/// What the argument about leases rests on is told to users in the same words.
#[test]
fn the_assumptions_of_the_argument_are_among_what_is_not_promised() {
    let sources = source::read_project(Path::new(env!("CARGO_MANIFEST_DIR")));
    let told = guarantees::bullets(&page(&sources, "docs/GUARANTEES.md").text, "## What is not promised");
    let argued = guarantees::bullets(&page(&sources, "ARCHITECTURE.md").text, "### Why two leases never overlap");
    assert!(argued.len() >= 7, "{argued:#?}");
    for assumption in argued {
        assert!(told.contains(&assumption), "not told to users, or in other words: {assumption}");
    }
}
