//! Discovery: what Prometheus is told, and when it is told that nobody knows.

use alloc::borrow::ToOwned as _;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::registry::{directory, masterless, node, query, snapshot, told, view, with};
use super::{NOW, get, respond};
use crate::discovery::labelled;
use crate::{Directory, NodeSnapshot, Request, Subject, View};
use qcluster_core::{Span, Time};

#[test]
fn prometheus_is_told_targets_with_labels() {
    let directory = directory(&node(), 0);
    let (status, body) = with(&directory, |view| get("/v1/sd/prometheus", view));
    let first = json!({
        "targets": ["192.0.2.1:80"],
        "labels": {
            "__meta_qcluster_cluster": "default",
            "__meta_qcluster_node": "server_a",
            "__meta_qcluster_service": "web",
            "__meta_qcluster_service_id": "web",
            "__meta_qcluster_health": "passing",
            "__meta_qcluster_tags": ",v1,blue,",
            "__meta_qcluster_metadata_path": "/metrics",
            "__meta_qcluster_metadata_weight": "3",
        },
    });
    assert_eq!((status, &body[0], body.as_array().unwrap().len()), (200, &first, 2), "no port, no target: {body}");
    assert_eq!(body[1]["targets"][0], "[2001:db8::1]:81");
    let targets = |parameters| {
        let response = with(&directory, |view| respond(&query("/v1/sd/prometheus", parameters), view));
        serde_json::from_slice::<Value>(&response.body).unwrap().as_array().unwrap().len()
    };
    assert_eq!((targets("service=web"), targets("service=none"), targets("service=web&healthy=true")), (2, 0, 1));
}

/// `a.b`, `a-b` and `a_b` would be one label.
#[test]
fn keys_of_metadata_that_coincide_as_labels_are_all_told() {
    let metadata = json!({"a.b": "dot", "a-b": "dash", "a_b": "plain", "ключ": 1, "имя!": 2});
    let metadata = serde_json::from_value(metadata).unwrap();
    let labels = labelled(&metadata);
    let told: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect();
    let expected = [
        ("metadata_____", "2"),
        ("metadata_______2", "1"),
        ("metadata_a_b", "\"plain\""),
        ("metadata_a_b__2", "\"dash\""),
        ("metadata_a_b__3", "\"dot\""),
    ];
    assert_eq!(told, expected.map(|(name, value)| (name, value.to_owned())));
}

/// Prometheus drops every target that an answer does not name.
#[test]
fn discovery_is_an_error_wherever_the_node_cannot_know() {
    let known = node();
    let (trusted, distrusted) = (directory(&known, 0), {
        let mut directory = directory(&known, 0);
        directory.set_trusted(false);
        directory
    });
    let (alone, arrived, snapshot) = (masterless(true), masterless(false), snapshot());
    let of = |subject: &Subject, directory: &Directory, now: Time| {
        let view = View { now, ..view(subject, &snapshot, directory) };
        let discovered = told(&respond(&Request::get("/v1/sd/prometheus"), &view));
        (discovered.0, discovered.1.as_str().map(String::from))
    };
    let error = |code: &str| (503, Some(code.into()));
    assert_eq!(of(&arrived, &trusted, NOW), (200, None));
    assert_eq!(of(&arrived, &distrusted, NOW), error("untrusted"));
    assert_eq!(of(&arrived, &trusted, NOW + Span::from_millis(10_000)), error("stalled"));
    assert_eq!(of(&alone, &trusted, NOW), error("alone"));
    let early = NodeSnapshot { taken_at: Time::from_millis(10), ..snapshot.clone() };
    let just_started = View { now: Time::from_millis(20), ..view(&alone, &early, &trusted) };
    assert_eq!(told(&respond(&Request::get("/v1/sd/prometheus"), &just_started)), (503, json!("starting")));
    // Where all whom it was told of are itself, it knows all that there is, if only after the time that others would need.
    let itself = |snapshot: &NodeSnapshot, now: Time| {
        let snapshot = NodeSnapshot { joins_itself: true, ..snapshot.clone() };
        respond(&Request::get("/v1/sd/prometheus"), &View { now, ..view(&alone, &snapshot, &trusted) }).status
    };
    assert_eq!((itself(&snapshot, NOW), itself(&early, Time::from_millis(20))), (200, 503));
}
