//! A node that cannot find a leader says so, now and then, with what it knows of each voter that is in the way.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use qcluster_core::{DropReason, Peer, Rules, Seat, Span, Time};

use crate::names::Whereabouts;
use crate::status::{PeerSnapshot, Snapshot, StorageStatus};

/// As many leases without a leader are worth a word, and a voter that is silent for as long counts as not heard.
const PATIENCE_LEASES: u64 = 10;

/// The longest pause between two words.
const PAUSE_MAX: Span = Span::from_millis(60_000);

/// When to say next that nobody leads.
#[derive(Debug)]
pub(crate) struct Vacancy {
    patience: Span,
    /// Where nobody leads: when to say so, and how long to pause after that.
    next: Option<(Time, Span)>,
}

impl Vacancy {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self { patience: patience(rules), next: None }
    }

    /// Somebody leads.
    pub(crate) fn over(&mut self) {
        self.next = None;
    }

    /// Nobody leads: whether to say so now.
    pub(crate) fn lasts(&mut self, now: Time) -> bool {
        let (at, pause) = *self.next.get_or_insert((now + self.patience, self.patience));
        let due = now >= at;
        if due {
            self.next = Some((now + pause, pause.times(2).min(PAUSE_MAX.max(self.patience))));
        }
        due
    }
}

fn patience(rules: &Rules) -> Span {
    rules.timing().lease.times(PATIENCE_LEASES)
}

/// What is known of who is there and who is not, in one line.
pub(crate) fn facts(rules: &Rules, voters: &[Arc<Peer>], snapshot: &Snapshot, now: Time) -> String {
    let recent = now.before(patience(rules));
    let (heard, silent): (Vec<&PeerSnapshot>, Vec<&PeerSnapshot>) =
        snapshot.peers.iter().partition(|peer| peer.heard.is_some_and(|at| at >= recent));
    let itself = usize::from(rules.seat() == Seat::Voter);
    let mut line = format!("{} of {} voters heard", heard.len() + itself, rules.voters().len());
    for peer in silent {
        if let Some(voter) = voters.get(peer.position) {
            // Writing to a string cannot fail.
            let _ = write!(line, "; {}: {}", voter.identifier, silence(peer, voter, now));
        }
    }
    let refused = snapshot.counters.dropped_for(DropReason::ConfigMismatch);
    if refused > 0 {
        let _ =
            write!(line, "; {refused} messages refused from nodes with other voters, priorities, lease or drift bound");
    }
    let foreign = snapshot.counters.dropped_for(DropReason::ForeignCluster);
    if foreign > 0 {
        let _ = write!(line, "; {foreign} datagrams dropped that are of another cluster");
    }
    if let StorageStatus::Failed { error } = &snapshot.storage {
        let _ = write!(line, "; this node abstains, since it could not save: {error}");
    }
    line
}

fn silence(peer: &PeerSnapshot, voter: &Peer, now: Time) -> String {
    if let Some(address) = peer.address {
        return match peer.heard {
            None => format!("never heard from {address}"),
            Some(heard) => {
                format!("not heard from {address} for {:.1} s", Duration::from(now.since(heard)).as_secs_f64())
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
