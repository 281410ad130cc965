//! Cycles are found wherever they close, and a tree of modules has none.

use super::check;
use crate::source::Source;

/// What is found in files of those names and contents.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = files.iter().map(|(path, code)| Source::new(*path, *code)).collect();
    check(&sources).iter().map(ToString::to_string).collect()
}

#[test]
fn modules_that_need_each_other_are_found_on_both_sides() {
    let found = found(&[
        ("a/src/lib.rs", "mod one; mod two;"),
        ("a/src/one.rs", "use crate::two::Two;"),
        ("a/src/two.rs", "fn f() { super::one::g() }"),
    ]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("a/src/one.rs:1: `one` imports `two`"), "{found:?}");
    assert!(found[1].starts_with("a/src/two.rs:1: `two` imports `one`"), "{found:?}");
}

#[test]
fn a_cycle_closes_through_children_and_groups() {
    let found = found(&[
        ("src/lib.rs", ""),
        ("src/one.rs", "mod deep;"),
        ("src/one/deep.rs", "use crate::{time::Time, two::{self, Two}};"),
        ("src/two.rs", "use crate::three::Three;"),
        ("src/three.rs", "use super::one;"),
        ("src/time.rs", ""),
    ]);
    let places: Vec<&str> = found.iter().filter_map(|finding| finding.split(": ").next()).collect();
    assert_eq!(places, ["src/one/deep.rs:1", "src/three.rs:1", "src/two.rs:1"], "{found:?}");
}

#[test]
fn parents_children_tests_and_other_crates_are_free() {
    let found = found(&[
        ("a/src/lib.rs", "mod one; use one::One;"),
        ("a/src/one.rs", "mod deep; use deep::Deep; use crate::two::Two; pub(crate) fn f() {}"),
        ("a/src/one/deep.rs", "use super::One; use crate::one::One; use super::super::two::Two;"),
        ("a/src/two.rs", "use core::fmt; use b::one::One;"),
        ("a/src/two/tests.rs", "use crate::one::One;"),
        ("b/src/lib.rs", ""),
        ("b/src/one.rs", "use crate::two::Two;"),
        ("b/src/two.rs", "// use crate::one::One;\nconst TEXT: &str = \"crate::one::One\";"),
    ]);
    assert_eq!(found, [""; 0]);
}
