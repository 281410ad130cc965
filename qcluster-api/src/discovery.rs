//! `GET /v1/sd/prometheus`: services as targets, in the format of Prometheus' HTTP service discovery.
//!
//! Prometheus drops every target that is not in the answer, and keeps those it has where the answer is an error. So it is
//! 503 whenever this node cannot know: when most members vanished at once (G9), when its loop stands still, while it has
//! just started, and as long as it has met none of the nodes that it was told of. An empty list means that there is nothing.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::Value;

use super::call::Call;
use super::checks::{self, CheckResult};
use super::directory::ServiceInfo;
use super::query;
use super::response::{ErrorCode, Response};
use super::services::Filter;
use super::view::{Subject, View};
use super::{Outcome, Request};
use qcluster_core::{GossipPace, Host, Metadata, Time};

/// One instance. Each is a group of its own, since labels belong to a group.
#[derive(Serialize)]
struct Group {
    targets: [String; 1],
    labels: BTreeMap<String, String>,
}

pub(super) fn prometheus(call: &Call<'_>) -> Outcome {
    query::answered(targets(call))
}

fn targets(call: &Call<'_>) -> Result<Response, Response> {
    query::only(call, &["service", Filter::PARAMETERS[0], Filter::PARAMETERS[1]])?;
    let filter = Filter::of(call, Request::parameter(call.request, "service").map(Into::into))?;
    knows(call.view)?;
    let Subject { cluster, .. } = &call.view.subject;
    let services = filter.select(call);
    if services.iter().any(|service| service.node == call.view.subject.me.identifier && is_nowhere(service)) {
        let message =
            "this node does not know yet at which address others reach it: set `advertise_host`, or let it meet others";
        return Err(Response::error(ErrorCode::Alone, message));
    }
    let groups: Vec<Group> =
        services.iter().filter_map(|service| Some(group(cluster, service, target(service)?))).collect();
    Ok(Response::json(200, &groups))
}

/// Whether an instance has a port, on a machine that nobody has named.
fn is_nowhere(service: &ServiceInfo) -> bool {
    service.host.is_empty() && service.port != 0
}

/// Whether what is not in the answer is not there.
fn knows(view: &View<'_>) -> CheckResult {
    /// This many probes after its start a node that met others has had the time to compare its tables with theirs.
    const ARRIVAL_PROBES: u64 = 10;
    checks::runs(view)?;
    checks::trusts(view)?;
    if !view.subject.expects_others {
        return Ok(());
    }
    let probe = view.subject.rules.gossip().map_or(GossipPace::default().probe, |gossip| gossip.pace.probe);
    if view.now.since(Time::ZERO) < probe.times(ARRIVAL_PROBES) {
        let message = "this node has just started, and may not know all services yet: ask again in a few seconds";
        return Err(Response::error(ErrorCode::Starting, message));
    }
    // Where all that it was told of is itself, nobody is missing.
    if view.directory.has_met_others() || view.snapshot.joins_itself {
        return Ok(());
    }
    let message = "this node has met none of the nodes that it was told of, so it cannot know what there is";
    Err(Response::error(ErrorCode::Alone, message))
}

/// Where to ask the instance, if it has a port and its host is known.
fn target(service: &ServiceInfo) -> Option<String> {
    let ServiceInfo { host, port, .. } = service;
    match host.as_str() {
        "" => None,
        _ if *port == 0 => None,
        host => Some(authority(host, *port)),
    }
}

/// Host and port as one word; an address of IP version 6 stands in brackets.
pub fn authority(host: &str, port: u16) -> String {
    Host::parse(host).map_or_else(|_| format!("{host}:{port}"), |host| format!("{host}:{port}"))
}

fn group(cluster: &str, service: &ServiceInfo, target: String) -> Group {
    let mut labels = BTreeMap::new();
    let mut label = |name: &str, value: &str| _ = labels.insert(format!("__meta_qcluster_{name}"), String::from(value));
    label("cluster", cluster);
    label("node", &service.node);
    label("service", &service.name);
    label("service_id", &service.id);
    label("health", service.health.name());
    // Between commas, so that one tag can be matched as `.*,TAG,.*`.
    label("tags", &format!(",{},", service.tags.join(",")));
    for (name, value) in labelled(&service.metadata) {
        match value {
            Value::String(text) => label(&name, text),
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => label(&name, &format!("{value}")),
        }
    }
    Group { targets: [target], labels }
}

/// Metadata by names of labels. Keys that differ only in what such a name cannot hold are all kept: the first, or the one that needs
/// no change, has the plain name, and `__2`, `__3`, … follow the others'.
pub(super) fn labelled(metadata: &Metadata) -> BTreeMap<String, &Value> {
    let mut named = BTreeMap::new();
    let (as_they_are, changed): (Vec<_>, Vec<_>) = metadata.iter().partition(|(key, _)| label_name(key) == **key);
    for (key, value) in as_they_are.into_iter().chain(changed) {
        let plain = format!("metadata_{}", label_name(key));
        let mut name = plain.clone();
        for count in 2_u32.. {
            if !named.contains_key(&name) {
                break;
            }
            name = format!("{plain}__{count}");
        }
        named.insert(name, value);
    }
    named
}

/// A key with what a label's name cannot hold replaced.
fn label_name(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
