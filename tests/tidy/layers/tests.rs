//! The check of the layers finds every way around them that it knows, and lets through what is allowed.

use super::check;
use crate::source::Source;

fn found(path: &str, body: &str) -> Vec<String> {
    let source = Source::new(format!("qcluster-core/src/{path}"), format!("//! A file.\n{body}\n"));
    check(&[source]).iter().map(ToString::to_string).collect()
}

fn assert_refused(path: &str, body: &str, about: &str) {
    let found = found(path, body);
    let start = format!("qcluster-core/src/{path}:2: ");
    assert!(
        found.len() == 1 && found[0].starts_with(&start) && found[0].contains(about),
        "expected one finding about {about} in {path} `{body}`, not {found:#?}"
    );
}

#[test]
fn lower_layers_and_the_own_module_are_free() {
    for (path, body) in [
        ("id.rs", "use crate::rng::mix;"),
        ("quorum.rs", "use crate::config::VoterIndex;"),
        ("election/vote.rs", "use crate::election::Message; use super::{Vote, follower}; use crate::time::Time;"),
        ("node/event.rs", "use crate::{election::{self, HardState}, id::Term, observer};"),
        ("endpoint.rs", "use crate::node::Node; use crate::wire; use core::fmt;"),
        ("election/vote.rs", "pub(crate) fn f() {} pub(in crate::election) fn g() {}"),
        ("lib.rs", "pub use crate::endpoint::Endpoint;"),
    ] {
        assert_eq!(found(path, body), [""; 0], "{path} `{body}`");
    }
}

#[test]
fn a_higher_layer_is_refused_however_it_is_named() {
    for body in [
        "use crate::node::Node;",
        "use crate::{time::Time, node::Node};",
        "use crate::{config::{Rules, VoterIndex}, node};",
        "use crate :: node :: Node;",
        "fn f(node: &crate::node::Node) {}",
        "use super::super::node::Node;",
        "use super::super::{time::Time, node::Node};",
    ] {
        assert_refused("election/vote.rs", body, "`node` (layer 4)");
    }
    assert_refused("time.rs", "use super::config::Rules;", "`config` (layer 1)");
    assert_refused("wire.rs", "use crate::endpoint;", "`endpoint` (layer 5)");
}

#[test]
fn protocols_never_know_each_other() {
    assert_refused("election/leader.rs", "use crate::observer::Message;", "through `node`");
    assert_refused("observer.rs", "use crate::election::Lease;", "through `node`");
    assert_refused("membership/table.rs", "use crate::registry::Record;", "through `node`");
}

#[test]
fn what_has_no_layer_is_refused() {
    assert_refused("election/leader.rs", "use crate::Endpoint;", "not a module with a layer");
    assert_refused("election/leader.rs", "use crate::*;", "not a module with a layer");
    let found = found("gossip/mod.rs", "use crate::time::Time;");
    assert!(found.len() == 1 && found[0].contains("`gossip` has no layer"), "{found:#?}");
}

#[test]
fn every_breach_is_found_with_its_line() {
    let found = found("quorum.rs", "use crate::{\n    node::Node,\n    time::Time,\n    wire,\n};");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with("qcluster-core/src/quorum.rs:3: ") && found[1].contains("quorum.rs:5: "),
        "{found:#?}"
    );
}

#[test]
fn tests_may_import_anything() {
    assert_eq!(found("quorum/tests.rs", "use crate::endpoint::Endpoint;"), [""; 0]);
    assert_eq!(found("election/tests/story.rs", "use crate::node::Node;"), [""; 0]);
    let sources = [
        Source::new(
            "qcluster-core/src/node.rs",
            "//! A file.\n#[cfg(test)]\nmod world;\n#[cfg(test)]\npub(crate) mod x;",
        ),
        Source::new("qcluster-core/src/node/world.rs", "//! A file.\nuse crate::endpoint::Endpoint;"),
        Source::new("qcluster-core/src/node/world/clock.rs", "//! A file.\nuse crate::endpoint::Endpoint;"),
        Source::new("qcluster-core/src/node/x.rs", "//! A file.\nuse crate::endpoint::Endpoint;"),
        Source::new("qcluster-core/src/node/worlds.rs", "//! A file.\nuse crate::endpoint::Endpoint;"),
    ];
    let found = check(&sources);
    assert!(found.len() == 1 && found[0].path.ends_with("/worlds.rs"), "{found:#?}");
}

#[test]
fn comments_and_other_crates_do_not_count() {
    assert_eq!(found("time.rs", "/// See [`crate::node::Node`].\nfn f() {}"), [""; 0]);
    assert_eq!(found("time.rs", "use serde::Serialize; use mycrate::node::Node;"), [""; 0]);
    let elsewhere = [Source::new("qcluster-tokio/src/time.rs", "//! A file.\nuse crate::node::Node;")];
    assert!(check(&elsewhere).is_empty(), "only the core has layers");
}
