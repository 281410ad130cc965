//! When a voter campaigns (E8): what widens its timer, and what does not move it.

use qcluster_core::{ElectionMessage, NodeInput, Refusal, Role, Span, Term};

use crate::world::{LEASE, World, ms};

const VOTER: usize = 2;

/// The default spread of timers, and half of the default lease.
const SLOT: Span = Span::from_millis(10);
const WIDEST: Span = Span::from_millis(75);

fn asks_around(world: &mut World) {
    world.run_till(ms(500), "a pre-candidate", |world| world.role(VOTER) == Role::PreCandidate);
}

/// The voter asks around, is encouraged, asks for votes, and is refused by both others.
fn lose_a_candidacy(world: &mut World) {
    asks_around(world);
    let (round, term) = world.last_round(VOTER);
    let incarnations = world.incarnations(0);
    let encouraged =
        ElectionMessage::PreVoteReply { round, refusal: None, term: Term(0), stamp: Term(0), incarnations };
    world.ask(0, VOTER, encouraged);
    assert_eq!(world.role(VOTER), Role::Candidate);
    for other in [0, 1] {
        let refusal = Some(Refusal::Promised);
        world.ask(
            other,
            VOTER,
            ElectionMessage::VoteReply { asked: term, refusal, term: Term(0), stamp: Term(0), incarnations },
        );
    }
    assert_eq!(world.role(VOTER), Role::Follower);
}

/// How long it then waits before it asks around again.
fn wait(world: &mut World) -> Span {
    let lost = world.now;
    asks_around(world);
    world.now.since(lost)
}

/// Where a round trip takes longer than a slot, candidates would meet forever: each defeat in a row doubles the chance part,
/// up to half a lease, and to hear a leader ends the row (E8).
#[test]
fn each_candidacy_lost_in_a_row_doubles_the_spread_of_the_next() {
    let spreads = [2, 4, 8, 16, 32].map(|slots| SLOT.times(slots).min(WIDEST));
    let mut longest = [Span::ZERO; 6];
    for seed in 0..60 {
        let mut world = World::of(3).seeded(seed).of_hermits();
        for (defeats, spread) in spreads.into_iter().enumerate() {
            lose_a_candidacy(&mut world);
            let waited = wait(&mut world);
            assert!(waited < spread, "seed {seed}: {waited} after {} defeats", defeats + 1);
            longest[defeats] = longest[defeats].max(waited);
        }
        // When a leader is heard, and goes, then the next attempt is as quick as the first ever was.
        let (term, sent_at) = (world.fresh_term(), world.now);
        world.ask(0, VOTER, ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) });
        world.ask(0, VOTER, ElectionMessage::Release { term, successor: None });
        longest[5] = longest[5].max(wait(&mut world));
    }
    for (defeats, spread) in spreads.into_iter().enumerate() {
        assert!(longest[defeats] > spread.split(10).times(8), "{longest:?}: the spread is {spread} wide");
    }
    assert!(longest[5] <= SLOT, "{longest:?}");
}

/// Who is refused has no say in when others campaign: it may never be able to win (E6, E8).
#[test]
fn refused_requests_do_not_put_off_the_timer_of_a_voter() {
    for reason in [Refusal::Promised, Refusal::OldTerm, Refusal::Voted] {
        for seed in 0..10 {
            // Given a voter that is bound to one node, or has voted for it, …
            let campaigns = |is_asked: bool| {
                let mut world = World::of(3).seeded(seed).of_hermits();
                let (term, sent_at) = (world.fresh_term(), world.now);
                let (first, asked) = match reason {
                    Refusal::Promised => (
                        ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) },
                        term.next(),
                    ),
                    Refusal::OldTerm => {
                        (ElectionMessage::VoteRequest { term, lease: LEASE, released: None }, Term(term.0 - 1))
                    }
                    _ => (ElectionMessage::VoteRequest { term, lease: LEASE, released: None }, term),
                };
                world.ask(0, VOTER, first);
                let promised_until = sent_at + ms(150);
                let rounds = world.node(VOTER).counters().pre_votes;
                // … when another asks for its vote again and again, and is refused for that reason, …
                while world.node(VOTER).counters().pre_votes == rounds {
                    if is_asked && (reason != Refusal::Promised || world.now < promised_until) {
                        let answers = world.ask(
                            1,
                            VOTER,
                            ElectionMessage::VoteRequest { term: asked, lease: LEASE, released: None },
                        );
                        let [ElectionMessage::VoteReply { refusal, .. }] = answers[..] else { panic!("{answers:?}") };
                        assert_eq!(refusal, Some(reason));
                    }
                    world.run(ms(1));
                }
                world.now
            };
            // … then it campaigns at the very moment at which it would have without.
            assert_eq!(campaigns(true), campaigns(false), "{reason:?}, seed {seed}");
        }
    }
}

/// A timer that fires more than a heartbeat late may have slept through heartbeats, and waits for one; a little late is none
/// (E15).
#[test]
fn a_timer_is_late_if_it_fires_more_than_a_heartbeat_late() {
    let heartbeat = ms(25);
    for seed in 0..10 {
        // Given a voter that is bound by a promise, and campaigns a moment after that, …
        let mut world = World::of(3).seeded(seed).of_hermits();
        let (term, sent_at) = (world.fresh_term(), world.now);
        world.ask(0, VOTER, ElectionMessage::Heartbeat { term, sent_at, lease: LEASE, active: true, stamp: Term(0) });
        world.run(ms(149));
        let sleeper = world.node(VOTER).clone();
        asks_around(&mut world);
        let campaigns_at = world.now;
        let counted = sleeper.counters().late_timers;
        // … when it goes on a heartbeat after that moment, then it campaigns, …
        let mut in_time = sleeper.clone();
        drop(in_time.step(campaigns_at + heartbeat, NodeInput::Timeout));
        assert_eq!((in_time.role(), in_time.counters().late_timers), (Role::PreCandidate, counted), "seed {seed}");
        // … when it does so any later, then it gives the leader another heartbeat, and no more than that.
        let mut late = sleeper;
        let goes_on = campaigns_at + heartbeat + Span::from_nanos(1);
        drop(late.step(goes_on, NodeInput::Timeout));
        assert_eq!((late.role(), late.counters().late_timers), (Role::Follower, counted + 1), "seed {seed}");
        assert_eq!(late.deadline(), goes_on + heartbeat);
        drop(late.step(goes_on + heartbeat, NodeInput::Timeout));
        assert_eq!((late.role(), late.counters().late_timers), (Role::PreCandidate, counted + 1), "seed {seed}");
    }
}
