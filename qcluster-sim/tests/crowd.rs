//! Membership among many: the scenarios that every change of it has to pass, in deterministic simulation.

use qcluster_core::{GossipPace, MemberEvent, Node, NodeId, Role, Span, State};
use qcluster_sim::crowd::{self, Condition, Crowd, CrowdSetup, Kinds, OwnAddress, Whereabouts};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const fn seconds(count: u64) -> Span {
    Span::from_millis(count * 1_000)
}

/// A crowd that agrees and has nothing more to tell.
fn settled(setup: CrowdSetup) -> Result<Crowd, Box<dyn std::error::Error>> {
    let mut crowd = Crowd::new(setup);
    crowd.start_all()?;
    one_within(&mut crowd, seconds(30))?;
    crowd.run_for(seconds(5))?;
    Ok(crowd)
}

fn one_within(crowd: &mut Crowd, limit: Span) -> Outcome {
    match crowd.run_until(limit, Crowd::agrees)? {
        Some(_) => Ok(crowd.audit()?),
        None => Err(format!("views differ {limit} later:{}", crowd.differences()).into()),
    }
}

fn name(host: usize) -> NodeId {
    NodeId::new(&format!("n{host:04}")).expect("it is printable")
}

fn told(crowd: &Crowd, of: usize, what: MemberEvent) -> usize {
    crowd.losses().iter().filter(|loss| loss.of == of && loss.what == what).count()
}

#[test]
fn scenario_23_a_restarted_member_is_used_at_its_new_address_at_once() -> Outcome {
    for own_address in [OwnAddress::Given, OwnAddress::Discovered] {
        let mut crowd = settled(CrowdSetup { own_address, ..CrowdSetup::members(20) })?;
        crowd.crash(7);
        crowd.restart(7, Whereabouts::Moved, &[0])?;
        let incarnation = crowd.node(7).expect("it runs").incarnation();
        let is_used = |crowd: &Crowd| {
            let sees = |node: &Node| {
                let member = node.member(name(7).key());
                member.is_some_and(|member| {
                    member.standing.incarnation == incarnation && member.address == Some(crowd.address(7))
                })
            };
            crowd.live().all(|(_, node)| sees(node))
        };
        crowd.run_until(seconds(5), is_used)?.ok_or("somebody looks for it elsewhere")?;
        crowd.run_for(seconds(60))?;
        assert!(is_used(&crowd) && crowd.agrees(), "{}", crowd.differences());
        assert_eq!(told(&crowd, 7, MemberEvent::Down), 0, "it was there all the time");
    }
    Ok(())
}

#[test]
fn scenario_24_of_a_refuted_suspicion_nothing_fires() -> Outcome {
    let mut refuted = 0;
    for seed in 0..10 {
        let mut crowd = settled(CrowdSetup::members(12).seed(seed))?;
        let refutations = |crowd: &Crowd| crowd.node(5).map_or(0, |node| node.counters().refutations);
        let before = refutations(&crowd);
        // Long enough to be suspected, and short enough to contradict.
        crowd.stall(5, Span::from_millis(1_700));
        crowd.run_for(seconds(120))?;
        refuted += refutations(&crowd) - before;
        assert_eq!(told(&crowd, 5, MemberEvent::Down), 0, "seed {seed}");
        assert!(crowd.agrees(), "{}", crowd.differences());
    }
    assert!(refuted >= 5, "only {refuted} suspicions were refuted: the test shows little");
    Ok(())
}

#[test]
fn scenario_26_all_who_restart_at_once_are_alive_whatever_is_said_of_their_past() -> Outcome {
    // Later, at the same time of day as far as they know, and with clocks that went back below all that is known of them.
    for wall_ms in [0, -3_600_000] {
        let mut crowd = settled(CrowdSetup::members(20))?;
        for host in 0..20 {
            crowd.skew(host, wall_ms);
        }
        // Accusations of several of them are going round, and of one that has refuted others before.
        crowd.stall(4, Span::from_millis(1_700));
        crowd.run_for(seconds(2))?;
        for host in 3..7 {
            crowd.crash(host);
        }
        crowd.run_for(Span::from_millis(1_500))?;
        for host in 0..20 {
            crowd.restart(host, Whereabouts::Same, &[0, 1])?;
        }
        one_within(&mut crowd, seconds(20))?;
        crowd.run_for(seconds(60))?;
        assert!(crowd.agrees(), "{}", crowd.differences());
    }
    Ok(())
}

#[test]
fn scenario_26_some_who_restart_with_an_older_clock_are_alive_to_those_who_found_them_dead() -> Outcome {
    let mut crowd = settled(CrowdSetup::members(20))?;
    for host in 10..20 {
        crowd.crash(host);
        crowd.skew(host, -3_600_000);
    }
    crowd.run_for(seconds(20))?;
    assert!(crowd.agree_among(|host| host < 10), "{}", crowd.differences());
    for host in 10..20 {
        crowd.restart(host, Whereabouts::Moved, &[0])?;
    }
    one_within(&mut crowd, seconds(20))
}

/// Everything is forgotten within a minute, so that a cut of ten is longer than every retention.
fn forgetful(nodes: usize) -> CrowdSetup {
    let pace = GossipPace { retention: seconds(60), ..GossipPace::default() };
    CrowdSetup { pace, ..CrowdSetup::members(nodes) }
}

fn scenario_27(first: usize, second: usize) -> Outcome {
    for setup in [forgetful(first + second), CrowdSetup::members(first + second)] {
        let mut crowd = settled(setup)?;
        crowd.cut_after(first);
        crowd.run_for(seconds(600))?;
        assert!(crowd.agree_among(|host| host < first), "{}", crowd.differences());
        assert!(crowd.agree_among(|host| host >= first), "{}", crowd.differences());
        crowd.heal();
        let before = crowd.losses().len();
        one_within(&mut crowd, seconds(60))?;
        crowd.run_for(seconds(60))?;
        let dead = &crowd.losses()[before..];
        assert!(dead.is_empty(), "the heal of {first} and {second} killed: {dead:?}");
    }
    Ok(())
}

#[test]
fn scenario_27_two_lonely_nodes_become_one_cluster_again() -> Outcome {
    scenario_27(1, 1)
}

#[test]
fn scenario_27_one_of_many_comes_back() -> Outcome {
    scenario_27(11, 1)?;
    // The first is the seed of all others, and has none itself.
    scenario_27(1, 11)
}

#[test]
fn scenario_27_halves_become_one_again() -> Outcome {
    scenario_27(2, 2)?;
    scenario_27(10, 10)
}

#[test]
fn scenario_28_an_orderly_leave_is_never_a_failure() -> Outcome {
    for loss_ppm in [0, 50_000] {
        let mut crowd = settled(CrowdSetup::members(20).loss_ppm(loss_ppm))?;
        crowd.leave(3)?;
        crowd.leave(0)?;
        one_within(&mut crowd, seconds(10))?;
        crowd.run_for(seconds(60))?;
        for host in [3, 0] {
            assert_eq!(told(&crowd, host, MemberEvent::Down), 0, "host {host}, loss of {loss_ppm} ppm");
            let shown = crowd.live().filter_map(|(_, node)| node.member(name(host).key()));
            let states: Vec<State> = shown.map(|member| member.state).collect();
            assert_eq!(states, [State::Left; 18], "host {host}");
        }
    }
    Ok(())
}

#[test]
fn a_newcomer_is_let_in_by_a_cluster_that_has_nothing_to_tell() -> Outcome {
    let mut crowd = Crowd::new(CrowdSetup::members(6));
    for host in 0..5 {
        crowd.start(host, &[0])?;
    }
    one_within(&mut crowd, seconds(10))?;
    crowd.run_for(seconds(300))?;
    crowd.start(5, &[2])?;
    one_within(&mut crowd, seconds(5))
}

#[test]
fn a_hundred_at_once_agree_and_soon_all_know_of_a_crash() -> Outcome {
    let mut crowd = Crowd::new(CrowdSetup::members(100).seed(11));
    crowd.start_all()?;
    one_within(&mut crowd, seconds(10))?;
    crowd.run_for(seconds(10))?;
    crowd.crash(60);
    crowd.run_until(seconds(8), |crowd| told(crowd, 60, MemberEvent::Down) == 99)?.ok_or("somebody does not know")?;
    let before = crowd.sent_by_all();
    crowd.run_for(seconds(30))?;
    crowd.run_for(seconds(30))?;
    let sent = crowd.sent_by_all().since(before).datagrams;
    assert!(sent <= 99 * 60 * 5, "{sent} datagrams in a minute in which nothing happened");
    assert_eq!(crowd.false_deaths(), 0);
    Ok(())
}

#[test]
fn nobody_dies_of_loss() -> Outcome {
    let mut crowd = settled(CrowdSetup::members(30).loss_ppm(50_000))?;
    crowd.run_for(seconds(900))?;
    assert_eq!(crowd.false_deaths(), 0);
    let suspicions: u64 = crowd.live().map(|(_, node)| node.counters().suspicions).sum();
    assert!(suspicions > 0, "nobody was even suspected: the test shows nothing");
    one_within(&mut crowd, seconds(10))
}

#[test]
fn who_stood_still_accuses_nobody() -> Outcome {
    for seed in 0..8 {
        let mut crowd = settled(CrowdSetup::members(30).seed(seed))?;
        crowd.stall(9, seconds(5));
        crowd.run_for(seconds(5))?;
        let before = crowd.losses().len();
        crowd.run_for(seconds(60))?;
        let by_it = crowd.losses()[before..].iter().filter(|loss| loss.by == 9).count();
        assert_eq!(by_it, 0, "seed {seed}");
        assert!(crowd.agrees(), "{}", crowd.differences());
    }
    Ok(())
}

#[test]
fn a_view_from_which_most_have_vanished_is_not_trusted() -> Outcome {
    let mut crowd = settled(CrowdSetup::members(20))?;
    for host in 5..20 {
        crowd.crash(host);
    }
    crowd.run_for(seconds(30))?;
    let trusted = |crowd: &Crowd| crowd.live().filter(|(_, node)| node.view_is_trusted()).count();
    assert_eq!(trusted(&crowd), 0, "G9");
    for host in 5..20 {
        crowd.restart(host, Whereabouts::Same, &[0])?;
    }
    one_within(&mut crowd, seconds(20))?;
    assert_eq!(trusted(&crowd), 20, "they are back");
    Ok(())
}

#[test]
fn who_leave_one_after_another_are_missed_by_nobody() -> Outcome {
    let mut crowd = settled(CrowdSetup::members(10))?;
    for host in 1..10 {
        crowd.leave(host)?;
        crowd.run_for(Span::from_millis(500))?;
    }
    crowd.run_for(seconds(10))?;
    assert!(crowd.node(0).expect("it runs").view_is_trusted(), "each said goodbye");
    Ok(())
}

#[test]
fn of_two_with_one_name_the_later_stops() -> Outcome {
    for seed in 0..5 {
        let mut crowd = Crowd::new(CrowdSetup::members(11).seed(seed));
        for host in 0..10 {
            crowd.skew(host, 0);
            crowd.start(host, &[0])?;
        }
        crowd.run_for(seconds(10))?;
        crowd.skew(10, 0);
        crowd.start_as(10, 5, &[0])?;
        crowd.run_for(seconds(30))?;
        assert_eq!(crowd.node(10).map(Node::role), Some(Role::Stopped), "seed {seed}: E17");
        assert_eq!(crowd.node(5).map(Node::role), Some(Role::Member), "seed {seed}: it was there first");
        assert!(crowd.agree_among(|host| host < 10), "seed {seed}: {}", crowd.differences());
    }
    Ok(())
}

#[test]
fn voters_and_observers_are_members_of_one_crowd() -> Outcome {
    let setup = CrowdSetup { voters: 3, kinds: Kinds::Apart, ..CrowdSetup::members(20) };
    let mut crowd = settled(setup)?;
    crowd.crash(1);
    crowd.crash(12);
    one_within(&mut crowd, seconds(15))?;
    crowd.restart(1, Whereabouts::Same, &[0])?;
    crowd.restart(12, Whereabouts::Moved, &[2])?;
    one_within(&mut crowd, seconds(15))?;
    assert_eq!(crowd.false_deaths(), 0);
    Ok(())
}

#[test]
fn after_every_storm_the_crowd_is_one_again() -> Outcome {
    for seed in 1..=60 {
        crowd::storm(seed)?;
    }
    Ok(())
}

#[test]
fn one_seed_is_one_run() -> Outcome {
    let run = |seed| -> Result<_, Box<dyn std::error::Error>> {
        let mut crowd = settled(CrowdSetup::members(15).seed(seed).loss_ppm(100_000))?;
        crowd.crash(3);
        crowd.run_for(seconds(20))?;
        assert_eq!(crowd.condition(3), Condition::Off);
        Ok(crowd.hash())
    };
    assert_eq!(run(5)?, run(5)?);
    assert_ne!(run(5)?, run(6)?);
    Ok(())
}
