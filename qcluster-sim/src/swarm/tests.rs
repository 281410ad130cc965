//! Seeds are schedules: the same one forever, and different ones for different seeds.

use super::{Limits, draw};

#[test]
fn a_seed_always_draws_the_same() {
    assert_eq!(draw(7, Limits::default()), draw(7, Limits::default()));
    assert_ne!(draw(7, Limits::default()), draw(8, Limits::default()));
}

#[test]
fn every_drawn_schedule_survives_being_written_down() {
    for seed in 0..200 {
        let schedule = draw(seed, Limits::default());
        assert_eq!(schedule.to_string().parse(), Ok(schedule), "seed {seed}");
    }
}
