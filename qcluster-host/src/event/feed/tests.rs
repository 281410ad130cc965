//! Each view shows its part of the feed in order, and what was lost by all.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use futures_core::Stream;
use qcluster_core::{FencingToken, LostReason, Term};
use tokio::sync::broadcast;

use super::{Event, EventKind, Events};

fn tell(sender: &broadcast::Sender<Event>, kind: EventKind) {
    sender.send(Event::new(SystemTime::UNIX_EPOCH, kind)).expect("somebody listens");
}

/// What there is without waiting.
fn take(events: &mut Events) -> Vec<EventKind> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut kinds = Vec::new();
    while let Poll::Ready(Some(event)) = Pin::new(&mut *events).poll_next(&mut cx) {
        kinds.push(event.kind);
    }
    kinds
}

#[test]
fn a_view_shows_its_part_in_order() {
    let sender = broadcast::channel(16).0;
    let mut all = Events::new(sender.subscribe());
    let mut leadership = Events::new(sender.subscribe()).only_leadership();
    let mut directory = Events::new(sender.subscribe()).only_members_and_services();
    let token = FencingToken(7);
    let kinds = [
        EventKind::Elected { token },
        EventKind::Trust { is_given: false },
        EventKind::StepEstablished,
        EventKind::Lost { token, reason: LostReason::SteppedDown, late_by: Duration::ZERO, silent: Vec::new() },
        EventKind::Leader { leader: None, term: Term(7) },
    ];
    for kind in &kinds {
        tell(&sender, kind.clone());
    }
    assert_eq!(take(&mut all), kinds);
    assert_eq!(take(&mut leadership), [kinds[0].clone(), kinds[3].clone(), kinds[4].clone()]);
    assert_eq!(take(&mut directory), [kinds[1].clone()]);
}

#[tokio::test]
async fn every_view_tells_what_it_has_missed_and_ends_with_the_node() {
    let sender = broadcast::channel(2).0;
    for narrow in [|events| events, Events::only_leadership, Events::only_members_and_services] {
        let mut events: Events = narrow(Events::new(sender.subscribe()));
        for _ in 0..5 {
            tell(&sender, EventKind::StepEstablished);
        }
        assert_eq!(events.next().await.map(|event| event.kind), Some(EventKind::Missed { count: 3 }));
        _ = take(&mut events);
    }
    let mut events = Events::new(sender.subscribe());
    tell(&sender, EventKind::StepEstablished);
    drop(sender);
    assert_eq!(events.next().await.map(|event| event.kind), Some(EventKind::StepEstablished));
    assert_eq!((events.next().await, events.next().await), (None, None));
}
