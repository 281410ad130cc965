//! The layers of the core: a module imports lower ones and its own, and the protocols of layer 2 never each other.

use std::ops::Range;

use crate::shape::is_test;
use crate::source::{Finding, Source, words};

const CORE: &str = "qcluster-core/src/";

/// The layer whose modules must not know each other, so that each protocol can be read, tested and changed alone.
const PROTOCOLS: usize = 2;

/// The modules of each layer, from the bottom. `lib.rs` stands above all of them.
const LAYERS: [&[&str]; 6] = [
    &["id", "rng", "time"],
    &["config", "metrics", "quorum", "reason", "reconcile", "rendezvous", "rumors"],
    &["election", "membership", "observer", "registry"],
    &["hard_state", "wire"],
    &["node"],
    &["endpoint", "recording"],
];

pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let core: Vec<(&str, &Source)> =
        sources.iter().filter_map(|source| Some((source.path.strip_prefix(CORE)?, source))).collect();
    let tests: Vec<String> = core.iter().flat_map(|(path, source)| test_modules(path, source)).collect();
    let is_free = |path: &str| path == "lib.rs" || is_test(path) || tests.iter().any(|test| is_below(path, test));
    core.iter().filter(|(path, _)| !is_free(path)).flat_map(|(path, source)| check_file(path, source)).collect()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The name of the module that a file belongs to: `election/vote.rs` to `election`.
fn module_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

fn check_file(path: &str, source: &Source) -> Vec<Finding> {
    let module = module_of(path);
    let Some(layer) = layer_of(module) else {
        return vec![
            source.finding(0, format!("module `{module}` has no layer: give it one in the table of tidy's layers")),
        ];
    };
    let judge = |import: Import| {
        let message = match layer_of(&import.module) {
            None => format!(
                "`crate::{}` is not a module with a layer: import an item from the module that has it",
                import.module
            ),
            Some(_) if import.module == module => return None,
            Some(other) if other > layer => {
                format!(
                    "`{module}` (layer {layer}) must not import `{}` (layer {other}), which is above it",
                    import.module
                )
            }
            Some(PROTOCOLS) if layer == PROTOCOLS => {
                format!(
                    "`{module}` must not import `{}`: facts cross layer {PROTOCOLS} through `node`, as values",
                    import.module
                )
            }
            Some(_) => return None,
        };
        Some(source.finding(import.at, message))
    };
    imports(path, &source.code).into_iter().filter_map(judge).collect()
}

/// A mention of a top-level module of the core.
struct Import {
    at: usize,
    module: String,
}

/// Every path that starts at the root of the crate: by `crate::`, or by as many `super::` as lead there.
fn imports(path: &str, code: &str) -> Vec<Import> {
    let mut imports = Vec::new();
    for at in words(code, "crate") {
        if let Some(end) = after_colons(code, at + "crate".len()) {
            first_names(code, end, &mut imports);
        }
    }
    let depth = path.split('/').count();
    let mut chain_end = 0;
    for at in words(code, "super").filter(|at| after_colons(code, at + "super".len()).is_some()) {
        if at < chain_end {
            continue;
        }
        let mut supers = 0;
        chain_end = at;
        while let Some(end) = code[chain_end..].strip_prefix("super").and_then(|_| after_colons(code, chain_end + 5)) {
            supers += 1;
            chain_end = end;
        }
        if supers >= depth {
            first_names(code, chain_end, &mut imports);
        }
    }
    imports
}

/// Where the path goes on after `::`, spaces and line breaks included.
pub(crate) fn after_colons(code: &str, at: usize) -> Option<usize> {
    let rest = code[at..].trim_start().strip_prefix("::")?.trim_start();
    Some(code.len() - rest.len())
}

/// The name that stands at `at`, or the first name of each path in the braces there.
fn first_names(code: &str, at: usize, imports: &mut Vec<Import>) {
    let rest = &code[at..];
    let Some(group) = rest.strip_prefix('{') else {
        let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        // `crate::*` is reported too: what it imports cannot be told.
        let module = if len == 0 { rest.chars().take(1).collect() } else { rest[..len].to_owned() };
        imports.push(Import { at, module });
        return;
    };
    for part in parts(group) {
        let skipped = group[part.clone()].len() - group[part.clone()].trim_start().len();
        if skipped < part.len() {
            first_names(code, at + 1 + part.start + skipped, imports);
        }
    }
}

/// The parts between the commas of a group, up to its closing brace; commas of inner groups do not count.
pub(crate) fn parts(group: &str) -> Vec<Range<usize>> {
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

/// The modules that a file declares for tests only, as paths without `.rs`.
fn test_modules(path: &str, source: &Source) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let folder = if stem == "lib" { String::new() } else { format!("{stem}/") };
    let declared = source.code.match_indices("#[cfg(test)]").filter_map(|(at, attribute)| {
        let item = source.code[at + attribute.len()..].trim_start();
        let item = item.strip_prefix("pub(crate)").or_else(|| item.strip_prefix("pub(super)")).unwrap_or(item);
        let (name, _) = item.trim_start().strip_prefix("mod ")?.split_once(';')?;
        Some(format!("{folder}{}", name.trim()))
    });
    declared.collect()
}

fn is_below(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[cfg(test)]
#[path = "layers/tests.rs"]
mod tests;
