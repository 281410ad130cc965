//! What a voter keeps of its record, and when it may rely on the disk.

use super::{HardState, Storage, Vote};
use crate::config::{Durability, Rules, Settings, VoterSettings};
use crate::election::KnownIncarnation;
use crate::id::{Incarnation, NodeId, NodeKey, Term};
use crate::time::Span;
use alloc::vec::Vec;

const LEASE: Span = Span::from_millis(150);

fn key(name: &str) -> NodeKey {
    NodeId::new(name).unwrap().key()
}

/// Of `a`, with those voters and a disk.
fn rules(voters: &[&str]) -> Rules {
    let voters: Vec<VoterSettings> = voters.iter().map(|name| VoterSettings::new(NodeId::new(name).unwrap())).collect();
    let mut settings = Settings::voter(NodeId::new("a").unwrap(), voters);
    settings.durability = Durability::Durable;
    settings.check().unwrap()
}

/// An incarnation that begins with what an earlier one has saved.
fn after(saved: Option<HardState>, rules: &Rules, incarnation: u64) -> Storage {
    Storage::new(rules, Incarnation(incarnation), Term(1), saved, LEASE)
}

/// The disk does what is asked for.
fn save(storage: &mut Storage) {
    assert!(storage.begin_save(), "there is something to save");
    storage.durable = storage.under_way.take().map(|(_, state)| *state);
}

#[test]
fn an_incarnation_that_is_known_gives_way_to_later_ones_alone() {
    let mut storage = after(None, &rules(&["a", "b", "c"]), 1);
    for (heard, known) in [(7, 7), (5, 7), (9, 9), (9, 9), (8, 9)] {
        storage.meet(key("b"), Incarnation(heard));
        assert_eq!(storage.hard_state().incarnation_of(key("b")), Incarnation(known), "{heard} was heard");
    }
    assert_eq!(storage.hard_state().incarnation_of(key("c")), Incarnation::UNKNOWN);
    storage.meet(key("c"), Incarnation(3));
    assert_eq!(storage.hard_state().incarnation_of(key("b")), Incarnation(9), "each has its own");
    assert!(
        storage.hard_state().incarnations.windows(2).all(|pair| pair[0].node.0 < pair[1].node.0),
        "in the order of a record"
    );
}

/// Voters come and go; the record would grow without end.
#[test]
fn incarnations_of_who_is_no_voter_any_more_are_forgotten() {
    let mut storage = after(None, &rules(&["a", "b", "c"]), 1);
    storage.meet(key("b"), Incarnation(7));
    storage.meet(key("c"), Incarnation(8));
    let saved = storage.hard_state().clone();
    let next = after(Some(saved), &rules(&["a", "b", "d"]), 2);
    assert_eq!(next.hard_state().incarnations, [KnownIncarnation { node: key("b"), incarnation: Incarnation(7) }]);
}

#[test]
fn an_incarnation_is_known_to_the_next_one_once_its_own_record_is_on_the_disk() {
    let rules = rules(&["a", "b", "c"]);
    let mut storage = after(None, &rules, 1);
    assert!(!storage.knows_this_incarnation(), "nothing was ever saved");
    save(&mut storage);
    assert!(storage.knows_this_incarnation());
    let mut next = after(storage.durable.clone(), &rules, 2);
    assert!(!next.knows_this_incarnation(), "the disk knows the incarnation before it");
    save(&mut next);
    assert!(next.knows_this_incarnation());
    next.rename(Incarnation(3));
    assert!(!next.knows_this_incarnation(), "nor does it know the new name");
    assert_eq!(next.durable.as_ref().unwrap().step, next.current.step, "what it knows of an incarnation has its step");
}

/// A vote is safe in its term: not one for another incarnation or node, and not one of another term.
#[test]
fn a_vote_is_durable_if_the_disk_has_it_and_its_term() {
    let vote = |node| Vote { node: key(node), incarnation: Incarnation(7) };
    let mut storage = after(None, &rules(&["a", "b", "c"]), 1);
    storage.adopt(Term(5));
    storage.vote(vote("b"));
    assert!(!storage.vote_is_durable());
    save(&mut storage);
    assert!(storage.vote_is_durable() && storage.is_saved());
    storage.adopt(Term(6));
    assert!(!storage.vote_is_durable() && !storage.is_saved());
    storage.vote(vote("b"));
    assert!(!storage.vote_is_durable(), "the same vote in another term");
    save(&mut storage);
    assert!(storage.vote_is_durable());
}

/// An incarnation waits for the longest lease that any before it may have promised with; once it has, only its own counts (E9).
#[test]
fn the_lease_of_an_earlier_incarnation_is_remembered_until_it_was_sat_out() {
    let rules = rules(&["a", "b", "c"]);
    let longer = Span::from_millis(300);
    let mut storage = Storage::new(&rules, Incarnation(2), Term(1), None, longer);
    save(&mut storage);
    assert_eq!(storage.durable.as_ref().unwrap().lease, longer);
    storage.forget_earlier_leases(LEASE);
    assert_eq!(storage.hard_state().lease, LEASE);
    assert_eq!(storage.durable.as_ref().unwrap().lease, longer, "until the disk knows of it");
    save(&mut storage);
    assert_eq!(storage.durable.as_ref().unwrap().lease, LEASE);
}
