//! What happens to members and services, told together: a hundred that join are one line.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use qcluster::MemberEvent;
use qcluster::{Event, EventKind};

use super::lines;

/// What happens within this time of the first is told together.
const PAUSE: Duration = Duration::from_millis(500);

/// How many are told one by one.
const SINGLES_MAX: usize = 5;

/// Changes that wait to be told.
#[derive(Default)]
pub(super) struct Gathered {
    due: Option<Instant>,
    members: Group,
    services: Group,
    /// What each member is told of for, and its place among the lines.
    latest: BTreeMap<String, (MemberEvent, usize)>,
}

/// What a change is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum About {
    Member { id: String, event: MemberEvent },
    Service { event: &'static str },
}

#[derive(Default)]
struct Group {
    /// The first of them; more than are told one by one are not kept.
    lines: Vec<Line>,
    counts: BTreeMap<&'static str, usize>,
    last: Option<SystemTime>,
}

struct Line {
    at: SystemTime,
    text: String,
}

/// What is told together with others; `None` for a change that is told at once.
pub(super) fn about(change: &Event) -> Option<About> {
    match &change.kind {
        EventKind::Member(change) => Some(About::Member { id: change.member.id.to_string(), event: change.what }),
        EventKind::Service(change) => Some(About::Service { event: change.name() }),
        _ => None,
    }
}

impl Gathered {
    pub(super) fn note(&mut self, at: SystemTime, about: About, text: String) {
        self.due.get_or_insert_with(|| Instant::now() + PAUSE);
        match about {
            About::Member { id, event } => self.note_member(at, id, event, text),
            About::Service { event } => {
                self.services.add(event, Line { at, text });
            }
        }
    }

    /// A member that joins or changes, and changes once more before anybody is told, has done so once.
    fn note_member(&mut self, at: SystemTime, id: String, event: MemberEvent, text: String) {
        match (self.latest.get(&id), event) {
            (Some((MemberEvent::Joined, _)), MemberEvent::Changed) => {}
            (Some((MemberEvent::Changed, place)), MemberEvent::Changed) => {
                self.members.last = Some(at);
                if let Some(line) = self.members.lines.get_mut(*place) {
                    *line = Line { at, text };
                }
            }
            (None | Some(_), MemberEvent::Joined | MemberEvent::Changed | MemberEvent::Down | MemberEvent::Left) => {
                let place = self.members.add(event.name(), Line { at, text });
                self.latest.insert(id, (event, place));
            }
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The lines that tell of all of it, in the order of their times.
    pub(super) fn take(&mut self) -> Vec<String> {
        let Self { members, services, .. } = std::mem::take(self);
        let mut lines = members.told("members");
        lines.extend(services.told("services"));
        lines.sort_by_key(|line| line.at);
        lines.into_iter().map(|line| line.text).collect()
    }
}

impl Group {
    /// Gives the place of its line, if there is one.
    fn add(&mut self, event: &'static str, line: Line) -> usize {
        self.last = Some(line.at);
        *self.counts.entry(event).or_default() += 1;
        let place = self.lines.len();
        if place <= SINGLES_MAX {
            self.lines.push(line);
        }
        place
    }

    fn told(self, word: &str) -> Vec<Line> {
        let Self { lines, counts, last } = self;
        match last {
            Some(at) if lines.len() > SINGLES_MAX => {
                let counts: Vec<String> = counts.iter().map(|(event, count)| format!("{count} {event}")).collect();
                vec![Line { at, text: lines::summary(at, word, &counts.join(", ")) }]
            }
            Some(_) | None => lines,
        }
    }
}

#[cfg(test)]
mod tests;
