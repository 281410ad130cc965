//! No two modules need each other: what the children of a module import from one another has no cycle. A module and those
//! below it are one, so that a child may use its parent.

use std::collections::{BTreeMap, BTreeSet};

use crate::layers::{after_colons, parts};
use crate::shape::is_test;
use crate::source::{Finding, Source, words};

/// A module, from the root of its crate.
type Path<'a> = Vec<&'a str>;

/// Siblings, by the names under which their parent has them: who imports whom, and the first place that does.
type Siblings<'a> = BTreeMap<&'a str, BTreeMap<&'a str, (&'a Source, usize)>>;

pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, BTreeMap<Path<'_>, &Source>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.is_rust() && !is_test(&source.path)) {
        if let Some((name, module)) = module_of(&source.path) {
            crates.entry(name).or_default().insert(module, source);
        }
    }
    crates.values().flat_map(check_crate).collect()
}

/// The crate and the module that a file is: `a/src/b/c.rs` is `b::c` of `a`.
fn module_of(path: &str) -> Option<(&str, Path<'_>)> {
    let (name, file) = path.strip_prefix("src/").map_or_else(|| path.split_once("/src/"), |file| Some(("", file)))?;
    let mut module: Path<'_> = file.strip_suffix(".rs")?.split('/').collect();
    if matches!(module[..], ["lib" | "main"]) {
        module.clear();
    }
    Some((name, module))
}

fn check_crate<'a>(modules: &BTreeMap<Path<'a>, &'a Source>) -> Vec<Finding> {
    let mut families: BTreeMap<&[&str], Siblings<'_>> = BTreeMap::new();
    for (module, source) in modules {
        for (at, path) in imports(&source.code) {
            let Some(imported) = resolve(module, &path, modules) else { continue };
            let common = module.iter().zip(imported).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (module.get(common), imported.get(common)) {
                let family = families.entry(&module[..common]).or_default();
                family.entry(from).or_default().entry(to).or_insert((source, at));
            }
        }
    }
    families.values().flat_map(cycles).collect()
}

/// Each import that is part of a cycle.
fn cycles(siblings: &Siblings<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (from, imported) in siblings {
        for (to, (source, at)) in imported {
            if reaches(siblings, to, from) {
                let message = format!(
                    "`{from}` imports `{to}`, which needs `{from}`: move what both need to a module of its own"
                );
                findings.push(source.finding(*at, message));
            }
        }
    }
    findings
}

fn reaches(siblings: &Siblings<'_>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            next.extend(siblings.get(module).into_iter().flat_map(BTreeMap::keys));
        }
    }
    false
}

/// The deepest module of a path that starts in `module`.
fn resolve<'m, 'a>(
    module: &[&'a str],
    path: &[&'a str],
    modules: &'m BTreeMap<Path<'a>, &'a Source>,
) -> Option<&'m Path<'a>> {
    let supers = path.iter().take_while(|name| **name == "super").count();
    let start = if path.first() == Some(&"crate") { &[] } else { &module[..module.len().checked_sub(supers)?] };
    let mut full: Path<'a> = start.to_vec();
    full.extend(path.iter().copied().filter(|name| !matches!(*name, "crate" | "super" | "self")));
    (0..=full.len()).rev().find_map(|len| modules.get_key_value(&full[..len]).map(|(found, _)| found))
}

/// Every path that starts with `crate` or `super`, with where it ends.
fn imports(code: &str) -> Vec<(usize, Path<'_>)> {
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

#[cfg(test)]
#[path = "cycles/tests.rs"]
mod tests;
