//! Who waits for events: what becomes of readers that do not read, of too many, and of all of them when the node ends.

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use qcluster_api::News;
use qcluster_core::{Boot, Node, NodeId, Settings, Span, Time};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};

use super::{Flow, WATCHERS_MAX, WATCHERS_OF_ADDRESS_MAX, Watchers, write};
use crate::http::connection::connection;
use crate::http::exchange::Site;
use crate::http::stream::tests::pair;
use crate::test_support::{Puppet, TestRuntime, in_time};

/// Longer than any test: who waits so long is not waited for.
const EVER: Duration = Duration::from_secs(3_600);

fn node() -> Node {
    let rules = Settings::member(NodeId::new("server_a").unwrap()).check().unwrap();
    Node::new(rules, Boot::new(1, 5), Time::ZERO).unwrap()
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn watchers() -> Arc<Watchers> {
    Arc::new(Watchers::new(Arc::new(TestRuntime)))
}

/// Makes that many events known.
fn happen(puppet: &mut Puppet, node: &Node, count: usize) {
    for index in 0..count {
        puppet.publisher.directory_writer.note(News::Trust { is_given: index % 2 == 1 });
    }
    puppet.publisher.directory_writer.hurry(true);
    puppet.publisher.directory_writer.publish(node, puppet.clock.now());
}

#[tokio::test]
async fn a_reader_that_reads_is_told_every_event_and_the_end() {
    let (mut puppet, node, watchers) = (Puppet::new(), node(), watchers());
    let (mut events, writer) = watchers.stream(Arc::clone(&puppet.view), HERE, 0).unwrap();
    let writer = tokio::spawn(writer);
    assert_eq!(watchers.count(), 1);
    let mut text = String::new();
    happen(&mut puppet, &node, 2);
    while !text.contains("id: 2\n") {
        let frame = in_time(events.frame()).await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    assert_eq!(text.matches("event: trust").count(), 2, "{text}");
    drop(puppet);
    assert!(in_time(events.frame()).await.is_none(), "the stream ends with the node");
    assert_eq!(in_time(writer).await.unwrap(), Flow::Answers);
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_stuck() {
    let (puppet, watchers) = (Puppet::new(), watchers());
    let (bytes, _unread) = mpsc::channel(1);
    bytes.send("what it has not read yet".into()).await.unwrap();
    let ended = in_time(write(&TestRuntime, &puppet.view, 0, &bytes, Duration::from_millis(5))).await;
    assert_eq!((ended, watchers.count()), (Flow::Stuck, 0));
}

#[tokio::test]
async fn who_has_missed_too_much_is_told_so_at_the_end() {
    let (mut puppet, node) = (Puppet::new(), node());
    happen(&mut puppet, &node, 2_000);
    let (bytes, mut read) = mpsc::channel(8);
    assert_eq!(in_time(write(&TestRuntime, &puppet.view, 1, &bytes, EVER)).await, Flow::Answers);
    drop(bytes);
    let mut text = String::new();
    while let Some(bytes) = read.recv().await {
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert!(text.contains("event: unknown_index\ndata: {\"code\":\"unknown_index\""), "{text}");
}

/// The whole connection of a client that asks for events and never reads: it is cut, and its place is free again.
#[tokio::test]
async fn the_connection_of_a_stuck_reader_is_cut() {
    let (mut puppet, node) = (Puppet::new(), node());
    let (_requests, weak) = {
        let (requests, _) = mpsc::channel(1);
        let weak = requests.downgrade();
        (requests, weak)
    };
    let mut site = Site::new(Arc::clone(&puppet.view), weak, Arc::new(TestRuntime));
    site.watchers = Arc::new(Watchers { patience: Duration::from_millis(20), ..Watchers::new(Arc::new(TestRuntime)) });
    let watchers = Arc::clone(&site.watchers);
    let (mut client, socket) = pair().await;
    let (_end, ending) = watch::channel(());
    let from = SocketAddr::from(([127, 0, 0, 1], 1));
    client.write_all(b"GET /v1/watch HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let connection = tokio::spawn(connection(socket, from, Arc::new(site), ending));
    let story = async {
        while watchers.count() == 0 {
            tokio::task::yield_now().await;
        }
        // More than lies between the two, so that some of it stays unsent.
        while !connection.is_finished() {
            happen(&mut puppet, &node, 256);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    in_time(story).await;
    assert_eq!(watchers.count(), 0);
    let mut rest = Vec::new();
    in_time(client.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn more_watchers_than_there_are_places_are_told_so() {
    let (puppet, watchers) = (Puppet::new(), watchers());
    let from = |place: usize| IpAddr::from([192, 0, 2, u8::try_from(place / WATCHERS_OF_ADDRESS_MAX).unwrap()]);
    let mut all = Vec::new();
    for place in 0..WATCHERS_MAX {
        all.push(watchers.stream(Arc::clone(&puppet.view), from(place), 0).unwrap());
    }
    let refused = watchers.stream(Arc::clone(&puppet.view), HERE, 0);
    assert_eq!(refused.map(|_| ()).unwrap_err().status, 503);
    let poll = async || watchers.poll(&puppet.view, HERE, (0, Span::from_millis(1)), pending()).await.status;
    assert_eq!(poll().await, 503);
    drop(all);
    assert_eq!(watchers.count(), 0);
    assert_eq!(poll().await, 200);
}

#[tokio::test]
async fn one_address_leaves_places_for_watchers_of_others() {
    let (puppet, watchers) = (Puppet::new(), watchers());
    let stream = |from: [u8; 4]| watchers.stream(Arc::clone(&puppet.view), from.into(), 0).map(|_| ());
    let _held: Vec<_> =
        (0..WATCHERS_OF_ADDRESS_MAX).map(|_| watchers.stream(Arc::clone(&puppet.view), HERE, 0).unwrap()).collect();
    assert_eq!(stream([127, 0, 0, 1]).unwrap_err().status, 503);
    assert!(stream([192, 0, 2, 1]).is_ok());
}

#[tokio::test]
async fn a_long_poll_hears_of_an_event_of_the_end_of_its_time_and_of_the_node() {
    let (mut puppet, node, watchers) = (Puppet::new(), node(), watchers());
    let hour = Span::from_millis(3_600_000);
    let over = in_time(watchers.poll(&puppet.view, HERE, (0, Span::from_millis(1)), pending())).await;
    assert_eq!(over.body, br#"{"index":0,"events":[]}"#);
    let view = Arc::clone(&puppet.view);
    let (answer, ()) = tokio::join!(in_time(watchers.poll(&view, HERE, (0, hour), pending())), async {
        tokio::task::yield_now().await;
        happen(&mut puppet, &node, 1);
    });
    assert!(answer.body.starts_with(br#"{"index":1,"#), "{answer:?}");
    let (answer, ()) = tokio::join!(in_time(watchers.poll(&view, HERE, (1, hour), pending())), async {
        tokio::task::yield_now().await;
        drop(puppet);
    });
    assert_eq!(answer.status, 503);
}

#[tokio::test]
async fn a_long_poll_ends_when_its_client_has_closed_its_side() {
    let (puppet, watchers) = (Puppet::new(), watchers());
    let (mut client, socket) = pair().await;
    let polling = watchers.poll(&puppet.view, HERE, (0, Span::from_millis(3_600_000)), socket.closed());
    let (answer, closed) = tokio::join!(in_time(polling), client.shutdown());
    closed.unwrap();
    assert_eq!((answer.status, watchers.count()), (200, 0), "who still reads is answered");
}
