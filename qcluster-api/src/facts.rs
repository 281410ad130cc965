//! Who is heard and who is not, in one line: what to look at while nobody leads.

use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

use super::storage::StorageStatus;
use super::view::{NodeSnapshot, PeerSnapshot, Subject, View, Whereabouts};
use qcluster_core::{DropReason, Peer, Seat, Slow, Time};

/// A voter that is silent for this many leases counts as not heard.
const PATIENCE_LEASES: u64 = 10;

impl View<'_> {
    /// What is known of who is there and who is not, in one line.
    pub fn facts(&self) -> String {
        facts(self.subject, self.snapshot, self.now)
    }
}

/// What is known at `now` of who is there and who is not, in one line.
pub fn facts(subject: &Subject, snapshot: &NodeSnapshot, now: Time) -> String {
    let rules = &subject.rules;
    let recent = now.before(rules.timing().lease.times(PATIENCE_LEASES));
    let is_heard = |peer: &&PeerSnapshot| peer.heard.is_some_and(|at| at >= recent);
    let heard = snapshot.peers.iter().filter(is_heard).count();
    let itself = usize::from(rules.seat() == Seat::Voter);
    if rules.seat() == Seat::Member {
        return "this cluster has no leader".into();
    }
    let mut line = format!("{} of {} voters heard", heard + itself, rules.voters().len());
    for peer in snapshot.peers.iter().filter(|peer| !is_heard(peer)) {
        if let Some(voter) = subject.voters.get(peer.position) {
            // Writing to a string cannot fail.
            let _ = write!(line, "; {}: {}", voter.identifier, silence(peer, voter, now));
        }
    }
    let refused = snapshot.counters.dropped[DropReason::ConfigMismatch];
    if refused > 0 {
        let _ =
            write!(line, "; {refused} messages refused from nodes with other voters, priorities, lease or drift bound");
    }
    let foreign = snapshot.counters.dropped[DropReason::ForeignCluster];
    if foreign > 0 {
        let _ = write!(line, "; {foreign} datagrams dropped that are of another cluster");
    }
    match snapshot.slow {
        Some(Slow::RoundTrip { voter, took, limit }) => {
            let name = subject.name_of(voter.position());
            let _ = write!(line, "; {name} answers after {took}, and half a lease is {limit}: lengthen the lease");
        }
        Some(Slow::Save { took, limit }) => {
            let _ = write!(line, "; saving took {took}, and has to be under {limit}: lengthen the lease");
        }
        None => {}
    }
    match &snapshot.storage {
        StorageStatus::Diskless | StorageStatus::Durable => {}
        StorageStatus::Failing { error } => {
            let _ = write!(line, "; this node cannot save, and gives no vote until it can: {error}");
        }
        StorageStatus::Failed { error } => {
            let _ = write!(line, "; this node abstains, since it could not save: {error}");
        }
    }
    line
}

fn silence(peer: &PeerSnapshot, voter: &Peer, now: Time) -> String {
    if let Some(address) = peer.address {
        return match peer.heard {
            None => format!("never heard from {address}"),
            Some(heard) => {
                let tenths = now.since(heard).as_millis() / 100;
                format!("not heard from {address} for {}.{} s", tenths / 10, tenths % 10)
            }
        };
    }
    match peer.whereabouts {
        Whereabouts::Nowhere => format!("`{}` has no address", voter.host),
        Whereabouts::OutOfReach => format!("`{}` has no address that can be reached from here", voter.host),
        Whereabouts::Unknown | Whereabouts::Found => format!("`{}` is being looked up", voter.host),
    }
}

#[cfg(test)]
mod tests;
