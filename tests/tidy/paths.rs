//! Reads the paths by which a file names modules of its own crate, whole: groups in braces are taken apart.

use std::ops::Range;

use crate::source::words;

/// The names of a path, or a module from the root of its crate.
pub(crate) type Path<'a> = Vec<&'a str>;

/// Every path that starts with `crate` or `super`, with where it ends.
pub(crate) fn imports(code: &str) -> Vec<(usize, Path<'_>)> {
    let mut paths = Vec::new();
    for start in ["crate", "super"] {
        let begins = |at: &usize| !code[..*at].trim_end().ends_with("::");
        for at in words(code, start).filter(begins) {
            if let Some(next) = after_colons(code, at + start.len()) {
                follow(code, next, vec![start], &mut paths);
            }
        }
    }
    paths
}

/// The path that goes on at `at`, or each path of the braces there.
fn follow<'a>(code: &'a str, at: usize, mut path: Path<'a>, paths: &mut Vec<(usize, Path<'a>)>) {
    let rest = &code[at..];
    if let Some(group) = rest.strip_prefix('{') {
        for part in parts(group) {
            let skipped = part.len() - group[part.clone()].trim_start().len();
            if skipped < part.len() {
                follow(code, at + 1 + part.start + skipped, path.clone(), paths);
            }
        }
        return;
    }
    let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    if len > 0 {
        path.push(&rest[..len]);
    }
    match after_colons(code, at + len).filter(|_| len > 0) {
        Some(next) => follow(code, next, path, paths),
        None => paths.push((at, path)),
    }
}

/// Where the path goes on after `::`, spaces and line breaks included.
fn after_colons(code: &str, at: usize) -> Option<usize> {
    let rest = code[at..].trim_start().strip_prefix("::")?.trim_start();
    Some(code.len() - rest.len())
}

/// The parts between the commas of a group, up to its closing brace; commas of inner groups do not count.
fn parts(group: &str) -> Vec<Range<usize>> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(start..at);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}
