//! Who is found out to be gone, by whom, and who is not (G2, G9).

use super::*;
use crate::membership::view::What;

const OTHERS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn pings(effects: &[Effect]) -> Vec<NodeKey> {
    let ping = |effect: &Effect| match effect {
        Effect::Send { to, message: Message::Ping { .. } } => Some(*to),
        _ => None,
    };
    effects.iter().filter_map(ping).collect()
}

#[test]
fn everybody_is_probed_once_a_round() {
    let mut node = Lone::among(&OTHERS);
    // To the end of the round in which they came.
    while node.membership.probing.is_within_round() {
        node.pass_answering(Span::from_millis(500), |_| true);
    }
    let mut asked = pings(&node.pass_answering(Span::from_millis(10 * 500), |_| true));
    asked.sort_unstable();
    let mut all: Vec<NodeKey> = OTHERS.iter().flat_map(|name| [id(name).key(); 2]).collect();
    all.sort_unstable();
    assert_eq!(asked, all);
}

#[test]
fn who_answers_neither_directly_nor_to_others_is_suspected_and_then_down() {
    let mut node = Lone::among(&OTHERS);
    let gone = id("c").key();
    let effects = node.pass_answering(Span::from_millis(5_000), |key| key != gone);
    let helpers = effects.iter().filter(|effect| {
        matches!(effect, Effect::Send { to, message: Message::PingReq { target, .. } } if *target == gone && *to != gone)
    });
    let probes = pings(&effects).iter().filter(|target| **target == gone).count();
    assert!(probes > 0);
    assert_eq!(helpers.count(), probes * Probing::HELPERS);
    let accused = effects.iter().any(|effect| {
        matches!(effect, Effect::Send { to, message: Message::Update(update) } if *to == gone && update.member == gone)
    });
    assert!(accused, "it hears of it first, so that it can contradict");
    assert_eq!(node.state("c"), Some(State::Suspect));
    assert_eq!(node.changes(), [], "a suspicion takes nothing away");
    node.pass_answering(Span::from_millis(30_000), |key| key != gone);
    assert_eq!(node.changes(), [(id("c"), What::Down)]);
    assert_eq!(node.counters.members_down, 1);
}

#[test]
fn one_helper_that_reaches_it_is_enough() {
    let mut node = Lone::among(&OTHERS);
    let target = id("c").key();
    for _ in 0..40 {
        let effects = node.pass_answering(Span::from_millis(250), |key| key != target);
        let asked = effects.iter().find_map(|effect| match effect {
            Effect::Send { to, message: Message::PingReq { seq, .. } } => Some((*to, *seq)),
            _ => None,
        });
        if let Some((helper, seq)) = asked {
            let word = Piggyback { members: node.membership.root(), ..Piggyback::default() };
            let from = Speaker { key: helper, incarnation: Incarnation(LIFE), address: None };
            node.run(|membership, cx| membership.receive(cx, from, Message::Ack { seq, word }));
        }
    }
    assert_eq!(node.counters.probes_failed, 0);
    assert_eq!(node.state("c"), Some(State::Alive));
}

#[test]
fn a_node_that_stood_still_accuses_nobody() {
    let mut node = Lone::among(&OTHERS);
    node.hear("a", update("b", standing(LIFE, 0), State::Suspect));
    node.now = node.now + Span::from_millis(20_000);
    node.run(Membership::timeout);
    assert_eq!(node.counters.late_probes, 1);
    assert_eq!(node.counters.members_down, 0, "its own clock ran on, and nobody was able to defend itself");
    assert_eq!(node.membership.health(), 8);
    for name in OTHERS {
        assert!(node.state(name).is_some_and(State::is_present), "{name}");
    }
    node.hear("a", update("b", standing(LIFE, 1), State::Alive));
    node.pass_answering(Span::from_millis(60_000), |_| true);
    assert_eq!(node.membership.health(), 0, "everybody answers");
    assert_eq!(node.changes(), []);
}

#[test]
fn a_node_that_stood_still_puts_suspicions_off_once() {
    // Given a suspicion, somebody who is sought, and a long stall,
    let mut node = Lone::among(&OTHERS);
    node.run(|membership, cx| _ = membership.add_seed(Contact::Address(address(99)), cx.now));
    node.hear("a", update("b", standing(LIFE, 0), State::Suspect));
    node.now = node.now + Span::from_millis(20_000);
    // when the network holds many datagrams for it,
    for _ in 0..100 {
        node.hear("a", Message::Nack { seq: 0 });
    }
    // then they count as one stall, and who is gone is found so in time.
    assert_eq!(node.counters.late_probes, 1);
    let b = id("b").key();
    node.pass_answering(Span::from_millis(120_000), |member| member != b);
    assert_eq!(node.state("b"), Some(State::Down));
}

#[test]
fn a_node_that_hears_nobody_waits_longer() {
    let mut node = Lone::among(&OTHERS);
    node.pass(Span::from_millis(4_000));
    assert!(node.membership.health() > 0, "not even helpers answer");
    let before = node.membership.patience();
    node.membership.health.worst();
    assert!(node.membership.patience().max > before.max || before.max == node.membership.patience().max);
    assert!(node.membership.patience().min > GossipPace::default().suspicion_min);
}

#[test]
fn confirmations_by_others_shorten_a_suspicion() {
    let ended = |accusers: &[&str]| {
        let mut node = Lone::among(&OTHERS);
        for accuser in accusers {
            let (member, accusers) = (id("e").key(), Accusers::one(id(accuser).key()));
            let suspect = StateUpdate { member, standing: standing(LIFE, 0), state: State::Suspect, accusers };
            node.hear(accuser, Message::Update(suspect));
        }
        let begun = node.now;
        while node.state("e") == Some(State::Suspect) {
            // It answers this node: only others have found so.
            node.pass_answering(Span::from_millis(50), |_| true);
        }
        node.now.since(begun)
    };
    let (one, two, three) = (ended(&["a"]), ended(&["a", "b"]), ended(&["a", "b", "c"]));
    assert!(one > two && two > three, "{one} {two} {three}");
    assert!(three >= GossipPace::default().suspicion_min);
    assert_eq!(ended(&["a", "a", "a"]), one, "the same one again is not a confirmation");
}

#[test]
fn when_most_vanish_at_once_the_view_is_not_trusted_until_they_are_back() {
    let mut node = Lone::among(&OTHERS);
    node.pass_answering(Span::from_millis(1_000), |_| true);
    node.pass_answering(Span::from_millis(60_000), |key| key == id("a").key());
    assert!(!node.membership.is_trusted(), "G9");
    assert_eq!(node.counters.distrusts, 1);
    for name in ["b", "c"] {
        node.hear("a", update(name, standing(LIFE, 1), State::Alive));
    }
    assert!(node.membership.is_trusted(), "half are there again");
}
