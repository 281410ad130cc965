//! The lines that `qcluster run --events FILE` writes, and the leaderships that they tell of.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// One change, as a node wrote it down.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// On the wall clock of this machine.
    pub(crate) unix_s: f64,
    pub(crate) what: String,
    pub(crate) token: Option<u64>,
    pub(crate) leader: Option<String>,
    pub(crate) reason: Option<String>,
}

/// The time on the wall clock of this machine, as events have it.
pub(crate) fn unix_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs_f64()
}

/// All complete lines so far; none before the file is there.
pub(crate) fn read(path: &Path) -> Vec<Event> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(parse).collect()
}

fn parse(line: &str) -> Event {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON in {line:?}: {error}"));
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    Event {
        unix_s: value["unix_s"].as_f64().unwrap_or_else(|| panic!("no time in {line:?}")),
        what: text("event").unwrap_or_else(|| panic!("no event in {line:?}")),
        token: value["token"].as_u64(),
        leader: text("leader"),
        reason: text("reason"),
    }
}

/// A leadership, from `elected` to `lost`.
#[derive(Clone, Debug)]
pub(crate) struct Leadership {
    /// The place of its node in the cluster.
    pub(crate) node: usize,
    pub(crate) token: u64,
    pub(crate) elected_s: f64,
    /// When and why it ended; a killed leader wrote nothing more.
    pub(crate) lost: Option<(f64, String)>,
}

/// The leaderships in the events of one node.
pub(crate) fn leaderships(node: usize, events: &[Event]) -> Vec<Leadership> {
    let mut all: Vec<Leadership> = Vec::new();
    for event in events {
        match event.what.as_str() {
            "elected" => {
                let token = event.token.expect("`elected` has a token");
                all.push(Leadership { node, token, elected_s: event.unix_s, lost: None });
            }
            "lost" => {
                let last = all.last_mut().expect("`lost` comes after `elected`");
                assert!(last.lost.is_none(), "lost twice: {events:#?}");
                assert_eq!(event.token, Some(last.token), "lost what was not won: {events:#?}");
                last.lost = Some((event.unix_s, event.reason.clone().expect("`lost` has a reason")));
            }
            _ => {}
        }
    }
    all
}
