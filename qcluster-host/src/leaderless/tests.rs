//! When it is said that nobody leads.

use qcluster_core::{Config, Span, Time};

use super::{LeaderlessWarning, PAUSE_MAX};

#[test]
fn it_is_said_after_ten_leases_and_ever_more_seldom_and_anew_after_a_leader() {
    let rules = Config::new("server_a", "localhost", 7141).settings().unwrap().check().unwrap();
    let mut leaderless = LeaderlessWarning::new(&rules);
    let step = Span::from_millis(100);
    let lease = rules.timing().lease;
    let mut now = Time::from_millis(5_000);
    let begin = now;
    let mut said = Vec::new();
    while now < begin + PAUSE_MAX.times(6) {
        if leaderless.lasts(now) {
            said.push(now);
        }
        now = now + step;
    }
    assert_eq!(said[0], begin + lease.times(10));
    let pauses: Vec<Span> = said.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert_eq!(pauses[0], lease.times(10));
    assert!(pauses.is_sorted() && pauses.last() == Some(&PAUSE_MAX), "{pauses:?}");
    leaderless.over();
    assert!(!leaderless.lasts(now), "a new leaderless has its own ten leases");
    assert!(leaderless.lasts(now + lease.times(10)));
}
