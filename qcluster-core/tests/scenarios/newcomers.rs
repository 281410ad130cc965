//! A voter that was silent for as long as a lease counts with what the others acknowledge from then on, and who comes
//! costs nobody the lead (E24).

use qcluster_core::{Notification, Role};

use crate::dice::Dice;
use crate::world::{Fate, World, is, ms};

/// A newcomer of a leadership is also who has not voted for it.
#[test]
fn who_did_not_vote_counts_with_what_was_acknowledged_since_it_came() {
    // Given five, of which two get no request for a vote, and a winner whose heartbeats nobody gets,
    let mut world = World::of(5).seeded(1);
    world.network.rule(|_, to, message| {
        let is_lost = is(message, "vote_request") && to >= 3 || is(message, "heartbeat");
        is_lost.then_some(Fate::Lose)
    });
    world.start_all();
    let winner = |world: &World| (0..3).find(|n| world.role(*n) == Role::Leader);
    world.run_till(ms(60_000), "a winner", |world| winner(world).is_some());
    let leader = winner(&world).unwrap();
    let elector = (0..3).find(|n| *n != leader).unwrap();
    (0..5).for_each(|n| world.network.isolate(n));
    world.run(ms(5));
    // when one that voted and one that did not acknowledge its first heartbeat, then that is not a lease;
    let first = world.last_heartbeat(leader);
    assert_eq!(world.acknowledge(elector, leader, first), None);
    assert_eq!(world.acknowledge(3, leader, first), None, "{}", world.story());
    // when both acknowledge the next one, then it is.
    world.run(ms(30));
    let next = world.last_heartbeat(leader);
    assert_eq!(world.acknowledge(elector, leader, next), None);
    assert_ne!(world.acknowledge(3, leader, next), None, "{}", world.story());
}

/// An acknowledgement that was long under way says that its voter was there when it was asked, and no more.
#[test]
fn a_late_acknowledgement_says_nothing_about_the_time_of_its_arrival() {
    // Given a leader of five to which two others answer, and a third one's answer that comes after three heartbeats,
    let mut world = World::of(5).seeded(1);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    let [steady, another, late, ..] = world.followers()[..] else { panic!("{}", world.story()) };
    (0..5).for_each(|n| world.network.isolate(n));
    world.run(ms(30));
    let asked = world.last_heartbeat(leader);
    for _ in 0..3 {
        world.run(ms(40));
        let newest = world.last_heartbeat(leader);
        world.acknowledge(steady, leader, newest);
        world.acknowledge(another, leader, newest);
    }
    world.acknowledge(late, leader, asked);
    // when its next one comes more than a lease after it was last known to be there,
    world.run(ms(60));
    let newest = world.last_heartbeat(leader);
    let lease = world.node(leader).lease(world.now);
    assert_ne!(lease, None, "{}", world.story());
    // then it is a newcomer: with one that answers beside it the lease grows no longer.
    assert_eq!(world.acknowledge(late, leader, newest), lease);
    assert_eq!(world.acknowledge(steady, leader, newest), lease, "{}", world.story());
}

/// Where much is lost there is always somebody that comes back; those that came before it do not wait for that.
#[test]
fn voters_that_come_back_one_after_the_other_unseat_no_leader() {
    for voters in [3, 15, 25] {
        let (mut seen, mut led) = (0, 0);
        for seed in 0..3 {
            let mut world = World::of(voters).seeded(seed);
            world.start_all();
            world.elect();
            world.run(ms(1_000));
            let mut dice = Dice::new(seed);
            world.network.rule(move |_, _, _| dice.chance(40).then_some(Fate::Lose));
            for _ in 0..100 {
                world.run(ms(50));
                seen += 1;
                led += world.leaders().len();
            }
        }
        assert!(led * 100 >= seen * 90, "{voters} voters: a leader at {led} of {seen} moments");
    }
}

/// Leases that are lost while one voter comes again and again, over seeds. The others are there before it, and `leader` leads them.
fn lost_leases(voters: usize, links: &[(usize, usize)], leader: usize, coming: usize, one_way_ms: u64) -> usize {
    let mut lost = 0;
    for seed in 0..10 {
        let mut world = World::with(voters, |_, settings| settings.voters[leader].priority = 1).seeded(seed);
        world.network.only(links);
        world.network.rule(move |_, _, _| Some(Fate::Deliver(ms(one_way_ms))));
        (0..voters).filter(|n| *n != coming).for_each(|n| world.start(n));
        world.run_till(ms(60_000), "the preferred one leads", |world| world.leads(leader));
        world.run(ms(1_000));
        let losses = |world: &World| world.count(|_, told| matches!(told, Notification::Lost { .. }));
        let before = losses(&world);
        for _ in 0..3 {
            world.start(coming);
            world.run(ms(2_000));
            world.crash(coming);
        }
        lost += losses(&world) - before;
    }
    lost
}

/// A leader knows more than who promised a moment ago, once a voter has restarted that it alone hears: what they knew
/// it knows still.
#[test]
fn a_restart_that_the_leader_alone_sees_costs_no_lease() {
    let star = [(0, 1), (1, 2), (0, 2), (1, 3)];
    for one_way_ms in [1, 20, 30, 35] {
        assert_eq!(lost_leases(4, &star, 1, 3, one_way_ms), 0, "round trip {} ms", 2 * one_way_ms);
    }
}

/// A follower that learns of an incarnation says so before its next promise.
#[test]
fn a_restart_that_the_leader_does_not_see_costs_no_lease() {
    for one_way_ms in [1, 20, 30, 35] {
        assert_eq!(lost_leases(3, &[(0, 1), (1, 2)], 0, 2, one_way_ms), 0, "round trip {} ms", 2 * one_way_ms);
    }
}
