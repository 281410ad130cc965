//! `qcluster keys`: the keys of a node, and how the secret of a cluster is replaced while it runs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use qcluster::client::{KeyChange, KeysStatus};
use qcluster::{SealMode, Secret};

use super::{Asked, Shape, failure, in_words, print, print_json, table};
use crate::{Failure, exit};

/// What is read of a file with a secret. A secret is much shorter.
const SECRET_FILE_LEN_MAX: u64 = 4_096;

#[derive(Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the keys of a node by id, with the nodes that it hears under each.
    List(Asked),
    /// Open what is sealed with another secret too. Asked of the node on its own machine, or over TLS.
    Add {
        /// A file with the secret and nothing else; `-` is the standard input.
        file: PathBuf,
        #[command(flatten)]
        asked: Asked,
    },
    /// Seal with a key from now on.
    Use {
        /// The id of the key.
        id: u8,
        #[command(flatten)]
        asked: Asked,
    },
    /// Forget a key. Refused while another node was last heard under it.
    Remove {
        /// The id of the key.
        id: u8,
        /// Remove it even so: nodes that still seal with it are cut off.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        asked: Asked,
    },
}

pub(crate) async fn keys(Keys { action }: Keys) -> Result<(), Failure> {
    let (change, asked) = match action {
        Action::List(asked) => (None, asked),
        Action::Add { file, asked } => (Some(KeyChange::Add { secret: secret_in(&file)? }), asked),
        Action::Use { id, asked } => (Some(KeyChange::Use { id }), asked),
        Action::Remove { id, force, asked } => (Some(KeyChange::Remove { id, force }), asked),
    };
    let client = asked.client()?;
    let keys = match change {
        None => client.keys().await,
        Some(change) => client.change_keys(&change).await,
    };
    let keys = keys.map_err(|error| failure(&error))?;
    match asked.format {
        Shape::Json => print_json(&keys),
        Shape::Table => print(&shown(&keys)),
    }
}

/// Not on the command line, which every user of the machine can read.
fn secret_in(file: &PathBuf) -> Result<Secret, Failure> {
    let bad =
        |reason: &dyn std::fmt::Display| Failure::new(exit::BAD_CONFIG, &format_args!("{}: {reason}", file.display()));
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().take(SECRET_FILE_LEN_MAX + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(SECRET_FILE_LEN_MAX + 1).read_to_string(&mut text))
    };
    read.map_err(|error| bad(&error))?;
    if text.len() as u64 > SECRET_FILE_LEN_MAX {
        return Err(bad(&"it is longer than a file with a secret"));
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let secret = lines.next().unwrap_or_default().parse().map_err(|error| bad(&error))?;
    if lines.next().is_some() {
        Err(bad(&"there is more than one secret in it: add one at a time"))
    } else {
        Ok(secret)
    }
}

/// For a line of the status.
pub(super) fn in_one_line(keys: &KeysStatus) -> String {
    let ids: Vec<String> = keys.keys.iter().map(|key| key.id.to_string()).collect();
    let mut words = format!("{}, keys {}", keys.seal.name(), ids.join(", "));
    if !keys.plain_from.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(words, "; in plain: {}", keys.plain_from.join(", "));
    }
    let away: BTreeSet<&str> = keys.turned_away.iter().filter_map(|away| away.identifier.as_deref()).collect();
    if !away.is_empty() {
        let _ = write!(words, "; turned away: {}", Vec::from_iter(away).join(", "));
    }
    words
}

fn shown(keys: &KeysStatus) -> String {
    let mut table = table(&["key", "use", "heard from"]);
    for (place, key) in keys.keys.iter().enumerate() {
        let purpose = if place == 0 && keys.seal != SealMode::Accept { "seals and opens" } else { "opens" };
        table.add_row([&key.id.to_string(), purpose, &key.heard_from.join(", ")]);
    }
    if !keys.plain_from.is_empty() {
        table.add_row(["none", "", &keys.plain_from.join(", ")]);
    }
    let mut lines = vec![table.to_string()];
    for away in &keys.turned_away {
        let whose = away.identifier.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let (address, reason, ago) = (away.address, &away.reason, in_words(away.ms_ago));
        lines.push(format!("turned away: {address}{whose}, {reason}, {ago} ago"));
    }
    lines.join("\n")
}
