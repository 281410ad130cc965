//! Bytes in, bytes out: a [`Node`] with its datagrams and the addresses that they go to. What adapters and the simulator
//! drive.

mod addresses;
mod inspect;
mod snapshot;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::config::{Rules, SealMode};
use crate::election::{HeldLease, PersistId};
use crate::hard_state;
use crate::id::{NodeKey, VoterIndex};
use crate::membership;
use crate::node::{
    Action, Boot, BootError, Command, CommandRefused, Envelope, Message, Node, NodeInput, Notification, Session,
};
use crate::reason::DropReason;
use crate::time::Time;
use crate::wire::{self, Added, Header};
use addresses::{Addresses, Place};
pub use inspect::{read_datagram, write_datagram};
pub use snapshot::SnapshotError;

/// What an endpoint needs to know when it starts, beside its rules: a [`Boot`] whose saved state is still bytes.
#[derive(Clone, Copy, Debug)]
pub struct EndpointBoot<'a> {
    /// Sixty-four random bits that nobody else knows or can guess: all chance in this incarnation comes from them, and the numbers
    /// by which others show where they are (E18).
    pub seed: u64,
    /// The wall clock, in Unix milliseconds (E12).
    pub stamp_ms: u64,
    /// The record that the last incarnation saved, if there was one and it saves.
    pub saved: Option<&'a [u8]>,
}

/// Something that happened, given to [`Endpoint::step`].
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The deadline has come.
    Timeout,
    /// A datagram has arrived. Read the clock *after* receiving it (E15).
    Datagram {
        /// Where it came from.
        from: SocketAddr,
        /// What it holds.
        bytes: &'a [u8],
    },
    /// A datagram has arrived that a seal did not open (S2): it is counted, and nothing else.
    Refused(DropReason),
    /// What stands between this endpoint and the network seals like that from now on, and opens accordingly (S4).
    SealChanged(SealMode),
    /// A name was resolved, or resolved again.
    Resolved {
        /// Whose: another voter is there from now on; this node itself is there for others, as by
        /// [`Gossip::advertise`](crate::Gossip::advertise); anybody else may be a member, as in [`Command::Join`].
        peer: NodeKey,
        /// Its address.
        address: SocketAddr,
    },
    /// The record of that [`Output::Persist`] is safe on disk.
    Persisted(PersistId),
    /// The record of that [`Output::Persist`] could not be saved (E16).
    PersistFailed(PersistId),
    /// The node's owner wants something.
    Command(Command),
}

/// Something to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Send this datagram.
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// At most [`DATAGRAM_MAX`](crate::DATAGRAM_MAX) bytes.
        bytes: &'a [u8],
    },
    /// Save this record in place of the last one, all or nothing, and report it.
    Persist {
        /// Names this request in the report.
        id: PersistId,
        /// What to save.
        record: &'a [u8],
    },
    /// Tell the application.
    Notify(Notification),
}

/// A node that speaks datagrams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    node: Node,
    rules: Arc<Rules>,
    /// As the rules say, until it was changed.
    seal: Option<SealMode>,
    addresses: Addresses,
    buffer: Vec<u8>,
    unaddressed: u64,
}

impl Endpoint {
    /// The most messages in one datagram: more than fit.
    const MESSAGES_MAX: usize = 256;

    /// An endpoint that starts at `now`.
    ///
    /// # Errors
    /// The boot values, or the saved record, cannot be used; nothing was started.
    pub fn new(rules: impl Into<Arc<Rules>>, boot: EndpointBoot<'_>, now: Time) -> Result<Self, BootError> {
        let rules = rules.into();
        let EndpointBoot { seed, stamp_ms, saved } = boot;
        let saved = saved.map(|record| hard_state::decode(record, &rules)).transpose().map_err(BootError::Record)?;
        let node = Node::new(Arc::clone(&rules), Boot { seed, stamp_ms, saved }, now)?;
        let addresses = Addresses::new(rules.voters().len(), node.secret());
        let seal = rules.seal;
        Ok(Self { node, rules, seal, addresses, buffer: Vec::with_capacity(128), unaddressed: 0 })
    }

    /// Takes what has happened at `now`, and gives what is to be done about it, in order.
    pub fn step(&mut self, now: Time, input: Input<'_>) -> Outputs<'_> {
        self.addresses.forget_sender();
        let mut sender = None;
        let result = match input {
            Input::Timeout => self.node.take(now, NodeInput::Timeout),
            Input::Datagram { from, bytes } => {
                sender = self.receive(now, from, bytes);
                Ok(())
            }
            Input::Refused(reason) => {
                self.node.drop_unread(now, reason);
                Ok(())
            }
            Input::SealChanged(mode) => {
                self.node.enter(now);
                self.seal = Some(mode);
                Ok(())
            }
            Input::Resolved { peer, address } if peer == self.rules.key() => {
                self.node.enter(now);
                self.node.move_to(address);
                Ok(())
            }
            Input::Resolved { peer, address } => match self.rules.index_of(peer) {
                Some(voter) => {
                    self.node.enter(now);
                    self.addresses.resolved(voter, address);
                    self.node.greet_if_unknown(voter);
                    Ok(())
                }
                None => self.node.take(now, NodeInput::Command(Command::Join(address))),
            },
            Input::Persisted(id) => self.node.take(now, NodeInput::Persisted(id)),
            Input::PersistFailed(id) => self.node.take(now, NodeInput::PersistFailed(id)),
            Input::Command(command) => self.node.take(now, NodeInput::Command(command)),
        };
        Outputs { endpoint: self, now, result, sender }
    }

    /// When to step with [`Input::Timeout`] at the latest.
    pub fn deadline(&self) -> Time {
        self.node.deadline()
    }

    /// The node inside, to read from.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Where datagrams to that voter go at the moment.
    pub fn address(&self, voter: VoterIndex) -> Option<SocketAddr> {
        self.addresses.of_voter(voter, self.node.incarnation_of(voter))
    }

    /// How many datagrams were not sent because nobody knows where to, or because who is to get them has not shown yet that it is
    /// there (E18).
    pub fn unaddressed(&self) -> u64 {
        self.unaddressed
    }

    /// Gives the node that sent the datagram, where that was listened to.
    fn receive(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) -> Option<NodeKey> {
        let mut listened_to = None;
        let mut datagram = match wire::open(&self.rules, self.seal, bytes) {
            Ok(datagram) => datagram,
            Err(reason) => {
                self.node.drop_unread(now, reason);
                return None;
            }
        };
        let Header { from: sender, from_incarnation, to_incarnation, digests } = datagram.header;
        let voter = self.rules.index_of(sender);
        let place = Place { incarnation: from_incarnation, address: from };
        let node = &self.node;
        self.addresses.sender_is(voter, sender, place, datagram.received_len, || node.speaks_to(sender, from));
        let to = self.rules.key();
        // This node's name in another incarnation is told of this one, and no more. And one with another configuration would not
        // answer, and is told what this node has instead (E14).
        let may_prove_itself = sender != to && self.rules.digests().agree(&digests);
        for place in 0..Self::MESSAGES_MAX {
            let message = match datagram.next_message::<Message>() {
                None => return listened_to,
                // One question a datagram: many would draw as many answers, each as large as a datagram can be.
                Some(Ok(message)) if place > 0 && !message.is_filling() => Err(DropReason::Malformed),
                Some(message) => message,
            };
            let message = match message {
                Ok(message) => message,
                Err(reason) => {
                    self.node.drop_unread(now, reason);
                    return listened_to;
                }
            };
            let envelope = Envelope { from: sender, from_incarnation, to, to_incarnation, digests, message };
            if place == 0 && may_prove_itself {
                self.locate(now, &envelope);
            }
            let is_proven = self.addresses.unproven().is_none();
            // A repetition may name an address at which nobody has been for long, and all members would speak to it.
            if !is_proven && may_prove_itself && envelope.message.is_lasting() {
                self.node.drop_unread(now, DropReason::UnprovenAddress);
                continue;
            }
            let address = is_proven.then_some(from);
            // A sender that is turned away is answered once, however much it put into the datagram.
            if self.node.take_message(now, envelope, address).is_err() {
                return listened_to;
            }
            listened_to = Some(sender);
        }
        if datagram.next_message::<Message>().is_some() {
            self.node.drop_unread(now, DropReason::Malformed);
        }
        listened_to
    }

    /// Asks a sender that is not known to be where its datagram came from to show that it is, or takes the answer to that (E18).
    fn locate(&mut self, now: Time, envelope: &Envelope) {
        let Some(sender) = self.addresses.unproven() else { return };
        self.node.enter(now);
        match envelope.message {
            Message::Session(Session::ProbeAck { nonce, .. }) => {
                if envelope.to_incarnation == self.node.incarnation() && self.addresses.answered(nonce, self.node.now())
                {
                    self.node.greet_at_last(sender.key, sender.place.incarnation);
                }
            }
            // Two that ask each other would have no bytes left to answer.
            Message::Session(Session::Probe { .. }) => {}
            Message::Session(_)
            | Message::Election(_)
            | Message::Observer(_)
            | Message::Membership(_)
            | Message::Registry(_)
            | Message::Incarnations(_) => {
                let nonce = self.addresses.question(sender, self.node.now());
                self.node.probe(sender.key, sender.place.incarnation, nonce);
            }
        }
    }

    /// Where an envelope goes.
    fn find(&self, envelope: &Envelope) -> Option<SocketAddr> {
        if let Message::Membership(message) = &envelope.message
            && let membership::Message::Join { at: Some(at), .. } = **message
        {
            return Some(at);
        }
        let Envelope { to, to_incarnation, .. } = *envelope;
        let voter = self.rules.index_of(to);
        let said = || self.node.member_address(to);
        match envelope.message {
            Message::Membership(_) | Message::Registry(_) => self.addresses.find(voter, to, to_incarnation, said),
            // Where a voter is, its name and itself say. What others say is for when there is nothing else (E19).
            Message::Session(_) | Message::Election(_) | Message::Observer(_) | Message::Incarnations(_) => {
                self.addresses.find(voter, to, to_incarnation, || None).or_else(said)
            }
        }
    }

    /// Writes a datagram into the buffer: to who is known to be there, filled up with what there is to tell, and to anybody else
    /// no more than it may be sent (E18). Tells whether it is to be sent.
    fn write(&mut self, to: SocketAddr, envelope: &Envelope) -> bool {
        let Envelope { from, from_incarnation, to: receiver, to_incarnation, digests, ref message } = *envelope;
        let header = Header { from, from_incarnation, to_incarnation, digests };
        wire::begin(&self.rules, &header, message, &mut self.buffer);
        if let Some(left) = self.addresses.allowance(to) {
            wire::finish_within(self.seal, &mut self.buffer, *left);
            let len = wire::sent_len(self.seal, self.buffer.len());
            let fits = len <= *left;
            if fits {
                *left -= len;
            }
            return fits;
        }
        if let Some(mut top_up) = self.node.top_up(receiver, message) {
            while let Some(more) = self.node.next_to_top_up(&mut top_up) {
                match wire::add(&more, &mut self.buffer) {
                    Added::Yes => top_up.fits(),
                    Added::NoRoom => self.node.does_not_fit(&mut top_up, more),
                }
            }
            self.node.topped_up(top_up);
        }
        wire::finish(self.seal, &mut self.buffer);
        true
    }

    fn next_output(&mut self) -> Option<Output<'_>> {
        loop {
            match self.node.next_action()? {
                Action::Notify(notification) => return Some(Output::Notify(notification)),
                Action::Persist { id, hard_state } => {
                    hard_state::encode(&hard_state, &self.rules, &mut self.buffer);
                    return Some(Output::Persist { id, record: &self.buffer });
                }
                Action::Send(envelope) => {
                    let to = self.find(&envelope);
                    if let Some(to) = to.filter(|to| self.write(*to, &envelope)) {
                        return Some(Output::Transmit { to, bytes: &self.buffer });
                    }
                    self.unaddressed += 1;
                    self.node.went_to_nobody(&envelope.message);
                }
            }
        }
    }
}

/// The outputs of a step, lent one by one. Dropped early, the rest stays and comes first next time.
#[derive(Debug)]
#[must_use = "outputs have to be carried out, in order"]
pub struct Outputs<'a> {
    endpoint: &'a mut Endpoint,
    now: Time,
    result: Result<(), CommandRefused>,
    sender: Option<NodeKey>,
}

impl Outputs<'_> {
    /// The next thing to do.
    #[allow(clippy::should_implement_trait, reason = "it lends from the endpoint's buffer, which an Iterator cannot")]
    pub fn next(&mut self) -> Option<Output<'_>> {
        self.endpoint.next_output()
    }

    /// Of a step with a [`Command`]: whether it was done.
    ///
    /// # Errors
    /// It was refused; nothing has changed.
    pub fn result(&self) -> Result<(), &CommandRefused> {
        self.result.as_ref().copied()
    }

    /// Of a step with a datagram: the node that it came from, where that was listened to. Unless the datagram was sealed, that is no
    /// more than the datagram's own word.
    pub fn sender(&self) -> Option<NodeKey> {
        self.sender
    }

    /// The lease after the step: publish a shorter one before anything is sent.
    pub fn lease(&self) -> Option<HeldLease> {
        self.endpoint.node.lease(self.now)
    }
}

#[cfg(test)]
mod tests;
