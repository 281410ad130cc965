//! The demonstration, as a program would call it.

use serde_json::Value;

use crate::support::node::run_to_end;

#[test]
fn the_demo_ends_with_one_line_of_json() {
    let ended = run_to_end(&["demo", "--rounds", "1", "--format", "json"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let last = ended.stdout.lines().last().expect("a line");
    let summary: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}\n{ended:#?}"));
    assert_eq!(summary["rounds"], 1, "{summary:#}");
    assert_eq!(summary["samples_ms"].as_array().map(Vec::len), Some(1), "{summary:#}");
    assert!(summary["failover_ms"]["median"].as_f64().is_some_and(|median| median > 0.0), "{summary:#}");
}

#[test]
fn the_demo_is_plain_in_a_pipe() {
    let ended = run_to_end(&["demo", "--rounds", "1", "--timing", "fast"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(!ended.stdout.contains('\u{1b}'), "escape sequences in a pipe: {ended:#?}");
    assert!(ended.stdout.contains("server_a"), "{ended:#?}");
    assert_eq!(ended.stderr, "", "{ended:#?}");
}
