//! Two tables become one, and what that costs.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Message, Next, Reconciler, Stamped};
use crate::id::NodeKey;
use crate::rng::{Rng, mix};

const LEFT: NodeKey = NodeKey(1);
const RIGHT: NodeKey = NodeKey(2);

/// The larger version wins.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item(u32);

impl Stamped for Item {
    fn stamp(&self) -> u32 {
        self.0
    }
}

struct Side {
    me: NodeKey,
    table: BTreeMap<u64, Item>,
    reconciler: Reconciler,
    items_sent: usize,
    messages_sent: usize,
}

impl Side {
    fn new(me: NodeKey) -> Self {
        Self { me, table: BTreeMap::new(), reconciler: Reconciler::new(), items_sent: 0, messages_sent: 0 }
    }

    fn put(&mut self, id: u64, item: Item) {
        let before = self.table.get(&id).map(Item::stamp);
        if before.is_none_or(|before| before < item.0) {
            self.reconciler.changed(id, before, Some(item.0));
            self.table.insert(id, item);
        }
    }

    /// Sends all that is owed to the other.
    fn send(&mut self, other: &mut Side) -> Vec<u64> {
        let mut items = Vec::new();
        while let Some(next) = self.reconciler.next(other.me, &self.table) {
            match next {
                Next::Say(message) => {
                    self.messages_sent += 1;
                    other.reconciler.receive(self.me, &message, &other.table);
                }
                Next::Item(id) => {
                    self.items_sent += 1;
                    items.push(id);
                    other.put(id, self.table[&id].clone());
                }
            }
        }
        items
    }
}

fn sides() -> (Side, Side) {
    (Side::new(LEFT), Side::new(RIGHT))
}

fn settle(left: &mut Side, right: &mut Side) {
    left.reconciler.compare(RIGHT, right.reconciler.root());
    for _ in 0..3 {
        left.send(right);
        right.send(left);
    }
}

#[test]
fn two_tables_become_one() {
    let mut rng = Rng::new(3);
    for _ in 0..50 {
        let (mut left, mut right) = sides();
        for _ in 0..rng.below(2_000) {
            let (id, version) = (rng.next(), 1 + u32::try_from(rng.below(3)).unwrap());
            match rng.below(4) {
                0 => left.put(id, Item(version)),
                1 => right.put(id, Item(version)),
                2 | 3 => {
                    left.put(id, Item(version));
                    right.put(id, Item(version));
                }
                _ => unreachable!("below four"),
            }
        }
        settle(&mut left, &mut right);
        assert_eq!(left.table, right.table);
        assert_eq!(left.reconciler.root(), right.reconciler.root());
    }
}

#[test]
fn one_difference_costs_little_whatever_the_size() {
    for size in [100, 10_000] {
        let (mut left, mut right) = sides();
        for id in (0..size).map(mix) {
            left.put(id, Item(1));
            right.put(id, Item(1));
        }
        right.put(mix(0), Item(2));
        settle(&mut left, &mut right);
        assert_eq!(left.table[&mix(0)], Item(2));
        assert!(left.items_sent + right.items_sent <= 2, "only what differs travels");
        assert!(left.messages_sent + right.messages_sent <= 3);
    }
}

#[test]
fn the_one_item_of_a_peer_does_not_wait_for_ten_thousand() {
    let (mut few, mut many) = sides();
    few.put(mix(77_777), Item(1));
    for id in (0..10_000).map(mix) {
        many.put(id, Item(1));
    }
    many.reconciler.compare(LEFT, few.reconciler.root());
    many.send(&mut few);
    few.send(&mut many);
    let first = many.reconciler.next(LEFT, &many.table);
    assert_eq!(first, Some(Next::Say(Message::Want(alloc::vec![mix(77_777)]))), "the question goes before the bulk");
}

/// Says what one owes the other, and notes how long the longest message of each kind is.
fn say(from: &mut Side, to: &mut Side, longest: &mut [usize; 3]) {
    while let Some(next) = from.reconciler.next(to.me, &from.table) {
        let Next::Say(message) = next else { continue };
        let kind = match message {
            Message::Buckets(_) => 0,
            Message::Range { .. } => 1,
            Message::Want(_) => 2,
        };
        longest[kind] = longest[kind].max(postcard::to_allocvec(&message).unwrap().len());
        to.reconciler.receive(from.me, &message, &to.table);
    }
}

/// Frame, seal and what stands before a message take up to a hundred bytes of a datagram.
#[test]
fn the_longest_messages_fit_a_datagram() {
    let (mut left, mut right) = sides();
    for n in 0..300_u32 {
        right.put(u64::MAX - u64::from(n) * 0x0001_0001, Item(u32::MAX - n));
    }
    left.reconciler.buckets = (0..).map(mix).take(super::BUCKETS).collect();
    left.reconciler.compare(RIGHT, 1);
    let mut longest = [0; 3];
    say(&mut left, &mut right, &mut longest);
    say(&mut right, &mut left, &mut longest);
    say(&mut left, &mut right, &mut longest);
    assert!(longest.iter().all(|len| (800..=1_295).contains(len)), "{longest:?}");
}

#[test]
fn equal_tables_say_nothing() {
    let (mut left, mut right) = sides();
    left.put(5, Item(1));
    right.put(5, Item(1));
    left.reconciler.compare(RIGHT, right.reconciler.root());
    assert_eq!(left.reconciler.next(RIGHT, &left.table), None);
}

#[test]
fn nonsense_is_ignored() {
    let (mut left, _) = sides();
    left.put(5, Item(1));
    for nonsense in [
        Message::Buckets(Vec::new()),
        Message::Range { from: 9, to: 3, items: Vec::new() },
        Message::Range { from: 0, to: u64::MAX, items: Vec::new() },
        Message::Range { from: 6, to: 7, items: alloc::vec![(99, 1)] },
    ] {
        left.reconciler.receive(RIGHT, &nonsense, &left.table);
        assert_eq!(left.reconciler.next(RIGHT, &left.table), None, "{nonsense:?}");
    }
}

#[test]
fn what_is_owed_is_bounded() {
    let (mut left, _) = sides();
    let wants = Message::Want((0..20_000).collect());
    for peer in 0..100 {
        left.reconciler.receive(NodeKey(peer), &wants, &left.table);
    }
    assert!(left.reconciler.waiting().count() <= Reconciler::PEERS_MAX);
    assert!(left.reconciler.relays.values().all(|relays| relays.len() <= Reconciler::ERRANDS_MAX));
    assert!(left.reconciler.given_up > 0);
}
