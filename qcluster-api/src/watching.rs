//! `GET /v1/watch`: what happens, as it happens. With `?index=` a long poll, without it server-sent events.
//!
//! Each event is told once, by its index. Who asks for what is not known any more, or never was, is told so (410), and from
//! which index to go on once it has re-read everything: nothing is left out without a word.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::call::Call;
use super::directory::{Since, WatchEvent, WatchEventKind};
use super::query;
use super::response::{ErrorCode, Response};
use super::view::View;
use super::{Outcome, checks};
use qcluster_core::Span;

/// The answer to a long poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventList {
    /// The index to go on from.
    pub index: u64,
    /// What happened since the index that was asked for, oldest first; nothing, if the time was over first.
    pub events: Vec<WatchEvent>,
}

impl EventList {
    /// The most events in one answer: the next one goes on from there.
    pub const EVENTS_MAX: usize = 256;
    /// How long a long poll waits unless it says otherwise.
    pub const WAIT_DEFAULT: Span = Span::from_millis(30_000);
    /// How long it can wait.
    pub const WAIT_MAX: Span = Span::from_millis(60_000);
}

/// What an adapter does between two looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Streamed {
    /// Send these bytes. The stream goes on from that index.
    Send {
        /// Whole events.
        bytes: Vec<u8>,
        /// Of the last of them.
        index: u64,
    },
    /// Wait: nothing has happened.
    Wait,
    /// Send these bytes, and end: more has happened than is remembered.
    End(Vec<u8>),
}

pub(super) fn watch(call: &Call<'_>) -> Outcome {
    begin(call).unwrap_or_else(Outcome::Respond)
}

fn begin(call: &Call<'_>) -> Result<Outcome, Response> {
    query::only(call, &["index", "wait_ms"])?;
    let index = query::number(call, "index", 0..=u64::MAX)?;
    let wait = query::number(call, "wait_ms", 0..=EventList::WAIT_MAX.as_millis())?;
    checks::runs(call.view)?;
    let Some(index) = index else {
        if wait.is_some() {
            return Err(query::bad("wait_ms: belongs to a long poll: give the index to go on from, too"));
        }
        return stream(call);
    };
    let wait = wait.map_or(EventList::WAIT_DEFAULT, Span::from_millis);
    Ok(poll(index, call.view).map_or(Outcome::Poll { index, wait }, Outcome::Respond))
}

fn stream(call: &Call<'_>) -> Result<Outcome, Response> {
    let present = call.view.directory.index();
    let Some(last) = call.request.last_event_id else { return Ok(Outcome::Stream { index: present }) };
    let index = last.parse().map_err(|_| query::bad("Last-Event-ID: not the index of an event"))?;
    match call.view.directory.since(index) {
        Since::Events(_) => Ok(Outcome::Stream { index }),
        Since::Unknown(_) => Err(unknown(index, call.view)),
    }
}

/// What a long poll is answered, if it can be answered yet.
pub fn poll(index: u64, view: &View<'_>) -> Option<Response> {
    match view.directory.since(index) {
        Since::Unknown(_) => Some(unknown(index, view)),
        Since::Events(events) if events.is_empty() => None,
        Since::Events(events) => {
            let events: Vec<WatchEvent> =
                events.iter().take(EventList::EVENTS_MAX).map(|event| WatchEvent::clone(event)).collect();
            let index = events.last().map_or(index, |event| event.index);
            Some(Response::json(200, &EventList { index, events }))
        }
    }
}

/// What a long poll is answered when its time is over.
pub fn nothing_since(index: u64) -> Response {
    Response::json(200, &EventList { index, events: Vec::new() })
}

/// The beginning of a stream: who is cut off before the first event goes on from here, and not at once.
pub fn stream_start(index: u64) -> Vec<u8> {
    alloc::format!("retry: 1000\nid: {index}\n\n").into_bytes()
}

/// What a stream has to be told.
pub fn stream_next(index: u64, view: &View<'_>) -> Streamed {
    match view.directory.since(index) {
        Since::Unknown(_) => {
            let body = String::from_utf8(unknown(index, view).body).unwrap_or_default();
            Streamed::End(alloc::format!("event: unknown_index\ndata: {body}\n\n").into_bytes())
        }
        Since::Events(events) => {
            let events = &events[..events.len().min(EventList::EVENTS_MAX)];
            let Some(last) = events.last() else { return Streamed::Wait };
            let bytes = events.iter().flat_map(|event| event_text(event).into_bytes()).collect();
            Streamed::Send { bytes, index: last.index }
        }
    }
}

/// JSON has no line breaks of its own, so one line holds it.
fn event_text(event: &WatchEvent) -> String {
    let kind = match &event.kind {
        WatchEventKind::Leader { .. } => "leader",
        WatchEventKind::Member { .. } => "member",
        WatchEventKind::Service { .. } => "service",
        WatchEventKind::Trust { .. } => "trust",
    };
    let data = serde_json::to_string(event).unwrap_or_default();
    alloc::format!("id: {}\nevent: {kind}\ndata: {data}\n\n", event.index)
}

fn unknown(index: u64, view: &View<'_>) -> Response {
    let present = view.directory.index();
    let message = if index > present {
        "this node has not come to that index: it was another node's, or an earlier incarnation's"
    } else {
        "what happened since that index is not known any more"
    }
    .to_string();
    let message = message + ": re-read /v1/members and /v1/services, and go on from the index that they name";
    Response::error_at(ErrorCode::UnknownIndex, &message, present)
}
