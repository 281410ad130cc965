//! `qcluster watch`: who leads, and each change of that.

use std::time::Duration;

use clap::Args;
use qcluster::client::{ClientError, LeaderInfo};
use serde::Serialize;

use super::{Asked, Shape, failure, print, print_json};
use crate::Failure;

/// Between two looks. The node is asked for what it knows already, so that costs little.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(crate) struct Watch {
    /// End after so many lines.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    lines: Option<u64>,
    #[command(flatten)]
    asked: Asked,
}

/// What is looked at for changes, and printed.
#[derive(Clone, PartialEq, Eq, Serialize)]
struct Seen {
    leader: Option<String>,
    term: Option<u64>,
    /// Why the node could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreachable: Option<String>,
}

pub(crate) async fn watch(arguments: Watch) -> Result<(), Failure> {
    let Watch { lines, asked } = arguments;
    let client = asked.client();
    // Whoever watches from the start wants to hear of a wrong address; later a node may be away for a while.
    let mut seen = Seen::from(client.leader().await.map_err(|error| failure(&error))?);
    let mut printed = 0;
    loop {
        tell(asked.format, &seen)?;
        printed += 1;
        if lines.is_some_and(|lines| printed >= lines) {
            return Ok(());
        }
        seen = loop {
            tokio::time::sleep(PAUSE).await;
            let now = client.leader().await.map_or_else(|error| Seen::from(&error), Seen::from);
            if now != seen {
                break now;
            }
        };
    }
}

fn tell(format: Shape, seen: &Seen) -> Result<(), Failure> {
    match (format, seen) {
        (Shape::Json, seen) => print_json(seen),
        (Shape::Table, Seen { unreachable: Some(reason), .. }) => print(reason),
        (Shape::Table, Seen { leader: Some(leader), term, .. }) => {
            print(&format!("{leader} leads in term {}", term.unwrap_or_default()))
        }
        (Shape::Table, Seen { leader: None, .. }) => print(&"nobody leads"),
    }
}

impl From<LeaderInfo> for Seen {
    fn from(info: LeaderInfo) -> Self {
        let term = info.leader.is_some().then_some(info.term);
        Self { leader: info.leader.map(|leader| leader.identifier), term, unreachable: None }
    }
}

impl From<&ClientError> for Seen {
    fn from(error: &ClientError) -> Self {
        Self { leader: None, term: None, unreachable: Some(error.to_string()) }
    }
}
