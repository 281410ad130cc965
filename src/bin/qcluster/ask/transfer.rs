//! `qcluster transfer`: asks the leader to hand over, wherever it is.

use std::time::Duration;

use clap::Args;
use qcluster::client::{Client, ClientError, LeaderInfo, Transferred};

use super::rights::Rights;
use super::{Asked, Shape, failure, print, print_json};
use crate::Failure;

/// How often, and with which pauses, is asked who leads next. An election that takes longer than that is not waited for.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Args)]
pub(crate) struct Transfer {
    /// The voter that is to lead; whoever is best placed unless given.
    target: Option<String>,
    /// Do not go on to the leader if the node that was asked is another one.
    #[arg(long)]
    stay: bool,
    #[command(flatten)]
    rights: Rights,
    #[command(flatten)]
    asked: Asked,
}

pub(crate) async fn transfer(arguments: Transfer) -> Result<(), Failure> {
    let Transfer { target, stay, rights, asked } = arguments;
    let client = rights.client(&asked)?;
    let (client, result) = ask(client, target.as_deref(), stay).await;
    let Transferred { ended } = result.map_err(|error| failure(&error))?;
    match (asked.format, ended) {
        (Shape::Json, ended) => print_json(&Transferred { ended }),
        (Shape::Table, Some(token)) => {
            let next = match next_leader(&client, token).await {
                Some((leader, token)) => format!("{leader} leads with token {token}"),
                None => "who leads next is not known yet".to_owned(),
            };
            print(&format!("{} has handed over: token {token} has ended, {next}", client.address()))
        }
        (Shape::Table, None) => print(&"nothing to do: the target leads"),
    }
}

/// Asks, and once more where the first node says that the leader is.
async fn ask(client: Client, target: Option<&str>, stay: bool) -> (Client, Result<Transferred, ClientError>) {
    let first = client.transfer(target).await;
    match first.as_ref().err().and_then(ClientError::leader) {
        Some(leader) if !stay => {
            let host = if leader.host.contains(':') { format!("[{}]", leader.host) } else { leader.host.clone() };
            let client = client.at(format!("{host}:{}", leader.port));
            let second = client.transfer(target).await;
            (client, second)
        }
        Some(_) | None => (client, first),
    }
}

/// Who leads in a later term than the one that has ended. Nothing is lost if nobody can tell: what was asked for is done.
async fn next_leader(client: &Client, ended: u64) -> Option<(String, u64)> {
    for _ in 0..LOOKS {
        if let Ok(LeaderInfo { leader: Some(leader), term, .. }) = client.leader().await
            && term > ended
        {
            return Some((leader.identifier, term));
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}
