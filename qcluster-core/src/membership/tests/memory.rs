//! What is remembered, for how long, and how much of it (G7, G8, G10).

use super::*;

#[test]
fn the_dead_are_forgotten_after_a_while_and_do_not_come_back_is_reported() {
    let mut node = Lone::among(&["peer", "other"]);
    node.hear("other", update("peer", standing(LIFE, 0), State::Left));
    node.pass_answering(GossipPace::RETENTION, |_| true);
    assert_eq!(node.state("peer"), None);
    // Somebody from behind a long cut has not heard.
    node.hear("other", alive("peer"));
    assert_eq!(node.state("peer"), Some(State::Down), "it has to speak up itself");
    node.hear("other", update("peer", standing(LIFE, 1), State::Alive));
    assert_eq!(node.state("peer"), Some(State::Alive), "it has");
}

#[test]
fn what_is_forgotten_is_not_learned_again_from_others_who_are_about_to_forget() {
    let mut node = Lone::among(&["other"]);
    let old = Introduction { age_s: 24 * 3_600, ..introduction("peer", standing(LIFE, 0), State::Down) };
    node.hear("other", Message::Introduce(old.clone()));
    assert_eq!(node.state("peer"), None);
    let younger = Introduction { age_s: 24 * 3_600 - 60, ..old };
    node.hear("other", Message::Introduce(younger));
    assert_eq!(node.state("peer"), Some(State::Down));
    node.pass_answering(Span::from_millis(60_000), |_| true);
    assert_eq!(node.state("peer"), None, "it is as old here as it was there");
}

#[test]
fn an_age_that_goes_round_gets_no_younger() {
    let mut one = Lone::among(&["other"]);
    one.hear("other", update("other", standing(LIFE, 1), State::Left));
    one.now = one.now + Span::from_millis(1_500);
    let member = one.membership.members.get(&id("other").key().0).expect("it is remembered");
    let told = tell::introduction(member, GossipPace::RETENTION, one.now);
    assert_eq!(told.age_s, 2);
}

#[test]
fn whoever_is_not_there_is_tried_for_ever() {
    let mut node = Lone::among(&["peer"]);
    node.hear("peer", update("peer", standing(LIFE, 1), State::Left));
    node.pass(GossipPace::RETENTION.times(2));
    assert_eq!(node.state("peer"), None);
    let at = introduction("peer", standing(LIFE, 0), State::Alive).address;
    let effects = node.pass(Span::from_millis(30_000));
    let tries =
        |effect: &&Effect| matches!(effect, Effect::SendTo { message: Message::Join { at: to, .. }, .. } if *to == at);
    assert!(effects.iter().filter(tries).count() >= 3, "two lonely nodes are to find each other again (G7)");
}

#[test]
fn members_that_are_too_many_are_refused_and_harm_nobody() {
    let mut node = Lone::new();
    for number in 0..Membership::MEMBERS_MAX + 100 {
        let name = alloc::format!("n{number}");
        node.hear("n0", alive(&name));
    }
    assert_eq!(node.membership.members.len(), Membership::MEMBERS_MAX);
    assert_eq!(node.counters.members_refused, 101);
    assert_eq!(node.state("n0"), Some(State::Alive));
    node.hear("n0", update("n5", standing(LIFE, 0), State::Left));
    node.hear("n0", alive("late"));
    assert_eq!(node.state("late"), Some(State::Alive), "who has left makes room");
    assert_eq!(node.state("n5"), None);
}

#[test]
fn two_names_with_one_hash_do_not_replace_each_other() {
    let mut node = Lone::among(&["peer"]);
    let key = id("peer").key();
    node.membership.members.get_mut(&key.0).expect("it was met").id = id("namesake");
    node.hear("peer", Message::Introduce(introduction("peer", standing(LIFE + 5, 0), State::Alive)));
    let member = node.membership.member(key, node.now).expect("it stays");
    assert_eq!((member.id, member.standing), (id("namesake"), standing(LIFE, 0)));
    assert_eq!(node.counters.members_refused, 1);
}

#[test]
fn the_hash_over_all_members_follows_every_change() {
    let recomputed = |node: &Lone| {
        let mut fresh = Reconciler::new();
        for (key, member) in &node.membership.members {
            use crate::reconcile::Stamped as _;
            fresh.changed(*key, None, Some(member.stamp()));
        }
        fresh.root()
    };
    let mut node = Lone::among(&["a", "b", "c", "d"]);
    assert_eq!(node.membership.root(), recomputed(&node));
    node.hear("a", update("b", standing(LIFE, 3), State::Suspect));
    assert_eq!(node.membership.root(), recomputed(&node));
    node.hear("a", update("c", standing(LIFE, 0), State::Left));
    assert_eq!(node.membership.root(), recomputed(&node));
    node.pass_answering(GossipPace::RETENTION, |key| key == id("a").key());
    assert_eq!(node.membership.root(), recomputed(&node));
}

#[test]
fn who_makes_room_has_been_told_of() {
    let mut node = Lone::new();
    for n in 0..Membership::MEMBERS_MAX - 1 {
        node.hear("m0", alive(&alloc::format!("m{n}")));
    }
    node.changes();
    // One datagram: its messages are taken one after the other, and what changed is asked for afterwards.
    node.hear("m1", update("m5", standing(LIFE, 1), State::Left));
    node.hear("m1", alive("new"));
    let told = node.changes();
    assert_eq!(told, [(id("m5"), MemberEvent::Left)]);
    node.hear("m1", alive("new"));
    assert_eq!(node.changes(), [(id("new"), MemberEvent::Joined)], "there is room now");
}
