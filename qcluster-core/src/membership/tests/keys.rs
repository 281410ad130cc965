//! Who owns a key (G11).

use super::*;

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn keys() -> impl Iterator<Item = Vec<u8>> {
    (0..2_000_u32).map(|key| key.to_le_bytes().to_vec())
}

#[test]
fn when_a_member_goes_only_its_own_keys_move() {
    let before = Lone::among(&NAMES);
    let mut after = before.membership.clone();
    let mut node = Lone::among(&NAMES);
    node.hear("a", update("d", standing(LIFE, 1), State::Left));
    core::mem::swap(&mut after, &mut node.membership);
    for key in keys() {
        let was = before.membership.owners(&key, 3);
        let without: Vec<NodeId> =
            before.membership.owners(&key, 4).into_iter().filter(|owner| *owner != id("d")).collect();
        let is = after.owners(&key, 3);
        assert!(!is.contains(&id("d")));
        assert_eq!(is, without[..3], "{key:?}, of {was:?}");
    }
}

#[test]
fn keys_are_spread_evenly_and_a_suspicion_moves_none() {
    let mut node = Lone::among(&NAMES);
    let mut owned: BTreeMap<NodeId, usize> = BTreeMap::new();
    let before: Vec<_> = keys().map(|key| node.membership.owners(&key, 1)).collect();
    for owner in before.iter().flatten() {
        *owned.entry(owner.clone()).or_default() += 1;
    }
    assert_eq!(owned.len(), 9, "this node owns some as well");
    assert!(owned.values().all(|count| (150..300).contains(count)), "{owned:?}");
    node.hear("a", update("d", standing(LIFE, 0), State::Suspect));
    let after: Vec<_> = keys().map(|key| node.membership.owners(&key, 1)).collect();
    assert_eq!(before, after);
}

#[test]
fn there_are_no_more_owners_than_members() {
    let node = Lone::among(&["a", "b"]);
    assert_eq!(node.membership.owners(b"key", 0), []);
    assert_eq!(node.membership.owners(b"key", 9).len(), 3);
}
