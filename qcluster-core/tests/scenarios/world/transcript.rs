//! What has happened, to count, to read, and to compare with what a person has looked at.

use std::fmt::Write as _;
use std::path::Path;

use qcluster_core::{ElectionMessage, LostReason, Message, NodeId, Notification, Refusal, Rules, Term, Time};

use super::election;
use super::machine::Machine;

enum Line {
    /// What the test did.
    Remark(String),
    Told {
        who: usize,
        what: Notification,
        /// The name of the leader, if it is about one.
        leader: Option<NodeId>,
    },
    Sent {
        from: usize,
        to: Vec<usize>,
        message: Message,
        arrives: bool,
    },
}

#[derive(Default)]
pub struct Transcript {
    lines: Vec<(Time, Line)>,
    /// Times are written as since then.
    begun: Time,
}

impl Transcript {
    pub(super) fn remark(&mut self, now: Time, what: String) {
        self.lines.push((now, Line::Remark(what)));
    }

    pub(super) fn told(&mut self, now: Time, who: usize, what: Notification, rules: &Rules) {
        let leader = match what {
            Notification::LeaderChanged { leader, .. } => leader.map(|leader| rules.at(leader).id.clone()),
            _ => None,
        };
        self.lines.push((now, Line::Told { who, what, leader }));
    }

    /// A broadcast is one line.
    pub(super) fn sent(&mut self, now: Time, from: usize, to: usize, message: Message, arrives: bool) {
        if let Some((time, Line::Sent { from: last_from, to: others, message: last, arrives: also })) =
            self.lines.last_mut()
            && (*time, *last_from, &*last, *also) == (now, from, &message, arrives)
        {
            return others.push(to);
        }
        self.lines.push((now, Line::Sent { from, to: vec![to], message, arrives }));
    }

    /// When, who, what.
    pub fn notifications(&self) -> impl Iterator<Item = (Time, usize, Notification)> + '_ {
        self.lines.iter().filter_map(|(time, line)| match line {
            Line::Told { who, what, .. } => Some((*time, *who, what.clone())),
            Line::Remark(_) | Line::Sent { .. } => None,
        })
    }

    /// From, to, what.
    pub fn messages(&self) -> impl Iterator<Item = (usize, usize, Message)> + '_ {
        let sends = self.lines.iter().filter_map(|(_, line)| match line {
            Line::Sent { from, to, message, .. } => Some((*from, to, message.clone())),
            Line::Remark(_) | Line::Told { .. } => None,
        });
        sends.flat_map(|(from, to, message)| to.iter().map(move |to| (from, *to, message.clone())))
    }

    /// Forgets what was so far: a story begins here.
    pub fn begin(&mut self, now: Time) {
        self.lines.clear();
        self.begun = now;
    }

    pub(super) fn story(&self, machines: &[Machine]) -> String {
        let script = Script { machines, base: self.base(), begun: self.begun };
        let quiet = self.lines.iter().filter(|(_, line)| !matches!(line, Line::Sent { .. }));
        quiet.filter_map(|(time, line)| script.line(*time, line)).collect()
    }

    /// Everything about the election, messages included.
    pub fn in_full(&self, machines: &[Machine]) -> String {
        let script = Script { machines, base: self.base(), begun: self.begun };
        self.lines.iter().filter_map(|(time, line)| script.line(*time, line)).collect()
    }

    /// The term before the first in which somebody asked for votes, led or was followed.
    fn base(&self) -> u64 {
        let first = self.messages().find_map(|(_, _, message)| match election(&message)? {
            ElectionMessage::Heartbeat { term, .. }
            | ElectionMessage::HeartbeatAck { term, .. }
            | ElectionMessage::VoteRequest { term, .. } => Some(term.0),
            _ => None,
        });
        let elected = self.notifications().find_map(|(_, _, told)| match told {
            Notification::Elected { token } | Notification::Lost { token, .. } => Some(token.0),
            _ => None,
        });
        first.into_iter().chain(elected).min().map_or(0, |term| term - 1)
    }

    /// Compares the whole transcript with `golden/{name}.txt` beside the tests. With `QCLUSTER_BLESS` set, writes it.
    pub fn assert_golden(&self, machines: &[Machine], name: &str) {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/golden").join(name).with_extension("txt");
        let got = self.in_full(machines);
        if std::env::var_os("QCLUSTER_BLESS").is_some() {
            std::fs::write(&path, &got).expect("the golden file can be written");
        }
        let want = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(got == want, "{name}: got\n{got}\nand not\n{want}\nIf that is right, bless it: QCLUSTER_BLESS=1");
    }
}

/// How lines are written: terms relative to the first, so that they read well.
struct Script<'a> {
    machines: &'a [Machine],
    base: u64,
    begun: Time,
}

impl Script<'_> {
    fn line(&self, time: Time, line: &Line) -> Option<String> {
        let text = match line {
            Line::Remark(what) => format!("-- {what}"),
            Line::Told { who, what, leader } => format!("{}: {}", self.name(*who), self.told(what, leader.as_ref())),
            Line::Sent { from, to, message, arrives } => {
                let what = self.message(election(message)?);
                let to: Vec<&str> = to.iter().map(|to| self.name(*to)).collect();
                let arrow = if *arrives { "->" } else { "-x" };
                format!("{} {arrow} {}  {what}", self.name(*from), to.join(" "))
            }
        };
        let mut row = String::new();
        writeln!(row, "{:>11}  {text}", self.time(time)).unwrap();
        Some(row)
    }

    fn name(&self, n: usize) -> &str {
        &self.machines[n].name
    }

    fn time(&self, time: Time) -> String {
        if time < self.begun { "before".into() } else { format!("{:?}", time.since(self.begun)) }
    }

    fn term(&self, term: Term) -> String {
        if term.0 < self.base { "before".into() } else { format!("t{}", term.0 - self.base) }
    }

    fn told(&self, told: &Notification, leader: Option<&NodeId>) -> String {
        match *told {
            Notification::Elected { token } => format!("ELECTED in {}", self.term(Term(token.0))),
            Notification::Lost { token, reason, .. } => {
                format!("LOST {}: {}", self.term(Term(token.0)), LostReason::name(reason))
            }
            Notification::LeaderChanged { term, .. } => match leader {
                Some(leader) => format!("sees {leader} lead in {}", self.term(term)),
                None => "sees nobody lead".into(),
            },
            Notification::Draining { until } => format!("draining until {}", self.time(until)),
            _ => told.to_string(),
        }
    }

    fn message(&self, message: &ElectionMessage) -> String {
        let name = message.name();
        let answer = |refusal: Option<Refusal>| refusal.map_or("yes", Refusal::name);
        match *message {
            ElectionMessage::Heartbeat { term, sent_at, active, .. } => {
                let state = if active { "leads" } else { "has won" };
                format!("{name} {} of {}, {state}", self.term(term), self.time(sent_at))
            }
            ElectionMessage::HeartbeatAck { term, sent_at, .. } => {
                format!("{name} {} of {}", self.term(term), self.time(sent_at))
            }
            ElectionMessage::PreVoteRequest { round, term, consent } => {
                let consent = if consent.is_some() { ", with consent" } else { "" };
                format!("{name} {} in round {round}{consent}", self.term(term))
            }
            ElectionMessage::PreVoteReply { round, refusal, .. } => {
                format!("{name} in round {round}: {}", answer(refusal))
            }
            ElectionMessage::VoteRequest { term, released, .. } => {
                let released = if released.is_some() { ", released" } else { "" };
                format!("{name} {}{released}", self.term(term))
            }
            ElectionMessage::VoteReply { asked, refusal, .. } => {
                format!("{name} {}: {}", self.term(asked), answer(refusal))
            }
            ElectionMessage::Release { term, successor } => {
                let next = self.machines.iter().find(|machine| Some(machine.settings.id.key()) == successor);
                let next = next.map_or(String::new(), |next| format!(", {} is to follow", next.name));
                format!("{name} {}{next}", self.term(term))
            }
            ElectionMessage::StaleTerm { term }
            | ElectionMessage::CouldYouWin { term }
            | ElectionMessage::CouldWin { term, .. } => format!("{name} {}", self.term(term)),
        }
    }
}
