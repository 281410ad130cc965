//! Tests.

use proptest::prelude::*;

use super::*;

fn accusers() -> impl Strategy<Value = Accusers> {
    prop::collection::vec(1_u64..6, 0..5).prop_map(|keys| {
        let mut all = Accusers::default();
        for key in keys {
            all.add(&Accusers::one(NodeKey(key)));
        }
        all
    })
}

fn update() -> impl Strategy<Value = (Standing, State)> {
    let state = prop::sample::select(&[State::Alive, State::Suspect, State::Down, State::Left][..]);
    let standing = (1_u64..4, 0_u32..4)
        .prop_map(|(incarnation, refutation)| Standing { incarnation: Incarnation(incarnation), refutation });
    (standing, state)
}

proptest! {
    #[test]
    fn accusers_are_counted_once_each_and_no_more_than_count(one in accusers(), other in accusers()) {
        let mut both = one;
        let was_new = both.add(&other);
        prop_assert!(both.count() <= Accusers::MAX);
        prop_assert_eq!(was_new, both.count() > one.count());
        prop_assert!(both.count() >= one.count().max(other.count()));
        let mut again = both;
        prop_assert!(!again.add(&one) && !again.add(&both));
        prop_assert_eq!(again, both);
    }

    #[test]
    fn the_order_in_which_updates_come_does_not_matter(updates in prop::collection::vec(update(), 1..8)) {
        let forth = updates.iter().max();
        let back = updates.iter().rev().max();
        prop_assert_eq!(forth, back);
        let (standing, state) = *forth.expect("there is one");
        // Of one standing the worse news wins, and a refutation beats all of it.
        prop_assert!(updates.iter().all(|(other, _)| *other <= standing));
        prop_assert!((standing.next(), State::Alive) > (standing, state));
    }
}

#[test]
fn a_stamp_tells_apart_what_nodes_should_agree_on() {
    let standing = |refutation| Standing { incarnation: Incarnation(5), refutation };
    let stamps = [
        stamp_of(standing(0), State::Alive),
        stamp_of(standing(1), State::Alive),
        stamp_of(standing(0), State::Down),
        stamp_of(standing(0), State::Left),
    ];
    for (at, stamp) in stamps.iter().enumerate() {
        assert!(!stamps[..at].contains(stamp));
    }
    assert_eq!(stamp_of(standing(0), State::Suspect), stamps[0], "suspicions end before tables are compared");
}
