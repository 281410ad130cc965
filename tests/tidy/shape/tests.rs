//! Each rule for a single file fails on a file that breaks it, and on no other.

use super::{LINES_MAX, MACHINE_FOLDERS, check};
use crate::source::Source;

/// What is found in a file that begins as it should and goes on with `body`.
fn found(path: &str, body: &str) -> Vec<String> {
    let source = Source::new(path, format!("//! A file.\n{body}"));
    check(&source).iter().map(ToString::to_string).collect()
}

fn assert_one(found: &[String], start: &str) {
    assert!(found.len() == 1 && found[0].starts_with(start), "expected one finding `{start}…`, not {found:#?}");
}

#[test]
fn a_clean_file_passes() {
    let body =
        "use core::fmt;\n// todo!() in a comment, `HashMap` too\nfn f() -> &'static str { \"unimplemented!()\" }\n";
    assert_eq!(found("qcluster-core/src/time.rs", body), [""; 0]);
}

#[test]
fn a_file_must_say_why_it_exists() {
    for text in ["", "use core::fmt;\n", "//!\nfn f() {}\n", "// Why.\n", "\n//! Why.\n"] {
        let findings = check(&Source::new("src/a.rs", text));
        assert_eq!(findings.len(), 1, "{text:?}: {findings:?}");
        assert_eq!(findings[0].line, 1);
    }
}

#[test]
fn a_file_must_not_grow_without_end() {
    assert_eq!(found("src/a.rs", &"\n".repeat(LINES_MAX - 1)), [""; 0]);
    assert_one(&found("src/a.rs", &"fn f() {}\n".repeat(LINES_MAX)), "src/a.rs:401: 401 lines");
    assert_eq!(found("README.md", &"\n".repeat(2 * LINES_MAX)), [""; 0]);
}

#[test]
fn nothing_may_be_left_unfinished() {
    for bad in ["fn f() { todo!() }", "fn f() { unimplemented!(\"later\") }", "#[ignore]", "#[ignore = \"slow\"]"] {
        assert_one(&found("tests/a.rs", bad), "tests/a.rs:2: `");
    }
}

#[test]
fn the_core_must_stay_pure() {
    let bad = [
        "use std::vec::Vec;",
        "fn f(now: Instant) {}",
        "type Map = hashbrown::HashMap<u8, u8>;",
        "const RATE: f64 = 0;",
        "fn f(x: f32) {}",
        "spin::Mutex::new(0);",
        "thread::yield_now();",
    ];
    for body in bad {
        assert_one(&found("qcluster-core/src/quorum.rs", body), "qcluster-core/src/quorum.rs:2: `");
        assert_eq!(found("qcluster-core/src/quorum/tests.rs", body), [""; 0]);
        assert_eq!(found("qcluster-tokio/src/clock.rs", body), [""; 0]);
    }
}

#[test]
fn no_file_may_name_a_folder_of_one_machine() {
    for folder in MACHINE_FOLDERS {
        assert_one(&found("CONTRIBUTING.md", &format!("see {folder}/notes")), "CONTRIBUTING.md:2: `");
        assert_one(&found("src/a.rs", &format!("const FOLDER: &str = \"{folder}\";")), "src/a.rs:2: `");
        assert_eq!(
            found("README.md", &format!("net{folder}, {folder}s, ${{X}}{folder}/y, https://x.org{folder}/")),
            [""; 0]
        );
    }
}
