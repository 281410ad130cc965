//! `qcluster transfer`: asks the leader to hand over, wherever it is.

use std::path::PathBuf;

use clap::Args;
use qcluster::client::{ApiToken, Client, ClientError, Transferred};

use super::{Asked, Shape, failure, print, print_json};
use crate::{Failure, exit};

/// Where the token is, where no file is named.
const TOKEN_VARIABLE: &str = "QCLUSTER_TOKEN";

#[derive(Args)]
pub(crate) struct Transfer {
    /// The voter that is to lead; whoever is best placed unless given.
    target: Option<String>,
    /// A file whose first line is the API token; else the variable `QCLUSTER_TOKEN`. On the leader's own machine it works
    /// without.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Do not go on to the leader if the node that was asked is another one.
    #[arg(long)]
    stay: bool,
    #[command(flatten)]
    asked: Asked,
}

pub(crate) async fn transfer(arguments: Transfer) -> Result<(), Failure> {
    let Transfer { target, token_file, stay, asked } = arguments;
    let client = match token(token_file)? {
        Some(token) => asked.client().with_token(token),
        None => asked.client(),
    };
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

fn token(file: Option<PathBuf>) -> Result<Option<ApiToken>, Failure> {
    let bad = |place: String, reason: String| Failure::new(exit::BAD_CONFIG, &format!("{place}: {reason}"));
    let (place, text) = match file {
        Some(path) => {
            let place = path.display().to_string();
            let text = std::fs::read_to_string(&path).map_err(|error| bad(place.clone(), error.to_string()))?;
            (place, text)
        }
        None => match std::env::var(TOKEN_VARIABLE) {
            Ok(text) => (TOKEN_VARIABLE.to_owned(), text),
            Err(_) => return Ok(None),
        },
    };
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    ApiToken::new(line).map(Some).map_err(|reason| bad(place, reason))
}
