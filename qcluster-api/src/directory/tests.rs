//! What a directory remembers, and what it says when it does not.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{Directory, News, Since, WatchEvent, WatchEventKind};
use qcluster_core::{
    Action, Boot, Command, Envelope, Health, Incarnation, Introduction, MembershipMessage as Message, Node, NodeId,
    NodeInput, Notification, Record, RecordBody, RegistryMessage, Service, ServiceFacts, Settings, Standing, State,
    Time,
};

fn node() -> Node {
    let rules = Settings::member(NodeId::new("a").unwrap()).check().unwrap();
    Node::new(rules, Boot::new(1, 5), Time::ZERO).unwrap()
}

fn trust(is_given: bool) -> News {
    News::Trust { is_given }
}

fn indices(since: &Since) -> Option<Vec<u64>> {
    match since {
        Since::Events(events) => Some(events.iter().map(|event| event.index).collect()),
        Since::Unknown(_) => None,
    }
}

#[test]
fn events_are_numbered_and_asked_for_by_number() {
    let node = node();
    let empty = Directory::empty(node.rules().key(), 100);
    assert_eq!(empty.since(100), Since::Events(alloc::vec![]), "nothing happened yet");
    let directory = empty.after(&node, Time::ZERO, 0, [trust(false), trust(true)]);
    assert_eq!(directory.index(), 102);
    assert_eq!(indices(&directory.since(100)), Some(alloc::vec![101, 102]));
    assert_eq!(indices(&directory.since(101)), Some(alloc::vec![102]));
    assert_eq!(indices(&directory.since(102)), Some(alloc::vec![]));
    assert_eq!(directory.since(99), Since::Unknown(102), "of an earlier incarnation");
    assert_eq!(directory.since(103), Since::Unknown(102), "of another node");
}

#[test]
fn what_is_too_old_is_not_known_any_more() {
    let node = node();
    let many = (0..=Directory::EVENTS_MAX).map(|_| trust(true));
    let directory = Directory::empty(node.rules().key(), 0).after(&node, Time::ZERO, 0, many);
    assert_eq!(directory.since(0), Since::Unknown(1_025));
    assert_eq!(indices(&directory.since(1)).map(|events| events.len()), Some(Directory::EVENTS_MAX));
}

#[test]
fn events_that_nobody_wrote_down_are_missed_by_those_before_them_only() {
    // Given somebody who knows the first event, and somebody who knows nothing,
    let node = node();
    let first = Directory::empty(node.rules().key(), 0).after(&node, Time::ZERO, 0, [trust(false)]);
    // when three are missed and one is written down,
    let later = first.after(&node, Time::ZERO, 3, [trust(true)]);
    // then both are told to start over, and the one that has seen the last that was missed goes on.
    assert_eq!((later.since(0), later.since(1)), (Since::Unknown(5), Since::Unknown(5)));
    assert_eq!(indices(&later.since(4)), Some(alloc::vec![5]));
}

/// What a node makes known of an event.
fn news(node: &mut Node, event: NodeInput) -> Vec<News> {
    let news = node.step(Time::ZERO, event).filter_map(|action| match action {
        Action::Notify(Notification::Member(change)) => Some(News::Member(change)),
        Action::Notify(Notification::Service(change)) => Some(News::Service(change)),
        Action::Notify(_) | Action::Send(_) | Action::Persist { .. } => None,
    });
    news.collect()
}

/// A message of `b`, in an incarnation and from a place.
fn heard(node: &mut Node, incarnation: u64, message: impl Into<qcluster_core::Message>) -> Vec<News> {
    let envelope = Envelope {
        from: NodeId::new("b").unwrap().key(),
        from_incarnation: Incarnation(incarnation),
        to: node.rules().key(),
        to_incarnation: node.incarnation(),
        digests: node.rules().digests(),
        message: message.into(),
    };
    news(node, NodeInput::Message(envelope))
}

fn b_at(incarnation: u64, refutation: u32, address: Option<SocketAddr>) -> Introduction {
    let standing = Standing { incarnation: Incarnation(incarnation), refutation };
    Introduction { id: NodeId::new("b").unwrap(), address, standing, state: State::Alive, age_s: 0 }
}

/// What was told of services after an index: what, which, and where.
fn told(directory: &Directory, index: u64) -> Vec<(String, String, String)> {
    let Since::Events(events) = directory.since(index) else { panic!("it was there") };
    let services = events.iter().filter_map(|event| match &**event {
        WatchEvent { kind: WatchEventKind::Service { event, service }, .. } => {
            Some((event.clone(), service.id.clone(), service.host.clone()))
        }
        WatchEvent { .. } => None,
    });
    services.collect()
}

fn words(expected: [&str; 3]) -> (String, String, String) {
    let [event, id, host] = expected.map(String::from);
    (event, id, host)
}

#[test]
fn a_service_moves_with_its_node() {
    // Given a node that does not know where it is, with a service that is where the node is, and one that is elsewhere,
    let mut node = node();
    let service = |id: &str, host: Option<&str>| {
        let mut service = Service::new("web", 8_001).with_id(id);
        service.host = host.map(Into::into);
        NodeInput::Command(Command::Register(service))
    };
    let mut events = news(&mut node, service("here", None));
    events.extend(news(&mut node, service("there", Some("10.0.0.9"))));
    let first = Directory::empty(node.rules().key(), 0).after(&node, Time::ZERO, 0, events);
    // when it learns where it is from one that joins it, and a third service is registered meanwhile,
    let join = Message::Join { at: Some(([10, 0, 0, 7], 7_001).into()), me: b_at(7, 0, None) };
    let mut events = heard(&mut node, 7, join);
    events.extend(news(&mut node, service("new", None)));
    let second = first.after(&node, Time::ZERO, 0, events);
    // then the first has changed, the second has not, and of the third only one word is said.
    let expected = [words(["added", "new", "10.0.0.7"]), words(["changed", "here", "10.0.0.7"])];
    assert_eq!(told(&second, first.index()), expected);
    // Nothing is said again.
    assert_eq!(second.after(&node, Time::ZERO, 0, []).index(), second.index());
}

#[test]
fn a_service_is_removed_from_where_it_was() {
    // Given a service of another node, which goes by its host,
    let mut node = node();
    let body = RecordBody::Service(ServiceFacts {
        name: "web".into(),
        host: None,
        port: 80,
        tags: Vec::new(),
        metadata: "{}".into(),
        health: Health::Passing,
        ttl_ms: None,
    });
    let record =
        Record { owner: b_at(7, 0, None).id.key(), incarnation: Incarnation(7), version: 1, id: "web".into(), body };
    let mut events = heard(&mut node, 7, Message::Introduce(b_at(7, 0, Some(([10, 0, 0, 7], 7_001).into()))));
    events.extend(heard(&mut node, 7, RegistryMessage::Record(record)));
    let first = Directory::empty(node.rules().key(), 0).after(&node, Time::ZERO, 0, events);
    assert_eq!(told(&first, 0), [words(["added", "web", "10.0.0.7"])]);
    // when the node has another port, then nothing is said of its services;
    let events = heard(&mut node, 7, Message::Introduce(b_at(7, 1, Some(([10, 0, 0, 7], 7_009).into()))));
    let second = first.after(&node, Time::ZERO, 0, events);
    assert!(second.index() > first.index() && told(&second, first.index()).is_empty());
    // when it starts over elsewhere, then the service has ended where it was.
    let events = heard(&mut node, 9, Message::Introduce(b_at(9, 0, Some(([10, 0, 0, 9], 7_001).into()))));
    let third = second.after(&node, Time::ZERO, 0, events);
    assert_eq!(told(&third, second.index()), [words(["removed", "web", "10.0.0.7"])]);
}

/// What is made known names the owners that the node itself names (G11), as who is there changes.
#[test]
fn the_directory_names_the_owners_that_its_node_names() {
    let mut node = node();
    let incarnation = |state| Introduction { state, ..b_at(7, 0, Some(([10, 0, 0, 7], 7_001).into())) };
    let mut directory = Directory::empty(node.rules().key(), 0);
    for (state, nodes) in [(State::Alive, 2), (State::Left, 1)] {
        let events = heard(&mut node, 7, Message::Introduce(incarnation(state)));
        directory = directory.after(&node, Time::ZERO, 0, events);
        for key in 0..50 {
            let key = format!("key {key}");
            let named: Vec<String> = node.owners(key.as_bytes(), 2).iter().map(ToString::to_string).collect();
            assert_eq!(directory.owners(key.as_bytes(), 2), named);
            assert_eq!(named.len(), nodes);
        }
    }
}
