//! The queue stays bounded and keeps what must not be lost.

use super::{Action, Notification, Queue};
use crate::config::{Settings, VoterSettings};
use crate::election::Lapse;
use crate::id::{FencingToken, Incarnation, NodeId, NodeKey, Term};
use crate::membership;
use crate::node::{Envelope, Message, Session};
use crate::reason::LostReason;
use alloc::vec;

fn envelope() -> Envelope {
    let id = NodeId::new("a").unwrap();
    let rules = Settings::voter(id.clone(), vec![VoterSettings::new(id)]).check().unwrap();
    Envelope {
        from: NodeKey(1),
        from_incarnation: Incarnation(1),
        to: NodeKey(2),
        to_incarnation: Incarnation(2),
        digests: rules.digests,
        message: Message::Session(Session::Probe { nonce: 1 }),
    }
}

/// Puts in as much as there is room for; gives how much that was.
fn fill(queue: &mut Queue, envelope: &Envelope) -> usize {
    let fits = |queue: &mut Queue| {
        let has_room = queue.has_room_for(envelope.message.kind());
        if has_room {
            queue.push_send(envelope.clone());
        }
        has_room
    };
    (0..2_000).take_while(|_| fits(queue)).count()
}

#[test]
fn sends_beyond_the_limit_are_given_up() {
    let mut queue = Queue::with_capacity(0);
    assert_eq!(fill(&mut queue, &envelope()), Queue::ACTIONS_MAX);
    queue.pop();
    assert_eq!(fill(&mut queue, &envelope()), 1);
}

#[test]
fn notifications_beyond_the_limit_push_out_old_ones_and_still_alternate() {
    let mut queue = Queue::with_capacity(0);
    for number in 0..1_000 {
        let token = FencingToken(number);
        queue.push_notification(Notification::Elected { token });
        queue.push_notification(Notification::LeaderChanged { leader: None, term: Term(number) });
        queue.push_notification(Notification::Lost { token, reason: LostReason::NoQuorum, lapse: Lapse::default() });
        assert!(queue.actions.len() <= Queue::NOTIFICATIONS_MAX);
    }
    let mut leads = false;
    let mut last = None;
    while let Some(Action::Notify(notification)) = queue.pop() {
        match notification {
            Notification::Elected { .. } => assert!(!core::mem::replace(&mut leads, true), "elected twice"),
            Notification::Lost { token, .. } => {
                assert!(core::mem::replace(&mut leads, false), "lost without having led");
                last = Some(token);
            }
            _ => {}
        }
    }
    assert_eq!(last, Some(FencingToken(999)), "the newest is there");
    assert_eq!(queue.notifications, 0);
}

#[test]
fn gossip_leaves_room_for_an_election() {
    // Given more of gossip than is taken,
    let mut queue = Queue::with_capacity(0);
    let gossip = Message::from(membership::Message::Nack { seq: 1 });
    assert_eq!(fill(&mut queue, &Envelope { message: gossip, ..envelope() }), 512);
    // when an election sends something, then there is room.
    assert_eq!(fill(&mut queue, &envelope()), 512);
}

/// The application was told `Elected` and has taken that: whatever else makes room, the `Lost` of it comes.
#[test]
fn the_loss_of_what_was_taken_is_never_pushed_out() {
    let mut queue = Queue::with_capacity(0);
    queue.push_notification(Notification::Elected { token: FencingToken(1) });
    assert!(queue.pop().is_some());
    let reason = LostReason::NoQuorum;
    queue.push_notification(Notification::Lost { token: FencingToken(1), reason, lapse: Lapse::default() });
    for number in 2..1_000 {
        queue.push_notification(Notification::Elected { token: FencingToken(number) });
        queue.push_notification(Notification::Lost { token: FencingToken(number), reason, lapse: Lapse::default() });
    }
    let first = Action::Notify(Notification::Lost { token: FencingToken(1), reason, lapse: Lapse::default() });
    assert_eq!(queue.pop(), Some(first));
    let Some(Action::Notify(Notification::Elected { token })) = queue.pop() else { panic!("it alternates") };
    assert!(token > FencingToken(2), "the oldest pairs have made room");
}
