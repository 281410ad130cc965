//! What members and services look like from every node.

use qcluster_core::{
    Command, CommandRefused, Health, Input, MemberEvent, Notification, RegistryError, Service, ServiceChange, Span,
    State,
};

use crate::cluster::{Cluster, address, id};

/// The members that a node sees there.
fn present(cluster: &Cluster, n: usize) -> usize {
    cluster.node(n).members().filter(|member| member.state.is_present()).count()
}

fn service(name: &str, port: u16) -> Service {
    Service::new(name, port)
}

fn names(cluster: &Cluster, n: usize, name: &str) -> Vec<(String, u16)> {
    cluster.node(n).services(Some(name)).map(|at| (format!("{:?}", at.owner), at.service.port)).collect()
}

#[test]
fn nodes_that_know_one_seed_become_one_cluster() {
    let mut cluster = Cluster::masterless(5);
    cluster.run(5_000);
    for n in 0..5 {
        assert_eq!(present(&cluster, n), 5, "seen by {n}");
        assert_eq!(cluster.node(n).members_hash(), cluster.node(0).members_hash());
        assert_eq!(cluster.node(n).role().name(), "member");
        let addresses: Vec<_> = cluster.node(n).members().map(|member| (member.id.clone(), member.address)).collect();
        for (other, at) in addresses {
            let known = (0..5).find(|n| id(*n) == other).map(address);
            // The first is nobody's newcomer, and learns where it is from those who try to reach it.
            assert!(at.is_none() || at == known, "{n} sees {other} at {at:?}");
        }
    }
}

#[test]
fn voters_and_observers_are_members_and_a_leader_is_elected_as_ever() {
    let mut cluster = Cluster::with_leader(3, 2);
    cluster.run(5_000);
    for n in 0..5 {
        assert_eq!(present(&cluster, n), 5, "seen by {n}");
        assert!(cluster.node(n).leader().is_some(), "{n} knows the leader");
    }
}

#[test]
fn a_service_is_seen_by_all_and_goes_with_its_node() {
    let mut cluster = Cluster::masterless(4);
    cluster.run(5_000);
    cluster.ask(1, Command::Register(service("billing", 8_001))).unwrap();
    cluster.ask(2, Command::Register(service("billing", 8_002))).unwrap();
    cluster.run(1_000);
    for n in 0..4 {
        assert_eq!(names(&cluster, n, "billing").len(), 2, "seen by {n}");
    }
    // When one node crashes, its instance goes once its node is known to be down;
    cluster.crash(1);
    cluster.run(8_000);
    for n in [0, 2, 3] {
        assert_eq!(names(&cluster, n, "billing"), names(&cluster, 2, "billing"));
        assert_eq!(names(&cluster, n, "billing").len(), 1, "seen by {n}");
    }
    // and those who watch were told of each change once.
    let mut told = Vec::new();
    for notification in &cluster.machines[0].told {
        match notification {
            Notification::Service(ServiceChange::Added(at)) => told.push(("added", at.service.port)),
            Notification::Service(ServiceChange::Changed(at)) => told.push(("changed", at.service.port)),
            Notification::Service(ServiceChange::Removed(at)) => told.push(("removed", at.service.port)),
            _ => {}
        }
    }
    told.sort_unstable();
    assert_eq!(told, [("added", 8_001), ("added", 8_002), ("removed", 8_001)]);
}

#[test]
fn a_node_that_leaves_is_gone_at_once_and_was_never_down() {
    let mut cluster = Cluster::masterless(4);
    cluster.run(5_000);
    cluster.ask(3, Command::Register(service("cache", 1))).unwrap();
    cluster.run(1_000);
    cluster.step(3, Input::Command(Command::Shutdown)).unwrap();
    cluster.crash(3);
    cluster.run(500);
    for n in 0..3 {
        assert_eq!(cluster.node(n).member(id(3).key()).unwrap().state, State::Left, "seen by {n}");
        assert_eq!(names(&cluster, n, "cache").len(), 0, "seen by {n}");
    }
    cluster.run(20_000);
    for n in 0..3 {
        let events = cluster.machines[n].told.iter().filter_map(|told| match told {
            Notification::Member(change) if change.member.id == id(3) => Some(change.what),
            _ => None,
        });
        assert_eq!(events.collect::<Vec<_>>(), [MemberEvent::Joined, MemberEvent::Left], "told to {n}");
    }
}

#[test]
fn scenario_23_a_restarted_member_is_used_at_once() {
    let mut cluster = Cluster::masterless(4);
    cluster.run(5_000);
    cluster.crash(2);
    cluster.run(200);
    cluster.start(2);
    cluster.step(2, Input::Command(Command::Join(address(0)))).unwrap();
    cluster.run(1_500);
    for n in 0..4 {
        let member = cluster.node(n).member(id(2).key()).unwrap();
        assert_eq!(member.state, State::Alive, "seen by {n}");
        assert_eq!(member.standing.incarnation, cluster.node(2).incarnation(), "seen by {n}");
    }
}

#[test]
fn scenario_30_a_service_that_falls_silent_is_critical_and_then_gone_for_all() {
    let mut cluster = Cluster::masterless(3);
    cluster.run(5_000);
    let beating = Service { ttl: Some(Span::from_millis(2_000)), ..service("worker", 9) };
    cluster.ask(0, Command::Register(beating)).unwrap();
    cluster.run(1_500);
    cluster.ask(0, Command::Heartbeat { id: "worker".into(), health: None }).unwrap();
    cluster.run(1_500);
    let health =
        |cluster: &Cluster, n: usize| cluster.node(n).services(Some("worker")).next().map(|at| at.service.health);
    assert_eq!(health(&cluster, 2), Some(Health::Passing), "a heartbeat came in time");
    cluster.run(1_500);
    assert_eq!(health(&cluster, 2), Some(Health::Critical));
    cluster.run(70_000);
    assert_eq!(health(&cluster, 2), None);
    let told: Vec<&str> = cluster.machines[2]
        .told
        .iter()
        .filter_map(|told| match told {
            Notification::Service(change) => Some(change.name()),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["added", "changed", "removed"]);
}

#[test]
fn what_a_node_says_about_itself_reaches_all() {
    let mut cluster = Cluster::masterless(3);
    cluster.run(5_000);
    let metadata = [("zone".to_owned(), serde_json::Value::from("b"))].into_iter().collect();
    cluster.ask(1, Command::SetMetadata(metadata)).unwrap();
    cluster.run(1_000);
    for n in 0..3 {
        let zone = cluster.node(n).metadata_of(id(1).key()).and_then(|metadata| metadata.get("zone").cloned());
        assert_eq!(zone, Some("b".into()), "seen by {n}");
    }
}

#[test]
fn a_command_that_is_refused_says_why_and_changes_nothing() {
    let mut cluster = Cluster::masterless(2);
    cluster.run(5_000);
    let nameless = Service { name: String::new(), ..service("x", 1) };
    assert!(matches!(
        cluster.ask(0, Command::Register(nameless)),
        Err(CommandRefused::Registry(RegistryError::Invalid(_)))
    ));
    let unknown = cluster.ask(0, Command::Deregister { id: "none".into() });
    assert_eq!(unknown, Err(CommandRefused::Registry(RegistryError::Unknown { id: "none".into() })));
    cluster.run(1_000);
    assert_eq!(cluster.node(1).services(None).count(), 0);
}

#[test]
fn who_leads_is_known_is_reported_where_it_is_not_heard() {
    // An observer that knows no voter's address, and joins through another observer.
    let mut cluster = Cluster::with_leader(3, 2);
    cluster.run(2_000);
    cluster.crash(4);
    cluster.start(4);
    cluster.step(4, Input::Command(Command::Join(address(3)))).unwrap();
    cluster.run(300);
    let heard = |cluster: &Cluster| {
        let node = cluster.node(4);
        node.leader().map(|leader| leader.key).or(node.reported_leader().map(|hint| hint.leader))
    };
    cluster.run(3_000);
    assert_eq!(heard(&cluster), cluster.node(0).leader().map(|leader| leader.key));
}

#[test]
fn twins_without_a_leader_are_told_apart_and_the_later_stops() {
    let mut cluster = Cluster::masterless(3);
    cluster.run(5_000);
    // A second node by the name of the first, at another address: the third machine takes it.
    cluster.machines[2].endpoint = None;
    cluster.run(20_000);
    cluster.impersonate(2, 1);
    cluster.step(2, Input::Command(Command::Join(address(0)))).unwrap();
    cluster.run(10_000);
    assert!(cluster.node(2).is_stopped(), "the later one stops");
    assert!(!cluster.node(1).is_stopped(), "the earlier one goes on");
    assert!(cluster.machines[2].told.iter().any(|told| matches!(told, Notification::Twin { .. })));
}

/// No node asks another who owns a key: so all must come to the same answer by themselves (G11).
#[test]
fn all_nodes_with_equal_views_name_the_same_owners() {
    let mut cluster = Cluster::masterless(5);
    cluster.run(5_000);
    let keys: Vec<String> = (0..200).map(|key| format!("key {key}")).collect();
    let owners = |cluster: &Cluster, n: usize| -> Vec<_> {
        keys.iter().map(|key| cluster.node(n).owners(key.as_bytes(), 2)).collect()
    };
    let before = owners(&cluster, 0);
    for n in 0..5 {
        assert_eq!(cluster.node(n).members_hash(), cluster.node(0).members_hash());
        assert_eq!(owners(&cluster, n), before, "named by {n}");
    }
    // When one is gone, then those that are left agree again.
    cluster.crash(4);
    cluster.run(10_000);
    let after = owners(&cluster, 0);
    assert!(after.iter().flatten().all(|owner| *owner != id(4)));
    for n in 0..4 {
        assert_eq!(owners(&cluster, n), after, "named by {n}");
    }
}
