//! Members and services over real sockets: scenarios 23, 24, 27, 28 and 30.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use qcluster::{
    CommandError, CommandRefused, Config, Handle, Health, Mode, RegistryError, Service, Watch, WatchError, WatchEvent,
    WatchEventKind,
};
use qcluster_host::test_support::in_time;

use crate::hosts::Host;
use crate::support;

/// A node without a leader, on a free port.
fn member(identifier: &str) -> Config {
    Config::new(identifier, "127.0.0.1", 0).with_mode(Mode::Masterless)
}

fn address(cluster: &Handle) -> SocketAddr {
    SocketAddr::new("127.0.0.1".parse().unwrap(), cluster.me().port)
}

/// Nodes that know one another.
async fn cluster<H: Host>(names: &[&str]) -> Vec<Handle> {
    let mut nodes: Vec<Handle> = Vec::new();
    for name in names {
        let join = nodes.first().map(|seed| address(seed).to_string());
        nodes.push(H::start(member(name).with_join(join)).await.unwrap());
    }
    for node in &nodes {
        settled::<H>(node, |node| present(node) == names.len()).await;
    }
    nodes
}

fn present(node: &Handle) -> usize {
    node.members().iter().filter(|member| member.state == "alive").count()
}

fn state(node: &Handle, identifier: &str) -> Option<String> {
    node.members().into_iter().find(|member| member.identifier == identifier).map(|member| member.state)
}

/// Waits until a node sees what it has to see.
async fn settled<H: Host>(node: &Handle, is_so: impl Fn(&Handle) -> bool) {
    support::settled::<H>(|| is_so(node)).await;
}

fn worker(port: u16) -> Service {
    Service::new("worker", port).with_metadata([("zone", "b")])
}

pub(crate) async fn what_one_node_registers_all_see_with_its_host<H: Host>() {
    let nodes = cluster::<H>(&["a", "b", "c"]).await;
    nodes[1].register(worker(8_001)).await.unwrap();
    assert_eq!(nodes[1].services("worker").len(), 1, "the node itself sees it at once");
    for node in &nodes {
        settled::<H>(node, |node| node.services("worker").len() == 1).await;
        let found = node.services("worker").remove(0);
        assert_eq!((found.node.as_str(), found.port, found.host.as_str()), ("b", 8_001, "127.0.0.1"));
        assert_eq!(found.metadata["zone"], "b");
    }
    nodes[1].deregister("worker").await.unwrap();
    settled::<H>(&nodes[0], |node| node.all_services().is_empty()).await;
}

pub(crate) async fn a_refusal_says_why_and_changes_nothing<H: Host>() {
    let node = H::start(member("a")).await.unwrap();
    let refused = node.deregister("none").await;
    assert_eq!(refused, Err(CommandError::Refused(RegistryError::Unknown { id: "none".into() }.into())));
    let refused = node.register(worker(1).with_ttl(Duration::ZERO)).await;
    assert!(
        matches!(refused, Err(CommandError::Refused(CommandRefused::Registry(RegistryError::Invalid(_))))),
        "{refused:?}"
    );
    assert_eq!(node.all_services(), []);
}

pub(crate) async fn scenario_23_a_member_that_comes_back_elsewhere_is_used_at_once<H: Host>() {
    let nodes = cluster::<H>(&["a", "b", "c"]).await;
    let before = address(&nodes[2]);
    nodes[2].abort().await;
    let back = H::start(member("c").with_join([address(&nodes[0]).to_string()])).await.unwrap();
    let now = address(&back);
    assert_ne!(before, now, "another free port");
    for node in &nodes[..2] {
        settled::<H>(node, |node| {
            let c = node.members().into_iter().find(|member| member.identifier == "c");
            c.is_some_and(|c| c.state == "alive" && c.address == Some(now))
        })
        .await;
    }
}

pub(crate) async fn scenario_28_who_leaves_was_never_down<H: Host>() {
    let nodes = cluster::<H>(&["a", "b", "c"]).await;
    let mut watch = watch(&nodes[0]);
    nodes[2].shutdown().await;
    let event = watch.member_event("c").await;
    assert_eq!(event, "left");
    settled::<H>(&nodes[1], |node| state(node, "c").as_deref() == Some("left")).await;
}

pub(crate) async fn scenario_24_and_27_a_crash_is_seen_and_a_return_too<H: Host>() {
    let nodes = cluster::<H>(&["a", "b"]).await;
    let mut watch = watch(&nodes[0]);
    let port = nodes[1].me().port;
    nodes[1].abort().await;
    assert_eq!(watch.member_event("b").await, "down");
    // Nobody tells the one who comes back where the other is: the other still tries where it was (G7).
    let mut config = member("b");
    config.listen_port = port;
    let _back = H::start(config).await.unwrap();
    assert_eq!(watch.member_event("b").await, "joined");
}

pub(crate) async fn scenario_30_silence_makes_a_service_critical_for_all<H: Host>() {
    let nodes = cluster::<H>(&["a", "b"]).await;
    let mut watch = watch(&nodes[1]);
    let beating = worker(1).with_ttl(Duration::from_millis(300));
    nodes[0].register(beating).await.unwrap();
    assert_eq!(watch.service_event().await, ("added".into(), Health::Passing));
    assert_eq!(watch.service_event().await, ("changed".into(), Health::Critical));
    nodes[0].heartbeat("worker", None).await.unwrap();
    assert_eq!(watch.service_event().await, ("changed".into(), Health::Passing));
    nodes[0].deregister("worker").await.unwrap();
    // It may have lapsed once more before.
    while watch.service_event().await.0 != "removed" {}
}

pub(crate) async fn what_the_configuration_says_is_there_from_the_start<H: Host>() {
    let nodes = cluster::<H>(&["a"]).await;
    let config = member("b")
        .with_join([address(&nodes[0]).to_string()])
        .with_metadata([("server_port", 8_001)])
        .with_services([Service::new("billing", 9_000)]);
    let _b = H::start(config).await.unwrap();
    settled::<H>(&nodes[0], |node| node.services("billing").len() == 1).await;
    settled::<H>(&nodes[0], |node| node.members().iter().any(|member| member.metadata.contains_key("server_port")))
        .await;
    let wrong = member("c").with_services([Service::new("bil ling", 9_000)]);
    let error = H::start(wrong).await.unwrap_err();
    assert!(error.to_string().contains("services[0]"), "{error}");
}

pub(crate) async fn a_watch_ends_with_its_node<H: Host>() {
    let node = H::start(member("a")).await.unwrap();
    let mut watch = node.watch();
    node.shutdown().await;
    loop {
        match in_time(watch.next()).await {
            Ok(_) => {}
            Err(error) => {
                assert!(matches!(error, WatchError::Stopped(_)), "{error}");
                return;
            }
        }
    }
}

pub(crate) async fn all_nodes_name_the_same_owners<H: Host>() {
    let nodes = cluster::<H>(&["a", "b", "c"]).await;
    for key in ["customer-1", "customer-2", "customer-3"] {
        let owners = nodes[0].owners(key, 2);
        assert_eq!(owners.len(), 2, "{owners:?}");
        assert!(nodes.iter().all(|node| node.owners(key, 2) == owners), "{key}");
    }
}

/// A watch, and what it has told of too early.
struct Story {
    watch: Watch,
    told: VecDeque<Arc<WatchEvent>>,
}

fn watch(node: &Handle) -> Story {
    Story { watch: node.watch(), told: VecDeque::new() }
}

impl Story {
    /// The next thing that happens to that member.
    async fn member_event(&mut self, identifier: &str) -> String {
        self.next(|happened| match happened {
            WatchEventKind::Member { event, member } if member.identifier == identifier => Some(event.clone()),
            _ => None,
        })
        .await
    }

    /// The next thing that happens to a service.
    async fn service_event(&mut self) -> (String, Health) {
        self.next(|happened| match happened {
            WatchEventKind::Service { event, service } => Some((event.clone(), service.health)),
            _ => None,
        })
        .await
    }

    /// The first event from now on that is looked for; the story goes on right behind it.
    async fn next<T>(&mut self, find: impl Fn(&WatchEventKind) -> Option<T>) -> T {
        loop {
            while let Some(event) = self.told.pop_front() {
                if let Some(found) = find(&event.kind) {
                    return found;
                }
            }
            self.told.extend(in_time(self.watch.next()).await.unwrap());
        }
    }
}
