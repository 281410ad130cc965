//! The README's table of guarantees names tests, and those exist.

use crate::source::{Finding, Source};

/// The tests in the last column of the table, each with its place.
pub(crate) fn named(readme: &Source) -> Vec<(usize, &str)> {
    let text = &readme.text;
    let column = |row: &str| -> Option<usize> { row.strip_suffix('|')?.rfind('|').map(|at| at + 1) };
    let mut tests = Vec::new();
    let mut in_table = false;
    let mut start = 0;
    for row in text.split_inclusive('\n') {
        in_table = if in_table { row.starts_with('|') } else { row.trim_end().ends_with("| shown by |") };
        if let Some(at) = column(row.trim_end()).filter(|_| in_table) {
            let parts: Vec<&str> = row[at..].split('`').collect();
            for quoted in parts.iter().skip(1).step_by(2) {
                tests.push((start, *quoted));
            }
        }
        start += row.len();
    }
    tests
}

/// Those that no function of the project's tests goes by; the beginning of its name is enough.
pub(crate) fn missing(readme: &Source, sources: &[Source]) -> Vec<Finding> {
    let exists = |name: &str| {
        let mark = format!("fn {name}");
        sources.iter().any(|source| source.code.contains(&mark))
    };
    let absent = named(readme).into_iter().filter(|(_, name)| !exists(name));
    absent.map(|(at, name)| readme.finding(at, format!("`{name}` is no test of this project"))).collect()
}

#[cfg(test)]
#[path = "guarantees/tests.rs"]
mod tests;
