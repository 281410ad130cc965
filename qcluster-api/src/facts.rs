//! Who is heard and who is not, in one line: what to look at while nobody leads.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write as _;

use super::difference::DifferenceStatus;
use super::quorum::{QuorumStatus, SilentReason, SilentVoter};
use super::storage::StorageStatus;
use super::view::{NodeSnapshot, PeerSnapshot, Subject, View, Whereabouts};
use qcluster_core::{DropReason, Role, Seat, SettingDifference, Slow, Step, Time};

/// What is said of a voter that is not listened to (E14).
const OTHER_CONFIGURATION: &str = "has other voters, priorities, leases or drift bound";

/// What is different, if that is known.
pub(super) fn other_configuration(subject: &Subject, peer: &PeerSnapshot) -> String {
    let differences = peer.differences(&subject.rules);
    if differences.is_empty() {
        return OTHER_CONFIGURATION.into();
    }
    alloc::format!("has another configuration ({})", SettingDifference::list(&differences))
}

/// What is too slow for an election. A save that has not ended is as slow as may be: what it took up to now is not known.
pub(super) fn slowness(subject: &Subject, slow: Slow) -> String {
    match slow {
        Slow::RoundTrip { voter, took, limit } => {
            let name = subject.name_of(voter.position());
            format!("{name} answers after {took}, and half a lease is {limit}: lengthen the lease")
        }
        Slow::Save { took, limit } => {
            format!("a save took {took} or longer, and has to be under {limit}: see to the disk, or lengthen the lease")
        }
    }
}

/// A voter that is silent for this many leases counts as not heard.
const PATIENCE_LEASES: u64 = 10;

impl View<'_> {
    /// Which voters are heard, and which are not.
    pub fn quorum(&self) -> QuorumStatus {
        quorum_status(self.subject, self.snapshot, self.now)
    }

    /// What is known of who is there and who is not, in one line.
    pub fn facts(&self, quorum: &QuorumStatus) -> String {
        facts(self.subject, self.snapshot, quorum)
    }
}

/// Which voters are heard at `now`, and which are not.
pub fn quorum_status(subject: &Subject, snapshot: &NodeSnapshot, now: Time) -> QuorumStatus {
    let rules = &subject.rules;
    let recent = now.before(rules.timing().lease.times(PATIENCE_LEASES));
    let is_heard = |peer: &&PeerSnapshot| peer.heard.is_some_and(|at| at >= recent);
    let itself = usize::from(rules.seat() == Seat::Voter);
    let silent = snapshot.peers.iter().filter(|peer| !is_heard(peer)).map(|peer| SilentVoter {
        identifier: subject.name_of(peer.position),
        reason: reason_of(peer),
        address: peer.address,
        heard_ms_ago: peer.heard.map(|heard| now.since(heard).as_millis()),
        differences: peer.differences(rules).into_iter().map(DifferenceStatus::from).collect(),
    });
    QuorumStatus {
        voters: rules.voters().len(),
        heard: snapshot.peers.iter().filter(is_heard).count() + itself,
        silent: silent.collect(),
    }
}

/// What is known of who is there and who is not, in one line.
pub fn facts(subject: &Subject, snapshot: &NodeSnapshot, quorum: &QuorumStatus) -> String {
    if subject.rules.seat() == Seat::Member {
        return "this cluster has no leader".into();
    }
    let QuorumStatus { voters, heard, silent } = quorum;
    let mut line = format!("{heard} of {voters} voters heard");
    for voter in silent {
        let host = subject.voters.iter().find(|peer| peer.identifier == voter.identifier);
        let host = host.map_or("", |peer| peer.host.as_str());
        let peer = snapshot.peers.iter().find(|peer| subject.name_of(peer.position) == voter.identifier);
        let what = match (voter.reason, peer) {
            (SilentReason::OtherConfiguration, Some(peer)) => other_configuration(subject, peer),
            _ => silence(voter, host),
        };
        // Writing to a string cannot fail.
        let _ = write!(line, "; {}: {what}", voter.identifier);
    }
    for (step, what) in [
        (Step::Earlier, "still have the old list of voters alone, and work with no node of the coming list alone"),
        (Step::Later, "have taken a later step of the change of voters"),
    ] {
        let names = snapshot.heard_in(step, subject);
        if !names.is_empty() {
            let _ = write!(line, "; {} {what}", names.join(", "));
        }
    }
    if snapshot.role == Some(Role::Booting) {
        line.push_str("; this node sits out its boot wait");
    }
    let refused = snapshot.counters.dropped[DropReason::ConfigMismatch];
    if refused > 0 {
        let _ = write!(
            line,
            "; {refused} messages refused from nodes with other voters, priorities, leases or drift bound"
        );
    }
    let foreign = snapshot.counters.dropped[DropReason::ForeignCluster];
    if foreign > 0 {
        let _ = write!(line, "; {foreign} datagrams dropped that are of another cluster");
    }
    let dropped = |reason| Some(snapshot.counters.dropped[reason]).filter(|count| *count > 0);
    let is_plain = snapshot.keys.is_none();
    if let Some(count) = dropped(DropReason::Version).filter(|_| is_plain) {
        let _ =
            write!(line, "; {count} datagrams dropped that are sealed or of another version: this node has no secret");
    }
    if let Some(count) = dropped(DropReason::NotSealed) {
        let _ = write!(line, "; {count} datagrams dropped that are not sealed");
    }
    if let Some(count) = dropped(DropReason::UnknownKey).filter(|_| !is_plain) {
        let _ = write!(line, "; {count} datagrams dropped that are sealed with a key which this node does not have");
    }
    if let Some(slow) = snapshot.slow {
        let _ = write!(line, "; {}", slowness(subject, slow));
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

fn reason_of(peer: &PeerSnapshot) -> SilentReason {
    match (peer.address, peer.heard, peer.whereabouts) {
        _ if peer.is_mismatched() => SilentReason::OtherConfiguration,
        (Some(_), Some(_), _) => SilentReason::NotHeard,
        (Some(_), None, _) => SilentReason::NeverHeard,
        (None, _, Whereabouts::Nowhere) => SilentReason::NoAddress,
        (None, _, Whereabouts::OutOfReach) => SilentReason::OutOfReach,
        (None, _, Whereabouts::Unknown | Whereabouts::Found | Whereabouts::Itself) => SilentReason::LookingUp,
    }
}

fn silence(voter: &SilentVoter, host: &str) -> String {
    let address = voter.address.map(|address| address.to_string()).unwrap_or_default();
    match voter.reason {
        SilentReason::NotHeard => {
            let tenths = voter.heard_ms_ago.unwrap_or_default() / 100;
            format!("not heard from {address} for {}.{} s", tenths / 10, tenths % 10)
        }
        SilentReason::NeverHeard => format!("never heard from {address}"),
        SilentReason::OtherConfiguration => OTHER_CONFIGURATION.into(),
        SilentReason::NoAddress => format!("`{host}` has no address"),
        SilentReason::OutOfReach => format!("`{host}` has no address that can be reached from here"),
        SilentReason::LookingUp => format!("`{host}` is being looked up"),
    }
}

#[cfg(test)]
mod tests;
