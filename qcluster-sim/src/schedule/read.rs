//! Schedules from text: one thing a line, `#` begins a comment, times carry their unit (`12.5ms`, `3s`, `40us`).

mod faults;

use std::collections::BTreeMap;
use std::fmt;
use std::str::{FromStr, SplitWhitespace};

use qcluster_core::{GossipPace, SealMode, Span, Time};

use super::{Convergence, Schedule};
use crate::disk::DiskQuality;
use crate::engine::LinkQuality;
use crate::setup::check::{Misfit, Part, check_length};
use crate::setup::{Assumption, ClockSetup, HostSet, Plan, SealSetup, Setup};
use faults::read_fault;

/// A text that is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSchedule {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for BadSchedule {}

type Read<T> = Result<T, String>;

/// The words of one line.
struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Read<&'a str> {
        self.0.next().ok_or_else(|| "it ends too early".into())
    }

    /// The next key, if the line goes on.
    fn key(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn expect(&mut self, word: &str) -> Read<()> {
        let found = self.next()?;
        if found == word { Ok(()) } else { Err(format!("`{word}` is expected where `{found}` stands")) }
    }

    fn number<T: FromStr>(&mut self) -> Read<T> {
        number(self.next()?)
    }

    fn span(&mut self) -> Read<Span> {
        parse_span(self.next()?)
    }

    fn time(&mut self) -> Read<Time> {
        self.span().map(|span| Time::ZERO + span)
    }

    fn hosts(&mut self) -> Read<HostSet> {
        let text = self.next()?;
        if text == "none" {
            return Ok(HostSet::default());
        }
        let host = |text: &str| match number(text) {
            Ok(host) if host < HostSet::CAPACITY => Ok(host),
            Ok(_) | Err(_) => Err(format!("`{text}` is not a host below {}", HostSet::CAPACITY)),
        };
        text.split(',').map(host).collect()
    }

    fn link(&mut self) -> Read<(usize, usize)> {
        let text = self.next()?;
        let (from, to) = text.split_once('>').ok_or_else(|| format!("`{text}` is not a link like 0>1"))?;
        Ok((number(from)?, number(to)?))
    }

    fn range(&mut self) -> Read<(Span, Span)> {
        let text = self.next()?;
        let (low, high) = text.split_once("..").ok_or_else(|| format!("`{text}` is not a range like 1ms..2ms"))?;
        Ok((parse_span(low)?, parse_span(high)?))
    }

    fn end(&mut self) -> Read<()> {
        self.0.next().map_or(Ok(()), |word| Err(format!("nothing is expected where `{word}` stands")))
    }
}

fn number<T: FromStr>(text: &str) -> Read<T> {
    text.parse().map_err(|_| format!("`{text}` is not a number that fits"))
}

fn parse_span(text: &str) -> Read<Span> {
    let bad = || format!("`{text}` is not a time like 12.5ms");
    let at = text.find(|c: char| c.is_alphabetic()).ok_or_else(bad)?;
    let (amount, unit) = text.split_at(at);
    let digits = match unit {
        "ns" => 0,
        "us" => 3,
        "ms" => 6,
        "s" => 9,
        _ => return Err(bad()),
    };
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    if part.len() > digits {
        return Err(format!("`{text}` is finer than a nanosecond"));
    }
    if whole.is_empty() || !whole.chars().chain(part.chars()).all(|c| c.is_ascii_digit()) {
        return Err(bad());
    }
    let nanos = format!("{whole}{part}{}", "0".repeat(digits - part.len()));
    // More than fits is more than a year, too.
    let span = nanos.parse().map_or(Span::from_nanos(u64::MAX), Span::from_nanos);
    check_length(span).map_err(|_| format!("`{text}` is more than a year, the longest that can be simulated"))?;
    Ok(span)
}

fn read_link_quality(words: &mut Words<'_>) -> Read<LinkQuality> {
    let mut quality = LinkQuality::default();
    while let Some(key) = words.key() {
        match key {
            "delay" => (quality.delay_min, quality.delay_max) = words.range()?,
            "loss" => quality.loss_ppm = words.number()?,
            "duplicate" => quality.duplicate_ppm = words.number()?,
            "straggler" => quality.straggler_ppm = words.number()?,
            "straggle" => quality.straggle = words.span()?,
            "corrupt" => quality.corrupt_ppm = words.number()?,
            "truncate" => quality.truncate_ppm = words.number()?,
            other => return Err(format!("a link has no `{other}`")),
        }
    }
    Ok(quality)
}

fn read_disk_quality(words: &mut Words<'_>) -> Read<DiskQuality> {
    let mut quality = DiskQuality::default();
    while let Some(key) = words.key() {
        match key {
            "delay" => (quality.delay_min, quality.delay_max) = words.range()?,
            "fail" => quality.fail_ppm = words.number()?,
            other => return Err(format!("a disk has no `{other}`")),
        }
    }
    Ok(quality)
}

fn read_plan(words: &mut Words<'_>) -> Read<Plan> {
    words.expect("voters")?;
    let mut plan = Plan::new(words.hosts()?, qcluster_core::Timing::default());
    while let Some(key) = words.key() {
        match key {
            "next" => plan.next = Some(words.hosts()?),
            "heartbeat" => plan.heartbeat = words.span()?,
            "lease" => {
                plan.lease = words.span()?;
                plan.max_lease = plan.lease;
            }
            // Behind the lease.
            "to" => plan.max_lease = words.span()?,
            "slot" => plan.slot = words.span()?,
            "drift" => plan.drift_ppm = words.number()?,
            "previous" => plan.previous_lease = words.span()?,
            "priorities" => plan.priorities = words.next()?.split(',').map(number).collect::<Read<_>>()?,
            other => return Err(format!("a plan has no `{other}`")),
        }
    }
    Ok(plan)
}

/// Tells whose it is.
fn read_clock(words: &mut Words<'_>, clocks: &mut Vec<ClockSetup>) -> Read<usize> {
    let host: usize = words.number()?;
    if host >= HostSet::CAPACITY {
        return Err(format!("`{host}` is not a host below {}", HostSet::CAPACITY));
    }
    if clocks.len() <= host {
        clocks.resize(host + 1, ClockSetup::default());
    }
    while let Some(key) = words.key() {
        match key {
            "rate" => clocks[host].rate_ppb = words.number()?,
            "wall" => clocks[host].wall_ms = words.number()?,
            "local" => clocks[host].local = words.time()?,
            other => return Err(format!("a clock has no `{other}`")),
        }
    }
    Ok(host)
}

fn read_gossip(words: &mut Words<'_>) -> Read<GossipPace> {
    let mut pace = GossipPace::default();
    while let Some(key) = words.key() {
        match key {
            "probe" => pace.probe = words.span()?,
            "ack" => pace.ack = words.span()?,
            "tick" => pace.tick = words.span()?,
            "contact" => pace.contact = words.span()?,
            "suspicion" => pace.suspicion_min = words.span()?,
            "retention" => pace.retention = words.span()?,
            other => return Err(format!("gossip has no `{other}`")),
        }
    }
    Ok(pace)
}

/// `plain` is what a host without a secret does.
fn read_mode(words: &mut Words<'_>) -> Read<Option<SealMode>> {
    Ok(match words.next()? {
        "plain" => None,
        "accept" => Some(SealMode::Accept),
        "send" => Some(SealMode::Send),
        "require" => Some(SealMode::Require),
        other => return Err(format!("what is sealed is plain, accept, send or require, not `{other}`")),
    })
}

fn read_seal(words: &mut Words<'_>) -> Read<SealSetup> {
    let mode = read_mode(words)?;
    words.expect("keys")?;
    let keys = words.next()?.split(',').map(number).collect::<Read<_>>()?;
    Ok(SealSetup { mode, keys })
}

fn read_converge(words: &mut Words<'_>) -> Read<Convergence> {
    let hosts = words.hosts()?;
    words.expect("from")?;
    let from = words.time()?;
    words.expect("within")?;
    Ok(Convergence { hosts, from, within: words.span()? })
}

/// Where each part stands, by line from 1.
#[derive(Default)]
struct Lines {
    /// Those that there is one of, by their first word.
    single: BTreeMap<String, usize>,
    plans: Vec<usize>,
    clocks: BTreeMap<usize, usize>,
    faults: Vec<usize>,
}

impl Lines {
    /// The line of that part, if it has one.
    fn of(&self, part: Part) -> Option<usize> {
        let single = |word| self.single.get(word).copied();
        match part {
            Part::Hosts => single("hosts"),
            Part::Plan(plan) => self.plans.get(plan).copied(),
            Part::Durable => single("durable"),
            Part::Clock(host) => self.clocks.get(&host).copied(),
            Part::Link => single("link"),
            Part::Disk => single("disk"),
            Part::Seal => single("seal"),
            Part::Fault(fault) => self.faults.get(fault).copied(),
            Part::Converge => single("converge"),
            Part::End => single("end"),
        }
    }

    /// Notes a line that there is one of.
    fn once(&mut self, word: &str, line: usize) -> Read<()> {
        match self.single.insert(word.into(), line) {
            Some(earlier) => Err(format!("line {earlier} has set `{word}` already")),
            None => Ok(()),
        }
    }
}

fn read_line(line: &str, number: usize, schedule: &mut Schedule, lines: &mut Lines) -> Read<()> {
    let mut words = Words(line.split_whitespace());
    let Some(first) = words.key() else { return Ok(()) };
    let setup = &mut schedule.setup;
    match first {
        "plan" => {
            setup.plans.push(read_plan(&mut words)?);
            lines.plans.push(number);
        }
        "clock" => {
            let host = read_clock(&mut words, &mut setup.clocks)?;
            if let Some(earlier) = lines.clocks.insert(host, number) {
                return Err(format!("line {earlier} has set the clock of host {host} already"));
            }
        }
        "broken" => match words.next()? {
            "rates" => setup.rates = Assumption::Broken,
            "walls" => setup.walls = Assumption::Broken,
            "identities" => setup.identities = Assumption::Broken,
            other => return Err(format!("there is no assumption `{other}`")),
        },
        at if at.starts_with(|c: char| c.is_ascii_digit()) => {
            let at = Time::ZERO + parse_span(at)?;
            let kind = words.next()?;
            schedule.faults.push((at, read_fault(kind, &mut words)?));
            lines.faults.push(number);
        }
        single => {
            read_single(single, &mut words, schedule)?;
            lines.once(single, number)?;
        }
    }
    words.end()
}

/// What there is one line of.
fn read_single(first: &str, words: &mut Words<'_>, schedule: &mut Schedule) -> Read<()> {
    let setup = &mut schedule.setup;
    match first {
        "seed" => setup.seed = words.number()?,
        "hosts" => setup.hosts = words.number()?,
        "durable" => setup.durable = words.hosts()?,
        "link" => setup.link = read_link_quality(words)?,
        "disk" => setup.disk = read_disk_quality(words)?,
        "drain" => setup.drain = words.span()?,
        "work" => setup.work = words.span()?,
        "gossip" => setup.gossip = Some(read_gossip(words)?),
        "seal" => setup.seal = Some(read_seal(words)?),
        "converge" => schedule.converge = Some(read_converge(words)?),
        "changes" => schedule.changes_max = Some(words.number()?),
        "end" => schedule.end = words.time()?,
        other => {
            return Err(format!("no line begins with `{other}`: a fault begins with its time, as in `12.5ms crash 0`"));
        }
    }
    Ok(())
}

impl FromStr for Schedule {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        // Some editors begin a file with a byte-order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let setup = Setup { plans: Vec::new(), ..Setup::voters(0) };
        let (mut schedule, mut lines) = (Self::quiet(setup, Span::ZERO), Lines::default());
        for (index, line) in text.lines().enumerate() {
            let (line, number) = (line.split('#').next().unwrap_or_default(), index + 1);
            read_line(line, number, &mut schedule, &mut lines)
                .map_err(|reason| BadSchedule { line: number, reason })?;
        }
        match schedule.check() {
            Ok(()) => Ok(schedule),
            Err(Misfit { part, reason }) => {
                let last = text.lines().count().max(1);
                Err(BadSchedule { line: lines.of(part).unwrap_or(last), reason })
            }
        }
    }
}
