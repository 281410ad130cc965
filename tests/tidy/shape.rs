//! Rules for one file at a time: its first line, its length, what it must not contain, and what the core must not use.

use crate::source::{Finding, Source, words};

/// The longest file, in lines.
const LINES_MAX: usize = 400;

/// Never in code, with what to do instead.
const UNFINISHED: [(&str, &str); 3] = [
    (concat!("todo", "!"), "finish it, or leave it out until its issue"),
    (concat!("unimplemented", "!"), "finish it, or leave it out until its issue"),
    (concat!("#[", "ignore"), "a test that does not run shows nothing: make it pass or delete it"),
];

/// Never in the core outside its tests, with what to use instead.
const IMPURE: [(&str, &str); 16] = [
    ("std::", "the core is no_std: use `core` or `alloc`"),
    ("Instant", "the core has no clock: `now` is given in, as a `Time`"),
    ("SystemTime", "the core has no clock: the wall clock comes in once, as `Boot::stamp_ms`"),
    ("UNIX_EPOCH", "the core has no clock: the wall clock comes in once, as `Boot::stamp_ms`"),
    ("HashMap", "its order is not part of the contract: use a `Vec` or a `BTreeMap`"),
    ("HashSet", "its order is not part of the contract: use a `Vec` or a `BTreeSet`"),
    ("RandomState", "the core draws from `rng`, which is seeded"),
    ("OsRng", "the core draws from `rng`, which is seeded"),
    ("getrandom", "the core draws from `rng`, which is seeded"),
    ("f32", "floating point differs between machines: use integers"),
    ("f64", "floating point differs between machines: use integers"),
    ("thread", "the core has no threads: a step does its work and returns"),
    ("thread_local", "the core has no global state"),
    ("Mutex", "a node belongs to one caller: sharing is the adapter's business"),
    ("RwLock", "a node belongs to one caller: sharing is the adapter's business"),
    ("unsafe", "the core forbids it"),
];

/// Where numbers of JSON are read: they pass through as they are written, and nothing is decided by them.
const READS_NUMBERS: &str = "qcluster-core/src/config/metadata.rs";

/// Folders of somebody's machine; a project that names them works only there.
const MACHINE_FOLDERS: [&str; 5] =
    [concat!("/", "work"), concat!("/", "tmp"), concat!("/", "root"), concat!("/", "home"), concat!("/", "Users")];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = machine_paths(source);
    if source.is_rust() {
        findings.extend(first_line(source));
        findings.extend(length(source));
        findings.extend(banned(source, &UNFINISHED));
        if source.path.starts_with("qcluster-core/src/") && !is_test(&source.path) {
            let reads_numbers = source.path == READS_NUMBERS;
            let impure = IMPURE.into_iter().filter(|(word, _)| !(reads_numbers && *word == "f64"));
            findings.extend(banned(source, &impure.collect::<Vec<_>>()));
        }
    }
    findings
}

/// Whether the file is a test by its name: `tests.rs`, or below a folder `tests`.
pub(crate) fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

fn first_line(source: &Source) -> Option<Finding> {
    let first = source.text.lines().next().unwrap_or_default();
    let says_something = first.strip_prefix("//! ").is_some_and(|reason| !reason.trim().is_empty());
    (!says_something).then(|| source.finding(0, "the first line must be a `//!` comment that says why the file exists"))
}

fn length(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count();
    let last = source.text.trim_end().len();
    (lines > LINES_MAX).then(|| {
        source.finding(last, format!("{lines} lines, and {LINES_MAX} are the most: split the file by purpose"))
    })
}

fn banned(source: &Source, list: &[(&str, &str)]) -> Vec<Finding> {
    let found = list.iter().flat_map(|(word, instead)| words(&source.code, word).map(move |at| (at, word, instead)));
    found.map(|(at, word, instead)| source.finding(at, format!("`{word}`: {instead}"))).collect()
}

fn machine_paths(source: &Source) -> Vec<Finding> {
    // Part of a longer path, or of an address: not the folder itself.
    let continues = |c: char| c.is_alphanumeric() || "_-./:}".contains(c);
    let found = MACHINE_FOLDERS.iter().flat_map(|folder| words(&source.text, folder).map(move |at| (at, folder)));
    found
        .filter(|(at, _)| !source.text[..*at].chars().next_back().is_some_and(continues))
        .map(|(at, folder)| {
            source.finding(at, format!("`{folder}` is a folder of one machine: find the path at run time"))
        })
        .collect()
}

#[cfg(test)]
#[path = "shape/tests.rs"]
mod tests;
