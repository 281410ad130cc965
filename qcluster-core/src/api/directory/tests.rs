//! What a directory remembers, and what it says when it does not.

use super::{Directory, Happened, News, Since, WatchEvent};
use crate::config::Settings;
use crate::id::{Incarnation, NodeId};
use crate::membership::{Introduction, Message, Standing, State};
use crate::node::{Boot, Envelope, Event, Node, Notification, RegistryCommand};
use crate::registry::Service;
use crate::time::Time;

fn node() -> Node {
    let rules = Settings::member(NodeId::new("a").unwrap()).check().unwrap();
    Node::new(rules, Boot { seed: 1, stamp_ms: 5, saved: None }, Time::ZERO).unwrap()
}

fn trust(is_given: bool) -> News {
    News::Trust { is_given }
}

fn indices(since: &Since) -> Option<alloc::vec::Vec<u64>> {
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
    assert_eq!(directory.since(99), Since::Unknown(102), "of an earlier life");
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
    // then both are told to start anew, and whoever has seen the last that was missed goes on.
    assert_eq!((later.since(0), later.since(1)), (Since::Unknown(5), Since::Unknown(5)));
    assert_eq!(indices(&later.since(4)), Some(alloc::vec![5]));
}

#[test]
fn a_service_moves_with_its_node() {
    // Given a node that does not know where it is, with a service that is where the node is, and one that is elsewhere,
    let mut node = node();
    let news = |node: &mut Node, event| {
        let actions = node.step(Time::ZERO, event);
        let news = actions.filter_map(|action| match action {
            crate::Action::Notify(Notification::Member(change)) => Some(News::Member(change)),
            crate::Action::Notify(Notification::Service(change)) => Some(News::Service(change)),
            crate::Action::Notify(_) | crate::Action::Send(_) | crate::Action::Persist { .. } => None,
        });
        news.collect::<alloc::vec::Vec<_>>()
    };
    let service = |id: &str, host: Option<&str>| {
        let service = Service { id: id.into(), host: host.map(Into::into), ..Service::new("web", 8_001) };
        Event::Registry(RegistryCommand::Register(service))
    };
    let mut told = news(&mut node, service("here", None));
    told.extend(news(&mut node, service("there", Some("10.0.0.9"))));
    let first = Directory::empty(node.rules().key(), 0).after(&node, Time::ZERO, 0, told);
    // when it learns where it is from one that joins it, and a third service is registered meanwhile,
    let other = NodeId::new("b").unwrap();
    let standing = Standing { life: Incarnation(7), refutation: 0 };
    let me = Introduction { id: other.clone(), address: None, standing, state: State::Alive, age_s: 0 };
    let envelope = Envelope {
        from: other.key(),
        from_incarnation: Incarnation(7),
        to: node.rules().key(),
        to_incarnation: node.incarnation(),
        digests: node.rules().digests,
        message: Message::Join { at: Some(([10, 0, 0, 7], 7_001).into()), me }.into(),
    };
    let mut told = news(&mut node, Event::Message(envelope));
    told.extend(news(&mut node, service("new", None)));
    let second = first.after(&node, Time::ZERO, 0, told);
    // then the first has changed, the second has not, and of the third only one word is said.
    let Since::Events(events) = second.since(first.index()) else { panic!("it was there") };
    let services = events.iter().filter_map(|event| match &**event {
        WatchEvent { happened: Happened::Service { event, service }, .. } => {
            Some((event.as_str(), service.id.as_str(), service.host.as_str()))
        }
        WatchEvent { .. } => None,
    });
    assert_eq!(
        services.collect::<alloc::vec::Vec<_>>(),
        [("added", "new", "10.0.0.7"), ("changed", "here", "10.0.0.7")]
    );
    // Nothing is said again.
    assert_eq!(second.after(&node, Time::ZERO, 0, []).index(), second.index());
}
