//! Over real connections: what is asked of the node, and what is said of its answer. What clients may do is in the tests of
//! the facade, for all runtimes.

use std::net::SocketAddr;
use std::sync::Arc;

use qcluster_core::{Command, Config, FencingToken, NodeId, TransferRefused};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::start;
use qcluster_host::binding::{Protocols, bind};
use qcluster_host::requests::Request;
use qcluster_host::start::ToServe;
use qcluster_host::test_support::{Puppet, in_time};

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
    let (alive, _) = watch::channel(());
    let (view, alive) = (Arc::clone(&puppet.view), Arc::new(alive));
    start(ToServe { listeners: bound.tcp, view, requests: requests.downgrade(), alive }).unwrap();
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
