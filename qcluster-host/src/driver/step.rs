//! A step of the endpoint, and its outputs carried out.

use qcluster_core::{CommandRefused, Endpoint, Input, Output, Time, seal};

use super::effects::Effects;
use crate::clock::Clock;
use crate::sockets::DatagramSocket;

/// One step with all that follows from it at once. An error says that a command was refused.
pub(super) fn feed<S: DatagramSocket>(
    endpoint: &mut Endpoint,
    effects: &mut Effects<S>,
    clock: Clock,
    input: Input<'_>,
) -> Result<(), CommandRefused> {
    let (now, is_datagram) = (clock.now(), matches!(input, Input::Datagram { .. } | Input::Refused(_)));
    let result = step(endpoint, effects, now, input);
    if is_datagram {
        effects.measures.received(endpoint.node(), now);
    }
    while let Some(input) = effects.follow_up() {
        // What follows up is not refused.
        let _ = step(endpoint, effects, clock.now(), input);
    }
    result
}

pub(super) fn step<S: DatagramSocket>(
    endpoint: &mut Endpoint,
    effects: &mut Effects<S>,
    now: Time,
    input: Input<'_>,
) -> Result<(), CommandRefused> {
    if let Some(recorder) = &mut effects.recorder {
        recorder.note(now, &input, endpoint);
    }
    effects.measures.stepped(now);
    let key_id = match &input {
        Input::Datagram { bytes, .. } if effects.seal.is_some() => seal::key_id(bytes),
        _ => None,
    };
    let mut outputs = endpoint.step(now, input);
    // Before anything is sent: a lease that has ended must be seen to have ended by the time that others may lead.
    effects.publisher.lease(outputs.lease());
    let result = outputs.result().map_err(Clone::clone);
    while let Some(output) = outputs.next() {
        match output {
            Output::Transmit { to, bytes } => effects.transmit(to, bytes),
            Output::Persist { id, record } => {
                effects.measures.saving(now);
                effects.save(id, record);
            }
            Output::Notify(notification) => effects.notify(now, notification),
        }
    }
    let sender = outputs.sender().filter(|_| effects.seal.is_some());
    if let Some(sender) = sender {
        effects.heard.heard(endpoint.node(), sender, key_id);
    }
    result
}
