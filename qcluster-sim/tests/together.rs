//! Election, membership and registry in one node: what members and services look like from every node.

use std::time::Duration;

use qcluster_core::{
    Command, CommandRefused, Health, MemberEvent, NodeId, Notification, RegistryError, Service, ServiceChange, Span,
    State,
};
use qcluster_sim::crowd::{Crowd, CrowdSetup, Names, Whereabouts};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn id(n: usize) -> NodeId {
    NodeId::new(&format!("n{n:04}")).expect("it is printable")
}

/// Nodes without a leader. All know where the first is.
fn masterless(nodes: usize) -> Result<Crowd, Box<dyn std::error::Error>> {
    started(CrowdSetup::members(nodes))
}

fn started(setup: CrowdSetup) -> Result<Crowd, Box<dyn std::error::Error>> {
    let mut crowd = Crowd::new(setup);
    crowd.listen();
    for n in 0..crowd.len() {
        crowd.skew(n, 0);
    }
    crowd.start_all()?;
    Ok(crowd)
}

const fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

/// A node that runs.
fn node(crowd: &Crowd, n: usize) -> &qcluster_core::Node {
    crowd.node(n).expect("it runs")
}

/// The members that a node sees there.
fn present(crowd: &Crowd, n: usize) -> usize {
    node(crowd, n).members().filter(|member| member.state.is_present()).count()
}

fn service(name: &str, port: u16) -> Service {
    Service::new(name, port)
}

fn names(crowd: &Crowd, n: usize, name: &str) -> Vec<(String, u16)> {
    node(crowd, n).services(Some(name)).map(|at| (format!("{:?}", at.owner), at.service.port)).collect()
}

#[test]
fn nodes_that_know_one_seed_become_one_cluster() -> Outcome {
    let mut crowd = masterless(5)?;
    crowd.run_for(ms(5_000))?;
    for n in 0..5 {
        assert_eq!(present(&crowd, n), 5, "seen by {n}");
        assert_eq!(node(&crowd, n).members_hash(), node(&crowd, 0).members_hash());
        assert_eq!(node(&crowd, n).role().name(), "member");
        let addresses: Vec<_> = node(&crowd, n).members().map(|member| (member.id.clone(), member.address)).collect();
        for (other, at) in addresses {
            let known = (0..5).find(|n| id(*n) == other).map(|n| crowd.address(n));
            // The first is nobody's newcomer, and learns where it is from those who try to reach it.
            assert!(at.is_none() || at == known, "{n} sees {other} at {at:?}");
        }
    }
    Ok(())
}

#[test]
fn voters_and_observers_are_members_and_a_leader_is_elected_as_ever() -> Outcome {
    let mut crowd = started(CrowdSetup { voters: 3, ..CrowdSetup::members(5) })?;
    crowd.run_for(ms(5_000))?;
    for n in 0..5 {
        assert_eq!(present(&crowd, n), 5, "seen by {n}");
        assert!(node(&crowd, n).leader().is_some(), "{n} knows the leader");
    }
    Ok(())
}

#[test]
fn a_service_is_seen_by_all_and_goes_with_its_node() -> Outcome {
    let mut crowd = masterless(4)?;
    crowd.run_for(ms(5_000))?;
    crowd.command(1, Command::Register(service("billing", 8_001)))??;
    crowd.command(2, Command::Register(service("billing", 8_002)))??;
    crowd.run_for(ms(1_000))?;
    for n in 0..4 {
        assert_eq!(names(&crowd, n, "billing").len(), 2, "seen by {n}");
    }
    // When one node crashes, its instance goes once its node is known to be down;
    crowd.crash(1);
    crowd.run_for(ms(8_000))?;
    for n in [0, 2, 3] {
        assert_eq!(names(&crowd, n, "billing"), names(&crowd, 2, "billing"));
        assert_eq!(names(&crowd, n, "billing").len(), 1, "seen by {n}");
    }
    // and those who watch were told of each change once.
    let mut told = Vec::new();
    for notification in crowd.told(0) {
        match notification {
            Notification::Service(ServiceChange::Added(at)) => told.push(("added", at.service.port)),
            Notification::Service(ServiceChange::Changed(at)) => told.push(("changed", at.service.port)),
            Notification::Service(ServiceChange::Removed(at)) => told.push(("removed", at.service.port)),
            _ => {}
        }
    }
    told.sort_unstable();
    assert_eq!(told, [("added", 8_001), ("added", 8_002), ("removed", 8_001)]);
    Ok(())
}

#[test]
fn a_node_that_leaves_is_gone_at_once_and_was_never_down() -> Outcome {
    let mut crowd = masterless(4)?;
    crowd.run_for(ms(5_000))?;
    crowd.command(3, Command::Register(service("cache", 1)))??;
    crowd.run_for(ms(1_000))?;
    crowd.leave(3)?;
    crowd.run_for(ms(500))?;
    for n in 0..3 {
        assert_eq!(node(&crowd, n).member(id(3).key()).unwrap().state, State::Left, "seen by {n}");
        assert_eq!(names(&crowd, n, "cache").len(), 0, "seen by {n}");
    }
    crowd.run_for(ms(20_000))?;
    for n in 0..3 {
        let events = crowd.told(n).iter().filter_map(|told| match told {
            Notification::Member(change) if change.member.id == id(3) => Some(change.what),
            _ => None,
        });
        assert_eq!(events.collect::<Vec<_>>(), [MemberEvent::Joined, MemberEvent::Left], "told to {n}");
    }
    Ok(())
}

#[test]
fn scenario_23_a_restarted_member_is_used_at_once() -> Outcome {
    let mut crowd = masterless(4)?;
    crowd.run_for(ms(5_000))?;
    crowd.crash(2);
    crowd.run_for(ms(200))?;
    crowd.restart(2, Whereabouts::Same, &[0])?;
    crowd.run_for(ms(1_500))?;
    for n in 0..4 {
        let member = node(&crowd, n).member(id(2).key()).unwrap();
        assert_eq!(member.state, State::Alive, "seen by {n}");
        assert_eq!(member.standing.incarnation, node(&crowd, 2).incarnation(), "seen by {n}");
    }
    Ok(())
}

#[test]
fn scenario_30_a_service_that_falls_silent_is_critical_and_then_gone_for_all() -> Outcome {
    let mut crowd = masterless(3)?;
    crowd.run_for(ms(5_000))?;
    let beating = service("worker", 9).with_ttl(Duration::from_secs(2));
    crowd.command(0, Command::Register(beating))??;
    crowd.run_for(ms(1_500))?;
    crowd.command(0, Command::Heartbeat { id: "worker".into(), health: None })??;
    crowd.run_for(ms(1_500))?;
    let health = |crowd: &Crowd, n: usize| node(crowd, n).services(Some("worker")).next().map(|at| at.service.health);
    assert_eq!(health(&crowd, 2), Some(Health::Passing), "a heartbeat came in time");
    crowd.run_for(ms(1_500))?;
    assert_eq!(health(&crowd, 2), Some(Health::Critical));
    crowd.run_for(ms(70_000))?;
    assert_eq!(health(&crowd, 2), None);
    let told: Vec<&str> = crowd
        .told(2)
        .iter()
        .filter_map(|told| match told {
            Notification::Service(change) => Some(change.name()),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["added", "changed", "removed"]);
    Ok(())
}

#[test]
fn what_a_node_says_about_itself_reaches_all() -> Outcome {
    let mut crowd = masterless(3)?;
    crowd.run_for(ms(5_000))?;
    let metadata = [("zone".to_owned(), serde_json::Value::from("b"))].into_iter().collect();
    crowd.command(1, Command::SetMetadata(metadata))??;
    crowd.run_for(ms(1_000))?;
    for n in 0..3 {
        let zone = node(&crowd, n).metadata_of(id(1).key()).and_then(|metadata| metadata.get("zone").cloned());
        assert_eq!(zone, Some("b".into()), "seen by {n}");
    }
    Ok(())
}

#[test]
fn a_command_that_is_refused_says_why_and_changes_nothing() -> Outcome {
    let mut crowd = masterless(2)?;
    crowd.run_for(ms(5_000))?;
    let nameless = Service::new("", 1).with_id("x");
    assert!(matches!(
        crowd.command(0, Command::Register(nameless))?,
        Err(CommandRefused::Registry(RegistryError::Invalid(_)))
    ));
    let unknown = crowd.command(0, Command::Deregister { id: "none".into() })?;
    assert_eq!(unknown, Err(CommandRefused::Registry(RegistryError::Unknown { id: "none".into() })));
    crowd.run_for(ms(1_000))?;
    assert_eq!(node(&crowd, 1).services(None).count(), 0);
    Ok(())
}

#[test]
fn who_leads_is_known_is_reported_where_it_is_not_heard() -> Outcome {
    // An observer that knows no voter's address, and joins through another observer.
    let mut crowd = started(CrowdSetup { voters: 3, ..CrowdSetup::members(5) })?;
    crowd.run_for(ms(2_000))?;
    crowd.crash(4);
    crowd.start_where(4, 4, Names::Unknown, &[3])?;
    crowd.run_for(ms(300))?;
    let heard = |crowd: &Crowd| {
        let node = node(crowd, 4);
        node.leader().map(|leader| leader.key).or(node.reported_leader().map(|hint| hint.leader))
    };
    crowd.run_for(ms(3_000))?;
    assert_eq!(heard(&crowd), node(&crowd, 0).leader().map(|leader| leader.key));
    Ok(())
}

#[test]
fn twins_without_a_leader_are_told_apart_and_the_later_stops() -> Outcome {
    let mut crowd = masterless(3)?;
    crowd.run_for(ms(5_000))?;
    // A second node by the name of the first, at another address: the third machine takes it.
    crowd.crash(2);
    crowd.run_for(ms(20_000))?;
    crowd.start_as(2, 1, &[0])?;
    crowd.run_for(ms(10_000))?;
    assert!(node(&crowd, 2).is_stopped(), "the later one stops");
    assert!(!node(&crowd, 1).is_stopped(), "the earlier one goes on");
    assert!(crowd.told(2).iter().any(|told| matches!(told, Notification::DuplicateIdentifier { .. })));
    Ok(())
}

/// No node asks another who owns a key: so all must come to the same answer by themselves (G11).
#[test]
fn all_nodes_with_equal_views_name_the_same_owners() -> Outcome {
    let mut crowd = masterless(5)?;
    crowd.run_for(ms(5_000))?;
    let keys: Vec<String> = (0..200).map(|key| format!("key {key}")).collect();
    let owners = |crowd: &Crowd, n: usize| -> Vec<_> {
        keys.iter().map(|key| node(crowd, n).owners(key.as_bytes(), 2)).collect()
    };
    let before = owners(&crowd, 0);
    for n in 0..5 {
        assert_eq!(node(&crowd, n).members_hash(), node(&crowd, 0).members_hash());
        assert_eq!(owners(&crowd, n), before, "named by {n}");
    }
    // When one is gone, then those that are left agree again.
    crowd.crash(4);
    crowd.run_for(ms(10_000))?;
    let after = owners(&crowd, 0);
    assert!(after.iter().flatten().all(|owner| *owner != id(4)));
    for n in 0..4 {
        assert_eq!(owners(&crowd, n), after, "named by {n}");
    }
    Ok(())
}
