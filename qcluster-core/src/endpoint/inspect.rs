//! Datagrams for tools: reading what an endpoint sent, and making what it might be sent.

use alloc::vec::Vec;

use crate::config::{Rules, SealMode};
use crate::node::{Envelope, Message};
use crate::reason::DropReason;
use crate::wire::{self, Header};

/// The messages of a datagram, sealed on its way or not, addressed to the node of `rules`: for simulators, recordings and traffic dumps.
///
/// # Errors
/// Why an endpoint with these rules would drop it, as far as the bytes alone tell.
pub fn read_datagram(rules: &Rules, bytes: &[u8]) -> Result<Vec<Envelope>, DropReason> {
    let mut datagram = wire::open(rules, Some(SealMode::Send), bytes)?;
    let Header { from, from_incarnation, to_incarnation, digests } = datagram.header;
    let mut envelopes = Vec::new();
    while let Some(message) = datagram.next_message::<Message>() {
        envelopes.push(Envelope {
            from,
            from_incarnation,
            to: rules.key(),
            to_incarnation,
            digests,
            message: message?,
        });
    }
    Ok(envelopes)
}

/// The datagram that carries `envelope` in the cluster of `rules`.
pub fn write_datagram(rules: &Rules, envelope: &Envelope) -> Vec<u8> {
    let Envelope { from, from_incarnation, to_incarnation, digests, message, .. } = envelope.clone();
    let mut bytes = Vec::new();
    wire::encode(rules, &Header { from, from_incarnation, to_incarnation, digests }, &message, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests;
