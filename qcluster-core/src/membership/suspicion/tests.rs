//! Tests.

use proptest::prelude::*;

use super::*;
use crate::id::NodeKey;

const PATIENCE: Patience = Patience { min: Span::from_millis(1_000), max: Span::from_millis(4_000), confirmations: 2 };

fn accusers(keys: &[u64]) -> Accusers {
    let mut all = Accusers::default();
    for key in keys {
        all.add(&Accusers::one(NodeKey(*key)));
    }
    all
}

#[test]
fn it_ages_from_the_longest_to_the_shortest_time() {
    assert_eq!(age(accusers(&[]), PATIENCE), PATIENCE.max);
    assert_eq!(age(accusers(&[1]), PATIENCE), PATIENCE.max);
    assert_eq!(age(accusers(&[1, 2]), PATIENCE), Span::from_millis(2_107));
    assert_eq!(age(accusers(&[1, 2, 3]), PATIENCE), PATIENCE.min);
    assert_eq!(age(accusers(&[1]), Patience { confirmations: 0, ..PATIENCE }), PATIENCE.min, "nobody else is there");
    assert_eq!(age(accusers(&[1, 2]), Patience { confirmations: 1, ..PATIENCE }), PATIENCE.min);
}

#[test]
fn what_has_ended_is_never_due() {
    let mut suspicions = Suspicions::default();
    suspicions.begin(7, Time::ZERO, accusers(&[1]), PATIENCE);
    suspicions.end(7);
    assert_eq!(suspicions.due(Time::NEVER), None);
    assert!(!suspicions.confirm(7, &accusers(&[2]), PATIENCE), "nor can it be confirmed");
    assert_eq!(suspicions.deadline(), Time::NEVER);
}

#[test]
fn time_in_which_this_node_stood_still_does_not_count() {
    let mut suspicions = Suspicions::default();
    suspicions.begin(7, Time::ZERO, accusers(&[1]), PATIENCE);
    suspicions.put_off(Span::from_millis(5_000));
    assert_eq!(suspicions.deadline(), Time::from_millis(9_000));
    suspicions.confirm(7, &accusers(&[2, 3]), PATIENCE);
    assert_eq!(suspicions.deadline(), Time::from_millis(6_000));
}

proptest! {
    #[test]
    fn confirmations_never_put_an_end_off(steps in prop::collection::vec((0_u64..3, 0_u64..6, any::<bool>()), 1..40)) {
        let mut suspicions = Suspicions::default();
        for (at, (member, accuser, begins)) in steps.into_iter().enumerate() {
            let now = Time::from_millis(at as u64 * 100);
            let before = suspicions.by_member.get(&member).map(|suspicion| suspicion.until);
            if begins {
                suspicions.begin(member, now, accusers(&[accuser]), PATIENCE);
            } else {
                suspicions.confirm(member, &accusers(&[accuser]), PATIENCE);
                let after = suspicions.by_member.get(&member).map(|suspicion| suspicion.until);
                prop_assert!(after <= before);
            }
            // Both indexes say the same.
            let ends: alloc::vec::Vec<_> = suspicions.by_member.iter().map(|(member, it)| (it.until, *member)).collect();
            prop_assert_eq!(ends.len(), suspicions.by_end.len());
            prop_assert!(ends.iter().all(|end| suspicions.by_end.contains(end)));
        }
    }
}
