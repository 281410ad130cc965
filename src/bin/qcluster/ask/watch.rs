//! `qcluster watch`: who leads, and what happens to members, services and the leader, as a node learns of it.

use std::time::Duration;

use clap::Args;
use qcluster::client::{Client, ClientError, Happened, WatchEvent};
use qcluster::{Mode, Term};

use super::{Asked, Shape, failure, print, print_json};
use crate::{Failure, style};

/// Before a node that cannot be reached is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows a node. Where something was missed, who leads is told anew; as JSON, a line with the kind `missed` comes before.
#[derive(Args)]
pub(crate) struct Watch {
    /// End after so many lines.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    lines: Option<u64>,
    #[command(flatten)]
    asked: Asked,
}

pub(crate) async fn watch(arguments: Watch) -> Result<(), Failure> {
    let Watch { lines, asked } = arguments;
    let client = asked.client();
    // Whoever watches from the start wants to hear of a wrong address; later a node may be away for a while.
    let status = client.status().await.map_err(|error| failure(&error))?;
    let mut watch = client.watch_from(status.registry.index);
    let mut events: Vec<WatchEvent> =
        leads(&client, watch.index()).await.map_err(|error| failure(&error))?.into_iter().collect();
    let mut printed = 0;
    loop {
        for event in &events {
            match asked.format {
                Shape::Json => print_json(event)?,
                Shape::Table => print(&sentence(event))?,
            }
            printed += 1;
            if lines.is_some_and(|lines| printed >= lines) {
                return Ok(());
            }
        }
        events = loop {
            match watch.next().await {
                Ok(events) => break events,
                Err(error) if error.has_missed() => {
                    missed(asked.format, watch.index())?;
                    // Who cannot say so now says it when that changes.
                    break leads(&client, watch.index()).await.ok().flatten().into_iter().collect();
                }
                Err(error) => {
                    anstream::eprintln!("{}qcluster:{} {error}", style::WARN, style::PLAIN);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
    }
}

/// Who leads, as if that had just happened; `None` where nobody does by design.
async fn leads(client: &Client, index: u64) -> Result<Option<WatchEvent>, ClientError> {
    let info = client.leader().await?;
    let event = || WatchEvent { index, happened: Happened::Leader { leader: info.leader, term: Term(info.term) } };
    Ok((info.mode == Mode::Leader).then(event))
}

/// What happened in between is not known.
fn missed(format: Shape, index: u64) -> Result<(), Failure> {
    match format {
        Shape::Json => print_json(&serde_json::json!({ "index": index, "kind": "missed" })),
        Shape::Table => {
            let what = "what happened in between is not known: look at members and services; from here on:";
            anstream::eprintln!("{}qcluster:{} {what}", style::WARN, style::PLAIN);
            Ok(())
        }
    }
}

fn sentence(event: &WatchEvent) -> String {
    match &event.happened {
        Happened::Leader { leader: Some(leader), term } => format!("{} leads in term {}", leader.identifier, term.0),
        Happened::Leader { leader: None, .. } => "nobody leads".to_owned(),
        Happened::Member { event, member } => format!("member {} {event}", member.identifier),
        Happened::Service { event, service } => {
            let name = if service.id == service.name { String::new() } else { format!(" ({})", service.name) };
            format!("service {}{name} of {} {event}, {}", service.id, service.node, service.health)
        }
        Happened::Trust { is_given: false } => {
            "most members vanished at once: what this node sees is not to be relied on".to_owned()
        }
        Happened::Trust { is_given: true } => "most members are back".to_owned(),
        // Of a later release of the node.
        _ => "something that this release does not know".to_owned(),
    }
}
