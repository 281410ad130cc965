//! Over real connections: what a client may do, and what it may not.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use qcluster::Handle;
use serde_json::Value;

use crate::hosts::Host;
use crate::support::{alone_at, leader_of, settled, three};

/// Longer than any answer takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node that leads, and where it serves.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) node: Handle,
}

pub(crate) async fn served<H: Host>() -> Served {
    let node = H::start(alone_at("127.0.0.1")).await.unwrap();
    settled::<H>(|| node.is_leader()).await;
    Served { address: address(&node), node }
}

fn address(node: &Handle) -> SocketAddr {
    node.status().listen[0]
}

/// The node has threads of its own: this application may block.
pub(crate) fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends `request`, and reads until the server closes.
pub(crate) fn ask(server: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let mut stream = connect(server);
    // A server that has heard enough may close before all is written.
    let _ = stream.write_all(request.as_ref());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn get(server: SocketAddr, path: &str) -> (u16, Value) {
    told(&ask(server, format!("GET {path} HTTP/1.0\r\n\r\n")))
}

fn send(server: SocketAddr, what: &str, headers: &str, body: &str) -> (u16, Value) {
    let len = body.len();
    let request = format!(
        "{what} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {len}\r\n{headers}\r\n{body}"
    );
    told(&ask(server, request))
}

fn post(server: SocketAddr, headers: &str, body: &str) -> (u16, Value) {
    send(server, "POST /v1/transfer", headers, body)
}

/// Status and JSON of an answer.
pub(crate) fn told(answer: &str) -> (u16, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

pub(crate) async fn get_has_a_body_and_head_has_none<H: Host>() {
    let served = served::<H>().await;
    let get = ask(served.address, "GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(get.starts_with("HTTP/1.1 200 ") && get.ends_with("\r\n\r\npong"), "{get}");
    assert!(get.contains("cache-control: no-store\r\n"), "{get}");
    let head = ask(served.address, "HEAD /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let old = ask(served.address, "GET /ping HTTP/1.0\r\n\r\n");
    assert!(old.starts_with("HTTP/1.0 200 ") && old.ends_with("pong"), "{old}");
}

pub(crate) async fn one_connection_carries_requests_one_after_the_other<H: Host>() {
    let served = served::<H>().await;
    let twice = "GET /ping HTTP/1.1\r\nhost: x\r\n\r\nGET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(ask(served.address, twice).matches("pong").count(), 2);
}

pub(crate) async fn what_is_too_long_is_refused_with_a_code<H: Host>() {
    let served = served::<H>().await;
    let request =
        |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    let long = format!("x: {}\r\n", "x".repeat(10_000));
    let many = "x: y\r\n".repeat(80);
    for (request, status, code) in [
        (request(&format!("/{}", "x".repeat(3_000)), ""), 414, "uri_too_long"),
        (request("/ping", &long), 431, "headers_too_large"),
        (request("/ping", &many), 431, "headers_too_large"),
    ] {
        let (answered, body) = told(&ask(served.address, request));
        assert_eq!((answered, &body["code"]), (status, &code.into()));
    }
    let (status, body) = post(served.address, "", &"x".repeat(17_000));
    assert_eq!((status, &body["code"]), (413, &"body_too_large".into()));
    let chunk = format!("4268\r\n{}\r\n0\r\n\r\n", "x".repeat(0x4268));
    let chunked =
        "POST /v1/transfer HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let (status, body) = told(&ask(served.address, format!("{chunked}{chunk}")));
    assert_eq!((status, &body["code"]), (413, &"body_too_large".into()));
}

pub(crate) async fn endless_headers_and_nonsense_end_the_connection<H: Host>() {
    let served = served::<H>().await;
    let endless = format!("GET /ping HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(200_000));
    assert!(!ask(served.address, endless).contains("pong"));
    let answer = ask(served.address, b"\x16\x03\x01 this is no HTTP\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

pub(crate) async fn a_body_that_does_not_come_is_not_waited_for<H: Host>() {
    let served = served::<H>().await;
    let request = "POST /v1/transfer HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf";
    let (status, body) = told(&ask(served.address, request));
    assert_eq!((status, &body["code"]), (408, &"body_timeout".into()), "{body}");
}

pub(crate) async fn a_request_of_http_1_1_has_one_host<H: Host>() {
    let served = served::<H>().await;
    for (what, headers, status) in [
        ("GET /ping", "host: x\r\n", 200),
        // HAProxy's checks do without, unless told otherwise.
        ("GET /ping", "", 200),
        ("GET /ping", "host: x\r\nhost: x\r\n", 400),
        ("DELETE /v1/services/web", "", 400),
    ] {
        let answer = ask(served.address, format!("{what} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n"));
        assert_eq!(told(&answer).0, status, "{what} {headers:?}: {answer}");
    }
    let (status, body) =
        told(&ask(served.address, "GET /v1/status HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n"));
    assert_eq!((status, &body["code"]), (403, &"foreign_host".into()));
}

pub(crate) async fn a_proxy_on_this_machine_does_not_lend_its_address<H: Host>() {
    let served = served::<H>().await;
    for header in [
        "Forwarded: for=192.0.2.1",
        "Via: 1.1 proxy",
        "x-forwarded-for: 192.0.2.1",
        "X-Forwarded-Host: example.net",
        "X-Forwarded-Proto: https",
        "X-Real-IP: 192.0.2.1",
        "X-Client-IP: 192.0.2.1",
        "True-Client-IP: 192.0.2.1",
        "CF-Connecting-IP: 192.0.2.1",
    ] {
        let (status, body) = post(served.address, &format!("{header}\r\n"), "");
        assert_eq!((status, &body["code"]), (403, &"forbidden".into()), "{header}");
    }
}

pub(crate) async fn a_service_registered_over_http_is_told_to_who_streams_and_to_who_polls<H: Host>() {
    let served = served::<H>().await;
    let mut stream = connect(served.address);
    stream.write_all(b"GET /v1/watch HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut text = read_until(&mut stream, String::new(), "\r\n\r\n");
    let (_, before) = get(served.address, "/v1/services");
    let put = send(served.address, "PUT /v1/services/web-1", "", r#"{"name": "web", "port": 8001}"#);
    assert_eq!(put.0, 200, "{put:?}");
    assert_eq!(served.node.services("web").len(), 1, "a handle sees it at once");
    text = read_until(&mut stream, text, "\"web-1\"");
    assert!(text.contains("event: service"), "{text}");
    let index = before["index"].as_u64().unwrap();
    let (status, polled) = get(served.address, &format!("/v1/watch?index={index}&wait_ms=30000"));
    assert!(status == 200 && polled.to_string().contains("\"web-1\""), "{polled}");
    // The stream ends with the node, in its own words.
    served.node.shutdown().await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
}

/// Reads on until that was told.
fn read_until(stream: &mut TcpStream, mut text: String, what: &str) -> String {
    let mut bytes = [0; 1_024];
    while !text.contains(what) {
        let len = stream.read(&mut bytes).unwrap();
        assert!(len > 0, "it ended before {what:?}: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..len]));
    }
    text
}

pub(crate) async fn the_leader_alone_is_healthy_and_hands_over_when_asked<H: Host>() {
    let mut nodes = Vec::new();
    for config in three() {
        nodes.push(H::start(config).await.unwrap());
    }
    let first = leader_of::<H>(&nodes).await;
    let healthy = |node: &Handle| get(address(node), "/leader").0 == 200;
    // The lease is seen an instant before what is told of it.
    settled::<H>(|| healthy(&nodes[first])).await;
    let (status, body) = post(address(&nodes[first]), "", "");
    assert_eq!(status, 200, "{body}");
    assert!(!healthy(&nodes[first]), "the answer came after the end of its leadership");
    settled::<H>(|| nodes.iter().filter(|node| healthy(node)).count() == 1).await;
}

pub(crate) async fn the_server_ends_with_its_node<H: Host>() {
    let Served { address, node } = served::<H>().await;
    let mut idle = connect(address);
    node.abort().await;
    let mut rest = Vec::new();
    // A connection that the server has not come to accept is reset by the system when its port closes.
    if let Err(error) = idle.read_to_end(&mut rest) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    assert!(rest.is_empty());
}
