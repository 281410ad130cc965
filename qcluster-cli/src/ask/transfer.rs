//! `qcluster transfer`: asks the leader to hand over, wherever it is.

use std::time::Duration;

use clap::Args;
use qcluster::client::{Client, ClientError, LeaderInfo, Transferred};
use qcluster_api::authority;
use serde::Serialize;

use super::{Asked, Shape, failure, print, print_json};
use crate::{Failure, exit};

/// How long is asked who leads next, and with which pauses. An election that takes longer than that is not waited for.
const LOOK_TIME_MAX: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// How often a node may name another one as the leader.
const HOPS_MAX: usize = 3;

#[derive(Args)]
pub(crate) struct Transfer {
    /// The voter to transfer to; the best placed one if not given.
    target: Option<String>,
    /// Fail if the node is not the leader, instead of asking the leader.
    #[arg(long)]
    stay: bool,
    #[command(flatten)]
    asked: Asked,
}

/// What became of it.
#[derive(Serialize)]
struct Next {
    /// The token of the leadership that has ended; none if the target led already.
    ended: Option<u64>,
    /// Who leads now, as far as is known.
    leader: Option<String>,
    /// The token of that leadership.
    token: Option<u64>,
}

pub(crate) async fn transfer(arguments: Transfer) -> Result<(), Failure> {
    let Transfer { target, stay, asked } = arguments;
    let client = asked.client()?;
    let (client, result) = ask(client, target.as_deref(), stay).await;
    let Transferred { ended, .. } = result.map_err(|error| failure(&error))?;
    // Nothing is lost if nobody can tell: what was asked for is done.
    let next = tokio::time::timeout(LOOK_TIME_MAX, leader_after(&client, ended)).await;
    let (leader, token) = next.map(|(leader, token)| (Some(leader), Some(token))).unwrap_or_default();
    let next = Next { ended, leader, token };
    match asked.format {
        Shape::Json => print_json(&next)?,
        Shape::Table => print(&sentence(client.address(), &next))?,
    }
    match (target, next.leader) {
        (Some(target), Some(leader)) if leader != target => {
            Err(Failure::new(exit::REFUSED, &format!("{leader} leads, and not {target}: it may not have been there")))
        }
        _ => Ok(()),
    }
}

fn sentence(address: &str, next: &Next) -> String {
    let leads = match (&next.leader, next.token) {
        (Some(leader), Some(token)) => format!("{leader} leads with token {token}"),
        _ => "who leads next is not known yet".to_owned(),
    };
    match next.ended {
        Some(ended) => format!("{address} has handed over: token {ended} has ended, {leads}"),
        None => format!("nothing to do: {leads}"),
    }
}

/// Asks, and goes on to whom a node names as the leader: that may have changed once more. Nobody is asked twice.
async fn ask(mut client: Client, target: Option<&str>, stay: bool) -> (Client, Result<Transferred, ClientError>) {
    let mut asked = vec![client.address().to_owned()];
    loop {
        let result = client.transfer(target).await;
        let Some(leader) = result.as_ref().err().and_then(ClientError::leader).filter(|_| !stay) else {
            return (client, result);
        };
        let address = authority(&leader.host, leader.port);
        if asked.len() > HOPS_MAX || asked.contains(&address) {
            return (client, result);
        }
        client = client.at(&address);
        asked.push(address);
    }
}

/// Who leads, as heard from the leader itself, in a later term than the one that has ended, if one has.
async fn leader_after(client: &Client, ended: Option<u64>) -> (String, u64) {
    loop {
        if let Ok(LeaderInfo { leader: Some(leader), is_reported: false, term, .. }) = client.leader().await
            && ended.is_none_or(|ended| term > ended)
        {
            return (leader.identifier, term);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
