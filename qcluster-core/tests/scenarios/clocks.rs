//! Clocks that run fast, slow or backwards, answers that come late, and processes that stall (scenarios 15, 17, 22, and E15).

use qcluster_core::{
    Command, Durability, ElectionMessage, Lapse, LostReason, NodeInput, Notification, Role, Span, Time,
};

use crate::world::{Clock, Fate, Law, World, is, ms};

/// So quick a network, with timers without spread, that nothing but the arithmetic of leases keeps two of them apart.
const QUICK: Fate = Fate::Deliver(Span::from_nanos(1_000));

/// A leader on a clock of one rate, cut off from voters on clocks of another, at many points of its heartbeat.
fn a_cut_leader(leader_ppm: i64, others_ppm: i64, law: Option<Law>) -> usize {
    let mut breaches = 0;
    for seed in 0..50 {
        let mut world = World::with(3, |_, settings| settings.timing.slot = Span::from_nanos(1)).seeded(seed);
        for (n, machine) in world.machines.iter_mut().enumerate() {
            machine.clock.ppm = if n == 0 { leader_ppm } else { others_ppm };
        }
        // Only the first may begin; the others' requests are lost until then.
        world.network.rule(|from, _, message| {
            let early = from != 0 && is(message, "pre_vote_request");
            Some(if early { Fate::Lose } else { QUICK })
        });
        if let Some(law) = law {
            world.judge.waive(law);
        }
        world.start_all();
        assert_eq!(world.elect(), 0);
        world.run(ms(1_000) + Span::from_nanos(seed * 500_000));
        world.isolate(0);
        world.network.clear_rules();
        world.network.rule(|_, _, _| Some(QUICK));
        world.run(ms(1_000));
        assert_eq!(world.elections(), 2, "somebody else leads");
        breaches += law.map_or(0, |law| world.judge.breaches(law));
    }
    breaches
}

#[test]
fn scenario_15_leases_are_disjoint_on_clocks_within_the_drift_bound() {
    for (leader, others) in [(-10_000, 10_000), (10_000, -10_000), (-10_000, -10_000), (10_000, 10_000), (0, 10_000)] {
        a_cut_leader(leader, others, None);
    }
}

#[test]
fn scenario_15_beyond_the_drift_bound_the_judge_sees_the_overlap() {
    assert!(a_cut_leader(-40_000, 40_000, Some(Law::OneLease)) > 0);
}

#[test]
fn scenario_15_offsets_do_not_matter() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        for (n, machine) in world.machines.iter_mut().enumerate() {
            machine.clock = Clock { offset: ms(n as u64 * 86_400_000), ppm: [-9_000, 9_000, 0][n] };
        }
        world.start_all();
        for _ in 0..5 {
            let leader = world.elect();
            world.run(ms(500 + seed));
            world.isolate(leader);
            world.elect_another(leader);
            world.heal();
            world.run(ms(500));
        }
    }
}

#[test]
fn scenario_17_a_lease_counts_from_the_send_of_what_was_answered() {
    for late in [60, 100, 120] {
        for seed in 0..20 {
            let mut world = World::of(3).seeded(seed);
            world.start_all();
            let leader = world.elect();
            world.run(ms(1_000));
            // Given acks that take almost a lease, …
            world.network.rule(move |_, _, message| is(message, "heartbeat_ack").then_some(Fate::Deliver(ms(late))));
            world.run(ms(1_000));
            assert_eq!(world.leader(), leader, "late as they are, they are in time");
            let lease = world.node(leader).lease(world.now).unwrap();
            assert!(lease.valid_until <= world.now + ms(148) && lease.valid_until >= world.now, "seed {seed}");
            // … then the lease lasts no longer than what a quorum promised when it was asked: what is on its way when the
            // leader is cut off still arrives, and prolongs nothing beyond the promises.
            world.network.clear_rules();
            let cut = world.now;
            world.isolate(leader);
            world.run_till(ms(300), "its end", |world| !world.leads(leader));
            assert!(world.now <= cut + ms(148), "seed {seed}: led until {}, cut at {cut}", world.now);
            world.elect_another(leader);
        }
    }
}

#[test]
fn scenario_17_acks_later_than_a_lease_elect_nobody() {
    let mut world = World::of(3);
    world.network.rule(|_, _, message| is(message, "heartbeat_ack").then_some(Fate::Deliver(ms(150))));
    world.start_all();
    world.run(ms(5_000));
    assert_eq!(world.elections(), 0);
}

#[test]
fn scenario_22_a_follower_that_stalled_takes_what_was_queued_and_follows() {
    for n in [3, 5] {
        for seed in 0..50 {
            let mut world = World::of(n).seeded(seed);
            world.start_all();
            let leader = world.elect();
            world.run(ms(1_000));
            let sleeper = (leader + 1) % n;
            let rounds = world.node(sleeper).counters().pre_votes;
            for _ in 0..5 {
                world.freeze(sleeper, ms(200 + 37 * seed));
                world.run(ms(400 + 37 * seed));
            }
            assert_eq!(world.node(sleeper).counters().pre_votes, rounds, "seed {seed}: it campaigned");
            assert_eq!((world.leader(), world.elections()), (leader, 1));
        }
    }
}

/// One heartbeat of grace, and no more: a late follower without a leader still campaigns.
#[test]
fn scenario_22_a_follower_that_stalled_while_the_leader_died_campaigns() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let leader = world.elect();
        world.run(ms(1_000));
        for n in world.followers() {
            world.freeze(n, ms(1_000));
        }
        world.crash(leader);
        world.run(ms(1_000));
        // What was queued from the dead leader still binds them, for a lease from its receipt (E2).
        world.run_till(ms(350), "another leader", |world| !world.leaders().is_empty());
    }
}

#[test]
fn a_leader_whose_clock_goes_back_steps_down_at_once_and_goes_on() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        for machine in &mut world.machines {
            machine.clock.offset = ms(100_000);
        }
        world.start_all();
        let leader = world.elect();
        world.run(ms(1_000));
        world.machines[leader].clock.offset = ms(90_000);
        world.give(leader, NodeInput::Timeout);
        let token = world.tokens()[0];
        let lost = Notification::Lost { token, reason: LostReason::ClockWentBack, lapse: Lapse::default() };
        assert_eq!(world.count(|n, told| n == leader && told == lost), 1);
        assert_eq!(world.node(leader).lease(Time::ZERO), None, "not even for a time long past");
        // The others go on without waiting, …
        world.elect_another(leader);
        world.run(ms(1_000));
        assert!(world.node(leader).counters().clock_regressions > 0);
        // … and so does it, from what its clock shows now: without it there is not a majority.
        let other = (0..3).find(|n| *n != leader && !world.leads(*n)).unwrap();
        world.crash(other);
        let leads = world.leader();
        world.give(leads, NodeInput::Command(Command::Transfer(Some(crate::world::id(leader)))));
        world.run_till(ms(500), "it leads", |world| world.leads(leader));
    }
}

#[test]
fn clocks_that_jump_back_never_make_two_leaders() {
    for seed in 0..100 {
        let mut world = World::with(3, |_, settings| settings.durability = Durability::Durable).seeded(seed);
        for machine in &mut world.machines {
            machine.clock.offset = ms(1_000_000);
        }
        world.start_all();
        let mut dice = crate::dice::Dice::new(seed);
        for _ in 0..30 {
            world.run(ms(dice.below(300)));
            let n = dice.machine(3);
            match dice.below(4) {
                0 => {
                    // Further than the time since its last step, so that it can notice.
                    let offset = world.machines[n].clock.offset.as_millis() - 400 - dice.below(400);
                    world.machines[n].clock.offset = ms(offset);
                    world.give(n, NodeInput::Timeout);
                }
                1 => world.give(n, NodeInput::Command(Command::Transfer(None))),
                2 => world.isolate(n),
                _ => world.heal(),
            }
        }
        world.heal();
        world.run(ms(1_000));
        world.elect();
    }
}

/// Answers that were given before a stall say nothing about now (E5): they raise no term and unseat nobody.
#[test]
fn pre_votes_from_before_a_stall_begin_no_candidacy() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        world.network.catch(|_, _, message| is(message, "pre_vote_reply"));
        world.start_all();
        world.run_till(ms(300), "answers", |world| !world.network.caught.is_empty());
        let (sleeper, answer) = world.network.caught[0].clone();
        assert_eq!(world.role(sleeper), Role::PreCandidate);
        world.freeze(sleeper, ms(1_000));
        world.network.stop_catching();
        world.elect();
        world.run_until(world.machines[sleeper].frozen_until.before(ms(1)));
        let term = world.node(sleeper).term();
        let said = world.provoke(sleeper, NodeInput::Message(answer));
        let asks = |message: &ElectionMessage| message.name() == "vote_request";
        assert!(!said.iter().any(asks) && world.node(sleeper).term() == term, "seed {seed}: {said:?}");
        world.run(ms(2_000));
        assert_eq!(world.elections(), 1);
    }
}

/// What a candidate has been told counts for a time that it measures with its clock: once that goes back, it must not go on
/// (E15).
#[test]
fn a_candidate_or_pre_candidate_whose_clock_goes_back_gives_up() {
    for (role, kind) in [(Role::PreCandidate, "pre_vote_reply"), (Role::Candidate, "vote_reply")] {
        for seed in 0..50 {
            // Given one that waits for answers, which are held back, …
            let mut world = World::of(3).seeded(seed);
            for machine in &mut world.machines {
                machine.clock.offset = ms(100_000);
            }
            world.network.catch(move |_, _, message| is(message, kind));
            world.start_all();
            world.run_till(ms(500), "answers", |world| !world.network.caught.is_empty());
            let asker = world.network.caught[0].0;
            let to_it: Vec<_> = world.network.caught.iter().filter(|(to, _)| *to == asker).cloned().collect();
            assert_eq!(world.role(asker), role, "seed {seed}");
            // … when its clock goes back, then it follows, …
            world.machines[asker].clock.offset = ms(90_000);
            world.give(asker, NodeInput::Timeout);
            assert_eq!(world.role(asker), Role::Follower, "seed {seed}\n{}", world.story());
            assert!(world.node(asker).counters().clock_regressions > 0);
            // … and the answers come too late for what it was.
            let term = world.node(asker).term();
            for (to, envelope) in to_it {
                world.give(to, NodeInput::Message(envelope));
                assert_eq!((world.role(asker), world.node(asker).term()), (Role::Follower, term), "seed {seed}");
            }
            // Then they elect one, itself perhaps: it goes on from what its clock shows now.
            world.network.stop_catching();
            world.elect();
        }
    }
}

/// Whatever its clock has lost, the application is told the end of its grace as that clock will show it (E15).
#[test]
fn the_end_of_a_drain_is_told_in_the_time_of_a_clock_that_went_back() {
    let mut world = World::of(3);
    for machine in &mut world.machines {
        machine.clock.offset = ms(100_000);
    }
    world.start_all();
    let old = world.elect();
    world.run(ms(1_000));
    // Given a leader whose clock has lost ten seconds before it was elected, …
    let leader = (old + 1) % 3;
    world.machines[leader].clock.offset = ms(90_000);
    world.give(leader, NodeInput::Timeout);
    world.run(ms(500));
    assert_eq!(world.node(leader).counters().clock_regressions, 1);
    world.give(old, NodeInput::Command(Command::Transfer(Some(crate::world::id(leader)))));
    world.run_till(ms(100), "it leads", |world| world.leads(leader));
    // … when it is to hand over, then it has ten leases of its own clock for that.
    world.machines[leader].drains_at_once = false;
    let until = world.machines[leader].clock.read(world.now) + ms(1_500);
    world.give(leader, NodeInput::Command(Command::Transfer(None)));
    assert_eq!(world.count(|n, told| n == leader && told == Notification::Draining { until }), 1, "{}", world.story());
    let handed_over = world.now + ms(1_500);
    world.run_till(ms(2_000), "the end of it", |world| !world.leads(leader));
    assert_eq!(world.now, handed_over);
}
