//! `qcluster transfer`: asks the leader to hand over, wherever it is.

use clap::Args;
use qcluster::client::{Client, ClientError, Transferred};

use super::rights::Rights;
use super::{Asked, Shape, failure, print, print_json};
use crate::Failure;

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
        (Shape::Table, Some(token)) => print(&format!("{} has handed over: token {token} has ended", client.address())),
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
