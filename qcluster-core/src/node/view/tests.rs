//! Logs and metrics of old know roles by these names.

use super::Role;

#[test]
fn names_never_change() {
    for (role, name) in [
        (Role::Member, "member"),
        (Role::Observer, "observer"),
        (Role::Booting, "booting"),
        (Role::Follower, "follower"),
        (Role::PreCandidate, "pre_candidate"),
        (Role::Candidate, "candidate"),
        (Role::Leader, "leader"),
        (Role::Stopped, "stopped"),
    ] {
        assert_eq!(role.name(), name);
    }
}
