//! What is where, and how services register themselves with the node that is asked: `/v1/services`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::Call;
use super::directory::ServiceInfo;
use super::query;
use super::response::Response;
use super::{Outcome, Then, checks};
use qcluster_core::{Command, ExactJson, Health, Service};

/// The answer to `GET /v1/services`, and for one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceList {
    /// The index of the last event that is in it: watch from there on.
    pub index: u64,
    /// Whether it can be relied on (G9).
    pub is_trusted: bool,
    /// By name, node and identifier, on nodes that are there.
    pub services: Vec<ServiceInfo>,
}

/// The body of a heartbeat, which may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HeartbeatRequest {
    /// How the service is; as it last said unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

impl HeartbeatRequest {
    /// A heartbeat of a service with that health, or with the health that it had.
    pub const fn new(health: Option<Health>) -> Self {
        Self { health }
    }
}

/// Which instances are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    name: Option<String>,
    tags: Vec<String>,
    /// `true`: passing or warning, which is what traffic may be sent to. `false`: critical.
    is_healthy: Option<bool>,
}

impl Filter {
    /// The parameters that it is read from.
    pub(super) const PARAMETERS: [&str; 2] = ["tag", "healthy"];

    /// `?tag=`, as often as there are tags that it has to have, and `?healthy=`.
    pub(super) fn of(call: &Call<'_>, name: Option<String>) -> Result<Self, Response> {
        let is_healthy = match call.request.parameter("healthy").as_deref() {
            None => None,
            Some("" | "true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(query::bad("healthy: has to be `true` (passing or warning) or `false` (critical)")),
        };
        Ok(Self { name, tags: call.request.parameters("tag").map(Into::into).collect(), is_healthy })
    }

    pub(super) fn select(&self, call: &Call<'_>) -> Vec<ServiceInfo> {
        let fits = |service: &ServiceInfo| {
            self.tags.iter().all(|tag| service.tags.contains(tag))
                && self.is_healthy.is_none_or(|healthy| healthy == (service.health != Health::Critical))
        };
        call.view.directory.services(self.name.as_deref()).filter(fits).collect()
    }
}

/// `GET /v1/services?tag=&healthy=`
pub(super) fn all(call: &Call<'_>) -> Outcome {
    query::answered(list(call, None))
}

/// `GET /v1/services/{name}?tag=&healthy=`. A name that nobody offers has no instances, which is not an error.
pub(super) fn of_name(call: &Call<'_>) -> Outcome {
    query::answered(query::segment(call, 2, "the name").and_then(|name| list(call, Some(name))))
}

fn list(call: &Call<'_>, name: Option<String>) -> Result<Response, Response> {
    query::only(call, &Filter::PARAMETERS)?;
    let filter = Filter::of(call, name)?;
    checks::runs(call.view)?;
    let (directory, services) = (call.view.directory, filter.select(call));
    Ok(Response::json(200, &ServiceList { index: directory.index(), is_trusted: directory.is_trusted(), services }))
}

/// `PUT /v1/services/{id}`
pub(super) fn register(call: &Call<'_>) -> Outcome {
    performed(service_in(call).map(|service| (service.id.clone(), Command::Register(service))), |id| Then::Service {
        id,
    })
}

/// The service of the body. Its identifier stands in the path, and may stand in the body too.
fn service_in(call: &Call<'_>) -> Result<Service, Response> {
    query::only(call, &[])?;
    let id = query::segment(call, 2, "the id")?;
    let not_a_service = |error: serde_json::Error| query::bad(&format!("the body is not a service: {error}"));
    let ExactJson(body) = serde_json::from_slice(call.request.body).map_err(not_a_service)?;
    let Value::Object(mut body) = body else {
        return Err(query::bad("the body is not a service: it has to be an object"));
    };
    match body.get("id") {
        None => _ = body.insert("id".into(), Value::String(id)),
        Some(Value::String(other)) if *other == id => {}
        Some(_) => return Err(query::bad("id: is another one in the body than in the path")),
    }
    serde_json::from_value(Value::Object(body)).map_err(not_a_service)
}

/// `DELETE /v1/services/{id}`
pub(super) fn deregister(call: &Call<'_>) -> Outcome {
    let id = || {
        query::only(call, &[])?;
        query::no_body(call)?;
        query::segment(call, 2, "the id")
    };
    performed(id().map(|id| (id.clone(), Command::Deregister { id })), |id| Then::Deregistered { id })
}

/// `PUT /v1/services/{id}/heartbeat`
pub(super) fn heartbeat(call: &Call<'_>) -> Outcome {
    let beat = || {
        query::only(call, &[])?;
        let id = query::segment(call, 2, "the id")?;
        let HeartbeatRequest { health } = match call.request.body {
            [] => HeartbeatRequest::default(),
            body => serde_json::from_slice(body)
                .map_err(|error| query::bad(&format!("the body is not {{\"health\": \"passing\"}}: {error}")))?,
        };
        Ok((id.clone(), Command::Heartbeat { id, health }))
    };
    performed(beat(), |id| Then::Service { id })
}

/// A command about the service of that identifier.
fn performed(command: Result<(String, Command), Response>, then: impl FnOnce(String) -> Then) -> Outcome {
    command.map_or_else(Outcome::Respond, |(id, command)| Outcome::Perform { command, then: then(id) })
}
