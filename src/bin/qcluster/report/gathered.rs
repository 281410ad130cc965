//! What happens to members and services, told together: a hundred that join are one line.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use qcluster::{Change, What};

use super::lines;

/// What happens within this time of the first is told together.
const PAUSE: Duration = Duration::from_millis(500);

/// So many are told one by one.
const SINGLES_MAX: usize = 5;

/// Changes that wait to be told.
#[derive(Default)]
pub(super) struct Gathered {
    due: Option<Instant>,
    members: Group,
    services: Group,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Member,
    Service,
}

#[derive(Default)]
struct Group {
    /// The first of them; more than are told one by one are not kept.
    lines: Vec<String>,
    counts: BTreeMap<&'static str, usize>,
    last: Option<SystemTime>,
}

/// Whether it is a change that is told together with others, and the name of what happened.
pub(super) fn kind_of(change: &Change) -> Option<(Kind, &'static str)> {
    match &change.what {
        What::Member(change) => Some((Kind::Member, change.what.name())),
        What::Service(change) => Some((Kind::Service, change.name())),
        What::Elected { .. }
        | What::Lost { .. }
        | What::Draining { .. }
        | What::Leader { .. }
        | What::ConfigMismatch { .. }
        | What::Leaderless { .. }
        | What::StorageFailed { .. }
        | What::TwinSeen { .. }
        | What::Twin { .. }
        | What::Trust { .. }
        | What::Missed { .. } => None,
    }
}

impl Gathered {
    pub(super) fn note(&mut self, at: SystemTime, kind: Kind, event: &'static str, line: String) {
        self.due.get_or_insert_with(|| Instant::now() + PAUSE);
        let group = match kind {
            Kind::Member => &mut self.members,
            Kind::Service => &mut self.services,
        };
        group.last = Some(at);
        *group.counts.entry(event).or_default() += 1;
        if group.lines.len() <= SINGLES_MAX {
            group.lines.push(line);
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The lines that tell of all of it.
    pub(super) fn take(&mut self) -> Vec<String> {
        let Self { members, services, .. } = std::mem::take(self);
        [members.told("members"), services.told("services")].concat()
    }
}

impl Group {
    fn told(self, word: &str) -> Vec<String> {
        let Self { lines, counts, last } = self;
        match last {
            Some(at) if lines.len() > SINGLES_MAX => {
                let counts: Vec<String> = counts.iter().map(|(event, count)| format!("{count} {event}")).collect();
                vec![lines::summary(at, word, &counts.join(", "))]
            }
            Some(_) | None => lines,
        }
    }
}

#[cfg(test)]
mod tests;
