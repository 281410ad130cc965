//! What is published wakes nobody for nothing, and is what the core has said.

use std::time::{Duration, SystemTime};

use qcluster_core::config::Mode;
use qcluster_core::{Config, FencingToken, HeldLease, LostReason, Notification, Span, Term, Time};

use crate::event::{Event, EventKind, Leadership};
use crate::test_support::{Puppet, in_time};

const HOUR_MS: u64 = 3_600_000;

#[test]
fn whoever_watches_leadership_is_woken_by_changes_alone() {
    let mut puppet = Puppet::new();
    let mut leadership = puppet.view.leadership();
    assert!(leadership.has_changed().unwrap(), "the first change is the present state");
    leadership.mark_unchanged();
    puppet.notify(Notification::LeaderChanged { leader: None, term: Term(2) });
    puppet.lose(1);
    assert!(!leadership.has_changed().unwrap(), "it was vacant before");
    puppet.elect(2, HOUR_MS);
    assert!(leadership.has_changed().unwrap());
    let Puppet { publisher, view, .. } = puppet;
    drop(publisher);
    assert_eq!(view.shown_leader(false), None);
}

/// What was told by now, in order.
async fn told(changes: &mut crate::event::Events, count: usize) -> Vec<EventKind> {
    let mut told = Vec::new();
    while told.len() < count {
        let Event { kind, .. } = in_time(changes.next()).await.unwrap();
        told.push(kind);
    }
    told
}

#[tokio::test]
async fn what_the_core_says_is_shown_and_told_with_the_names_of_voters() {
    let mut puppet = Puppet::new();
    let mut changes = puppet.view.events();
    let (term, token) = (Term(2), FencingToken(3));
    let me = puppet.publisher.subject.voters[0].clone();
    let index = puppet.publisher.subject.rules.index_of(puppet.publisher.id().key());
    assert!(!puppet.publisher.knows_leader());
    puppet.notify(Notification::LeaderChanged { leader: index, term });
    assert!(puppet.publisher.knows_leader());
    assert_eq!(*puppet.view.leadership().borrow(), Leadership::Following { leader: me.clone(), term });
    puppet.elect(3, HOUR_MS);
    assert_eq!(*puppet.view.leadership().borrow(), Leadership::Leading { token });
    // Who else is said to lead is told, and hides nothing of the own leadership.
    puppet.notify(Notification::LeaderChanged { leader: None, term });
    puppet.drain();
    assert_eq!(*puppet.view.leadership().borrow(), Leadership::Draining { token });
    puppet.lose(3);
    assert_eq!(*puppet.view.leadership().borrow(), Leadership::Unknown);
    assert!(!puppet.publisher.knows_leader());

    let told = told(&mut changes, 5).await;
    assert!(matches!(told[3], EventKind::Draining { token: FencingToken(3), .. }), "{told:?}");
    assert_eq!((&told[0], &told[1]), (&EventKind::Leader { leader: Some(me), term }, &EventKind::Elected { token }));
    assert_eq!(told[2], EventKind::Leader { leader: None, term });
    let (late_by, silent) = (Duration::ZERO, Vec::new());
    assert_eq!(told[4], EventKind::Lost { token, reason: LostReason::NoQuorum, late_by, silent });
}

/// How often it is said within some hours that nobody leads.
fn complaints(puppet: &mut Puppet) -> usize {
    let mut changes = puppet.publisher.changes.subscribe();
    let mut now = Time::from_millis(1_000);
    while now < Time::from_millis(5 * HOUR_MS) {
        puppet.publisher.mind_leaderless(now);
        now = now + Span::from_millis(60_000);
    }
    let mut count = 0;
    while let Ok(change) = changes.try_recv() {
        assert!(matches!(change.kind, EventKind::Leaderless { .. }), "{change:?}");
        count += 1;
    }
    count
}

#[test]
fn that_nobody_leads_is_said_where_somebody_should_and_nobody_does() {
    let mut puppet = Puppet::new();
    assert!(complaints(&mut puppet) > 1, "again and again");
    puppet.elect(1, HOUR_MS);
    assert_eq!(complaints(&mut puppet), 0, "it leads itself");
    puppet.lose(1);
    assert!(complaints(&mut puppet) > 1);
    let without = Config::new("server_a", "localhost", 7_001).with_mode(Mode::Masterless);
    assert_eq!(complaints(&mut Puppet::of(without)), 0, "there is no leader by design");
}

const HOUR: Duration = Duration::from_millis(HOUR_MS);
const TOKEN: FencingToken = FencingToken(3);

/// The events so far.
fn happened(changes: &mut tokio::sync::broadcast::Receiver<Event>) -> Vec<Event> {
    std::iter::from_fn(|| changes.try_recv().ok()).collect()
}

#[test]
fn who_is_elected_tells_the_end_of_its_first_lease_and_begins_no_later_than_it_is_seen() {
    let mut puppet = Puppet::new();
    let mut changes = puppet.publisher.changes.subscribe();
    let before = SystemTime::now();
    // Given a step that begins, and a lease that is published before anybody is told.
    let (step, seen) = (puppet.clock.now(), SystemTime::now());
    puppet.hold(3, HOUR_MS);
    puppet.publisher.notify(step, Notification::Elected { token: TOKEN }, None);
    let all = happened(&mut changes);
    let [Event { at, valid_until: Some(until), .. }] = all[..] else { panic!("{all:?}") };
    // Earlier by no more than the two readings of the clocks were apart.
    let apart = Duration::from(puppet.clock.now().since(step));
    assert!(before <= at + apart && at <= seen, "{before:?} {at:?} {seen:?}");
    assert!(before + HOUR <= until && until <= SystemTime::now() + HOUR, "{until:?}");
}

#[test]
fn who_noticed_late_that_its_lease_ran_out_tells_when_it_did() {
    let mut puppet = Puppet::new();
    let mut changes = puppet.publisher.changes.subscribe();
    puppet.elect(3, HOUR_MS);
    // Given a lease that was renewed until long ago, as it is for a node that stood still.
    puppet.clock = crate::clock::Clock::showing(Time::from_millis(5_000));
    puppet.publisher.clock = puppet.clock;
    let lease = HeldLease { token: TOKEN, valid_until: Time::from_millis(1_000) };
    puppet.publisher.lease(Some(lease));

    // When it notices.
    puppet.lose(3);

    // Then the end is where it was, and the event is now.
    let all = happened(&mut changes);
    let [_, Event { at, valid_until: Some(until), .. }] = all[..] else { panic!("{all:?}") };
    let late = at.duration_since(until).unwrap();
    assert!(late >= Duration::from_secs(4), "{late:?}");
}

#[test]
fn who_gives_its_lease_up_tells_an_end_that_has_come() {
    let mut puppet = Puppet::new();
    let mut changes = puppet.publisher.changes.subscribe();
    puppet.elect(3, HOUR_MS);
    puppet.drain();
    let before = SystemTime::now();
    puppet.lose(3);
    let all = happened(&mut changes);
    let [_, Event { valid_until: Some(drained), .. }, Event { at, valid_until: Some(until), .. }] = all[..] else {
        panic!("{all:?}")
    };
    assert!(drained > until, "while it hands over it still holds the lease: {all:?}");
    assert!(before <= until && until <= at, "{before:?} {all:?}");
}

#[test]
fn what_is_about_no_lease_of_this_node_tells_no_end() {
    let mut puppet = Puppet::new();
    let mut changes = puppet.publisher.changes.subscribe();
    puppet.elect(3, HOUR_MS);
    let me = puppet.publisher.subject.rules.index_of(puppet.publisher.id().key());
    puppet.notify(Notification::LeaderChanged { leader: me, term: Term(2) });
    puppet.notify(Notification::LeaderChanged { leader: me, term: Term(3) });
    puppet.notify(Notification::LeaderChanged { leader: None, term: Term(3) });
    puppet.notify(Notification::StepEstablished);
    // A leadership that was over before its lease was published.
    puppet.notify(Notification::Elected { token: FencingToken(4) });
    let told: Vec<bool> = happened(&mut changes).iter().map(|event| event.valid_until.is_some()).collect();
    assert_eq!(told, [true, false, true, false, false, false]);
}
