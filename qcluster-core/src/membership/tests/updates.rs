//! What is said of members and of this node, and which of it is believed (G1, G3, G4).

use super::*;
use crate::membership::view::What;

#[test]
fn scenario_25_a_delayed_sign_of_presence_wakes_no_dead() {
    let mut node = Lone::among(&["other", "peer"]);
    for (refutation, state) in [(1, State::Alive), (1, State::Down), (10, State::Down), (2, State::Alive)] {
        node.hear("other", update("peer", standing(LIFE, refutation), state));
    }
    // Found down by others at a standing not heard of before: it is given the time to contradict.
    node.pass_answering(Span::from_millis(30_000), |key| key != id("peer").key());
    assert_eq!(node.state("peer"), Some(State::Down));
    node.hear("other", update("peer", standing(LIFE, 2), State::Alive));
    node.hear("other", Message::Introduce(introduction("peer", standing(LIFE, 10), State::Alive)));
    node.pass_answering(Span::from_millis(30_000), |key| key != id("peer").key());
    assert_eq!(node.state("peer"), Some(State::Down), "nothing of this is newer than its death");
    assert_eq!(node.changes(), [(id("peer"), What::Down)]);
    node.hear("other", update("peer", standing(LIFE, 11), State::Alive));
    assert_eq!(node.changes(), [(id("peer"), What::Joined)], "this is");
}

#[test]
fn the_later_incarnation_is_believed_at_once() {
    let mut node = Lone::among(&["peer"]);
    node.hear("peer", update("peer", standing(LIFE, 7), State::Down));
    node.hear("peer", Message::Introduce(introduction("peer", standing(LIFE + 1, 0), State::Alive)));
    assert_eq!(node.state("peer"), Some(State::Alive));
    node.hear("peer", update("peer", standing(LIFE, 9), State::Down));
    assert_eq!(node.state("peer"), Some(State::Alive), "that was said of an earlier incarnation");
}

#[test]
fn what_is_said_of_this_node_is_contradicted_above_it() {
    for (said, state, expected) in [
        (standing(LIFE, 0), State::Suspect, standing(LIFE, 1)),
        (standing(LIFE, 0), State::Down, standing(LIFE, 1)),
        (standing(LIFE, 41), State::Down, standing(LIFE, 42)),
        (standing(LIFE, 0), State::Alive, standing(LIFE, 0)),
        (standing(LIFE - 1, 9), State::Down, standing(LIFE, 0)),
    ] {
        let mut node = Lone::among(&["peer"]);
        node.hear("peer", update("me", said, state));
        assert_eq!(node.own_standing(), expected, "{said:?} {state:?}");
        assert_eq!(node.state("me"), Some(State::Alive));
    }
}

#[test]
fn a_standing_without_room_to_grow_is_left_behind_for_another_incarnation() {
    let mut node = Lone::among(&["peer"]);
    node.hear("peer", update("me", standing(LIFE, u32::MAX), State::Down));
    assert!(node.own_standing() > standing(LIFE, u32::MAX));
    assert_eq!(node.state("me"), Some(State::Alive));
}

#[test]
fn a_doubt_about_an_incarnation_that_was_outdone_meanwhile_takes_nothing_back() {
    // Given a later incarnation of this node that somebody believes to be there,
    let mut node = Lone::among(&["peer"]);
    node.hear("peer", update("me", standing(LIFE + 9, 0), State::Alive));
    // and that somebody else knows to be dead, so that this one goes above it,
    node.hear("peer", update("me", standing(LIFE + 9, 0), State::Down));
    let risen = node.own_standing();
    assert!(risen > standing(LIFE + 9, 0));
    // when the time is over that the later incarnation had to speak for itself, then nothing changes.
    for _ in 0..20 {
        node.pass_answering(Span::from_millis(500), |_| true);
        assert_eq!(node.own_standing(), risen);
    }
}

#[test]
fn a_dead_incarnation_of_this_node_with_a_later_clock_is_outdone() {
    let mut node = Lone::among(&["peer"]);
    let later = LIFE + (5 << 20);
    node.hear("peer", update("me", standing(later, 3), State::Down));
    assert!(node.own_standing().incarnation > Incarnation(later), "whatever the wall clock says (E17)");
}

#[test]
fn a_later_incarnation_of_this_node_that_is_said_to_be_there_is_asked_first() {
    let mut node = Lone::among(&["peer"]);
    let later = standing(LIFE + (5 << 20), 0);
    let there = Introduction { address: Some(address(99)), ..introduction("me", later, State::Alive) };
    let effects = node.hear("peer", Message::Introduce(there));
    let asked = effects.iter().any(|effect| {
        matches!(effect, Effect::SendTo { incarnation, message: Message::Join { at: Some(at), .. }, .. }
            if *incarnation == later.incarnation && *at == address(99))
    });
    assert!(asked, "{effects:?}");
    assert_eq!(node.own_standing().incarnation, Incarnation(LIFE), "it may be a duplicate");
    node.pass(Span::from_millis(2_000));
    assert!(node.own_standing() > later, "nobody spoke for it");
}

#[test]
fn after_a_refutation_nothing_of_the_suspicion_fires() {
    let mut node = Lone::among(&["peer", "other"]);
    let accusers = Accusers::one(id("other").key());
    let suspect =
        StateUpdate { member: id("peer").key(), standing: standing(LIFE, 0), state: State::Suspect, accusers };
    node.hear("other", Message::Update(suspect));
    assert_eq!(node.state("peer"), Some(State::Suspect));
    node.hear("other", update("peer", standing(LIFE, 1), State::Alive));
    node.hear("other", Message::Update(suspect));
    assert_eq!(node.state("peer"), Some(State::Alive), "G3");
    node.pass_answering(Span::from_millis(60_000), |_| true);
    assert_eq!(node.state("peer"), Some(State::Alive));
    assert_eq!(node.changes(), [], "suspicions are not told, and it went nowhere");
}

#[test]
fn who_answers_here_is_not_dead_because_others_say_so() {
    let mut node = Lone::among(&["peer", "other"]);
    node.hear("other", update("peer", standing(LIFE, 0), State::Down));
    assert_eq!(node.state("peer"), Some(State::Suspect), "the other side of a cut believes it too");
    node.hear("other", update("peer", standing(LIFE, 0), State::Down));
    assert_eq!(node.state("peer"), Some(State::Suspect), "however often");
}

#[test]
fn who_was_accused_here_is_dead_as_soon_as_somebody_has_waited_long_enough() {
    let mut node = Lone::among(&["peer", "other"]);
    let accusers = Accusers::one(id("other").key());
    let suspect =
        StateUpdate { member: id("peer").key(), standing: standing(LIFE, 0), state: State::Suspect, accusers };
    node.hear("other", Message::Update(suspect));
    node.hear("other", update("peer", standing(LIFE, 0), State::Down));
    assert_eq!(node.state("peer"), Some(State::Down));
}

#[test]
fn a_goodbye_stands_above_a_suspicion_and_is_no_failure() {
    let mut node = Lone::among(&["peer", "other"]);
    node.hear("other", update("peer", standing(LIFE, 0), State::Suspect));
    node.hear("other", update("peer", standing(LIFE, 1), State::Left));
    node.pass_answering(Span::from_millis(60_000), |_| true);
    node.hear("other", update("peer", standing(LIFE, 1), State::Down));
    assert_eq!(node.state("peer"), Some(State::Left), "G4");
    assert_eq!(node.changes(), [(id("peer"), What::Left)]);
}

#[test]
fn who_leaves_says_so_and_contradicts_nothing_any_more() {
    let mut node = Lone::among(&["peer", "other"]);
    let goodbyes = node.run(Membership::leave);
    let is_goodbye = |effect: &&Effect| matches!(effect, Effect::Send { message: Message::Update(update), .. } if update.state == State::Left);
    assert_eq!(goodbyes.iter().filter(is_goodbye).count(), 2);
    let said = node.own_standing();
    node.hear("peer", update("me", said, State::Down));
    assert_eq!(node.state("me"), Some(State::Left));
    assert_eq!(node.own_standing(), said);
}

#[test]
fn a_node_that_is_renamed_is_alive_under_its_new_name_unless_it_has_left() {
    for (leaves, expected) in [(false, State::Alive), (true, State::Left)] {
        let mut node = Lone::among(&["peer"]);
        if leaves {
            node.run(Membership::leave);
        }
        node.run(|membership, cx| membership.rename(cx, Incarnation(LIFE + 9)));
        assert_eq!((node.state("me"), node.own_standing()), (Some(expected), standing(LIFE + 9, 0)));
    }
}

#[test]
fn another_incarnation_that_speaks_is_told_who_is_known_by_its_name() {
    let mut node = Lone::among(&["peer"]);
    let duplicate = Speaker { key: id("peer").key(), incarnation: Incarnation(LIFE + 9), address: Some(address(98)) };
    let ping = || Message::Ping { seq: 1, word: Piggyback::default() };
    let effects = node.run(|membership, cx| membership.receive(cx, duplicate, ping()));
    let told = |effect: &Effect| matches!(effect, Effect::Send { message: Message::Introduce(_), .. });
    assert!(effects.iter().any(told), "{effects:?}");
    let effects = node.run(|membership, cx| membership.receive(cx, duplicate, ping()));
    assert!(!effects.iter().any(told), "once is enough: {effects:?}");
}

#[test]
fn both_sides_of_a_joining_introduce_themselves() {
    let mut node = Lone::new();
    let newcomer = Speaker { key: id("new").key(), incarnation: Incarnation(LIFE), address: Some(address(77)) };
    let me = Introduction { address: None, ..introduction("new", standing(LIFE, 0), State::Alive) };
    let join = Message::Join { at: Some(address(0)), me };
    let effects = node.run(|membership, cx| membership.receive(cx, newcomer, join));
    let seen = node.membership.member(id("new").key(), node.now).expect("it was let in");
    assert_eq!(seen.address, Some(address(77)), "it need not know itself where it is");
    let welcome = |effect: &Effect| {
        matches!(effect, Effect::Send { message: Message::Welcome { me, seen_at, .. }, .. }
            if me.id == id("me") && *seen_at == Some(address(77)))
    };
    assert!(effects.iter().any(welcome), "{effects:?}");
}

/// A name that could not be looked up at the start, or a node that nobody has told where it is.
#[test]
fn an_address_that_a_node_is_given_goes_before_what_others_see_and_all_are_told() {
    let mut node = Lone::among(&["peer"]);
    node.membership.rumors = Rumors::default();
    let before = node.own_standing();
    node.run(|membership, cx| membership.move_to(cx, address(50)));
    let own = |node: &Lone| node.membership.member(id("me").key(), node.now).and_then(|me| me.address);
    assert_eq!(own(&node), Some(address(50)));
    let (_, told) = node.membership.rumor(None, node.now).expect("it is news");
    assert!(
        matches!(&told, Message::Introduce(told) if told.address == Some(address(50)) && told.standing > before),
        "{told:?}"
    );
    // Who knows it at another address takes the later word.
    let mut other = Lone::among(&["me_too"]);
    let moved = Introduction { address: Some(address(50)), ..introduction("me_too", standing(LIFE, 1), State::Alive) };
    other.hear("peer", Message::Introduce(moved));
    let seen = other.membership.member(id("me_too").key(), other.now).and_then(|member| member.address);
    assert_eq!(seen, Some(address(50)));
    // What others see stands back, and the same address is no news.
    let me = introduction("peer", standing(LIFE, 0), State::Alive);
    let word = Piggyback { members: node.membership.root(), ..Piggyback::default() };
    node.hear("peer", Message::Welcome { me, seen_at: Some(address(51)), word });
    let after = node.own_standing();
    node.run(|membership, cx| membership.move_to(cx, address(50)));
    assert_eq!((own(&node), node.own_standing()), (Some(address(50)), after));
}

#[test]
fn every_address_of_a_machine_is_nobodys() {
    for unspecified in ["0.0.0.0:7001", "[::]:7001", "[::ffff:0.0.0.0]:7001"] {
        let unspecified = unspecified.parse().unwrap();
        let mut node = Lone::new();
        node.run(|membership, cx| membership.move_to(cx, unspecified));
        let introduction = introduction("peer", standing(LIFE, 0), State::Alive);
        node.hear("peer", Message::Introduce(Introduction { address: Some(unspecified), ..introduction }));
        let seen = |name| node.membership.member(id(name).key(), node.now).expect("it is known").address;
        assert_eq!((seen("me"), seen("peer")), (Some(address(0)), None), "{unspecified}");
    }
}

#[test]
fn whoever_names_an_address_makes_this_node_speak_to_it_once() {
    let mut node = Lone::among(&["a"]);
    let asked = |effects: Vec<Effect>| {
        effects.iter().filter(|effect| matches!(effect, Effect::SendTo { message: Message::Join { .. }, .. })).count()
    };
    let asked: usize = (1..30)
        .map(|later| {
            asked(node.hear("a", Message::Introduce(introduction("me", standing(LIFE + later, 0), State::Alive))))
        })
        .sum();
    assert_eq!(asked, 1);
}

#[test]
fn e18_what_is_said_of_an_absurd_incarnation_buries_nobody() {
    let mut node = Lone::among(&["a", "peer"]);
    let absurd = standing(u64::MAX, u32::MAX);
    node.hear("a", update("peer", absurd, State::Left));
    node.hear("a", Message::Introduce(introduction("peer", absurd, State::Down)));
    assert_eq!(node.state("peer"), Some(State::Alive));
    node.hear("a", update("me", absurd, State::Left));
    node.hear("a", Message::Introduce(introduction("me", standing((1 << 63) + 1, 0), State::Down)));
    let word = Piggyback { about_you: Some((absurd, State::Left)), ..Piggyback::default() };
    assert_eq!(node.hear("a", Message::Ping { seq: 1, word }).len(), 1, "who asks is answered all the same");
    assert_eq!(node.own_standing(), standing(LIFE, 0), "an incarnation that nobody would believe");
}

/// Notifications are written down by embedders, so their form stays.
#[test]
fn the_age_of_a_state_is_written_as_nanoseconds() {
    let mut view = MemberView::new(id("a"), standing(LIFE, 0), State::Alive);
    view.state_age = core::time::Duration::from_millis(1_500);
    let json = serde_json::to_string(&view).unwrap();
    assert!(json.ends_with(r#","state_age":1500000000}"#), "{json}");
    assert_eq!(serde_json::from_str::<MemberView>(&json).unwrap(), view);
}
