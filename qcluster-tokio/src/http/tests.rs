//! Over real connections: what a client may do, and what it may not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use qcluster_api::ErrorCode;
use qcluster_core::{Command, Config, FencingToken, NodeId, TransferRefused};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::start;
use qcluster_host::binding::{Protocols, bind};
use qcluster_host::http::CONNECTIONS_MAX;
use qcluster_host::requests::Request;
use qcluster_host::testing::{Puppet, in_time};

const HOUR_MS: u64 = 3_600_000;

/// A server for a node without a loop: the test is the loop.
struct Served {
    address: SocketAddr,
    puppet: Puppet,
    asked: mpsc::Receiver<Request>,
    _requests: mpsc::Sender<Request>,
}

fn served(config: Config) -> Served {
    let bound = bind("127.0.0.1", 0, Protocols::UdpAndTcp).unwrap();
    let puppet = Puppet::of(config);
    let (requests, asked) = mpsc::channel(4);
    start(bound.tcp, Arc::clone(&puppet.view), requests.downgrade(), ()).unwrap();
    Served { address: bound.addresses[0], puppet, asked, _requests: requests }
}

fn plain() -> Served {
    served(Config::new("server_a", "localhost", 7001))
}

/// Sends `request`, and reads until the server closes.
async fn ask(server: SocketAddr, request: impl AsRef<[u8]>) -> String {
    in_time(async {
        let mut stream = TcpStream::connect(server).await.unwrap();
        // A server that has heard enough may close before all is written.
        let _ = stream.write_all(request.as_ref()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
}

async fn post(server: SocketAddr, headers: &str, body: &str) -> (u16, Value) {
    let len = body.len();
    let request = format!(
        "POST /v1/transfer HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {len}\r\n{headers}\r\n{body}"
    );
    told(&ask(server, request).await)
}

/// Status and JSON of an answer.
fn told(answer: &str) -> (u16, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn get_has_a_body_and_head_has_none() {
    let served = plain();
    let get = ask(served.address, "GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(get.starts_with("HTTP/1.1 200 ") && get.ends_with("\r\n\r\npong"), "{get}");
    assert!(get.contains("cache-control: no-store\r\n"), "{get}");
    let head = ask(served.address, "HEAD /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let old = ask(served.address, "GET /ping HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200 ") && old.ends_with("pong"), "{old}");
}

#[tokio::test]
async fn one_connection_carries_requests_one_after_the_other() {
    let served = plain();
    let twice = "GET /ping HTTP/1.1\r\nhost: x\r\n\r\nGET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(ask(served.address, twice).await.matches("pong").count(), 2);
}

#[tokio::test]
async fn what_is_too_long_is_refused_with_a_code() {
    let served = plain();
    let request =
        |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    let long = format!("x: {}\r\n", "x".repeat(10_000));
    let many = "x: y\r\n".repeat(80);
    for (request, code) in [
        (request(&format!("/{}", "x".repeat(3_000)), ""), ErrorCode::UriTooLong),
        (request("/ping", &long), ErrorCode::HeadersTooLarge),
        (request("/ping", &many), ErrorCode::HeadersTooLarge),
    ] {
        let (status, body) = told(&ask(served.address, request).await);
        assert_eq!((status, &body["code"]), (code.status(), &code.name().into()));
    }
    let (status, body) = post(served.address, "", &"x".repeat(17_000)).await;
    assert_eq!((status, &body["code"]), (413, &"body_too_large".into()));
    let chunk = format!("4268\r\n{}\r\n0\r\n\r\n", "x".repeat(0x4268));
    let chunked =
        "POST /v1/transfer HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let (status, body) = told(&ask(served.address, format!("{chunked}{chunk}")).await);
    assert_eq!((status, &body["code"]), (413, &"body_too_large".into()));
}

#[tokio::test]
async fn endless_headers_and_nonsense_end_the_connection() {
    let served = plain();
    let endless = format!("GET /ping HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(200_000));
    assert!(!ask(served.address, endless).await.contains("pong"));
    let answer = ask(served.address, b"\x16\x03\x01 this is no HTTP\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_hand_over_is_answered_when_it_has_ended() {
    let mut served = plain();
    served.puppet.elect(7, HOUR_MS);
    let client = tokio::spawn({
        let address = served.address;
        async move { post(address, "", r#"{"target": "server_b"}"#).await }
    });
    let Some(Request::Command { command, reply }) = in_time(served.asked.recv()).await else { panic!("no transfer") };
    assert_eq!(command, Command::Transfer(Some(NodeId::new("server_b").unwrap())));
    reply.send(Ok(Some(FencingToken(7)))).unwrap();
    served.puppet.lose(7);
    let (status, body) = in_time(client).await.unwrap();
    assert_eq!((status, &body["ended"]), (200, &7.into()));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let served = plain();
    let request = "POST /v1/transfer HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf";
    let (status, body) = told(&ask(served.address, request).await);
    assert_eq!((status, &body["code"]), (408, &"body_timeout".into()), "{body}");
}

#[tokio::test]
async fn a_refused_hand_over_is_a_conflict_with_its_reason() {
    for (refused, code) in [
        (TransferRefused::NotLeader, "not_leader"),
        (TransferRefused::NotAVoter, "not_a_voter"),
        (TransferRefused::NoSuccessor, "no_successor"),
    ] {
        let mut served = plain();
        let client = tokio::spawn({
            let address = served.address;
            async move { post(address, "", "").await }
        });
        let Some(Request::Command { reply, .. }) = in_time(served.asked.recv()).await else { panic!("no transfer") };
        reply.send(Err(refused.into())).unwrap();
        let (status, body) = in_time(client).await.unwrap();
        assert_eq!((status, &body["code"]), (409, &code.into()), "{body}");
    }
}

#[tokio::test]
async fn a_proxy_on_this_machine_does_not_lend_its_address() {
    let served = plain();
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
        let (status, body) = post(served.address, &format!("{header}\r\n"), "").await;
        assert_eq!((status, &body["code"]), (403, &"forbidden".into()), "{header}");
    }
}

#[tokio::test]
async fn connections_over_the_limit_are_told_so_and_counted() {
    let served = plain();
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        held.push(TcpStream::connect(served.address).await.unwrap());
    }
    let answer = ask(served.address, "").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"busy\""), "{answer}");
    drop(held);
    // The server learns of their end in its own time.
    let counted = in_time(async {
        loop {
            let answer = ask(served.address, "GET /metrics HTTP/1.0\r\n\r\n").await;
            if answer.starts_with("HTTP/1.0 200 ") {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let counted = counted.await;
    assert!(counted.contains("\nqcluster_http_connections_refused_total "), "{counted}");
    assert!(!counted.contains("\nqcluster_http_connections_refused_total 0\n"), "{counted}");
}

#[tokio::test]
async fn the_server_ends_with_its_node() {
    let Served { address, puppet, .. } = plain();
    let mut idle = TcpStream::connect(address).await.unwrap();
    drop(puppet.publisher);
    let mut rest = Vec::new();
    // A connection that the server has not come to accept is reset by the system when its port closes.
    if let Err(error) = in_time(idle.read_to_end(&mut rest)).await {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    assert!(rest.is_empty());
}
