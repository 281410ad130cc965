//! Commands that ask a running node over HTTP: what they have in common, and those that only look.

pub(crate) mod changes;
pub(crate) mod keys;
pub(crate) mod lists;
mod rights;
mod tls;
pub(crate) mod transfer;
pub(crate) mod watch;

use std::fmt::Write as _;
use std::net::SocketAddrV6;
use std::time::Duration;

use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use qcluster::Mode;
use qcluster::client::{ChangeStatus, Client, ClientError, LeaderInfo, LostStatus, Status};
use serde::Serialize;

use crate::{Failure, exit, style};
use rights::Rights;
use tls::{Tls, without_scheme};

/// Whom to ask, and for whom to print.
#[derive(Args)]
pub(crate) struct Asked {
    /// The node to ask, as HOST:PORT, or `https://HOST:PORT` with `--ca`: any of the cluster, where the command is not about one node.
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:7001", value_parser = host_and_port)]
    addr: String,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Shape::Table)]
    format: Shape,
    /// The timeout of a request, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
    #[command(flatten)]
    rights: Rights,
    #[command(flatten)]
    tls: Tls,
}

/// For whom to print.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Tables and sentences.
    Table,
    /// JSON, on one line: that of the HTTP API where it has it.
    Json,
}

/// IPv6 addresses stand in brackets, which separate them from the port.
fn host_and_port(address: &str) -> Result<String, &'static str> {
    let text = without_scheme(address);
    let is_host = |host: &str| {
        let of_a_name = |letter: char| letter.is_alphanumeric() || "-._".contains(letter);
        !host.is_empty() && host.chars().all(of_a_name)
    };
    let is_port =
        |port: &str| port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_address = match text.rsplit_once(':') {
        Some((host, port)) => is_port(port) && (is_host(host) || text.parse::<SocketAddrV6>().is_ok()),
        None => false,
    };
    if is_address { Ok(address.to_owned()) } else { Err("has to be HOST:PORT, or https://HOST:PORT") }
}

impl Asked {
    /// A client that shows the token, if there is one.
    fn client(&self) -> Result<Client, Failure> {
        let client = self.tls.client(&self.addr)?.with_time_max(Duration::from_secs(self.timeout));
        Ok(match self.rights.token()? {
            Some(token) => client.with_token(token),
            None => client,
        })
    }
}

pub(crate) async fn status(asked: Asked) -> Result<(), Failure> {
    let status = asked.client()?.status().await.map_err(|error| failure(&error))?;
    match asked.format {
        Shape::Json => print_json(&status),
        Shape::Table if status.peers.is_empty() => print(&about(&status).to_string()),
        Shape::Table => print(&format!("{}\n{}", about(&status), peers(&status))),
    }
}

pub(crate) async fn leader(asked: Asked) -> Result<(), Failure> {
    let info = asked.client()?.leader().await.map_err(|error| failure(&error))?;
    match (asked.format, &info.leader) {
        (Shape::Json, _) => print_json(&info)?,
        (Shape::Table, Some(_)) => print(&led(&info))?,
        (Shape::Table, None) => {}
    }
    match info.leader {
        Some(_) => Ok(()),
        None if info.mode == Mode::Masterless => {
            Err(Failure::new(exit::REFUSED, &"this cluster has no leader, by design"))
        }
        None => Err(Failure::new(exit::REFUSED, &"nobody leads, as far as this node knows: see its /leader for why")),
    }
}

fn about(status: &Status) -> Table {
    let mut table = table(&["field", "value"]);
    let none = || "none".to_owned();
    let listen: Vec<String> = status.listen.iter().map(ToString::to_string).collect();
    let lease = status.lease_remaining_ms.map_or_else(none, |left| format!("{left} ms left"));
    let leader = match (&status.leader, status.is_reported) {
        (Some(leader), true) => format!("{leader}, as others say"),
        (Some(leader), false) => leader.clone(),
        (None, _) if status.mode == Mode::Masterless => "none, by design".to_owned(),
        (None, _) => none(),
    };
    let registry = &status.registry;
    let counts: Vec<String> = registry.members.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let view = if registry.is_trusted { "trusted" } else { "not to be relied on: most members vanished at once" };
    for (field, value) in [
        ("identifier", status.identifier.clone()),
        ("cluster", status.cluster.clone()),
        ("version", status.version.clone()),
        ("listens on", listen.join(", ")),
        ("role", status.role.clone()),
        ("leader", leader),
        ("term", status.term.to_string()),
        ("lease", lease),
        ("lease length", status.lease_ms.map_or_else(none, |length| format!("{length} ms"))),
        ("storage", status.storage.to_string()),
        ("members", counts.join(", ")),
        ("services", format!("{}, {} of its own", registry.services, registry.own_services)),
        ("view", view.to_owned()),
        ("uptime", in_words(status.uptime_ms)),
    ] {
        table.add_row([field, value.as_str()]);
    }
    if let Some(sealing) = &status.sealing {
        table.add_row(["sealing", &keys::in_one_line(sealing)]);
    }
    if let Some(change) = &status.voters_change {
        table.add_row(["voters change", &change_in_words(change)]);
    }
    if let Some([one, other]) = &status.differing_changes {
        table.add_row(["voters change", &format!("{one} and {other} are in different ones")]);
    }
    if let Some(slow) = &status.too_slow {
        let of = slow.peer.as_ref().map(|peer| format!(" of {peer}")).unwrap_or_default();
        table.add_row([
            "too slow",
            &format!("{}{of}: {} ms, and has to be under {}", slow.what, slow.took_ms, slow.limit_ms),
        ]);
    }
    if let Some(lost) = &status.last_lost {
        table.add_row(["lost last", &lost_in_words(lost)]);
    }
    table
}

fn change_in_words(change: &ChangeStatus) -> String {
    let yet = if change.joint_established { "a leader was elected" } else { "no leader was elected yet" };
    let mut words = format!("middle step, in which {yet}");
    for (what, names) in [("behind", &change.behind), ("ahead", &change.ahead)] {
        if !names.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(words, "; {what}: {}", names.join(", "));
        }
    }
    words
}

fn lost_in_words(lost: &LostStatus) -> String {
    let mut words = format!("{}, {} ago", lost.reason, in_words(lost.ms_ago));
    if lost.late_ms > 0 {
        // Writing to a string cannot fail.
        let _ = write!(words, ", noticed {} ms late", lost.late_ms);
    }
    if !lost.silent.is_empty() {
        let _ = write!(words, ", silent: {}", lost.silent.join(", "));
    }
    words
}

fn peers(status: &Status) -> Table {
    let mut table = table(&["peer", "address", "heard"]);
    for peer in &status.peers {
        let address = peer.address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        let heard = match peer.heard_ms_ago {
            _ if peer.is_mismatched && peer.differences.is_empty() => "another configuration".to_owned(),
            _ if peer.is_mismatched => {
                let all = peer.differences.iter();
                let all: Vec<String> =
                    all.map(|it| format!("{}: {} here, {} there", it.setting, it.here, it.there)).collect();
                format!("another configuration ({})", all.join("; "))
            }
            Some(ago) => format!("{ago} ms ago"),
            // Two that follow a third one have nothing to say to each other.
            None if status
                .leader
                .as_ref()
                .is_some_and(|leader| ![&status.identifier, &peer.identifier].contains(&leader)) =>
            {
                "not expected".to_owned()
            }
            None => "never".to_owned(),
        };
        table.add_row([&peer.identifier, &address, &heard]);
    }
    table
}

fn led(info: &LeaderInfo) -> Table {
    let mut table = table(&["leader", "host", "port", "term", "metadata"]);
    if let Some(leader) = &info.leader {
        let name =
            if info.is_reported { format!("{} (as others say)", leader.identifier) } else { leader.identifier.clone() };
        let metadata = serde_json::to_string(&leader.metadata).unwrap_or_default();
        let (port, term) = (leader.port.to_string(), info.term.to_string());
        table.add_row([&name, &leader.host, &port, &term, &metadata]);
    }
    table
}

/// A time in days, hours, minutes and seconds.
fn in_words(ms: u64) -> String {
    humantime::format_duration(Duration::from_secs(ms / 1_000)).to_string()
}

pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header.iter().copied());
    table
}

pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new(exit::FAILED, &error))?;
    print(&text)
}

/// A line at least; a closed pipe is nobody's fault, and the end.
pub(crate) fn print(text: &impl ToString) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut stdout = anstream::stdout();
    let written = writeln!(stdout, "{}", style::shown(&text.to_string())).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::new(exit::FAILED, &format_args!("the standard output is closed: {error}")))
}

/// What is worth a look beside the answer.
pub(crate) fn warn(sentence: &str) {
    anstream::eprintln!("{}qcluster:{} {}", style::WARN, style::PLAIN, style::shown(sentence));
}

fn failure(error: &ClientError) -> Failure {
    let code = match error {
        // The token that was shown is wrong, or one has to be.
        ClientError::Refused { status: 401, .. } => exit::BAD_CONFIG,
        ClientError::Refused { .. } => exit::REFUSED,
        _ => exit::FAILED,
    };
    match error {
        ClientError::Refused { status: 401, .. } => {
            Failure::new(code, &format!("{error}. Here that is --token-file, or the variable QCLUSTER_TOKEN"))
        }
        _ => Failure::new(code, error),
    }
}

#[cfg(test)]
mod tests;
