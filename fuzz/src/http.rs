//! Any request to the HTTP API of a node that knows some nodes and services: it is answered with a documented status and a body
//! of bounded length that can be read; what changes something is asked by who may; and a command that was carried out is told.

mod asked;
mod known;

use std::collections::BTreeSet;

use qcluster_api::{
    Answer, ClientKind, KeyChange, KeyRefused, Method, NotDone, Outcome, Response, Streamed, Then, View, answer,
    conclude, conclude_keys, nothing_since, poll, stream_next, stream_start,
};
use qcluster_core::{ApiRole, Command, Input, Output, Span};
use serde_json::Value;

use asked::Asked;
use known::{Known, TOKENS, news_of};

/// What the API answers with; 408, 413, 414 and 431 come from the server before it.
const STATUSES: [u16; 11] = [200, 204, 400, 401, 403, 404, 405, 409, 410, 429, 503];
/// How long an answer about the known cluster may be, beyond what it repeats of the question: JSON makes six bytes of some.
const ANSWER_LEN_MAX: usize = 64 << 10;
const REPEATED_MAX: usize = 6;
/// What a server reads.
const HEAD_LEN_MAX: usize = 8 << 10;
const BODY_LEN_MAX: usize = 16 << 10;
/// The longest wait of a poll, in milliseconds.
const WAIT_MS_MAX: u64 = 60_000;

pub(crate) fn run(data: &[u8]) {
    let asked = Asked::read(data);
    if asked.head_len > HEAD_LEN_MAX || asked.body.len() > BODY_LEN_MAX {
        return;
    }
    let known = Known::get();
    let snapshot = asked.snapshot();
    let view = asked.view(known, &snapshot);
    let request = asked.request();
    let answered = answer(&request, &view);
    assert_eq!(answer(&request, &view), answered, "the same question has two answers");
    assert!(answered.route == "other" || answered.route.starts_with('/'), "{} is no route", answered.route);
    let len_max = ANSWER_LEN_MAX + REPEATED_MAX * data.len();
    judge(&asked, known, &view, answered, len_max);
}

fn judge(asked: &Asked<'_>, known: &Known, view: &View<'_>, Answer { outcome, .. }: Answer, len_max: usize) {
    match outcome {
        Outcome::Respond(response) => check(&response, len_max),
        Outcome::Metrics => assert!(asked.reads(), "metrics as an answer to {:?}", asked.method),
        Outcome::Perform { command, then } => {
            assert!(!asked.reads(), "{:?} changes something", asked.method);
            let needed = match command {
                Command::Register(_) | Command::Deregister { .. } | Command::Heartbeat { .. } => ApiRole::Register,
                _ => ApiRole::Admin,
            };
            assert!(asked.is_let_in_for_free() || asked.shows(needed), "anybody changes something");
            perform(known, view, command, &then, len_max);
        }
        Outcome::ChangeKeys(change) => {
            let is_free = asked.is_let_in_for_free() && !asked.has_token;
            assert!(!asked.reads() && (is_free || asked.shows(ApiRole::Admin)), "anybody changes keys");
            let is_private =
                asked.client == ClientKind::Loopback || asked.is_encrypted && asked.client == ClientKind::Remote;
            assert!(is_private || !matches!(change, KeyChange::Add { .. }), "a secret travels in the clear");
            for result in [Ok(()), Err(KeyRefused::NotSealed), Err(KeyRefused::Busy), Err(KeyRefused::Stopped)] {
                check(&conclude_keys(&result, view), len_max);
            }
        }
        Outcome::Poll { index, wait } => {
            assert!(asked.reads() && wait <= Span::from_millis(WAIT_MS_MAX), "{:?} waits {wait}", asked.method);
            assert_eq!(poll(index, view), None, "what is there is waited for");
            check(&nothing_since(index), len_max);
        }
        Outcome::Stream { mut index } => {
            assert_eq!(asked.method, Method::Get, "a stream for who reads no body");
            check_events(&stream_start(index), len_max);
            while let Streamed::Send { bytes, index: next } = stream_next(index, view) {
                assert!(next > index, "a stream that does not advance");
                check_events(&bytes, len_max * 4);
                index = next;
            }
        }
    }
}

impl Asked<'_> {
    /// Whether it comes from the node's own machine, and shows nothing that could be wrong.
    fn is_let_in_for_free(&self) -> bool {
        self.client == ClientKind::Loopback && self.authorization.is_none()
    }

    /// Whether it shows a token with that role at least.
    fn shows(&self, needed: ApiRole) -> bool {
        let shown = self.authorization.unwrap_or_default();
        self.has_token && TOKENS.iter().any(|(token, role)| shown.contains(token) && *role >= needed)
    }
}

/// Carries a command out as a node does, and concludes; and concludes as if it had not been carried out.
fn perform(known: &Known, view: &View<'_>, command: Command, then: &Then, len_max: usize) {
    let mut endpoint = known.endpoint.clone();
    let registers = matches!(command, Command::Register(_));
    let mut news = Vec::new();
    let mut outputs = endpoint.step(known.now, Input::Command(command));
    let result = outputs.result().map(|()| None).map_err(|refused| NotDone::Refused(refused.clone()));
    while let Some(output) = outputs.next() {
        if let Output::Notify(notification) = output {
            news.extend(news_of(notification));
        }
    }
    let directory = known.directory.after(endpoint.node(), known.now, 0, news);
    let after = View { directory: &directory, ..*view };
    let response = conclude(then, &result, &after);
    check(&response, len_max);
    if let (Ok(_), true, Then::Service { id }) = (&result, registers, then) {
        assert_eq!(response.status, 200, "a service was registered, and is not there");
        let ids: BTreeSet<String> = directory.services(None).map(|service| service.id).collect();
        assert!(ids.contains(id), "a registered service is not listed");
    }
    for not_done in [NotDone::Stopped, NotDone::TimedOut, NotDone::TooSoon] {
        check(&conclude(then, &Err(not_done), &after), len_max);
    }
}

/// What must hold for every response.
fn check(response: &Response, len_max: usize) {
    let Response { status, content_type, body, .. } = response;
    assert!(STATUSES.contains(status), "status {status}: {}", String::from_utf8_lossy(body));
    assert!(body.len() <= len_max, "{} bytes are too many for an answer", body.len());
    assert_eq!(*status == 401, response.authenticate, "only what lacks a token says how to show one");
    assert!(*status != 405 || response.allow.is_some(), "405 without what is allowed");
    match *content_type {
        Response::JSON => {
            let body: Value = serde_json::from_slice(body).expect("the body is JSON");
            let said = |key| body.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
            assert!(*status < 400 || said("code") && said("message"), "an error without words: {body}");
        }
        Response::TEXT | Response::EVENTS => assert!(std::str::from_utf8(body).is_ok(), "the body is text"),
        other => panic!("nobody knows the type {other}"),
    }
}

/// Server-sent events: lines that begin with a field, and an empty one behind each event.
fn check_events(bytes: &[u8], len_max: usize) {
    let text = std::str::from_utf8(bytes).expect("events are text");
    assert!(bytes.len() <= len_max && text.ends_with("\n\n"), "no whole events: {text}");
    for line in text.lines().filter(|line| !line.is_empty()) {
        let field = line.split_once(": ").map_or("", |(field, _)| field);
        assert!(["retry", "id", "event", "data"].contains(&field), "no field of an event: {line}");
        if let Some(data) = line.strip_prefix("data: ") {
            serde_json::from_str::<Value>(data).expect("what an event says is JSON");
        }
    }
}
