//! How changes read.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anstyle::Style;
use qcluster::{Event, EventKind, LeaseLengthReason, LostReason, Mode, Peer, SettingDifference, Status};
use qcluster::{MemberChange, MemberEvent, MemberView, Timing};
use serde_json::json;

use crate::style::{BAD, FAINT, GOOD, NEWS, PLAIN, TITLE, WARN, shown};

/// The first line of an agent.
pub(crate) fn started(status: &Status, timing: &Timing, voters: usize, durable: bool) -> String {
    let mut line = format!("{TITLE}{}{PLAIN} listens on", status.identifier);
    for (index, address) in status.listen.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(line, "{}{address}", if index == 0 { " " } else { ", " });
    }
    if status.mode == Mode::Masterless {
        let _ = write!(line, "{FAINT} · masterless{PLAIN}");
        return line;
    }
    let voters = if voters == 1 { "1 voter".to_owned() } else { format!("{voters} voters") };
    let memory = if durable { "state on disk" } else { "diskless" };
    let (heartbeat, lease) = (timing.heartbeat.as_millis(), timing.lease.as_millis());
    let _ = write!(line, "{FAINT} · {voters}, {memory}, heartbeat {heartbeat} ms, lease {lease} ms{PLAIN}");
    line
}

/// One line for many changes.
pub(super) fn summary(at: SystemTime, word: &str, rest: &str) -> String {
    line(at, FAINT, word, rest)
}

/// The last line of an agent.
pub(crate) fn stopped() -> String {
    line(SystemTime::now(), FAINT, "stopped", "as asked")
}

/// A change for people; `None` where another line says it already. `ended_by` is why this node's leadership ended, if nobody has
/// led since.
pub(crate) fn text(me: &str, ended_by: Option<LostReason>, change: &Event) -> Option<String> {
    let (style, word, rest) = match &change.kind {
        EventKind::Elected { token } => (GOOD, "elected", format!("{me} leads with token {token}")),
        EventKind::Lost { token, reason, late_by, silent } => {
            (BAD, "lost", format!("token {token}: {}", why_lost(*reason, *late_by, silent)))
        }
        EventKind::LeaseLength { lease, reason } => {
            (FAINT, "lease", format!("{} ms from now on: {}", lease.as_millis(), why_length(*reason)))
        }
        // An agent has no work to wait for: what follows at once says all.
        EventKind::Draining { .. } => return None,
        EventKind::Leader { leader: Some(leader), .. } if leader.identifier == me => return None,
        EventKind::Leader { leader: Some(leader), term } => {
            (NEWS, "leader", format!("{} leads in term {term}", leader.identifier))
        }
        EventKind::Leader { leader: None, .. } if ended_by.is_some_and(LostReason::is_voluntary) => {
            (FAINT, "leader", "nobody leads until the next election".to_owned())
        }
        EventKind::Leader { leader: None, .. } => (WARN, "leader", "nobody is known to lead".to_owned()),
        EventKind::ConfigMismatch { peer, key, differences } => {
            let peer = peer.as_ref().map_or_else(|| format!("{key:?}"), |peer| peer.identifier.clone());
            (BAD, "mismatch", mismatch(&peer, differences))
        }
        EventKind::StepsDiffer { one, other } => (BAD, "voters", steps_differ(one.as_ref(), other.as_ref())),
        EventKind::Leaderless { facts, .. } => (WARN, "leader", format!("no leader: {facts}")),
        EventKind::SaveFailing { error } => {
            (BAD, "storage", format!("{error}; tried again, and this node does not vote until it is saved"))
        }
        EventKind::SaveRecovered { after } => (GOOD, "storage", format!("saved again after {} ms", after.as_millis())),
        EventKind::StorageFailed { error } => {
            (BAD, "storage", format!("{error}; this node neither votes nor campaigns until it is restarted"))
        }
        EventKind::DuplicateSeen { voter, .. } => {
            let name = voter.as_ref().map_or(me, |voter| voter.identifier.as_str());
            (WARN, "duplicate", format!("a second live node is {name} too: one of them is told to stop"))
        }
        EventKind::DuplicateIdentifier { other } => {
            (BAD, "duplicate", format!("another live node is {me} too (incarnation {other:?})"))
        }
        EventKind::Superseded { by } => {
            (BAD, "replaced", format!("another node has taken the place of {me} (incarnation {by:?})"))
        }
        EventKind::StepEstablished => {
            (NEWS, "voters", "a leader was elected in the middle step: the last step may be taken".to_owned())
        }
        EventKind::StepTooEarly { voter } => (BAD, "voters", step_too_early(name_or_unknown(voter.as_ref()))),
        EventKind::WallClockOff { voter, ahead_ms } => {
            (WARN, "clock", wall_clock(name_or_unknown(voter.as_ref()), *ahead_ms))
        }
        EventKind::TooSlow { voter, took, limit } => {
            let who = voter.as_ref().map_or("saving", |voter| voter.identifier.as_str());
            let (took, limit) = (took.as_millis(), limit.as_millis());
            let rest =
                format!("{who} takes {took} ms, which has to be under {limit} ms for an election: lengthen the lease");
            (WARN, "slow", rest)
        }
        EventKind::Member(change) => {
            let style = if change.what == MemberEvent::Down { WARN } else { FAINT };
            (style, "member", member(change))
        }
        EventKind::Service(change) => {
            let service = &change.instance().service;
            (FAINT, "service", format!("{} ({}) {}, {}", service.id, service.name, change.name(), service.health))
        }
        EventKind::Trust { is_given: false } => {
            (WARN, "view", "most members vanished at once: the fault is probably here".to_owned())
        }
        EventKind::Trust { is_given: true } => (FAINT, "view", "most members are back".to_owned()),
        EventKind::Missed { count } => (WARN, "missed", format!("{count} changes came too fast to be told")),
        other => (FAINT, "event", format!("{other:?}")),
    };
    Some(line(change.at, style, word, &rest))
}

/// Why a leadership ended, with what is known of it.
fn why_lost(reason: LostReason, late_by: Duration, silent: &[Arc<Peer>]) -> String {
    match reason {
        LostReason::Stalled => format!("this node stood still for {} ms (stalled)", late_by.as_millis()),
        LostReason::NoQuorum if !silent.is_empty() => {
            let names: Vec<&str> = silent.iter().map(|voter| voter.identifier.as_str()).collect();
            format!("no answer from {} (no_quorum)", names.join(", "))
        }
        other => other.name().to_owned(),
    }
}

fn why_length(reason: LeaseLengthReason) -> &'static str {
    match reason {
        LeaseLengthReason::Stalled => "this node or its machine was late",
        LeaseLengthReason::SlowAnswers => "a majority answered late",
        LeaseLengthReason::SlowSave => "a save took long",
        LeaseLengthReason::Quiet => "nothing was late for a while",
        other => other.name(),
    }
}

fn step_too_early(name: &str) -> String {
    format!("{name} is in the middle step, and no leader was elected there: take the last step back")
}

fn member(change: &MemberChange) -> String {
    let MemberView { id, address, .. } = &change.member;
    match (change.what, address) {
        // A member that has just started says where it is a moment later; one may also have restarted, or moved.
        (MemberEvent::Changed, Some(address)) => format!("{id} is at {address}"),
        (MemberEvent::Changed | MemberEvent::Joined | MemberEvent::Down | MemberEvent::Left, _) => {
            format!("{id} {}", change.what.name())
        }
    }
}

fn mismatch(peer: &str, differences: &[SettingDifference]) -> String {
    let what = match differences {
        [] => "other voters, priorities, leases or drift bound".to_owned(),
        all => format!("another configuration ({})", SettingDifference::list(all)),
    };
    format!("{peer} has {what}: neither listens to the other")
}

fn steps_differ(one: Option<&Arc<Peer>>, other: Option<&Arc<Peer>>) -> String {
    let (one, other) = (name_or_unknown(one), name_or_unknown(other));
    format!("{one} and {other} are in the middle steps of different changes of voters")
}

fn name_or_unknown(voter: Option<&Arc<Peer>>) -> &str {
    voter.map_or("a voter", |voter| voter.identifier.as_str())
}

fn wall_clock(name: &str, ahead_ms: i64) -> String {
    let (seconds, way) = (ahead_ms.unsigned_abs() / 1_000, if ahead_ms > 0 { "ahead of" } else { "behind" });
    format!("the clock of {name} is {seconds} s {way} this one: without data_dir, tokens may fall")
}

/// A change for programs, as one line of JSON; `None` for what is not a change of leadership.
pub(crate) fn event(me: &str, change: &Event) -> Option<String> {
    let (event, token, leader, reason) = match &change.kind {
        EventKind::Elected { token } => ("elected", Some(token.0), Some(me), None),
        EventKind::Lost { token, reason, .. } => ("lost", Some(token.0), None, Some(reason.name())),
        EventKind::Leader { leader: Some(leader), term } => {
            ("leader", Some(term.0), Some(leader.identifier.as_str()), None)
        }
        EventKind::Leader { leader: None, .. } => ("leader", None, None, None),
        // Who leads may be among what is gone.
        EventKind::Missed { count } => return Some(missed(me, *count)),
        _ => return None,
    };
    let (at, until) = (unix_s(change.at), change.valid_until.map(unix_s));
    let (late_ms, silent) = match &change.kind {
        EventKind::Lost { late_by, silent, .. } => {
            let silent: Vec<&str> = silent.iter().map(|voter| voter.identifier.as_str()).collect();
            (Some(late_by.as_millis()), Some(silent))
        }
        _ => (None, None),
    };
    let line = json!({
        "unix_s": at, "node": me, "event": event, "token": token, "leader": leader, "reason": reason,
        "valid_until_unix_s": until, "late_ms": late_ms, "silent": silent,
    });
    Some(line.to_string())
}

/// What stands in the events file where lines were dropped: the same fields, and how many.
pub(crate) fn missed(me: &str, count: u64) -> String {
    let at = unix_s(SystemTime::now());
    let line = json!({
        "unix_s": at, "node": me, "event": "missed", "token": null, "leader": null, "reason": null,
        "valid_until_unix_s": null, "late_ms": null, "silent": null, "count": count,
    });
    line.to_string()
}

/// Unix seconds to the microsecond.
fn unix_s(at: SystemTime) -> f64 {
    let since = since_epoch(at);
    // Without the nanoseconds, which a double this large cannot hold anyway.
    (Duration::from_secs(since.as_secs()) + Duration::from_micros(since.subsec_micros().into())).as_secs_f64()
}

fn line(at: SystemTime, style: Style, word: &str, rest: &str) -> String {
    format!("{FAINT}{}{PLAIN}  {style}{word:<8}{PLAIN}  {}", time_of_day(at), shown(rest))
}

/// The time of day in UTC, to the millisecond.
fn time_of_day(at: SystemTime) -> String {
    let since = since_epoch(at);
    let seconds = since.as_secs() % 86_400;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", since.subsec_millis())
}

fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
