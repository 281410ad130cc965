//! `/v1/watch` of a real node: each event once, a word where some are missing, and a stream that goes on where it was cut.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{ask, put, told};
use crate::support::members::Members;
use crate::support::node::Node;

fn poll(node: &Node, index: u64, wait_ms: u64) -> Value {
    let answer = ask(node, "GET", &format!("/v1/watch?index={index}&wait_ms={wait_ms}"), "", "");
    answer.json().filter(|_| answer.code == 200).unwrap_or_else(|| panic!("{answer:?}"))
}

fn present(node: &Node) -> u64 {
    let status = node.status().expect("the node answers");
    status["registry"]["index"].as_u64().expect("an index")
}

/// A stream of events, without the server's framing: HTTP/1.0 has none.
struct Stream {
    lines: std::io::Lines<BufReader<TcpStream>>,
    /// Of the last event.
    last: u64,
}

impl Stream {
    fn open(node: &Node, last: Option<u64>) -> Self {
        let mut stream = TcpStream::connect(node.address).expect("the node listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("an option of every socket");
        let resume = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        write!(stream, "GET /v1/watch HTTP/1.0\r\n{resume}\r\n").expect("the node reads");
        let mut lines = BufReader::new(stream).lines();
        let head: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        assert!(head[0].contains(" 200 "), "{head:?}");
        assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")), "{head:?}");
        Self { lines, last: last.unwrap_or(0) }
    }

    /// The next event, as its kind and its data; `None` at the end of the stream.
    fn next(&mut self) -> Option<(String, Value)> {
        let (mut kind, mut data) = (String::new(), None);
        loop {
            let line = self.lines.next()?.ok()?;
            match line.split_once(": ") {
                Some(("id", id)) => self.last = id.parse().expect("an index"),
                Some(("event", name)) => name.clone_into(&mut kind),
                Some(("data", text)) => data = Some(serde_json::from_str(text).expect("data is JSON")),
                _ if line.is_empty() => {
                    if let Some(data) = data {
                        return Some((kind, data));
                    }
                }
                _ => {}
            }
        }
    }

    /// The next service that is told of.
    fn service(&mut self) -> String {
        loop {
            let (kind, data) = self.next().expect("the stream goes on");
            if kind == "service" {
                assert_eq!(data["index"], self.last);
                return data["service"]["id"].as_str().unwrap_or_default().to_owned();
            }
        }
    }
}

#[test]
fn a_long_poll_tells_each_event_once() {
    let members = Members::start(1);
    let node = &members.nodes[0];
    let begin = present(node);
    assert_eq!(poll(node, begin, 1), json!({ "index": begin, "events": [] }), "the time was over first");
    let address = node.address;
    let waiting = std::thread::spawn(move || {
        crate::support::http::get(address, &format!("/v1/watch?index={begin}&wait_ms=30000"))
            .and_then(|answer| answer.json())
    });
    put(node, "one");
    let heard = waiting.join().expect("the thread ends").expect("an answer");
    assert_eq!(heard["events"][0]["service"]["id"], "one", "{heard}");
    put(node, "two");
    assert_eq!(told(&ask(node, "DELETE", "/v1/services/one", "", "")), "200");
    let (mut from, mut seen) = (begin, Vec::new());
    while seen.len() < 3 {
        let body = poll(node, from, 10_000);
        from = body["index"].as_u64().expect("an index");
        for event in body["events"].as_array().into_iter().flatten() {
            seen.push((event["index"].clone(), event["event"].clone(), event["service"]["id"].clone()));
        }
    }
    let expected = [("added", "one"), ("added", "two"), ("removed", "one")];
    for (place, (index, event, id)) in seen.iter().enumerate() {
        assert_eq!(
            (index, event, id),
            (&json!(begin + 1 + place as u64), &json!(expected[place].0), &json!(expected[place].1))
        );
    }
    assert_eq!(poll(node, from, 1)["events"], json!([]), "and no more");
}

#[test]
fn an_index_that_is_not_known_is_gone_with_a_way_to_begin_anew() {
    let members = Members::start(1);
    let node = &members.nodes[0];
    let present = present(node);
    for index in [0, 1, present + 1, u64::MAX] {
        let answer = ask(node, "GET", &format!("/v1/watch?index={index}"), "", "");
        assert_eq!(told(&answer), "410 unknown_index", "{index}");
        let body = answer.json().unwrap_or_default();
        assert_eq!(body["index"], present, "{body}");
        assert!(body["message"].as_str().is_some_and(|message| message.contains("/v1/services")), "{body}");
        let resumed = ask(node, "GET", "/v1/watch", &format!("Last-Event-ID: {index}\r\n"), "");
        assert_eq!(told(&resumed), "410 unknown_index", "{index}");
    }
    assert_eq!(poll(node, present, 1)["index"], present, "the index that it names is one to go on from");
}

#[test]
fn a_stream_goes_on_where_it_was_cut_and_ends_with_its_node() {
    let members = Members::start(1);
    let node = &members.nodes[0];
    let mut stream = Stream::open(node, None);
    put(node, "one");
    assert_eq!(stream.service(), "one");
    let last = stream.last;
    drop(stream);
    put(node, "two");
    put(node, "three");
    let mut stream = Stream::open(node, Some(last));
    assert_eq!([stream.service(), stream.service()], ["two", "three"], "nothing is missed, and nothing told twice");
    assert_eq!(stream.last, last + 2);
    assert_eq!(told(&ask(node, "POST", "/v1/leave", "", "")), "200");
    while stream.next().is_some() {}
}

/// Without an event from the start: who was cut off before any has an index to go on from all the same.
#[test]
fn a_stream_names_its_index_before_anything_happens() {
    let members = Members::start(1);
    let node = &members.nodes[0];
    let begin = present(node);
    let mut stream = Stream::open(node, None);
    let first: Vec<String> = stream.lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    assert_eq!(first, ["retry: 1000".to_owned(), format!("id: {begin}")]);
}
