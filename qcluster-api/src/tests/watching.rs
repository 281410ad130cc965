//! Watching: what each index is answered, and what a stream is told.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::registry::{directory, node, query, with};
use crate::{Method, Outcome, Request, Streamed, answer, nothing_since, poll, stream_next, stream_start};
use qcluster_core::Span;

#[test]
fn a_long_poll_is_answered_at_once_later_or_never() {
    let directory = directory(&node(), 3);
    let ask = |index: &str| with(&directory, |view| answer(&query("/v1/watch", index), view).outcome);
    let told = |outcome| match outcome {
        Outcome::Respond(response) => (response.status, serde_json::from_slice::<Value>(&response.body).unwrap()),
        other => panic!("{other:?}"),
    };
    let (status, body) = told(ask("index=101"));
    let indices: Vec<&Value> = body["events"].as_array().unwrap().iter().map(|event| &event["index"]).collect();
    assert_eq!((status, &body["index"], indices), (200, &json!(103), vec![&json!(102), &json!(103)]));
    assert_eq!(body["events"][0]["kind"], "trust");
    assert_eq!(ask("index=103"), Outcome::Poll { index: 103, wait: Span::from_millis(30_000) });
    assert_eq!(ask("index=103&wait_ms=5"), Outcome::Poll { index: 103, wait: Span::from_millis(5) });
    for gone in ["index=99", "index=104", "index=0", "index=18446744073709551615"] {
        let (status, body) = told(ask(gone));
        assert_eq!((status, &body["code"], &body["index"]), (410, &json!("unknown_index"), &json!(103)), "{gone}");
    }
    let over = nothing_since(103);
    assert_eq!(over.body, br#"{"index":103,"events":[]}"#);
    assert_eq!(with(&directory, |view| poll(103, view)), None);
}

#[test]
fn a_long_backlog_comes_in_parts_and_each_event_once() {
    let directory = directory(&node(), 600);
    let (mut index, mut seen) = (100, Vec::new());
    while let Some(response) = with(&directory, |view| poll(index, view)) {
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        let part = body["events"].as_array().unwrap();
        assert!(part.len() <= 256);
        seen.extend(part.iter().map(|event| event["index"].as_u64().unwrap()));
        index = body["index"].as_u64().unwrap();
    }
    assert_eq!(seen, (101..=700).collect::<Vec<u64>>());
}

#[test]
fn a_stream_tells_each_event_once_and_ends_where_it_cannot_go_on() {
    let directory = directory(&node(), 2);
    assert_eq!(stream_start(7), b"retry: 1000\nid: 7\n\n");
    let next = |index| with(&directory, |view| stream_next(index, view));
    let Streamed::Send { bytes, index } = next(100) else { panic!("two events") };
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(
        text,
        "id: 101\nevent: trust\ndata: {\"index\":101,\"kind\":\"trust\",\"is_given\":false}\n\n\
         id: 102\nevent: trust\ndata: {\"index\":102,\"kind\":\"trust\",\"is_given\":true}\n\n"
    );
    assert_eq!((index, next(102)), (102, Streamed::Wait));
    let Streamed::End(bytes) = next(50) else { panic!("it is too old") };
    assert!(String::from_utf8(bytes).unwrap().starts_with("event: unknown_index\ndata: {\"code\":\"unknown_index\""));
}

#[test]
fn a_stream_goes_on_where_it_was_cut_off() {
    let directory = directory(&node(), 2);
    let ask = |last: Option<&str>| {
        let request = Request { last_event_id: last, ..Request::get("/v1/watch") };
        with(&directory, |view| answer(&request, view).outcome)
    };
    assert_eq!(ask(None), Outcome::Stream { index: 102 });
    assert_eq!(ask(Some("101")), Outcome::Stream { index: 101 });
    for (last, status) in [("x", 400), ("99", 410), ("103", 410)] {
        let Outcome::Respond(response) = ask(Some(last)) else { panic!("{last}") };
        assert_eq!(response.status, status, "{last}");
    }
    for method in [Method::Head, Method::Options] {
        let request = Request { method, ..Request::get("/v1/watch") };
        assert!(matches!(with(&directory, |view| answer(&request, view).outcome), Outcome::Respond(_)));
    }
}
