//! `qcluster register`, `heartbeat`, `deregister` and `leave`: what changes something at the node that is asked.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, ValueEnum};
use qcluster::{ExactJson, Health, Service};

use super::lists::services_table;
use super::{Asked, Shape, failure, print, print_json};
use crate::{Failure, exit};

#[derive(Args)]
pub(crate) struct Register {
    /// The name that clients look it up by.
    name: String,
    /// The identifier, unique on the node; the name if not given.
    #[arg(long)]
    id: Option<String>,
    /// The host that it listens on; the node's if not given.
    #[arg(long)]
    host: Option<String>,
    /// The port that it listens on; 0 for a service without one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// A tag to filter by; may be repeated.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Metadata: the value is JSON, or text if it cannot be read as JSON; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    meta: Vec<(String, serde_json::Value)>,
    /// Its health.
    #[arg(long, value_enum, default_value_t = State::Passing)]
    health: State,
    /// After how long without a heartbeat it counts as critical, such as 10s or 500ms; none are expected unless given. A mere
    /// number is seconds.
    #[arg(long, value_name = "TIME", value_parser = time_to_live, allow_hyphen_values = true)]
    ttl: Option<Duration>,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args)]
pub(crate) struct Heartbeat {
    /// The service's identifier on the node.
    id: String,
    /// Its health; unchanged if not given.
    #[arg(long, value_enum)]
    health: Option<State>,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args)]
pub(crate) struct Deregister {
    /// The service's identifier on the node.
    id: String,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args)]
pub(crate) struct Leave {
    #[command(flatten)]
    asked: Asked,
}

/// The health of a service.
#[derive(Clone, Copy, ValueEnum)]
enum State {
    /// It serves.
    Passing,
    /// It serves with degraded quality.
    Warning,
    /// It does not serve.
    Critical,
}

impl From<State> for Health {
    fn from(state: State) -> Self {
        match state {
            State::Passing => Self::Passing,
            State::Warning => Self::Warning,
            State::Critical => Self::Critical,
        }
    }
}

pub(crate) async fn register(arguments: Register) -> Result<(), Failure> {
    let Register { name, id, host, port, tag, meta, health, ttl, asked } = arguments;
    let mut keys = BTreeSet::new();
    if let Some((key, _)) = meta.iter().find(|(key, _)| !keys.insert(key)) {
        return Err(Failure::new(exit::BAD_CONFIG, &format!("--meta: `{key}` is given twice")));
    }
    let mut service = Service::new(name, port).with_tags(tag).with_metadata(meta).with_health(health.into());
    (service.host, service.ttl) = (host, ttl);
    if let Some(id) = id {
        service.id = id;
    }
    let seen = asked.client()?.register(&service).await.map_err(|error| failure(&error))?;
    match asked.format {
        Shape::Json => print_json(&seen),
        Shape::Table => print(&services_table(&[seen])),
    }
}

pub(crate) async fn heartbeat(arguments: Heartbeat) -> Result<(), Failure> {
    let Heartbeat { id, health, asked } = arguments;
    let client = asked.client()?;
    let seen = client.heartbeat(&id, health.map(Health::from)).await.map_err(|error| failure(&error))?;
    match asked.format {
        Shape::Json => print_json(&seen),
        Shape::Table => print(&services_table(&[seen])),
    }
}

pub(crate) async fn deregister(arguments: Deregister) -> Result<(), Failure> {
    let Deregister { id, asked } = arguments;
    let done = asked.client()?.deregister(&id).await.map_err(|error| failure(&error))?;
    match asked.format {
        Shape::Json => print_json(&done),
        Shape::Table => print(&format!("{} has ended", done.id)),
    }
}

pub(crate) async fn leave(arguments: Leave) -> Result<(), Failure> {
    let Leave { asked } = arguments;
    let done = asked.client()?.leave().await.map_err(|error| failure(&error))?;
    match asked.format {
        Shape::Json => print_json(&done),
        Shape::Table => print(&format!("{} leaves its cluster, and stops", done.node)),
    }
}

/// In milliseconds, as nodes count: less than one would be lost.
fn time_to_live(text: &str) -> Result<Duration, &'static str> {
    let time = match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).ok(),
    };
    let ms = time.filter(|time| time.subsec_nanos().is_multiple_of(1_000_000)).map(|time| time.as_millis());
    match ms.and_then(|ms| u64::try_from(ms).ok()) {
        Some(ms) if ms > 0 => Ok(Duration::from_millis(ms)),
        Some(_) | None => Err("has to be a time of whole milliseconds, at least one, such as 10s or 500ms"),
    }
}

fn key_and_value(text: &str) -> Result<(String, serde_json::Value), String> {
    let (key, value) = text.split_once('=').ok_or("has to be KEY=VALUE")?;
    match serde_json::from_str(value) {
        Ok(ExactJson(value)) => Ok((key.to_owned(), value)),
        Err(error) if error.is_data() => Err(format!("the value is JSON that cannot be taken: {error}")),
        Err(_) => Ok((key.to_owned(), value.into())),
    }
}

#[cfg(test)]
mod tests;
