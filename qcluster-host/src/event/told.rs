//! An event as JSON, for those who pass it on to another language or write it down.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use qcluster_api::DifferenceStatus;
use qcluster_core::{Incarnation, MemberChange, Peer, ServiceChange};
use serde_json::{Map, Value, json};

use super::{Event, EventKind};

impl Event {
    /// The event as an object of JSON: `event` is the [name](EventKind::name) of its kind, `unix_s` and `valid_until_unix_s` (or `null`)
    /// are seconds since 1970 on the wall clock of this node, and the rest are the fields of the kind under their names, durations in
    /// milliseconds. A voter is its identifier, or `null` where that is not known; a leader is a [`Peer`] or `null`. Of a service there is
    /// what tells it apart; all of it is in a [`Watch`](crate::watch::Watch).
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// use qcluster_core::FencingToken;
    /// use qcluster_host::event::{Event, EventKind};
    ///
    /// let event = Event::new(UNIX_EPOCH + Duration::from_secs(5), EventKind::Elected { token: FencingToken(7) });
    /// let expected = r#"{"event":"elected","token":7,"unix_s":5.0,"valid_until_unix_s":null}"#;
    /// assert_eq!(serde_json::Value::Object(event.to_json()).to_string(), expected);
    /// ```
    pub fn to_json(&self) -> Map<String, Value> {
        let mut told = fields(&self.kind);
        told.insert("event".into(), self.kind.name().into());
        told.insert("unix_s".into(), unix_s(self.at).into());
        told.insert("valid_until_unix_s".into(), self.valid_until.map(unix_s).into());
        told
    }
}

impl EventKind {
    /// A short name that never changes, as in logs but for what comes before: `elected`, `no_leader`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Elected { .. } => "elected",
            Self::Lost { .. } => "lost",
            Self::LeaseLength { .. } => "lease_length",
            Self::Draining { .. } => "draining",
            Self::Leader { leader: Some(_), .. } => "leader",
            Self::Leader { leader: None, .. } => "no_leader",
            Self::ConfigMismatch { .. } => "config_mismatch",
            Self::StepsDiffer { .. } => "steps_differ",
            Self::Leaderless { .. } => "leaderless",
            Self::SaveFailing { .. } => "save_failing",
            Self::SaveRecovered { .. } => "save_recovered",
            Self::StorageFailed { .. } => "storage_failed",
            Self::DuplicateSeen { .. } => "duplicate_seen",
            Self::DuplicateIdentifier { .. } => "duplicate_identifier",
            Self::Superseded { .. } => "superseded",
            Self::StepEstablished => "step_established",
            Self::StepTooEarly { .. } => "step_too_early",
            Self::WallClockOff { .. } => "wall_clock_off",
            Self::TooSlow { .. } => "too_slow",
            Self::Member(_) => "member",
            Self::Service(_) => "service",
            Self::Trust { .. } => "trust",
            Self::Missed { .. } => "missed",
        }
    }
}

fn fields(kind: &EventKind) -> Map<String, Value> {
    let told = match kind {
        EventKind::Elected { token } => json!({ "token": token.0 }),
        EventKind::Lost { token, reason, late_by, silent } => {
            let silent: Vec<_> = silent.iter().map(|voter| name(Some(voter))).collect();
            json!({ "token": token.0, "reason": reason.name(), "late_ms": ms(*late_by), "silent": silent })
        }
        EventKind::LeaseLength { lease, reason } => json!({ "lease_ms": ms(*lease), "reason": reason.name() }),
        EventKind::Draining { token, grace } => json!({ "token": token.0, "grace_ms": ms(*grace) }),
        EventKind::Leader { leader, term } => json!({ "leader": leader.as_deref(), "term": term.0 }),
        EventKind::ConfigMismatch { peer, key, differences } => {
            let differences: Vec<_> = differences.iter().cloned().map(DifferenceStatus::from).collect();
            json!({ "peer": name(peer.as_ref()), "key": format!("{:016x}", key.0), "differences": differences })
        }
        EventKind::StepsDiffer { one, other } => json!({ "one": name(one.as_ref()), "other": name(other.as_ref()) }),
        EventKind::Leaderless { facts, quorum } => json!({ "facts": facts, "quorum": quorum }),
        EventKind::SaveFailing { error } | EventKind::StorageFailed { error } => json!({ "error": error }),
        EventKind::SaveRecovered { after } => json!({ "after_ms": ms(*after) }),
        EventKind::DuplicateSeen { voter, other } => {
            json!({ "voter": name(voter.as_ref()), "other": incarnation(*other) })
        }
        EventKind::DuplicateIdentifier { other } => json!({ "other": incarnation(*other) }),
        EventKind::Superseded { by } => json!({ "by": incarnation(*by) }),
        EventKind::StepEstablished => json!({}),
        EventKind::StepTooEarly { voter } => json!({ "voter": name(voter.as_ref()) }),
        EventKind::WallClockOff { voter, ahead_ms } => json!({ "voter": name(voter.as_ref()), "ahead_ms": ahead_ms }),
        EventKind::TooSlow { voter, took, limit } => {
            json!({ "voter": name(voter.as_ref()), "took_ms": ms(*took), "limit_ms": ms(*limit) })
        }
        EventKind::Member(change) => member(change),
        EventKind::Service(change) => service(change),
        EventKind::Trust { is_given } => json!({ "is_given": is_given }),
        EventKind::Missed { count } => json!({ "count": count }),
    };
    match told {
        Value::Object(told) => told,
        // Not reached: all of the above are objects.
        _ => Map::new(),
    }
}

fn member(change: &MemberChange) -> Value {
    let member = &change.member;
    json!({
        "change": change.what.name(), "member": member.id.as_str(), "state": member.state.name(), "address": member.address,
    })
}

fn service(change: &ServiceChange) -> Value {
    let instance = change.instance();
    let service = &instance.service;
    let owner = format!("{:016x}", instance.owner.0);
    json!({ "change": change.name(), "id": service.id, "name": service.name, "owner": owner, "health": service.health.name() })
}

fn name(voter: Option<&Arc<Peer>>) -> Option<&str> {
    voter.map(|voter| voter.identifier.as_str())
}

/// As it stands in the list of members.
fn incarnation(incarnation: Incarnation) -> String {
    format!("{:016x}", incarnation.0)
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// To the microsecond, which is as fine as the number can hold.
fn unix_s(at: SystemTime) -> f64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}

#[cfg(test)]
mod tests;
