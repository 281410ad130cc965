//! A way through a small world in words, one line a step.

use qcluster_core::{ElectionMessage, Envelope, Message, Span};

use super::locals::Locals;
use super::state::{Action, State};
use super::world::SmallWorld;

/// Each line begins with the real time since the first state.
pub(super) fn tell(first: &State, actions: &[Action], locals: &mut Locals) -> Vec<String> {
    let mut state = first.clone();
    let mut now = Span::ZERO;
    let mut lines = Vec::with_capacity(actions.len());
    for action in actions {
        if *action == Action::Pass {
            now = now + state.next_moment(locals).unwrap_or_default();
        }
        lines.push(format!("{:>9}  {}", now.to_string(), step(*action, locals)));
        // The last one breaks a rule, and nothing follows it.
        if state.apply(*action, locals).is_err() {
            break;
        }
    }
    lines
}

fn step(action: Action, locals: &Locals) -> String {
    match action {
        Action::Deliver(message) => {
            let known = locals.message(message);
            format!("host {} hears from {}: {}", known.to, known.from, said(&known.envelope))
        }
        Action::Fire(voter) => format!("host {voter}'s timer fires"),
        Action::Written(voter) => format!("host {voter}'s disk has written"),
        Action::Pass => "time goes on".into(),
        Action::Crash(voter) => format!("host {voter} crashes"),
        Action::Restart(voter, stage) => match locals.world.change {
            Some(_) => format!("host {voter} starts with {}", stage.file()),
            None => format!("host {voter} starts again"),
        },
        Action::StepDown(voter) => format!("host {voter} is asked to step down"),
        Action::Transfer(voter, to) => format!("host {voter} is asked to hand over to {to}"),
    }
}

/// Times as ages: in a state all clocks show the same.
fn said(envelope: &Envelope) -> String {
    match &envelope.message {
        Message::Election(ElectionMessage::Heartbeat { term, sent_at, active, .. }) => {
            let lease = if *active { ", with a lease" } else { "" };
            format!("heartbeat of {term:?}, sent {} ago{lease}", SmallWorld::PRESENT.since(*sent_at))
        }
        Message::Election(ElectionMessage::HeartbeatAck { term, sent_at, .. }) => {
            format!("ack in {term:?} of what was sent {} ago", SmallWorld::PRESENT.since(*sent_at))
        }
        Message::Election(message) => format!("{message:?}"),
        Message::Session(session) => format!("{session:?}"),
        Message::Observer(message) => format!("{message:?}"),
        Message::Membership(message) => format!("{message:?}"),
        Message::Registry(message) => format!("{message:?}"),
        Message::Incarnations(told) => format!("{told:?}"),
    }
}
