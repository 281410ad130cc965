//! Over real connections: clients that send nothing, read nothing, or go away, beside one that wants an answer.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::hosts::Host;
use crate::http::{ask, connect, get, served, told};
use crate::support::settled;

/// Those of one address that wait for events, as `docs/HTTP.md` has it.
const WATCHERS_OF_ADDRESS_MAX: usize = 64;

/// Every connection is a file at each end: one story at a time has so many.
static MANY_FILES: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Checks as a load balancer makes them. They must not wait for the time of others to be over.
fn all_checks_pass(server: SocketAddr) {
    for _ in 0..20 {
        assert_eq!(get(server, "/leader").0, 200);
    }
}

fn metric(server: SocketAddr, name: &str) -> u64 {
    let metrics = ask(server, "GET /metrics HTTP/1.0\r\n\r\n");
    let line = metrics.lines().find(|line| line.split(' ').next() == Some(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no {name}: {metrics}"))
}

pub(crate) async fn clients_that_send_nothing_make_room_for_who_asks<H: Host>() {
    let _many_files = MANY_FILES.lock().await;
    let served = served::<H>().await;
    let idle: Vec<_> = (0..300).map(|_| connect(served.address)).collect();
    all_checks_pass(served.address);
    drop(idle);
    assert!(metric(served.address, "qcluster_http_connections_displaced_total") >= 300 - 128);
    assert_eq!(metric(served.address, "qcluster_http_connections_refused_total"), 0);
}

pub(crate) async fn clients_that_send_half_a_request_take_no_check_away<H: Host>() {
    let _many_files = MANY_FILES.lock().await;
    let served = served::<H>().await;
    let half = || {
        let mut stream = connect(served.address);
        stream.write_all(b"POST /v1/transfer HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{").unwrap();
        stream
    };
    let halves: Vec<_> = (0..300).map(|_| half()).collect();
    all_checks_pass(served.address);
    assert_eq!(metric(served.address, "qcluster_http_connections_refused_total"), 0);
    drop(halves);
}

pub(crate) async fn clients_that_read_nothing_take_no_check_away<H: Host>() {
    let _many_files = MANY_FILES.lock().await;
    let served = served::<H>().await;
    let streams: Vec<_> = (0..140).map(|_| silent(served.address, "/v1/watch", 1)).collect();
    let pipelines: Vec<_> = (0..140).map(|_| silent(served.address, "/metrics", 60)).collect();
    all_checks_pass(served.address);
    drop((streams, pipelines));
}

/// A client that asks so often, and reads no answer.
fn silent(server: SocketAddr, path: &str, count: usize) -> TcpStream {
    let mut stream = connect(server);
    stream.set_nonblocking(true).unwrap();
    let requests = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").repeat(count);
    match stream.write(requests.as_bytes()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
    }
    stream
}

pub(crate) async fn a_client_that_closes_its_side_is_answered<H: Host>() {
    let served = served::<H>().await;
    for _ in 0..30 {
        let mut stream = connect(served.address);
        stream.write_all(b"GET /leader HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(told(&answer).0, 200);
    }
}

pub(crate) async fn watchers_that_have_gone_give_their_places_back_at_once<H: Host>() {
    let _many_files = MANY_FILES.lock().await;
    let served = served::<H>().await;
    // All that belongs to its start has happened by then.
    let mut index = 0;
    settled::<H>(|| {
        index = get(served.address, "/v1/services").1["index"].as_u64().unwrap();
        let since = get(served.address, &format!("/v1/watch?index={index}&wait_ms=500")).1;
        since["events"].as_array().is_some_and(Vec::is_empty)
    })
    .await;
    let watchers = || metric(served.address, "qcluster_http_watchers");
    for path in [format!("/v1/watch?index={index}&wait_ms=60000"), "/v1/watch".into()] {
        let abandoned: Vec<_> = (0..WATCHERS_OF_ADDRESS_MAX).map(|_| silent(served.address, &path, 1)).collect();
        settled::<H>(|| watchers() == WATCHERS_OF_ADDRESS_MAX as u64).await;
        let (status, body) = get(served.address, &format!("/v1/watch?index={index}&wait_ms=1"));
        assert_eq!((status, &body["code"]), (503, &"busy".into()));
        drop(abandoned);
        settled::<H>(|| watchers() == 0).await;
    }
    let (status, _) = get(served.address, &format!("/v1/watch?index={index}&wait_ms=1"));
    assert_eq!(status, 200);
}
