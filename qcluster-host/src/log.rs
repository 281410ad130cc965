//! Changes as `tracing` events, under names that never change.

use std::sync::Arc;
use std::time::Duration;

use qcluster_core::{
    FencingToken, Incarnation, LostReason, NodeId, NodeKey, Notification, Peer, SettingDifference, Span,
};

use crate::event::EventKind;

/// The target of all events but changes.
pub const TARGET: &str = "qcluster";

/// That of changes, which an application that is told of them may want to log itself, or not at all.
const CHANGES: &str = "qcluster::change";

/// Logs a change: what needs a person's eye as a warning or an error, the rest as information.
pub fn event(node: &NodeId, what: &EventKind) {
    match what {
        EventKind::Elected { token } => {
            tracing::info!(name: "qcluster.elected", target: CHANGES, %node, token = token.0, "this node leads");
        }
        EventKind::Lost { token, reason, late_by, silent } => lost(node, *token, *reason, *late_by, silent),
        EventKind::LeaseLength { lease, reason } => {
            let (lease_ms, reason) = (lease.as_millis(), reason.name());
            tracing::info!(name: "qcluster.lease_length", target: CHANGES, %node, lease_ms, reason, "the length of the lease has changed");
        }
        EventKind::Draining { token, grace } => {
            let grace_ms = grace.as_millis();
            tracing::info!(name: "qcluster.draining", target: CHANGES, %node, token = token.0, grace_ms, "transferring the leadership");
        }
        EventKind::Leader { leader: Some(leader), term } => {
            let leader = leader.identifier.as_str();
            tracing::info!(name: "qcluster.leader", target: CHANGES, %node, leader, term = term.0, "the leader has changed");
        }
        EventKind::Leader { leader: None, term } => {
            tracing::info!(name: "qcluster.no_leader", target: CHANGES, %node, term = term.0, "no leader is known");
        }
        EventKind::ConfigMismatch { peer, key, differences } => {
            config_mismatch(node, peer.as_ref(), *key, differences);
        }
        EventKind::StepsDiffer { one, other } => {
            let (one, other) = (identifier(one.as_ref()), identifier(other.as_ref()));
            tracing::warn!(
                name: "qcluster.steps_differ", target: CHANGES, %node, one, other,
                "two voters are in the middle steps of different changes of voters"
            );
        }
        EventKind::Leaderless { facts, quorum } => {
            let (voters, heard) = (quorum.voters, quorum.heard);
            tracing::warn!(name: "qcluster.leaderless", target: CHANGES, %node, voters, heard, "no leader: {facts}");
        }
        EventKind::SaveFailing { error } => save_failing(node, error),
        EventKind::SaveRecovered { after } => save_recovered(node, *after),
        EventKind::StorageFailed { error } => storage_failed(node, error),
        EventKind::DuplicateSeen { voter, other } => duplicate_seen(node, voter.as_ref(), *other),
        EventKind::DuplicateIdentifier { other } => duplicate_identifier(node, *other),
        EventKind::Superseded { by } => superseded(node, *by),
        EventKind::StepEstablished => {
            tracing::info!(
                name: "qcluster.step_established", target: CHANGES, %node,
                "joint step established: a leader was elected with both lists of voters, so the last step may be taken"
            );
        }
        EventKind::StepTooEarly { voter } => step_too_early(node, voter.as_ref()),
        EventKind::WallClockOff { voter, ahead_ms } => wall_clock_off(node, voter.as_ref(), *ahead_ms),
        EventKind::TooSlow { voter, took, limit } => too_slow(node, voter.as_ref(), *took, *limit),
        EventKind::Member(change) => {
            let (member, event) = (change.member.id.as_str(), change.what.name());
            tracing::info!(name: "qcluster.member", target: CHANGES, %node, member, event, "a member {event}");
        }
        EventKind::Service(change) => {
            let (service, event) = (change.instance().service.id.as_str(), change.name());
            tracing::info!(name: "qcluster.service", target: CHANGES, %node, service, event, "a service {event}");
        }
        EventKind::Trust { is_given: false } => {
            tracing::warn!(
                name: "qcluster.trust_lost", target: CHANGES, %node,
                "partition suspected: most members vanished at once, so the fault is probably on this side"
            );
        }
        EventKind::Trust { is_given: true } => {
            tracing::info!(name: "qcluster.trust_regained", target: CHANGES, %node, "most members are back");
        }
        EventKind::Missed { count } => {
            tracing::warn!(name: "qcluster.missed", target: CHANGES, %node, count, "events were dropped: the receiver is too slow");
        }
    }
}

/// Logs a notification that has no event.
pub fn notification(node: &NodeId, notification: &Notification) {
    tracing::info!(name: "qcluster.notification", target: CHANGES, %node, "{notification}");
}

fn lost(node: &NodeId, token: FencingToken, reason: LostReason, late_by: Duration, silent: &[Arc<Peer>]) {
    let (token, late_ms) = (token.0, late_by.as_millis());
    let silent: Vec<&str> = silent.iter().map(|voter| voter.identifier.as_str()).collect();
    let silent = silent.join(",");
    let reason = reason.name();
    tracing::info!(
        name: "qcluster.lost", target: CHANGES, %node, token, reason, late_ms, silent, "this node no longer leads"
    );
}

fn storage_failed(node: &NodeId, error: &str) {
    tracing::error!(
        name: "qcluster.storage_failed", target: CHANGES, %node, error,
        "saving the hard state failed: this node neither votes nor campaigns until it is restarted"
    );
}

fn duplicate_seen(node: &NodeId, voter: Option<&Arc<Peer>>, other: Incarnation) {
    let voter = identifier(voter);
    tracing::warn!(
        name: "qcluster.duplicate_seen", target: CHANGES, %node, voter, ?other,
        "duplicate identifier: two live nodes have it, and one of them is told to stop"
    );
}

fn duplicate_identifier(node: &NodeId, other: Incarnation) {
    tracing::error!(
        name: "qcluster.duplicate_identifier", target: CHANGES, %node, ?other,
        "duplicate identifier: another live node has it and was first, so this node has stopped"
    );
}

fn superseded(node: &NodeId, by: Incarnation) {
    tracing::error!(
        name: "qcluster.superseded", target: CHANGES, %node, ?by,
        "superseded: another node with this identifier has replaced this node, which has stopped"
    );
}

fn config_mismatch(node: &NodeId, peer: Option<&Arc<Peer>>, key: NodeKey, differences: &[SettingDifference]) {
    let peer = identifier(peer);
    let differences = SettingDifference::list(differences);
    tracing::warn!(
        name: "qcluster.config_mismatch", target: CHANGES, %node, peer, ?key, differences,
        "configuration mismatch: a node has other voters, priorities, leases or drift bound, and is ignored"
    );
}

fn step_too_early(node: &NodeId, voter: Option<&Arc<Peer>>) {
    let voter = identifier(voter);
    tracing::warn!(
        name: "qcluster.step_too_early", target: CHANGES, %node, voter,
        "last step too early: a voter with both lists of voters knows of no leader elected with them, so go back to the joint step"
    );
}

fn save_failing(node: &NodeId, error: &str) {
    tracing::error!(
        name: "qcluster.save_failing", target: CHANGES, %node, error,
        "saving the hard state failed, and is tried again: until then this node does not vote"
    );
}

fn save_recovered(node: &NodeId, after: Duration) {
    let after_ms = after.as_millis();
    tracing::info!(name: "qcluster.save_recovered", target: CHANGES, %node, after_ms, "the hard state is saved again");
}

fn wall_clock_off(node: &NodeId, voter: Option<&Arc<Peer>>, ahead_ms: i64) {
    let voter = identifier(voter);
    tracing::warn!(
        name: "qcluster.wall_clock_off", target: CHANGES, %node, voter, ahead_ms,
        "wall clocks differ: without data_dir, fencing tokens may decrease after a restart"
    );
}

fn too_slow(node: &NodeId, voter: Option<&Arc<Peer>>, took: Duration, limit: Duration) {
    let (voter, took_ms, limit_ms) = (identifier(voter), took.as_millis(), limit.as_millis());
    tracing::warn!(
        name: "qcluster.too_slow", target: CHANGES, %node, voter, took_ms, limit_ms,
        "round trips or saves are too slow for this lease: increase it"
    );
}

fn identifier(voter: Option<&Arc<Peer>>) -> Option<&str> {
    voter.map(|voter| voter.identifier.as_str())
}

/// The next leader is known, so long after the last one was lost from sight.
pub fn fail_over(node: &NodeId, took: Span) {
    let seconds = Duration::from(took).as_secs_f64();
    tracing::info!(name: "qcluster.fail_over", target: TARGET, %node, seconds, "the cluster has a leader again");
}

/// A record is on disk.
pub fn saved(node: &NodeId, took: Span) {
    let seconds = Duration::from(took).as_secs_f64();
    tracing::debug!(name: "qcluster.saved", target: TARGET, %node, seconds, "hard state saved");
}

/// A counter has grown. Told now and then, under the name that it has in `/metrics`.
pub fn counter(node: &NodeId, metric: &str, labels: &str, value: u64, increase: u64) {
    tracing::debug!(name: "qcluster.counter", target: TARGET, %node, metric, labels, value, increase, "a counter has grown");
}
