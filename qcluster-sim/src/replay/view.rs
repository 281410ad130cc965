//! What a node looks like from outside before and after a step, and what is different.

use std::fmt;

use qcluster_core::{Counters, DropReason, Endpoint, HeldLease, Refusal, Role, Time};
use serde_json::Value;

/// Something that is different after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is something else.
    Role {
        /// What it was.
        from: Role,
        /// What it is.
        to: Role,
    },
    /// Its term.
    Term {
        /// The old one.
        from: u64,
        /// The new one.
        to: u64,
    },
    /// Who leads, as it shows it.
    Leader(Option<String>),
    /// It holds a lease that it did not hold, until that time on its own clock.
    LeaseBegins {
        /// The fencing token.
        token: u64,
        /// When it ends, unless it is renewed.
        until: Time,
    },
    /// Its lease lasts longer than before.
    LeaseRenewed {
        /// When it ends now.
        until: Time,
    },
    /// It holds no lease any more.
    LeaseEnds {
        /// The fencing token.
        token: u64,
    },
    /// It refused a vote or a pre-vote.
    Refused(Refusal),
    /// It dropped a message.
    Dropped(DropReason),
    /// Another of its counters went up.
    Counted {
        /// The counter's name in [`Counters`].
        counter: String,
        /// By how much.
        by: u64,
    },
}

impl Change {
    /// Whether it is more than the course of things.
    pub fn is_notable(&self) -> bool {
        match self {
            Self::LeaseRenewed { .. } => false,
            Self::Counted { .. }
            | Self::Role { .. }
            | Self::Term { .. }
            | Self::Leader(_)
            | Self::LeaseBegins { .. }
            | Self::LeaseEnds { .. }
            | Self::Refused(_)
            | Self::Dropped(_) => true,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role { from, to } => write!(f, "role: {} -> {}", from.name(), to.name()),
            Self::Term { from, to } => write!(f, "term: {from} -> {to}"),
            Self::Leader(Some(leader)) => write!(f, "leader: {leader}"),
            Self::Leader(None) => f.write_str("leader: nobody"),
            Self::LeaseBegins { token, until } => write!(f, "lease: begins with token {token}, until {until}"),
            Self::LeaseRenewed { until } => write!(f, "lease: until {until}"),
            Self::LeaseEnds { token } => write!(f, "lease: ends, of token {token}"),
            Self::Refused(reason) => write!(f, "refused ({}): {}", reason.name(), why_refused(*reason)),
            Self::Dropped(reason) => write!(f, "dropped ({}): {}", reason.name(), why_dropped(*reason)),
            Self::Counted { counter, by } => write!(f, "counted: {counter} +{by}"),
        }
    }
}

/// A node from outside.
#[derive(Clone, Debug)]
pub(super) struct View {
    role: Role,
    term: u64,
    leader: Option<String>,
    lease: Option<HeldLease>,
    counters: Counters,
}

impl View {
    pub(super) fn of(endpoint: &Endpoint, at: Time) -> Self {
        let node = endpoint.node();
        Self {
            role: node.role(),
            term: node.term().0,
            leader: node.leader().map(|leader| leader.id.to_string()),
            lease: node.lease(at),
            counters: node.counters().clone(),
        }
    }

    pub(super) fn changes(&self, after: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.role != after.role {
            changes.push(Change::Role { from: self.role, to: after.role });
        }
        if self.term != after.term {
            changes.push(Change::Term { from: self.term, to: after.term });
        }
        if self.leader != after.leader {
            changes.push(Change::Leader(after.leader.clone()));
        }
        match (self.lease, after.lease) {
            (before, Some(lease)) if before.is_none_or(|before| before.token != lease.token) => {
                changes.push(Change::LeaseBegins { token: lease.token.0, until: lease.valid_until });
            }
            (Some(before), Some(lease)) if before.valid_until != lease.valid_until => {
                changes.push(Change::LeaseRenewed { until: lease.valid_until });
            }
            (Some(before), None) => changes.push(Change::LeaseEnds { token: before.token.0 }),
            (None | Some(_), Some(_)) | (None, None) => {}
        }
        if self.counters != after.counters {
            self.count(after, &mut changes);
        }
        changes
    }

    /// Refusals and drops by reason, and whatever else is counted by its name: a counter that is new to the core is told
    /// without a word here.
    fn count(&self, after: &Self, changes: &mut Vec<Change>) {
        let (old, new) = (&self.counters, &after.counters);
        for (reason, count) in new.votes_refused.iter() {
            let times = count - old.votes_refused[reason];
            changes.extend((0..times).map(|_| Change::Refused(reason)));
        }
        for (reason, count) in new.dropped.iter() {
            let times = count - old.dropped[reason];
            changes.extend((0..times).map(|_| Change::Dropped(reason)));
        }
        for (reason, count) in new.lost.iter() {
            let by = count - old.lost[reason];
            if by > 0 {
                changes.push(Change::Counted { counter: format!("lost ({})", reason.name()), by });
            }
        }
        let (Ok(Value::Object(old)), Ok(Value::Object(new))) = (serde_json::to_value(old), serde_json::to_value(new))
        else {
            return;
        };
        for (counter, value) in new {
            let before = old.get(&counter).and_then(Value::as_u64);
            if let (Some(before), Some(now)) = (before, value.as_u64())
                && now > before
                // These are in the step already.
                && !matches!(counter.as_str(), "received" | "sent")
            {
                changes.push(Change::Counted { counter, by: now - before });
            }
        }
    }
}

fn why_refused(reason: Refusal) -> &'static str {
    match reason {
        Refusal::Promised => "a live promise binds it to another leadership",
        Refusal::OldTerm => "the term asked for is not above its own",
        Refusal::BelowStamp => {
            "it has no memory of terms up to its boot stamp, and the one asked for is not above that"
        }
        Refusal::Voted => "it has voted for somebody else in this term, or such a vote is being saved",
        Refusal::BootWait => "it started so recently that a promise of its last incarnation may still run",
        Refusal::Abstains => "it could not save its state, and takes no part any more",
        Refusal::EarlierStep => "the asker knows of the old voters only, and this node is a step further",
    }
}

fn why_dropped(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Malformed => "too short, too long, or its checksum is wrong",
        DropReason::Version => "a version that this node does not speak",
        DropReason::ForeignCluster => "of a cluster with another name",
        DropReason::UnknownKey => "sealed with a key that this node does not have",
        DropReason::ConfigMismatch => "the sender has other voters, priorities, lease or drift bound",
        DropReason::FromSelf => "this node's own words",
        DropReason::Stranger => "the sender is not a voter, and says what only voters say",
        DropReason::OtherIncarnation => "meant for another node, or for a former incarnation of this one",
        DropReason::UnprovenIncarnation => "the sender's incarnation has not shown yet that it is there",
        DropReason::UnprovenAddress => {
            "it would have this node speak to somebody, and its sender has not shown yet that it is where it came from"
        }
        DropReason::HugeTerm => "its term is further above those known than elections and clocks account for",
        DropReason::Stale => "a repetition, or overtaken by something newer",
        DropReason::Unexpected => "it answers nothing that was asked, or asks what is not this node's to answer",
        DropReason::Stopped => "this node has stopped",
        DropReason::BadRecord => "a record with a field over its limit, or that cannot be read",
        DropReason::HugeVersion => "a record whose version or incarnation leaves no room to grow",
        DropReason::DeletedRecord => "a record of what was deleted long ago",
        DropReason::TooManyRecords => "there is no room for that record",
        DropReason::Superseded => "the sender's incarnation was replaced by another one that has taken part since",
        DropReason::UnsharedIncarnations => "the sender knows of incarnations that this node was not told of yet",
        DropReason::UnsavedIncarnation => "the sender's incarnation is not on this node's disk yet",
        DropReason::NotSealed => "not sealed, which this node requires",
        DropReason::Forged => "it names a key of this node, and was not sealed with it",
        DropReason::Replayed => "it was opened before, or is too old to tell",
        DropReason::RecordCollision => "a record whose name has the hash of another",
    }
}
