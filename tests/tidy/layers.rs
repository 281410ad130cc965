//! The layers of the core: a module imports lower ones and its own, and the protocols of layer 2 never each other.

use crate::paths::{self, Path};
use crate::shape::is_test;
use crate::source::{Finding, Source};

const CORE: &str = "qcluster-core/src/";

/// The layer whose modules must not know each other, so that each protocol can be read, tested and changed alone.
const PROTOCOLS: usize = 2;

/// The modules of each layer, from the bottom. `lib.rs` stands above all of them.
const LAYERS: [&[&str]; 6] = [
    &["host", "id", "rng", "secret", "time"],
    &["config", "metrics", "quorum", "reason", "reconcile", "rendezvous", "rumors"],
    &["election", "membership", "observer", "registry"],
    &["hard_state", "wire"],
    &["node"],
    &["endpoint", "recording", "seal", "writing_an_adapter"],
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
    let depth = path.split('/').count();
    let import = |(at, names): (usize, Path<'_>)| {
        let supers = names.iter().take_while(|name| **name == "super").count();
        let first = if supers == 0 { 1 } else { supers };
        // `crate::*` is reported too: what it imports cannot be told.
        let module = names.get(first).map_or("*", |name| name);
        (supers == 0 || supers >= depth).then(|| Import { at, module: module.to_owned() })
    };
    paths::imports(code).into_iter().filter_map(import).collect()
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
