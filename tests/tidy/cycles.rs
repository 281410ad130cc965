//! No two modules need each other: what the children of a module import from one another has no cycle. A module and those
//! below it are one, so that a child may use its parent.

use std::collections::{BTreeMap, BTreeSet};

use crate::paths::{Path, imports};
use crate::shape::is_test;
use crate::source::{Finding, Source};

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

#[cfg(test)]
#[path = "cycles/tests.rs"]
mod tests;
