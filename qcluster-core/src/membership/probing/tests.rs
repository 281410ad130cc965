//! Tests.

use super::*;

impl Probing {
    pub(in crate::membership) fn is_within_round(&self) -> bool {
        self.next < self.order.len()
    }
}

fn probing(count: u64, rng: &mut Rng) -> Probing {
    let mut probing = Probing::new(Time::ZERO);
    (1..=count).for_each(|member| probing.add(NodeKey(member), rng));
    probing
}

#[test]
fn in_a_round_everybody_has_one_turn_whoever_comes_and_goes() {
    let mut rng = Rng::new(3);
    let mut probing = probing(20, &mut rng);
    // To the beginning of a round.
    while probing.is_within_round() {
        probing.next_target(&mut rng);
    }
    let mut turns: Vec<NodeKey> = (0..10).filter_map(|_| probing.next_target(&mut rng)).collect();
    let (gone, waiting) = (turns[3], probing.order[15]);
    probing.remove(gone);
    probing.remove(waiting);
    probing.add(NodeKey(99), &mut rng);
    while probing.is_within_round() {
        turns.extend(probing.next_target(&mut rng));
    }
    assert!(turns.contains(&NodeKey(99)), "its turn comes in this round");
    turns.sort_unstable();
    let all = turns.len();
    turns.dedup();
    assert_eq!(turns.len(), all, "nobody has two turns");
    assert_eq!(turns.len(), 20, "19 of the first, and the new one: {waiting:?} went before its turn");
}

#[test]
fn helpers_are_others_and_each_once() {
    let mut rng = Rng::new(3);
    for count in 0..6_u64 {
        let probing = probing(count, &mut rng);
        for _ in 0..50 {
            let mut some = probing.some(3, Some(NodeKey(1)), &mut rng);
            assert!(!some.contains(&NodeKey(1)));
            assert_eq!(some.len() as u64, count.saturating_sub(1).min(3));
            some.sort_unstable();
            some.dedup();
            assert_eq!(some.len() as u64, count.saturating_sub(1).min(3));
        }
    }
}

#[test]
fn relays_are_bounded_and_end_once() {
    let mut rng = Rng::new(3);
    let mut probing = probing(3, &mut rng);
    let take = |probing: &mut Probing, until| probing.take_relay(NodeKey(1), 7, NodeKey(2), Time::from_millis(until));
    let seq = take(&mut probing, 10).expect("there is room");
    assert_eq!(probing.relay_answered(NodeKey(3), seq), None, "another one answers");
    assert!(probing.relay_answered(NodeKey(2), seq).is_some());
    assert_eq!(probing.relay_answered(NodeKey(2), seq), None);
    for _ in 0..Probing::ERRANDS_MAX {
        assert!(take(&mut probing, 10).is_some());
    }
    assert_eq!(take(&mut probing, 10), None);
    assert_eq!(probing.relay_due(Time::from_millis(9)), None);
    assert!(probing.relay_due(Time::from_millis(10)).is_some());
}
