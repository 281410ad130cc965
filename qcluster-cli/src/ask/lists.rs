//! `qcluster members`, `services` and `owners`: what a node knows of the cluster.

use clap::Args;
use comfy_table::Table;
use qcluster::Metadata;
use qcluster::client::{MemberInfo, OwnerList, ServiceFilter, ServiceInfo};
use qcluster_api::authority;

use super::{Asked, Shape, failure, in_words, print, print_json, table, warn};
use crate::{Failure, exit};

#[derive(Args)]
pub(crate) struct Services {
    /// Only instances of this service.
    name: Option<String>,
    /// Only instances with this tag; repeated, with all of them.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only instances whose health is passing or warning.
    #[arg(long)]
    healthy: bool,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args)]
pub(crate) struct Owners {
    /// The key to place, such as the name of a shard.
    key: String,
    /// The number of owners to list.
    #[arg(long, value_name = "N", default_value_t = 1)]
    replicas: usize,
    #[command(flatten)]
    asked: Asked,
}

pub(crate) async fn members(asked: Asked) -> Result<(), Failure> {
    let list = asked.client()?.members().await.map_err(|error| failure(&error))?;
    warn_unless(list.is_trusted);
    match asked.format {
        Shape::Json => print_json(&list),
        Shape::Table => print(&members_table(&list.members)),
    }
}

/// No instance is an exit code, so that a script can ask whether there is one.
pub(crate) async fn services(arguments: Services) -> Result<(), Failure> {
    let Services { name, tag, healthy, asked } = arguments;
    let mut which = ServiceFilter::default().with_tags(tag);
    (which.name, which.healthy) = (name, healthy.then_some(true));
    let list = asked.client()?.services(&which).await.map_err(|error| failure(&error))?;
    warn_unless(list.is_trusted);
    match asked.format {
        Shape::Json => print_json(&list)?,
        Shape::Table if list.services.is_empty() => {}
        Shape::Table => print(&services_table(&list.services))?,
    }
    if list.services.is_empty() {
        let such = if which == ServiceFilter::default() { "" } else { "such " };
        return Err(Failure::new(exit::REFUSED, &format!("there is no {such}service on any node that is there")));
    }
    Ok(())
}

pub(crate) async fn owners(arguments: Owners) -> Result<(), Failure> {
    let Owners { key, replicas, asked } = arguments;
    let list: OwnerList = asked.client()?.owners(&key, replicas).await.map_err(|error| failure(&error))?;
    warn_unless(list.is_trusted);
    match asked.format {
        Shape::Json => print_json(&list),
        Shape::Table => print(&members_table(&list.owners)),
    }
}

fn warn_unless(is_trusted: bool) {
    if !is_trusted {
        warn("most members vanished at once, so the fault is probably with this node: do not rely on this");
    }
}

fn members_table(members: &[MemberInfo]) -> Table {
    let mut table = table(&["member", "address", "state", "for", "metadata"]);
    for member in members {
        let name = if member.is_me { format!("{} *", member.identifier) } else { member.identifier.clone() };
        let address = member.address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        let age = in_words(member.state_age_ms);
        table.add_row([&name, &address, &member.state, &age, &json(&member.metadata)]);
    }
    table
}

pub(super) fn services_table(services: &[ServiceInfo]) -> Table {
    let mut table = table(&["service", "id", "node", "address", "health", "tags", "metadata"]);
    for service in services {
        let health = service.health.to_string();
        let (tags, metadata) = (service.tags.join(", "), json(&service.metadata));
        table.add_row([&service.name, &service.id, &service.node, &address_of(service), &health, &tags, &metadata]);
    }
    table
}

fn address_of(service: &ServiceInfo) -> String {
    match (service.host.as_str(), service.port) {
        ("", _) => "unknown".to_owned(),
        (host, 0) => host.to_owned(),
        (host, port) => authority(host, port),
    }
}

fn json(metadata: &Metadata) -> String {
    if metadata.is_empty() { String::new() } else { serde_json::to_string(metadata).unwrap_or_default() }
}
