//! Links that lead nowhere are found, and others are left alone.

use super::check;
use crate::source::Source;

#[test]
fn a_link_leads_to_a_page_and_a_heading_that_exist() {
    let sources = [
        Source::new(
            "README.md",
            "# It's here\n[a](docs/A.md) [b](docs/A.md#what-is-there) [c](#its-here) [d](https://x.org/y) [e](docs)",
        ),
        Source::new("docs/A.md", "## What is there?\n[up](../README.md#its-here)"),
    ];
    assert_eq!(check(&sources), []);
}

#[test]
fn a_link_to_nowhere_is_found_with_its_line() {
    let sources = [
        Source::new("docs/A.md", "# A\n[gone](../GONE)\n[no heading](#b)\n[page without it](B.md#a)"),
        Source::new("docs/B.md", "# B"),
    ];
    let found: Vec<String> = check(&sources).iter().map(ToString::to_string).collect();
    let expected = [
        "docs/A.md:2: `../GONE` leads nowhere",
        "docs/A.md:3: `#b`: docs/A.md has no such heading",
        "docs/A.md:4: `B.md#a`: docs/B.md has no such heading",
    ];
    assert_eq!(found, expected);
}
