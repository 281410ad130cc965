//! `qcluster watch`: who leads, and what happens to members, services and the leader, as a node learns of it.

use std::time::Duration;

use clap::Args;
use qcluster::client::{Client, ClientError, ClientWatch as Events, WatchEvent, WatchEventKind};
use qcluster::{Mode, Peer, Term};

use super::{Asked, Shape, failure, print, print_json, warn};
use crate::Failure;

/// Before a node that cannot be reached is asked again.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(crate) struct Watch {
    /// Exit after this many lines.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    lines: Option<u64>,
    #[command(flatten)]
    asked: Asked,
}

/// What there is to tell.
pub(super) enum News {
    Event(WatchEvent),
    /// What happened until this index is not known.
    Missed(u64),
}

/// The leader that was printed last. A node answers who leads a moment before its events say so: the event that brings the
/// same leader, or an earlier term, would repeat what was printed or go back behind it.
#[derive(Default)]
pub(super) struct LastLeader(Option<(Option<Peer>, Term)>);

impl LastLeader {
    pub(super) fn is_new(&mut self, news: &News) -> bool {
        let (leader, term) = match news {
            News::Event(WatchEvent { kind: WatchEventKind::Leader { leader, term }, .. }) => (leader, *term),
            News::Event(_) => return true,
            // Terms of a node that has lost its memory may be lower than before.
            News::Missed(_) => {
                self.0 = None;
                return true;
            }
        };
        let is_told = self.0.as_ref().is_some_and(|told| term < told.1 || (told.1 == term && told.0 == *leader));
        if !is_told {
            self.0 = Some((leader.clone(), term));
        }
        !is_told
    }
}

pub(crate) async fn watch(arguments: Watch) -> Result<(), Failure> {
    let Watch { lines, asked } = arguments;
    let client = asked.client()?;
    // At the start a wrong address is an error; later a node may be away for a while.
    let status = client.status().await.map_err(|error| failure(&error))?;
    let mut events = client.watch_from(status.registry.index);
    let first = leads(&client, events.index()).await.map_err(|error| failure(&error))?;
    let mut news: Vec<News> = first.into_iter().map(News::Event).collect();
    let mut told = LastLeader::default();
    let mut printed = 0;
    loop {
        for news in news.iter().filter(|news| told.is_new(news)) {
            printed += tell(news, asked.format)?;
            if lines.is_some_and(|lines| printed >= lines) {
                return Ok(());
            }
        }
        news = next(&client, &mut events).await;
    }
}

/// Waits for news, through times when the node is away.
async fn next(client: &Client, events: &mut Events) -> Vec<News> {
    let mut is_refused = false;
    loop {
        match events.next().await {
            Ok(events) => return events.into_iter().map(News::Event).collect(),
            Err(error) if error.has_missed() => {
                let index = events.index();
                // Who cannot say so now says it when that changes.
                let leads = leads(client, index).await.ok().flatten();
                return [News::Missed(index)].into_iter().chain(leads.map(News::Event)).collect();
            }
            // It is there, and may change its mind.
            Err(error @ ClientError::Refused { .. }) => {
                if !is_refused {
                    warn(&error.to_string());
                }
                is_refused = true;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                warn(&error.to_string());
                until_back(client).await;
                warn(&format!("{} answers again", client.address()));
            }
        }
    }
}

/// Asks for the status, which is answered at once: what happens next may be long in coming.
async fn until_back(client: &Client) {
    loop {
        tokio::time::sleep(PAUSE).await;
        if client.status().await.is_ok() {
            return;
        }
    }
}

/// Who leads, as if that had just happened; `None` where nobody does by design.
async fn leads(client: &Client, index: u64) -> Result<Option<WatchEvent>, ClientError> {
    let info = client.leader().await?;
    let event = || WatchEvent::new(index, WatchEventKind::Leader { leader: info.leader, term: Term(info.term) });
    Ok((info.mode == Mode::Leader).then(event))
}

/// Gives how many lines that was on the standard output.
fn tell(news: &News, format: Shape) -> Result<u64, Failure> {
    match (news, format) {
        (News::Event(event), Shape::Json) => print_json(event)?,
        (News::Event(event), Shape::Table) => print(&sentence(event))?,
        (News::Missed(index), Shape::Json) => {
            print_json(&serde_json::json!({ "index": index, "kind": "missed" }))?;
        }
        (News::Missed(_), Shape::Table) => {
            warn("what happened in between is not known: look at members and services; from here on:");
            return Ok(0);
        }
    }
    Ok(1)
}

fn sentence(event: &WatchEvent) -> String {
    match &event.kind {
        WatchEventKind::Leader { leader: Some(leader), term } => {
            format!("{} leads in term {}", leader.identifier, term.0)
        }
        WatchEventKind::Leader { leader: None, .. } => "nobody leads".to_owned(),
        WatchEventKind::Member { event, member } => format!("member {} {event}", member.identifier),
        WatchEventKind::Service { event, service } => {
            let name = if service.id == service.name { String::new() } else { format!(" ({})", service.name) };
            format!("service {}{name} of {} {event}, {}", service.id, service.node, service.health)
        }
        WatchEventKind::Trust { is_given: false } => {
            "most members vanished at once: what this node sees is not to be relied on".to_owned()
        }
        WatchEventKind::Trust { is_given: true } => "most members are back".to_owned(),
        // Of a later release of the node.
        _ => "something that this release does not know".to_owned(),
    }
}
