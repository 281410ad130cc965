//! The lines of an events file, read one at a time: a file may be long, and a line of it anything.

use std::io::{self, BufRead, Read as _};
use std::time::Duration;

use qcluster::NodeId;
use serde::Deserialize;
use serde_json::error::Category;

/// A longer line is no event: a node writes a few hundred bytes.
pub(super) const LINE_LEN_MAX: u64 = 65_536;

/// The first moment of the year 10000, which no node writes and no table shows.
const UNIX_S_MAX: f64 = 253_402_300_800.0;

/// What a node wrote down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) node: String,
    pub(super) told: Told,
}

/// Times are in microseconds since 1970, on the wall clock of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Elected {
        token: u64,
        at_us: i64,
        /// The end of the lease, if the line has one.
        valid_until_us: Option<i64>,
    },
    Lost {
        token: u64,
        at_us: i64,
        valid_until_us: Option<i64>,
        reason: String,
    },
    Leader {
        token: u64,
        leader: String,
        valid_until_us: Option<i64>,
    },
    NoLeader,
    Missed {
        count: u64,
    },
}

/// A line as it is written. Fields that a later version adds are passed over.
#[derive(Deserialize)]
struct Line {
    unix_s: f64,
    node: String,
    event: String,
    token: Option<u64>,
    leader: Option<String>,
    reason: Option<String>,
    valid_until_unix_s: Option<f64>,
    count: Option<u64>,
}

/// Gives every line with its number, or what is wrong with it.
pub(super) fn read(mut file: impl BufRead, mut take: impl FnMut(u64, Result<Event, String>)) -> io::Result<()> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        if file.by_ref().take(LINE_LEN_MAX + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        number += 1;
        let is_whole = line.pop_if(|last| *last == b'\n').is_some();
        if !is_whole && line.len() as u64 > LINE_LEN_MAX {
            file.skip_until(b'\n')?;
            take(number, Err(format!("longer than {LINE_LEN_MAX} bytes")));
        } else if !line.trim_ascii().is_empty() {
            take(number, parse(&line));
        }
    }
}

fn parse(line: &[u8]) -> Result<Event, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| match error.classify() {
        Category::Eof => "half a line".to_owned(),
        Category::Syntax | Category::Io => "not JSON".to_owned(),
        Category::Data => format!("not an event: {error}"),
    })?;
    let Line { unix_s, node, event, token, leader, reason, valid_until_unix_s, count } = line;
    // What is shown and compared is a name, and not whatever a file says.
    for name in [Some(&node), leader.as_ref()].into_iter().flatten() {
        NodeId::new(name).map_err(|error| format!("not an event: `{}`: {error}", name.escape_debug()))?;
    }
    let at_us = micros("unix_s", unix_s)?;
    let valid_until_us = valid_until_unix_s.map(|s| micros("valid_until_unix_s", s)).transpose()?;
    let lacks = |field: &str| format!("not an event: `{event}` without `{field}`");
    let token = || token.ok_or_else(|| lacks("token"));
    let told = match (event.as_str(), leader) {
        ("elected", _) => Told::Elected { token: token()?, at_us, valid_until_us },
        ("lost", _) => {
            let reason = reason.ok_or_else(|| lacks("reason"))?;
            Told::Lost { token: token()?, at_us, valid_until_us, reason }
        }
        ("leader", Some(leader)) => Told::Leader { token: token()?, leader, valid_until_us },
        ("leader", None) => Told::NoLeader,
        ("missed", _) => Told::Missed { count: count.ok_or_else(|| lacks("count"))? },
        _ => return Err(format!("not an event that this version knows: `{}`", event.escape_debug())),
    };
    Ok(Event { node, told })
}

/// Written to the microsecond, which a double holds but for a fraction of one.
fn micros(field: &str, unix_s: f64) -> Result<i64, String> {
    let since = Duration::try_from_secs_f64(unix_s).ok().filter(|_| unix_s < UNIX_S_MAX);
    let us = since.and_then(|since| i64::try_from((since + Duration::from_nanos(500)).as_micros()).ok());
    us.ok_or_else(|| format!("not an event: `{field}` is out of range"))
}

#[cfg(test)]
mod tests;
