//! Cuts of the network: who is cut off disturbs nobody, and leads nobody (scenarios 6, 7, 9).

use qcluster_core::{LostReason, Notification, Role};

use crate::dice::Dice;
use crate::world::{Fate, World, ms};

#[test]
fn scenario_06_a_follower_that_was_cut_off_for_long_does_not_disturb() {
    for n in [3, 5] {
        for seed in 0..25 {
            let mut world = World::of(n).seeded(seed);
            world.start_all();
            let leader = world.elect();
            world.run(ms(1_000));
            let lost = (leader + 1) % n;
            let term = world.node(lost).term();
            // Given a follower that is cut off for a hundred of its timeouts, …
            world.isolate(lost);
            world.run(ms(100 * 160));
            assert!(world.node(lost).counters().pre_votes >= 100);
            // … then its term has not moved, and when it comes back, the leader stays.
            assert_eq!(world.node(lost).term(), term);
            world.heal();
            world.run(ms(5_000));
            assert_eq!(world.leader(), leader);
            assert_eq!(world.elections(), 1, "seed {seed}\n{}", world.story());
            assert_eq!(world.node(lost).leader().map(|voter| voter.id.clone()), Some(crate::world::id(leader)));
        }
    }
}

/// The half-deaf: hears nobody or is heard by nobody, and comes back.
#[test]
fn scenario_06_a_follower_cut_off_in_one_direction_does_not_disturb_either() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let leader = world.elect();
        world.run(ms(1_000));
        let half = (leader + 1 + usize::from(seed % 2 == 0)) % 3;
        for other in (0..3).filter(|other| *other != half) {
            if seed % 4 < 2 {
                world.network.cut_one_way(other, half);
            } else {
                world.network.cut_one_way(half, other);
            }
        }
        world.run(ms(10_000));
        world.heal();
        world.run(ms(3_000));
        assert_eq!((world.leader(), world.elections()), (leader, 1), "seed {seed}\n{}", world.story());
    }
}

#[test]
fn scenario_07_a_leader_in_the_minority_has_lost_before_another_is_elected() {
    for n in [3, 4, 5, 7] {
        for seed in 0..50 {
            let mut world = World::of(n).seeded(seed);
            world.start_all();
            let old = world.elect();
            world.run(ms(1_000 + seed));
            // When the leader finds itself with too few, …
            let minority: Vec<usize> = (0..(n - 1) / 2).map(|offset| (old + offset) % n).collect();
            world.network.split(&minority);
            let new = world.elect_another(old);
            assert!(!minority.contains(&new));
            // … then it has lost, strictly before the other was elected, …
            let lost = world.last(|n, told| n == old && matches!(told, Notification::Lost { .. })).unwrap();
            let elected = world.last(|n, told| n == new && matches!(told, Notification::Elected { .. })).unwrap();
            assert!(lost.0 < elected.0 && lost.1 < elected.1, "n {n}, seed {seed}\n{}", world.story());
            world.run(ms(2_000));
            // … and after the heal it follows.
            world.heal();
            world.run(ms(1_000));
            assert_eq!((world.leader(), world.elections()), (new, 2));
            assert_eq!(world.role(old), Role::Follower);
            assert_eq!(world.node(old).leader(), world.node(new).leader());
        }
    }
}

/// Frozen, it does not even notice: its lease ends all the same, since the question brings the time.
#[test]
fn scenario_07_a_frozen_leader_holds_no_lease_when_another_is_elected() {
    for seed in 0..100 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let old = world.elect();
        world.run(ms(1_000 + seed));
        world.freeze(old, ms(2_000));
        let new = world.elect_another(old);
        // When it thaws, then it has lost before it says or hears anything, and follows.
        world.run(ms(2_500));
        assert_eq!((world.leader(), world.elections()), (new, 2), "seed {seed}\n{}", world.story());
        let expired =
            |n: usize, told| n == old && matches!(told, Notification::Lost { reason: LostReason::Stalled, .. });
        assert_eq!(world.count(expired), 1);
        assert_eq!(world.role(old), Role::Follower);
    }
}

#[test]
fn a_leader_in_the_minority_reads_well() {
    let mut world = World::of(3);
    world.start_all();
    let old = world.elect();
    world.run(ms(1_000));
    world.transcript.begin(world.now);
    world.isolate(old);
    world.elect_another(old);
    world.run(ms(5));
    world.heal();
    world.run(ms(30));
    world.transcript.assert_golden(&world.machines, "leader_in_the_minority");
}

#[test]
fn scenario_09_in_a_line_with_the_leader_at_an_end_leadership_moves_once_at_most() {
    for n in [3, 4, 5] {
        for seed in 0..40 {
            let mut world = World::of(n).seeded(seed);
            world.start_all();
            let leader = world.elect();
            world.run(ms(1_000));
            // Given a line that begins with the leader, …
            let line: Vec<usize> = (0..n).map(|offset| (leader + offset) % n).collect();
            let pairs: Vec<(usize, usize)> = line.windows(2).map(|pair| (pair[0], pair[1])).collect();
            world.network.only(&pairs);
            world.run(ms(20_000));
            // … when it has settled, then leadership has moved once at most, …
            let elections = world.elections();
            assert!(elections <= 2, "n {n}, seed {seed}: {elections} elections\n{}", world.story());
            let settled = world.leader();
            // … and stays, for as long as the line does, and after.
            world.run(ms(60_000));
            world.heal();
            world.run(ms(5_000));
            assert_eq!((world.leader(), world.elections()), (settled, elections), "n {n}, seed {seed}");
        }
    }
}

#[test]
fn scenario_09_a_partial_cut_from_the_start_gives_one_stable_leader() {
    let shapes: [&[(usize, usize)]; 3] = [
        &[(0, 1), (1, 2), (2, 3), (3, 4)],
        &[(0, 1), (0, 2), (0, 3), (0, 4)],
        &[(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4)],
    ];
    for pairs in shapes {
        for seed in 0..40 {
            let mut world = World::of(5).seeded(seed);
            world.network.only(pairs);
            world.start_all();
            world.elect();
            world.run(ms(10_000));
            let (leader, elections) = (world.leader(), world.elections());
            assert!(elections <= 2, "seed {seed}: {elections}\n{}", world.story());
            world.run(ms(20_000));
            assert_eq!((world.leader(), world.elections()), (leader, elections));
        }
    }
}

/// Whatever was cut, lost, repeated, frozen or killed: after the heal somebody leads within the bound of the design.
#[test]
fn after_any_trouble_a_healed_cluster_has_a_leader_in_time() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let n = [2, 3, 4, 5, 7][dice.machine(5)];
        let mut world = World::of(n).seeded(seed);
        let (mut network, loss, delay) = (Dice::new(!seed), dice.below(40), 1 + dice.below(80));
        world.network.rule(move |_, _, _| {
            let delay = ms(1 + network.below(delay));
            let fate = if network.chance(5) { Fate::Twice(delay, delay + delay) } else { Fate::Deliver(delay) };
            Some(if network.chance(loss) { Fate::Lose } else { fate })
        });
        world.start_all();
        for _ in 0..40 {
            world.run(ms(dice.below(200)));
            let (a, b) = (dice.machine(n), dice.machine(n));
            match dice.below(7) {
                0 => world.network.cut(a, b),
                1 => world.network.cut_one_way(a, b),
                2 => world.isolate(a),
                3 => world.heal(),
                4 => world.crash(a),
                5 => world.freeze(a, ms(dice.below(500))),
                _ => world.start(b),
            }
        }
        world.heal();
        world.network.clear_rules();
        for n in 0..n {
            if world.machines[n].node.is_none() {
                world.start(n);
            }
        }
        let thawed = world.machines.iter().map(|machine| machine.frozen_until).max().unwrap().max(world.now);
        world.run_until(thawed);
        world.run_till(ms(600), "a leader", |world| !world.leaders().is_empty());
        let settled = world.now;
        world.run(ms(3_000));
        assert_eq!(world.leaders().len(), 1, "seed {seed}, settled at {settled}\n{}", world.story());
    }
}
