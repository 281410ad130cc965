//! A table that names a test which is not there is found out.

use super::{missing, named};
use crate::source::Source;

const README: &str = "# Name\n\n`scenario_98`\n\n| promise | as long as | shown by |\n|---|---|---|\n\
    | one `leader` | – | `scenario_01` `scenario_02` |\n| more | `x` | `scenario_99` |\n\n| a | `b` |\n";

#[test]
fn only_the_last_column_of_the_table_counts() {
    let readme = Source::new("README.md", README);
    let names: Vec<&str> = named(&readme).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["scenario_01", "scenario_02", "scenario_99"]);
}

#[test]
fn a_missing_test_is_found_with_its_line() {
    let readme = Source::new("README.md", README);
    let tests =
        Source::new("tests/a.rs", "//! A.\nfn scenario_01_one() {}\nfn scenario_02() {}\n// fn scenario_99() {}");
    let found: Vec<String> = missing(&readme, &[tests]).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["README.md:8: `scenario_99` is not a test of this project"]);
}
