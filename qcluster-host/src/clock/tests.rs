//! A time of the node's clock is told on the wall clock, whichever of the two is ahead, and never with a panic.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use qcluster_core::Time;

use super::{Clock, Moment};

fn moment(wall: SystemTime) -> Moment {
    Moment { before: wall, now: Time::from_millis(10_000), wall }
}

#[test]
fn a_time_is_as_far_from_now_on_the_wall_clock_as_on_the_nodes() {
    let wall = UNIX_EPOCH + Duration::from_secs(1_764_000_000);
    let told = |ms| moment(wall).at_latest(Time::from_millis(ms));
    assert_eq!(told(10_000), wall);
    assert_eq!(told(10_150), wall + Duration::from_millis(150), "a lease that still holds");
    assert_eq!(told(9_000), wall.checked_sub(Duration::from_secs(1)).unwrap(), "one that ended a second ago");
}

#[test]
fn a_wall_clock_before_1970_and_times_without_end_are_no_panic() {
    let wall = UNIX_EPOCH.checked_sub(Duration::from_secs(5)).unwrap();
    assert_eq!(
        moment(wall).at_latest(Time::from_millis(9_000)),
        UNIX_EPOCH.checked_sub(Duration::from_secs(6)).unwrap()
    );
    assert_eq!(moment(wall).at_latest(Time::from_millis(16_000)), UNIX_EPOCH + Duration::from_secs(1));
    assert!(moment(wall).at_latest(Time::NEVER) >= wall, "it saturates");
    assert!(moment(wall).at_latest(Time::ZERO) <= wall, "it saturates");
}

#[test]
fn a_thread_that_stands_still_between_the_clocks_tells_begins_early_and_ends_late() {
    let wall = UNIX_EPOCH + Duration::from_secs(1_764_000_000);
    let moment = Moment { before: wall, now: Time::from_millis(10_000), wall: wall + Duration::from_secs(3) };
    assert_eq!(moment.at_earliest(Time::from_millis(9_000)), wall.checked_sub(Duration::from_secs(1)).unwrap());
    assert_eq!(moment.at_latest(Time::from_millis(9_000)), wall + Duration::from_secs(2));
}

#[test]
fn a_moment_is_one_of_both_clocks() {
    let clock = Clock::start();
    let (before, wall) = (clock.now(), SystemTime::now());
    let moment = clock.moment();
    assert!(moment.now >= before && moment.now <= clock.now());
    assert!(wall <= moment.before && moment.before <= moment.wall && moment.wall <= SystemTime::now());
}
