//! Who gets elected, and when (scenarios 1 to 5, 8, 10, 11, 21).

use crate::world::{World, at, id, ms};

#[test]
fn scenario_01_a_lone_voter_leads_after_one_boot_wait_and_one_timer() {
    let mut world = World::of(1);
    world.start_all();
    world.run_until(at(149));
    assert!(world.leaders().is_empty(), "the boot wait is 150 ms");
    world.run_until(at(160));
    assert_eq!(world.leader(), 0);
    world.run_until(at(10_000));
    assert_eq!(world.elections(), 1);
}

#[test]
fn scenario_02_exactly_one_of_three_leads() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let leader = world.elect();
        world.run(ms(10_000));
        assert_eq!(world.leader(), leader);
        assert_eq!(world.elections(), 1, "seed {seed}\n{}", world.transcript());
        for n in 0..3 {
            assert_eq!(world.node(n).leader().map(|voter| &voter.id), Some(&id(leader)));
        }
    }
}

#[test]
fn scenario_03_when_the_leader_crashes_another_leads_with_a_larger_token() {
    for seed in 0..50 {
        let mut world = World::of(3).seeded(seed);
        world.start_all();
        let old = world.elect();
        world.run(ms(1_000));
        world.crash(old);
        world.elect_another(old);
        world.assert_tokens_grow();
    }
}
