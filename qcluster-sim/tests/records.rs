//! Services among many: the scenarios that every change of the registry has to pass, in deterministic simulation.

use qcluster_core::{GossipPace, Health, Node, NodeId, Service, ServiceChange, Span};
use qcluster_sim::crowd::{self, Crowd, CrowdSetup, Whereabouts};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const fn seconds(count: u64) -> Span {
    Span::from_millis(count * 1_000)
}

fn web(id: &str, port: u16) -> Service {
    Service::new("web", port).with_id(id)
}

fn start_all(setup: CrowdSetup) -> Result<Crowd, Box<dyn std::error::Error>> {
    let mut crowd = Crowd::new(setup);
    crowd.start_all()?;
    crowd.run_until(seconds(30), Crowd::agrees)?.ok_or("views of members differ")?;
    Ok(crowd)
}

/// All show what is offered, from within that span on.
fn right_within(crowd: &mut Crowd, limit: Span) -> Outcome {
    let is_right = |crowd: &Crowd| crowd.records_agree() && crowd.services_are_right();
    match crowd.run_until(limit, is_right)? {
        Some(_) => Ok(crowd.audit()?),
        None => Err(format!("registries differ {limit} later:{}", crowd.record_differences()).into()),
    }
}

fn shows(node: &Node, host: usize, id: &str) -> bool {
    let owner = NodeId::new(&format!("n{host:04}")).expect("it is printable");
    node.service(owner.key(), id).is_some()
}

/// Services are ended, changed and begun on both sides of a cut, shorter and longer than anything is remembered; clocks of
/// the hosts are minutes apart, and some hosts begin another incarnation behind the cut, with clocks that went back.
fn scenario_27(first: usize, second: usize) -> Outcome {
    let brief = GossipPace { retention: seconds(60), ..GossipPace::default() };
    for (pace, cut) in [(brief, 30), (brief, 65), (brief, 75), (brief, 300), (GossipPace::default(), 300)] {
        let mut crowd = start_all(CrowdSetup { pace, ..CrowdSetup::members(first + second) })?;
        for host in 0..first + second {
            crowd.register(host, web("stays", 1))?;
            crowd.register(host, web("changes", 1))?;
            crowd.register(host, web("ends", 1))?;
        }
        right_within(&mut crowd, seconds(30))?;
        crowd.cut_after(first);
        crowd.run_for(seconds(1))?;
        for host in 0..first + second {
            crowd.deregister(host, "ends")?;
            crowd.register(host, web("changes", 2))?;
            crowd.register(host, web("begins", 2))?;
        }
        crowd.run_for(seconds(cut))?;
        crowd.skew(first, -3_600_000);
        crowd.restart(first, Whereabouts::Same, &[0, first])?;
        crowd.register(first, web("begins", 3))?;
        crowd.heal();
        right_within(&mut crowd, seconds(60))?;
        for _ in 0..30 {
            crowd.run_for(seconds(2))?;
            let is_back = crowd.live().any(|(_, node)| (0..first + second).any(|host| shows(node, host, "ends")));
            assert!(!is_back, "what was ended came back after a cut of {cut} s");
        }
        right_within(&mut crowd, seconds(60))?;
    }
    Ok(())
}

#[test]
fn scenario_27_what_was_ended_stays_so_where_two_lonely_nodes_meet_again() -> Outcome {
    scenario_27(1, 1)
}

#[test]
fn scenario_27_what_was_ended_stays_so_where_one_meets_the_others_again() -> Outcome {
    scenario_27(6, 1)
}

#[test]
fn scenario_27_what_was_ended_stays_so_where_halves_meet_again() -> Outcome {
    scenario_27(4, 4)
}

/// A host restarts behind a cut and is down after that. One side has what it offered before, and a node that joins the other
/// side hears only that a later incarnation of it is down.
#[test]
fn what_was_offered_before_a_restart_is_kept_by_nobody_once_all_know_of_the_restart() -> Outcome {
    for seed in 0..20 {
        let mut crowd = start_all(CrowdSetup::members(5).seed(seed))?;
        for id in ["a", "b", "c"] {
            crowd.register(4, web(id, 1))?;
        }
        right_within(&mut crowd, seconds(30))?;
        crowd.cut_after(1);
        crowd.run_for(seconds(1))?;
        crowd.restart(4, Whereabouts::Same, &[1])?;
        crowd.run_for(seconds(20))?;
        crowd.crash(4);
        crowd.crash(2);
        crowd.run_for(seconds(30))?;
        crowd.start(2, &[0, 1])?;
        crowd.run_for(seconds(1))?;
        crowd.heal();
        crowd.run_until(seconds(60), Crowd::agrees)?.ok_or("views of members differ")?;
        right_within(&mut crowd, seconds(60)).map_err(|what| format!("seed {seed}: {what}"))?;
        let kept = |node: &Node| node.registry_counts().map_or(0, |counts| counts.records);
        assert!(crowd.live().all(|(_, node)| kept(node) == 0), "records of nobody are kept");
    }
    Ok(())
}

#[test]
fn services_of_vanished_members_stay_while_the_view_is_not_trusted() -> Outcome {
    let mut crowd = start_all(CrowdSetup::members(10))?;
    for host in 0..10 {
        crowd.register(host, web("a", 1))?;
    }
    right_within(&mut crowd, seconds(30))?;
    crowd.cut_after(1);
    crowd.run_until(seconds(60), |crowd| !crowd.node(0).is_some_and(Node::view_is_trusted))?.ok_or("it trusts")?;
    crowd.run_for(seconds(600))?;
    crowd.audit()?;
    let lonely = crowd.node(0).ok_or("it runs")?;
    assert!(!lonely.view_is_trusted());
    let kept = (0..10).filter(|host| shows(lonely, *host, "a")).count();
    // Those that went before the fault was known to be here may be gone: it takes three to notice (G9).
    assert_eq!(kept, 10, "services of members that vanished at once are gone");
    // The others have lost one, which may well be: they trust their view, and its services go.
    let others_show_it = crowd.live().skip(1).any(|(_, node)| !node.view_is_trusted() || shows(node, 0, "a"));
    assert!(!others_show_it, "one of ten is not most of them");
    crowd.heal();
    right_within(&mut crowd, seconds(60))?;
    assert!(crowd.live().all(|(_, node)| node.view_is_trusted()));
    Ok(())
}

#[test]
fn scenario_29_one_record_does_not_wait_for_ten_thousand() -> Outcome {
    const MANY: usize = 10_000;
    let mut crowd = Crowd::new(CrowdSetup::members(2));
    crowd.cut_after(1);
    crowd.start(0, &[])?;
    crowd.start(1, &[0])?;
    for index in 0..MANY {
        crowd.register(0, web(&format!("many-{index}"), 1))?;
    }
    crowd.register(1, web("one", 1))?;
    crowd.run_for(seconds(1))?;
    crowd.heal();
    let has_one = |crowd: &Crowd| crowd.node(0).is_some_and(|node| shows(node, 1, "one"));
    crowd.run_until(seconds(60), has_one)?.ok_or("the one record does not arrive")?;
    let there = crowd.node(1).map_or(0, |node| node.services(None).count());
    assert!(there < MANY / 10, "{there} of ten thousand went before the one");
    right_within(&mut crowd, seconds(120))
}

#[test]
fn scenario_30_a_service_that_falls_silent_is_critical_then_gone_and_every_watch_says_so() -> Outcome {
    let mut crowd = start_all(CrowdSetup::members(12))?;
    crowd.watch_service("a");
    let ttl = seconds(2);
    crowd.register(3, web("a", 1).with_ttl(ttl.into()))?;
    for _ in 0..5 {
        crowd.run_for(seconds(1))?;
        crowd.beat(3, "a", None)?;
    }
    let heard_last = crowd.now();
    crowd.run_for(seconds(90))?;
    crowd.audit()?;
    for host in 0..12 {
        let seen: Vec<_> = crowd.sightings().iter().filter(|seen| seen.by == host).collect();
        let [added, changed, removed] = seen.as_slice() else {
            return Err(format!("host {host} was told {seen:?}").into());
        };
        let health = |change: &ServiceChange| change.instance().service.health;
        assert!(matches!(added.change, ServiceChange::Added(_)) && health(&added.change) == Health::Passing);
        assert!(matches!(changed.change, ServiceChange::Changed(_)) && health(&changed.change) == Health::Critical);
        assert!(matches!(removed.change, ServiceChange::Removed(_)));
        assert!(changed.at >= heard_last + ttl, "it was critical before its time");
        assert!(removed.at >= heard_last + ttl + Span::from(Service::TTL_GRACE_MIN), "it went before its time");
    }
    Ok(())
}

#[test]
fn storms_bring_back_nothing_that_was_ended() -> Outcome {
    // Of those above a hundred each has shown a fault of the nodes: an incarnation taken twice, records of an
    // incarnation that only some knew.
    let seeds = (0..12).chain([345, 496, 759, 778]);
    seeds.into_iter().try_for_each(|seed| crowd::storm_of_records(seed).map(|_| ()))?;
    Ok(())
}
