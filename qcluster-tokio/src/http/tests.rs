//! Over real connections: what a client may do, and what it may not.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{CONNECTIONS_MAX, serve};
use crate::sockets::bind;
use crate::testing::{Puppet, in_time};

/// A server that answers for a node without a loop.
async fn server() -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let bound = bind("127.0.0.1", 0).await.unwrap();
    let view = Arc::clone(&Puppet::new().view);
    (bound.addresses[0], tokio::spawn(serve(bound.tcp, view)))
}

/// Sends `request`, and reads until the server closes.
async fn ask(server: SocketAddr, request: &[u8]) -> String {
    in_time(async {
        let mut stream = TcpStream::connect(server).await.unwrap();
        // A server that has heard enough may close before all is written.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
}

#[tokio::test]
async fn get_has_a_body_and_head_has_none() {
    let (server, _task) = server().await;
    let get = ask(server, b"GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(get.starts_with("HTTP/1.1 200 ") && get.ends_with("\r\n\r\npong"), "{get}");
    let head = ask(server, b"HEAD /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
}

#[tokio::test]
async fn endless_headers_and_nonsense_are_refused() {
    let (server, _task) = server().await;
    let long = format!("GET /ping HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(64 * 1_024));
    let answer = ask(server, long.as_bytes()).await;
    assert!(!answer.contains("pong"), "{answer}");
    let answer = ask(server, b"\x16\x03\x01 this is no HTTP\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_one_to_end() {
    let (server, _task) = server().await;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        held.push(TcpStream::connect(server).await.unwrap());
    }
    // Waits in the system's queue until the idle ones are let go, which they are when they end.
    let late = tokio::spawn(ask(server, b"GET /ping HTTP/1.0\r\n\r\n"));
    drop(held);
    assert!(in_time(late).await.unwrap().ends_with("pong"));
}
