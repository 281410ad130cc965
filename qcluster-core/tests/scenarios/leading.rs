//! What a leader believes of what it is told, and what it makes of it: stories about one leader, for whose voters the test speaks
//! (E1, E3, E7, E10, E11).

use qcluster_core::{
    Action, Command, DropReason, ElectionMessage, LostReason, Node, NodeInput, NodeKey, Notification, Role, Span, Term,
    Time,
};

use crate::world::{Fate, LEASE, World, election, id, is, ms};

const LEADER: usize = 1;
/// Of a higher priority than the leader.
const PREFERRED: usize = 0;
const THIRD: usize = 2;

/// A leader that has led for a second, and hears nobody from now on.
fn led() -> World {
    let mut world = World::with(3, |_, settings| settings.voters[PREFERRED].priority = 1);
    world.start(LEADER);
    world.start(THIRD);
    world.network.rule(|from, _, message| (from == THIRD && is(message, "pre_vote_request")).then_some(Fate::Lose));
    assert_eq!(world.elect(), LEADER);
    world.network.clear_rules();
    world.start(PREFERRED);
    world.run(ms(1_000));
    world.isolate(LEADER);
    world
}

/// One that has won, and was acknowledged by nobody yet.
fn won() -> World {
    let mut world = World::of(3);
    world.network.catch(|_, _, message| is(message, "heartbeat"));
    world.start_all();
    world.run_till(ms(1_000), "a winner", |world| (0..3).any(|n| world.role(n) == Role::Leader));
    world
}

fn ack(world: &World, term: Term, sent_at: Time) -> ElectionMessage {
    ElectionMessage::HeartbeatAck {
        term,
        sent_at,
        lease: LEASE,
        stamp: Term(0),
        incarnations: world.incarnations(LEADER),
    }
}

fn dropped(world: &World, reason: DropReason) -> u64 {
    world.node(LEADER).counters().dropped[reason]
}

/// Nobody can have promised before it was asked to: an answer to what was not sent yet would make a lease out of nothing (E3).
#[test]
fn an_ack_of_what_was_never_sent_prolongs_no_lease() {
    let mut world = led();
    let (term, lease) = (world.node(LEADER).term(), world.node(LEADER).lease(world.now));
    for sent_at in [world.now + ms(1), world.now + ms(100_000)] {
        let before = dropped(&world, DropReason::Unexpected);
        world.ask(THIRD, LEADER, ack(&world, term, sent_at));
        world.ask(PREFERRED, LEADER, ack(&world, term, sent_at));
        assert_eq!(world.node(LEADER).lease(world.now), lease);
        assert_eq!(dropped(&world, DropReason::Unexpected), before + 2);
    }
    // Nor does one of another term.
    for other in [term.next(), Term(term.0 - 1)] {
        world.ask(THIRD, LEADER, ack(&world, other, world.now));
        assert_eq!(world.node(LEADER).lease(world.now), lease);
    }
}

/// What a voter has echoed is the newest of what it was sent, and only a leader knows of such (E3).
#[test]
fn a_leader_knows_the_newest_echo_of_each_voter() {
    let mut world = led();
    let voters: Vec<_> = world.node(LEADER).rules().indices().collect();
    let echo = |world: &World, n: usize| world.node(LEADER).last_echo(voters[n]);
    let (term, earlier) = (world.node(LEADER).term(), echo(&world, THIRD).unwrap());
    assert!(earlier <= world.now && world.now.since(earlier) <= ms(27), "once a heartbeat");
    world.run_till(ms(30), "a heartbeat", |world| {
        let sent = world.transcript.messages().filter(|(from, _, message)| *from == LEADER && is(message, "heartbeat"));
        sent.count() > 0 && world.node(LEADER).last_echo(voters[LEADER]).unwrap() == world.now
    });
    let sent_at = world.now;
    world.ask(THIRD, LEADER, ack(&world, term, sent_at));
    assert_eq!(echo(&world, THIRD), Some(sent_at));
    assert!(echo(&world, PREFERRED).unwrap() < sent_at, "it has not answered");
    world.ask(THIRD, LEADER, ack(&world, term, earlier));
    assert_eq!(echo(&world, THIRD), Some(sent_at), "overtaken");
    assert_eq!(world.node(THIRD).last_echo(voters[LEADER]), None);
}

/// A higher term ends a leadership, and nothing else that is said of terms does (E1).
#[test]
fn a_leader_yields_to_a_higher_term_alone() {
    let mut world = led();
    let term = world.node(LEADER).term();
    let lost = |world: &World| {
        world.count(|n, told| n == LEADER && matches!(told, Notification::Lost { reason: LostReason::HigherTerm, .. }))
    };
    for stale in [Term(term.0 - 1), term] {
        let before = dropped(&world, DropReason::Stale);
        world.ask(THIRD, LEADER, ElectionMessage::StaleTerm { term: stale });
        assert!(world.leads(LEADER));
        assert_eq!(dropped(&world, DropReason::Stale), before + 1);
    }
    world.ask(THIRD, LEADER, ElectionMessage::StaleTerm { term: term.next() });
    assert_eq!((lost(&world), world.role(LEADER), world.node(LEADER).term()), (1, Role::Follower, term.next()));
}

/// The leader moves for the voter that it has asked, in the term in which it asked, once that voter reaches all whom it
/// reaches itself (E11).
#[test]
fn a_leader_moves_for_the_voter_that_it_has_asked_alone() {
    let mut world = led();
    let term = world.node(LEADER).term();
    let could_win = |term, reached| ElectionMessage::CouldWin { term, reached };
    let all = 0b111;
    // Given a leader that has asked nobody, …
    world.ask(PREFERRED, LEADER, could_win(term, all));
    assert!(world.leads(LEADER), "nobody was asked");
    // … when it has asked the preferred one, …
    world.heal();
    world.network.catch(|_, _, message| is(message, "could_you_win"));
    world.run_till(ms(10_000), "the question", |world| !world.network.caught.is_empty());
    assert_eq!(world.network.caught[0].0, PREFERRED);
    // … then it stays where it is for others, in other terms, and for less than everybody, …
    for (from, term, reached) in [
        (THIRD, term, all),
        (PREFERRED, term.next(), all),
        (PREFERRED, Term(term.0 - 1), all),
        (PREFERRED, term, 0b011),
        (PREFERRED, term, 0b100),
        (PREFERRED, term, 0),
    ] {
        world.ask(from, LEADER, could_win(term, reached));
        assert!(world.leads(LEADER), "{from}, {term:?}, {reached:b}");
    }
    // … while a hand-over to another is under way, …
    let mut other = world.node(LEADER).clone();
    drop(other.step(world.now, NodeInput::Command(Command::Transfer(Some(id(THIRD))))));
    let transfers = other.counters().transfers;
    let forged = world.forge(PREFERRED, LEADER, could_win(term, all));
    drop(other.step(world.now, NodeInput::Message(forged)));
    assert!(other.is_leader(world.now) && other.counters().transfers == transfers, "it drains for the other one");
    let said: Vec<_> = other.step(world.now, NodeInput::Command(Command::Drained)).collect();
    let names_the_third = |action: &Action| {
        let Action::Send(envelope) = action else { return false };
        let named = Some(id(THIRD).key());
        matches!(election(&envelope.message), Some(ElectionMessage::Release { successor, .. }) if *successor == named)
    };
    assert!(said.iter().any(names_the_third), "{said:?}");
    // … and moves in the end.
    world.ask(PREFERRED, LEADER, could_win(term, all));
    assert!(!world.leads(LEADER));
}

/// Nothing has begun that could be drained (E7, E10).
#[test]
fn a_winner_without_a_lease_ends_at_once() {
    for event in [NodeInput::Command(Command::Shutdown), NodeInput::Command(Command::StepDown)] {
        let mut world = won();
        let winner = (0..3).find(|n| world.role(*n) == Role::Leader).unwrap();
        assert!(!world.leads(winner));
        world.machines[winner].drains_at_once = false;
        let expired = world.node(winner).counters().expired_candidacies;
        let said = world.provoke(winner, event.clone());
        assert!(said.iter().all(|message| message.name() == "release") && said.len() == 2, "{said:?}");
        let role = if event == NodeInput::Command(Command::Shutdown) { Role::Stopped } else { Role::Follower };
        assert_eq!(world.role(winner), role);
        assert_eq!(world.node(winner).counters().expired_candidacies, expired + 1);
        let told = |n, told: Notification| n == winner && !matches!(told, Notification::LeaderChanged { .. });
        assert_eq!(world.count(told), 0, "it has told nothing, and has nothing to take back");
    }
}

/// Whom a release names that the leader would send if it handed over now.
fn named(mut leader: Node, now: Time) -> Option<NodeKey> {
    drop(leader.step(now, NodeInput::Command(Command::Transfer(None))));
    let said = leader.step(now, NodeInput::Command(Command::Drained));
    let named = said.filter_map(|action| match action {
        Action::Send(envelope) => match election(&envelope.message) {
            Some(ElectionMessage::Release { successor, .. }) => Some(*successor),
            _ => None,
        },
        Action::Persist { .. } | Action::Notify(_) => None,
    });
    named.last().expect("it hands over")
}

/// Who has answered what was sent less than a lease ago is there, and may follow; a lease later it is not (E10, E11).
#[test]
fn a_voter_is_there_for_a_lease_after_what_it_answered() {
    for silent in [PREFERRED, THIRD] {
        let mut world = led();
        let preferred_is = world.node(LEADER).rules().indices().nth(silent).unwrap();
        world.heal();
        world.run(ms(30));
        world.isolate(silent);
        world.run(ms(10));
        let end = world.node(LEADER).last_echo(preferred_is).unwrap() + ms(150);
        for (now, is_there) in [(end.before(Span::from_nanos(1)), true), (end, false)] {
            world.run_until(now);
            let leader = world.node(LEADER).clone();
            let first = if silent == PREFERRED && !is_there { THIRD } else { PREFERRED };
            assert_eq!(named(leader, now), Some(id(first).key()), "{silent} is silent");
        }
    }
}

/// An asked voter has to reach all who have answered the leader within a lease (E11).
#[test]
fn a_voter_that_was_silent_for_a_lease_need_not_be_reached_by_the_next_leader() {
    let mut world = led();
    let third = world.node(LEADER).rules().indices().nth(THIRD).unwrap();
    world.heal();
    world.network.catch(|_, _, message| is(message, "could_you_win"));
    world.run_till(ms(10_000), "the question", |world| !world.network.caught.is_empty());
    world.isolate(THIRD);
    world.run(ms(10));
    let end = world.node(LEADER).last_echo(third).unwrap() + ms(150);
    for (now, moves) in [(end.before(Span::from_nanos(1)), false), (end, true)] {
        world.run_until(now);
        let mut leader = world.node(LEADER).clone();
        let could_win = ElectionMessage::CouldWin { term: leader.term(), reached: 0b011 };
        drop(leader.step(now, NodeInput::Message(world.forge(PREFERRED, LEADER, could_win))));
        assert_eq!(leader.counters().transfers, u64::from(moves));
    }
}

/// When the preferred voter is asked, if it is heard all the time.
fn asked_at() -> Time {
    let mut world = led();
    world.heal();
    world.run_till(ms(10_000), "the question", |world| questions(world) > 0);
    world.now
}

fn questions(world: &World) -> u64 {
    world.node(LEADER).counters().preferred_attempts
}

/// Whether it is asked at that time all the same, if that many of its answers are lost at some time before.
fn is_asked_after(lost: u64, before: u64) -> bool {
    let asked_at = asked_at();
    let mut world = led();
    world.heal();
    // The answer to the last heartbeat before that comes two milliseconds after it.
    world.run_until(asked_at.before(ms(before)) + ms(5));
    world.network.cut_one_way(PREFERRED, LEADER);
    world.run_until((world.now + ms(25 * lost)).min(asked_at));
    world.network.join(PREFERRED, LEADER);
    world.run_until(asked_at);
    questions(&world) == 1
}

/// A voter that has not answered for three heartbeats is not asked whether it could win (E11).
#[test]
fn a_preferred_voter_that_misses_three_heartbeats_is_not_asked() {
    assert_eq!([1, 2, 3, 4].map(|lost| is_asked_after(lost, 25 * lost)), [true, true, false, false]);
}

/// A gap of more than three heartbeats in its answers makes the leader wait again until it has settled (E11).
#[test]
fn a_preferred_voter_settles_again_after_a_gap_of_more_than_three_heartbeats() {
    assert_eq!([1, 2, 3, 4].map(|lost| is_asked_after(lost, 1_000)), [true, true, false, false]);
}

/// Who leads after a hand-over that its target could not take waits longer before it tries the same again (E11).
#[test]
fn a_hand_over_that_another_had_to_take_counts_as_an_attempt() {
    for fails in [true, false] {
        let mut world = led();
        world.heal();
        world.network.rule(move |from, _, message| {
            let other_wins = from == PREFERRED && fails && is(message, "vote_request");
            let tries_again = from == LEADER && is(message, "pre_vote_request");
            (other_wins || tries_again).then_some(Fate::Lose)
        });
        // Given that the preferred one was named, and could not win, or the third one was, and did, …
        let named = if fails { PREFERRED } else { THIRD };
        world.give(LEADER, NodeInput::Command(Command::Transfer(Some(id(named)))));
        world.run_till(ms(1_000), "the third leads", |world| world.leads(THIRD));
        world.network.clear_rules();
        world.network.rule(|_, _, message| is(message, "could_win").then_some(Fate::Lose));
        let mut asked = |times| {
            world.run_till(ms(20_000), "a question", |world| world.sent("could_you_win") == times);
            world.now
        };
        // … then the second time that the preferred one is asked comes as late as a third one would, or as ever.
        let (first, second) = (asked(1), asked(2));
        assert_eq!(second.since(first), ms(if fails { 6_000 } else { 3_000 }));
    }
}

/// A lease counts from what was sent since the voters were asked: whatever is said of before is none (E3, E7).
#[test]
fn an_ack_of_long_ago_makes_no_lease() {
    let mut world = won();
    let winner = (0..3).find(|n| world.role(*n) == Role::Leader).unwrap();
    let long_ago = ack(&world, world.node(winner).term(), Time::from_millis(1));
    world.ask((winner + 1) % 3, winner, long_ago);
    assert_eq!((world.role(winner), world.node(winner).lease(world.now)), (Role::Leader, None));
    assert_eq!((world.elections(), world.node(winner).counters().elected), (0, 0));
}

/// What a voter has promised holds, although its incarnation has ended since and says nothing more (E3, E24).
#[test]
fn a_lease_is_not_shortened_by_another_incarnation_of_a_voter() {
    let mut world = led();
    let third = world.node(LEADER).rules().indices().nth(THIRD).unwrap();
    world.heal();
    world.run(ms(30));
    // Given a lease that stands on the third voter, since the other one is not heard any more, …
    world.network.cut_one_way(PREFERRED, LEADER);
    world.run(ms(40));
    let end = world.node(LEADER).lease(world.now).unwrap().valid_until;
    // … when that begins another incarnation, then the lease is as long as it was.
    world.crash(THIRD);
    world.start(THIRD);
    world.run_until(end.before(Span::from_nanos(1)));
    assert_eq!(world.node(LEADER).last_echo(third), Some(Time::ZERO), "the new incarnation has said nothing yet");
    assert_eq!(world.node(LEADER).lease(world.now).map(|lease| lease.valid_until), Some(end));
    world.run_until(end);
    assert!(!world.leads(LEADER));
}
