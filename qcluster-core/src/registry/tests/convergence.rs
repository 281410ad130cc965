//! Registries become one whatever the network does (G5, G6), and small news does not wait for bulk (G10).

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

use super::{Message, World, chance, service};
use crate::registry::Health;
use crate::rng::Rng;
use crate::time::Span;

/// One owner does one thing.
fn act(world: &mut World, n: usize, rng: &mut Rng) {
    let id = format!("s{}", rng.below(4));
    let port = u16::try_from(rng.below(1_000)).unwrap();
    world
        .at(n, |registry, cx| match rng.below(5) {
            0 | 1 => registry.register(cx, &service(&id, port)),
            2 => registry.deregister(cx, &id),
            3 => registry.beat(cx, &id, Some(Health::Warning)),
            4 => registry.set_metadata(cx, &[(id, port.into())].into()),
            _ => unreachable!("below five"),
        })
        .ok();
}

/// Rumors and comparisons over a network that loses, repeats and reorders.
fn chaos(world: &mut World, rng: &mut Rng, steps: usize) {
    let nodes = world.nodes.len() as u64;
    let mut flying: VecDeque<(usize, usize, Message)> = VecDeque::new();
    let pick = |rng: &mut Rng| usize::try_from(rng.below(nodes)).unwrap();
    for _ in 0..steps {
        let (from, to) = (pick(rng), pick(rng));
        if rng.below(3) == 0 {
            act(world, from, rng);
        }
        if from != to {
            let root = world.nodes[from].registry.root();
            let peer = world.key(from);
            world.nodes[to].registry.compare(peer, root);
            let mut messages = world.rumors(from, 3);
            let owed = world.key(to);
            messages.extend((0..4).map_while(|_| world.nodes[from].registry.next_owed(owed)));
            flying.extend(messages.into_iter().map(|message| (from, to, message)));
        }
        for _ in 0..rng.below(6) {
            let Some(at) = usize::try_from(rng.below(flying.len() as u64)).ok().filter(|_| !flying.is_empty()) else {
                break;
            };
            let (from, to, message) = flying[at].clone();
            if rng.below(4) > 0 {
                flying.remove(at);
            }
            if rng.below(4) > 0 {
                world.deliver(from, to, &message);
            }
        }
        flying.truncate(200);
        world.pass(Span::from_millis(10));
    }
}

#[test]
fn g5_g6_all_become_one_under_loss_repetition_and_reordering() {
    for seed in 0..60 {
        let mut rng = chance(seed);
        let mut world = World::new(2 + usize::try_from(rng.below(3)).unwrap());
        chaos(&mut world, &mut rng, 150);
        let all: Vec<usize> = (0..world.nodes.len()).collect();
        world.settle(&all);
        world.assert_agreed();
        let roots: Vec<u64> = world.nodes.iter().map(|node| node.registry.root()).collect();
        assert!(roots.iter().all(|root| *root == roots[0]), "seed {seed}: equal tables have equal roots");
        for n in &all {
            for key in world.nodes.iter().map(|node| node.key) {
                let by_owner = world.nodes.iter().find(|node| node.key == key).unwrap().registry.metadata_of(key);
                assert_eq!(world.nodes[*n].registry.metadata_of(key), by_owner, "seed {seed}: so does metadata");
            }
        }
    }
}

/// Without loss, rumors alone are enough.
#[test]
fn g5_a_rumor_reaches_all_and_ends() {
    let mut world = World::new(5);
    world.register(2, &service("a", 1));
    let mut rounds = 0;
    while (0..5).any(|n| !world.rumors(n, 0).is_empty() || world.nodes[n].registry.counts().rumors > 0) {
        for from in 0..5 {
            for message in world.rumors(from, 3) {
                world.deliver(from, (from + 1 + rounds % 4) % 5, &message);
            }
        }
        rounds += 1;
        assert!(rounds < 50, "rumors end");
    }
    world.assert_agreed();
    assert_eq!(world.view(0).len(), 1);
}

/// Scenario 29: chitchat#119.
#[test]
fn g10_the_one_record_of_a_node_goes_before_the_ten_thousand_of_another() {
    let mut world = World::new(3);
    for n in 0..10_000_u32 {
        world.register(0, &service(&format!("bulk{n}"), 1));
    }
    world.compare(0, 1);
    assert_eq!(world.nodes[1].registry.counts().visible, 10_000);
    world.register(2, &service("one", 1));
    for message in world.rumors(2, 1) {
        world.deliver(2, 1, &message);
    }
    let first = world.rumors(1, 1);
    assert!(matches!(&first[..], [Message::Record(record)] if record.id == "one"), "{first:?}");
}

/// The same by comparison, where the one with bulk has just met the one without.
#[test]
fn g10_in_a_comparison_the_question_goes_before_the_bulk() {
    let mut world = World::new(2);
    for n in 0..10_000_u32 {
        world.register(0, &service(&format!("bulk{n}"), 1));
    }
    world.register(1, &service("one", 1));
    let (few, root) = (world.key(1), world.nodes[1].registry.root());
    world.nodes[0].registry.compare(few, root);
    world.send_owed(0, 1);
    world.send_owed(1, 0);
    let mut messages = 0;
    while !world.ids(0).contains(&"one".into()) {
        let message = world.nodes[0].registry.next_owed(few).expect("it goes on");
        world.deliver(0, 1, &message);
        world.send_owed(1, 0);
        messages += 1;
    }
    assert!(messages <= 3, "it took {messages} messages");
}

#[test]
fn g6_one_change_among_ten_thousand_costs_a_handful_of_messages() {
    let mut world = World::new(2);
    for n in 0..10_000_u32 {
        world.register(0, &service(&format!("bulk{n}"), 1));
    }
    world.compare(0, 1);
    world.register(0, &service("bulk77", 2));
    let (peer, root) = (world.key(0), world.nodes[0].registry.root());
    world.nodes[1].registry.compare(peer, root);
    let mut messages = 0;
    loop {
        let sent = world.send_owed(0, 1) + world.send_owed(1, 0);
        messages += sent;
        if sent == 0 {
            break;
        }
    }
    world.assert_agreed();
    assert!(messages <= 6, "{messages} messages for one record");
}

/// What it has learned from a comparison, everybody knows: telling it would be a storm.
#[test]
fn g10_a_node_that_joins_does_not_tell_everybody_what_everybody_knows() {
    let mut world = World::new(2);
    for n in 0..1_000_u32 {
        world.register(0, &service(&format!("s{n}"), 1));
    }
    world.compare(0, 1);
    assert_eq!(world.nodes[1].registry.counts().visible, 1_000);
    assert!(world.nodes[1].registry.counts().rumors <= 32);
}

/// After a cut, what came over the line where it was is news to the rest of this side.
#[test]
fn g6_the_few_that_a_comparison_found_are_told_further() {
    let mut world = World::new(3);
    world.register(0, &service("a", 1));
    world.compare(0, 1);
    for message in world.rumors(1, 1) {
        world.deliver(1, 2, &message);
    }
    assert_eq!(world.ids(2), ["a"]);
}

#[test]
fn what_does_not_fit_comes_first_next_time() {
    let mut world = World::new(2);
    world.register(0, &service("a", 1));
    world.register(0, &service("b", 1));
    let (zero, one) = (world.key(0), world.key(1));
    let root = world.nodes[0].registry.root();
    world.nodes[1].registry.compare(zero, root);
    world.send_owed(1, 0);
    world.send_owed(0, 1);
    world.send_owed(1, 0);
    assert_eq!(world.nodes[0].registry.waiting().collect::<Vec<_>>(), [one]);
    let message = world.nodes[0].registry.next_owed(one).expect("records are owed");
    world.nodes[0].registry.put_back(one, message.clone());
    assert_eq!(world.nodes[0].registry.next_owed(one), Some(message));
}
