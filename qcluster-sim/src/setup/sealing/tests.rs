//! Files of hosts in a sealed world change as those of nodes do, and tell who is let in by whom.

use super::*;

fn files(mode: Option<SealMode>, keys: &[u8]) -> SealSetup {
    SealSetup { mode, keys: keys.to_vec() }
}

#[test]
fn s5_a_key_that_seals_stays_and_one_that_is_not_there_is_not_used() {
    let mut files = SealSetup::required();
    for (change, key, keys) in [
        (KeyChange::Use, 1, &[0][..]),
        (KeyChange::Remove, 0, &[0]),
        (KeyChange::Add, 1, &[0, 1]),
        (KeyChange::Add, 1, &[0, 1]),
        (KeyChange::Add, 2, &[0, 1, 2]),
        (KeyChange::Use, 2, &[2, 0, 1]),
        (KeyChange::Remove, 2, &[2, 0, 1]),
        (KeyChange::Remove, 0, &[2, 1]),
        (KeyChange::Remove, 0, &[2, 1]),
    ] {
        files.change(change, key);
        assert_eq!(files.keys, keys, "{change:?} {key}");
    }
}

#[test]
fn s4_neighbours_in_the_order_of_modes_hear_each_other() {
    let modes = [None, Some(SealMode::Accept), Some(SealMode::Send), Some(SealMode::Require)];
    for (place, mode) in modes.into_iter().enumerate() {
        for (other_place, other) in modes.into_iter().enumerate() {
            let (one, other) = (files(mode, &[0]), files(other, &[0]));
            let both = one.hears(&other) && other.hears(&one);
            assert_eq!(both, place.abs_diff(other_place) <= 1, "{one} and {other}");
        }
    }
}

#[test]
fn s5_who_lacks_the_key_that_another_seals_with_does_not_hear_it() {
    let require = Some(SealMode::Require);
    let (old, both, new) = (files(require, &[0]), files(require, &[1, 0]), files(require, &[1]));
    assert!(both.hears(&old) && both.hears(&new) && new.hears(&both));
    assert!(!old.hears(&both) && !new.hears(&old));
}
