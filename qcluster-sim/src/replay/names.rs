//! Who is who in a recording: datagrams, addresses and numbers of voters with the names of their nodes.

use std::collections::VecDeque;
use std::net::SocketAddr;

use qcluster_core::recording::RecordedInput;
use qcluster_core::{
    Command, Endpoint, Envelope, NodeKey, Notification, Rules, Slow, VoterIndex, hard_state, read_datagram,
};

use crate::trace::message_in_words;

/// Where those were heard from that are not voters.
#[derive(Debug, Default)]
pub(super) struct Names {
    heard: VecDeque<(SocketAddr, NodeKey)>,
}

/// A command in words.
fn asked(command: &Command) -> String {
    match command {
        Command::Transfer(Some(target)) => format!("asked to hand over to {target}"),
        Command::Transfer(None) => "asked to hand over to the best placed".to_owned(),
        Command::StepDown => "asked to step down".to_owned(),
        Command::Drained => "the leader's work has ended".to_owned(),
        Command::Shutdown => "asked to stop".to_owned(),
        Command::Join(address) => format!("asked to join by {address}"),
        command => format!("asked of the registry: {command:?}"),
    }
}

impl Names {
    const HEARD_MAX: usize = 64;

    /// An input in words, and the messages in it.
    pub(super) fn input(&mut self, endpoint: &Endpoint, what: &RecordedInput) -> (String, Vec<String>) {
        let rules = endpoint.node().rules();
        let words = match what {
            RecordedInput::Timeout => "timer".to_owned(),
            RecordedInput::Datagram { from, bytes } => return self.datagram(rules, *from, bytes),
            RecordedInput::Refused(reason) => format!("<- a datagram that no seal opens: {}", reason.name()),
            RecordedInput::SealChanged(mode) => format!("datagrams are sealed by `{}` from now on", mode.name()),
            RecordedInput::Resolved { peer, address } => {
                format!("the name of {} resolves to {address}", name(rules, *peer))
            }
            RecordedInput::Persisted(id) => format!("save {} is done", id.0),
            RecordedInput::PersistFailed(id) => format!("save {} has failed", id.0),
            RecordedInput::Command(command) => asked(command),
        };
        (words, Vec::new())
    }

    fn datagram(&mut self, rules: &Rules, from: SocketAddr, bytes: &[u8]) -> (String, Vec<String>) {
        match read_datagram(rules, bytes) {
            Ok(envelopes) => {
                let sender = envelopes.first().map(|envelope| envelope.from);
                if let Some(sender) = sender {
                    self.hear(from, sender);
                }
                let sender = sender.map_or_else(|| "nobody".to_owned(), |sender| name(rules, sender));
                (format!("<- {sender} ({from})"), messages(rules, &envelopes))
            }
            Err(reason) => {
                let count = bytes.len();
                (format!("<- {from}"), vec![format!("{count} bytes that cannot be read: {}", reason.name())])
            }
        }
    }

    fn hear(&mut self, from: SocketAddr, sender: NodeKey) {
        if self.heard.contains(&(from, sender)) {
            return;
        }
        if self.heard.len() >= Self::HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back((from, sender));
    }

    /// A datagram that was given out.
    pub(super) fn sent(&self, endpoint: &Endpoint, to: SocketAddr, bytes: &[u8]) -> String {
        let rules = endpoint.node().rules();
        let voters = rules.voters().iter().filter_map(|voter| rules.index_of(voter.key).map(|index| (voter, index)));
        let at = |index: VoterIndex| endpoint.address(index) == Some(to);
        let voter = voters.into_iter().find(|(_, index)| at(*index)).map(|(voter, _)| voter.id.to_string());
        let heard = || self.heard.iter().rev().find(|(from, _)| *from == to).map(|(_, key)| name(rules, *key));
        let whom = voter.or_else(heard).map_or_else(|| to.to_string(), |name| format!("{name} ({to})"));
        let words = match read_datagram(rules, bytes) {
            Ok(envelopes) => messages(rules, &envelopes).join(" + "),
            Err(reason) => format!("{} bytes that nobody can read: {}", bytes.len(), reason.name()),
        };
        format!("{whom}  {words}")
    }

    /// A state that was given out to be saved.
    pub(super) fn saved(endpoint: &Endpoint, record: &[u8]) -> String {
        let rules = endpoint.node().rules();
        match hard_state::decode(record, rules) {
            Ok(state) => {
                let vote = state.vote.map_or_else(
                    || "no vote".to_owned(),
                    |vote| format!("a vote for {} (incarnation {:?})", name(rules, vote.node), vote.incarnation),
                );
                format!("{:?}, {vote}", state.term)
            }
            Err(error) => format!("a record that cannot be read: {error}"),
        }
    }

    /// A notification.
    pub(super) fn told(endpoint: &Endpoint, notification: &Notification) -> String {
        let rules = endpoint.node().rules();
        match notification {
            Notification::LeaderChanged { leader: Some(leader), term } => {
                format!("{} leads in {term:?}", rules.at(*leader).id)
            }
            Notification::ConfigMismatch { key, .. } => format!("{} has another configuration", name(rules, *key)),
            Notification::DuplicateSeen { voter, other } => {
                format!("{} has a twin (incarnation {other:?})", rules.at(*voter).id)
            }
            Notification::StepsDiffer { one, other } => {
                let name = |voter: VoterIndex| rules.at(voter).id.as_str();
                format!("{} and {} are in different changes of voters", name(*one), name(*other))
            }
            Notification::StepTooEarly { voter } => {
                format!("{} is in the middle step and knows of no leader that was elected there", rules.at(*voter).id)
            }
            Notification::WallClockOff { voter, ahead_ms } => {
                format!("the wall clock of {} is {ahead_ms} ms ahead of this node's", rules.at(*voter).id)
            }
            Notification::TooSlow(Slow::RoundTrip { voter, took, limit }) => {
                format!("{} answers after {took}, which has to be under {limit}", rules.at(*voter).id)
            }
            // The others name no voter.
            _ => notification.to_string(),
        }
    }
}

/// Messages in words, with identifiers for the keys of voters.
fn messages(rules: &Rules, envelopes: &[Envelope]) -> Vec<String> {
    let named = |words: String| {
        let voters = rules.voters().iter();
        voters.fold(words, |words, voter| words.replace(&format!("{:?}", voter.key), voter.id.as_str()))
    };
    envelopes.iter().map(|envelope| named(message_in_words(&envelope.message))).collect()
}

/// The identifier of a node, where it is known, or else its key.
pub(super) fn name(rules: &Rules, key: NodeKey) -> String {
    match rules.index_of(key) {
        Some(voter) => rules.at(voter).id.to_string(),
        None if key == rules.key() => rules.id().to_string(),
        None => format!("{key:?}"),
    }
}
