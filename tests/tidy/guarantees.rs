//! The table of guarantees names tests, and those exist; what is not promised stands in one form of words.

use crate::source::{Finding, Source};

/// The tests in the last column of the table, each with its place.
pub(crate) fn named(page: &Source) -> Vec<(usize, &str)> {
    let text = &page.text;
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
pub(crate) fn missing(page: &Source, sources: &[Source]) -> Vec<Finding> {
    let exists = |name: &str| {
        let mark = format!("fn {name}");
        sources.iter().any(|source| source.code.contains(&mark))
    };
    let absent = named(page).into_iter().filter(|(_, name)| !exists(name));
    absent.map(|(at, name)| page.finding(at, format!("`{name}` is not a test of this project"))).collect()
}

/// The list items below a heading, up to the next one, each on one line.
pub(crate) fn bullets(text: &str, heading: &str) -> Vec<String> {
    let below = text.split_once(heading).map_or("", |(_, below)| below);
    let section = below.split_once("\n## ").map_or(below, |(section, _)| section);
    let mut bullets: Vec<String> = Vec::new();
    for line in section.lines() {
        if line.starts_with("- ") {
            bullets.push(line.to_owned());
        } else if let Some((more, bullet)) = line.strip_prefix("  ").zip(bullets.last_mut()) {
            bullet.push(' ');
            bullet.push_str(more);
        }
    }
    bullets
}

#[cfg(test)]
#[path = "guarantees/tests.rs"]
mod tests;
