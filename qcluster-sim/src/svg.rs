//! A run as a picture: a lane a host, roles and leases as bars, cuts as shading, messages as arrows where they are wanted.

#![allow(clippy::cast_precision_loss, reason = "a pixel is coarser than what gets lost")]

mod faults;

use std::fmt::Write as _;

use qcluster_core::{Notification, Role, Span, Time};

use crate::oracle::Rule;
use crate::trace::{Happening, Record, Trace};
use crate::wire::Said;
use faults::{change_links, lane_of};

/// Whether messages are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrows {
    /// None.
    Hidden,
    /// All of them: for short stretches.
    Shown,
}

/// What to draw.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// How many lanes.
    pub hosts: usize,
    /// The first moment.
    pub from: Time,
    /// The last: at most the end of the run, since nothing is known beyond it.
    pub to: Time,
    /// Whether messages are drawn.
    pub arrows: Arrows,
    /// The rule that was broken, and when.
    pub broken: Option<(Time, Rule)>,
}

const LEFT: f64 = 70.0;
const WIDTH: f64 = 1_300.0;
const TOP: f64 = 64.0;
const LANE: f64 = 52.0;
const BAR: f64 = 22.0;

const STYLE: &str = "<style>text{font:12px system-ui,sans-serif;fill:#263238}.small{font-size:10px;fill:#455a64}\
    .title{font-size:15px;font-weight:600}.grid{stroke:#eceff1}.message{stroke:#455a64;stroke-width:.9;fill:none;marker-end:url(#head)}\
    .lost{stroke:#d32f2f;stroke-dasharray:3 2;marker-end:none}.fault{stroke:#d84315;stroke-width:1.2;stroke-dasharray:2 2;opacity:.75}\
    .broken{stroke:#b71c1c;stroke-width:2}.broken-rule{fill:#b71c1c;font-weight:600}\
    .lease{fill:#1b5e20}.cut{fill:#b71c1c}.frozen{fill:url(#ice)}.dead{fill:#cfd8dc}</style>";

const PATTERN: &str = "<defs><pattern id=\"ice\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\"><rect width=\"2\" height=\"6\" fill=\"#0277bd\"/></pattern><marker id=\"head\" viewBox=\"0 0 6 6\" refX=\"6\" refY=\"3\" markerWidth=\"6\" \
    markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0L6 3L0 6z\" fill=\"#455a64\"/></marker></defs>";

/// Draws a trace.
pub fn draw(trace: &Trace, view: &View) -> String {
    let height = TOP + LANE * view.hosts as f64 + 60.0;
    let mut picture = Picture { view, svg: String::new() };
    let total = LEFT + WIDTH + 40.0;
    picture.raw(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total}\" height=\"{height}\" viewBox=\"0 0 {total} {height}\">\
         {STYLE}{PATTERN}<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
    ));
    picture.grid();
    picture.cuts(trace);
    picture.lanes(trace);
    picture.tokens(trace);
    if view.arrows == Arrows::Shown {
        picture.messages(trace);
    }
    picture.faults(trace);
    picture.broken();
    picture.legend(height - 22.0);
    picture.raw("</svg>\n");
    picture.svg
}

struct Picture<'a> {
    view: &'a View,
    svg: String,
}

impl Picture<'_> {
    fn raw(&mut self, text: &str) {
        self.svg.push_str(text);
        self.svg.push('\n');
    }

    fn x(&self, at: Time) -> f64 {
        let length = self.view.to.since(self.view.from).as_nanos().max(1) as f64;
        let at = at.min(self.view.to).since(self.view.from).as_nanos() as f64;
        LEFT + WIDTH * at / length
    }

    fn y(host: usize) -> f64 {
        TOP + LANE * host as f64
    }

    fn rect(&mut self, (from, to): (Time, Time), (y, height): (f64, f64), style: &str, title: &str) {
        if to <= self.view.from || from >= self.view.to || from >= to {
            return;
        }
        let (x, end) = (self.x(from), self.x(to));
        let _ = writeln!(
            self.svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height}\" rx=\"2\" {style}><title>{title}</title></rect>",
            (end - x).max(0.5)
        );
    }

    fn grid(&mut self) {
        let View { hosts, from, to, .. } = *self.view;
        self.raw(&format!(
            "<text class=\"title\" x=\"{LEFT}\" y=\"22\">{} ms to {} ms</text>",
            millis(from),
            millis(to)
        ));
        let step = tick(to.since(from));
        let first = from.as_nanos().div_ceil(step);
        for at in (first..).map(|count| Time::from_nanos(count * step)).take_while(|at| *at <= to) {
            let x = self.x(at);
            let bottom = Self::y(hosts);
            self.raw(&format!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
                 <text class=\"small\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} ms</text>",
                TOP - 8.0,
                millis(at)
            ));
        }
        for host in 0..hosts {
            let y = Self::y(host) + BAR;
            self.raw(&format!("<text x=\"12\" y=\"{y}\">host {host}</text>"));
        }
    }

    /// Roles, leases, deaths and freezes, by host.
    fn lanes(&mut self, trace: &Trace) {
        for host in 0..self.view.hosts {
            let records = || trace.records.iter().filter(move |record| record.host == host);
            let y = Self::y(host) + 8.0;
            let mut role: Option<(Time, Role)> = None;
            let mut frozen: Option<Time> = None;
            let mut dead = Some(Time::ZERO);
            let mut lease: Option<(Time, Time)> = None;
            let end = Record { at: self.view.to, host, what: Happening::Ended };
            for Record { at, what, .. } in records().chain([&end]) {
                match what {
                    Happening::Became(next) => {
                        self.role(role.replace((*at, *next)), *at, y);
                    }
                    Happening::Started => {
                        if let Some(since) = dead.take() {
                            self.rect((since, *at), (y + 6.0, 10.0), "class=\"dead\"", "not running");
                        }
                    }
                    Happening::Ended => {
                        self.role(role.take(), *at, y);
                        dead.get_or_insert(*at);
                        self.lease(lease.take(), *at, y);
                        self.frozen(frozen.take(), *at, y);
                    }
                    Happening::Frozen => frozen = Some(*at),
                    Happening::Thawed => self.frozen(frozen.take(), *at, y),
                    Happening::Holds(until) => {
                        let since = lease.map_or(*at, |(since, _)| since);
                        if until.is_none() {
                            self.lease(lease, *at, y);
                        }
                        lease = until.map(|until| (since, until));
                    }
                    Happening::Timer
                    | Happening::Received { .. }
                    | Happening::Refused { .. }
                    | Happening::Sent { .. }
                    | Happening::Told(_)
                    | Happening::Saves(_)
                    | Happening::Saved
                    | Happening::SaveFailed
                    | Happening::Fault(_) => {}
                }
            }
            if let Some(since) = dead {
                self.rect((since, self.view.to), (y + 6.0, 10.0), "class=\"dead\"", "not running");
            }
        }
    }

    /// The token of each leadership, over its bar.
    fn tokens(&mut self, trace: &Trace) {
        for Record { at, host, what } in &trace.records {
            if let Happening::Told(Notification::Elected { token }) = what
                && *at >= self.view.from
                && *at <= self.view.to
                && *host < self.view.hosts
            {
                let (x, y) = (self.x(*at) + 3.0, Self::y(*host) + 8.0 + BAR / 2.0 + 4.0);
                let words = short(token.0);
                self.raw(&format!(
                    "<text class=\"small\" x=\"{x:.1}\" y=\"{y:.1}\">{words}<title>token {token}</title></text>"
                ));
            }
        }
    }

    fn role(&mut self, role: Option<(Time, Role)>, to: Time, y: f64) {
        let Some((from, role)) = role else { return };
        let style = format!("fill=\"{}\"", color(role));
        self.rect((from, to), (y, BAR), &style, role.name());
    }

    fn lease(&mut self, lease: Option<(Time, Time)>, at: Time, y: f64) {
        let Some((since, until)) = lease else { return };
        self.rect((since, until.min(at)), (y + BAR + 2.0, 6.0), "class=\"lease\"", "holds the lease");
    }

    fn frozen(&mut self, since: Option<Time>, to: Time, y: f64) {
        let Some(since) = since else { return };
        self.rect((since, to), (y, BAR), "class=\"frozen\" opacity=\"0.6\"", "frozen");
    }

    /// The more links of a host are cut, the darker.
    fn cuts(&mut self, trace: &Trace) {
        let hosts = self.view.hosts;
        let mut links = vec![false; hosts * hosts];
        let mut since = Time::ZERO;
        let faults = trace.records.iter().filter_map(|record| match record.what {
            Happening::Fault(fault) => Some((record.at, Some(fault))),
            _ => None,
        });
        for (at, fault) in faults.chain([(self.view.to, None)]) {
            for host in 0..hosts {
                let cut = (0..hosts).filter(|other| *other != host);
                let count: usize = cut
                    .map(|other| usize::from(links[host * hosts + other]) + usize::from(links[other * hosts + host]))
                    .sum();
                if count > 0 {
                    let part = count as f64 / (2 * (hosts - 1)) as f64;
                    let style = format!("class=\"cut\" opacity=\"{:.2}\"", 0.08 + 0.32 * part);
                    self.rect(
                        (since, at),
                        (Self::y(host) + 2.0, LANE - 6.0),
                        &style,
                        &format!("{count} directions cut"),
                    );
                }
            }
            if let Some(fault) = fault {
                change_links(&mut links, hosts, fault);
            }
            since = at;
        }
    }

    fn messages(&mut self, trace: &Trace) {
        for Record { at, host, what } in &trace.records {
            let Happening::Sent { to, message, arrives } = what else { continue };
            if *at < self.view.from || *at > self.view.to || *to >= self.view.hosts {
                continue;
            }
            let end = arrives.unwrap_or(*at + Span::from_millis(1));
            let (x1, x2) = (self.x(*at), self.x(end));
            let (y1, y2) = (Self::y(*host) + 8.0 + BAR / 2.0, Self::y(*to) + 8.0 + BAR / 2.0);
            // A lost message gets half of the way.
            let y2 = if arrives.is_some() { y2 } else { f64::midpoint(y1, y2) };
            let class = if arrives.is_some() { "message" } else { "message lost" };
            let name = message.as_ref().map_or("?", name_of);
            self.raw(&format!(
                "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"><title>{name}</title></line>"
            ));
        }
    }

    /// A line through the lane that a fault befalls, or through all of them.
    fn faults(&mut self, trace: &Trace) {
        for Record { at, what, .. } in &trace.records {
            if let Happening::Fault(fault) = what
                && *at >= self.view.from
                && *at <= self.view.to
            {
                let x = self.x(*at);
                let (top, bottom) = match lane_of(*fault) {
                    Some(host) => (Self::y(host), Self::y(host) + LANE - 4.0),
                    None => (TOP - 4.0, Self::y(self.view.hosts)),
                };
                self.raw(&format!(
                    "<line class=\"fault\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"><title>{at} {}</title></line>",
                    fault.to_string().replace('>', "&gt;")
                ));
            }
        }
    }

    /// The moment of a violation: a line through all lanes, with the name of the rule over it.
    fn broken(&mut self) {
        let Some((at, rule)) = self.view.broken.filter(|(at, _)| (self.view.from..=self.view.to).contains(at)) else {
            return;
        };
        let (x, top, bottom) = (self.x(at), TOP - 24.0, Self::y(self.view.hosts));
        // The name stands where there is room for it.
        let (anchor, text) = if x > LEFT + WIDTH / 2.0 { ("end", x - 6.0) } else { ("start", x + 6.0) };
        self.raw(&format!(
            "<line class=\"broken\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"><title>{at} {rule:?}</title></line>\
             <text class=\"broken-rule\" x=\"{text:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{rule:?}</text>",
            top + 6.0
        ));
    }

    fn legend(&mut self, y: f64) {
        let roles = [Role::Booting, Role::Follower, Role::PreCandidate, Role::Candidate, Role::Leader, Role::Observer];
        let mut x = LEFT;
        for (name, fill) in roles.map(|role| (role.name(), color(role))).into_iter().chain([
            ("lease", "#1b5e20"),
            ("links cut", "#e8b4b4"),
            ("not running", "#cfd8dc"),
            ("frozen", "url(#ice)"),
        ]) {
            self.raw(&format!(
                "<rect x=\"{x}\" y=\"{:.1}\" width=\"14\" height=\"10\" rx=\"2\" fill=\"{fill}\"/>\
                 <text x=\"{:.1}\" y=\"{y:.1}\">{name}</text>",
                y - 9.0,
                x + 19.0
            ));
            x += 45.0 + 7.0 * name.len() as f64;
        }
        let (top, bottom) = (y - 12.0, y + 3.0);
        self.raw(&format!(
            "<line class=\"fault\" x1=\"{x}\" x2=\"{x}\" y1=\"{top}\" y2=\"{bottom}\"/><text x=\"{}\" y=\"{y:.1}\">fault</text>",
            x + 8.0
        ));
    }
}

const fn millis(at: Time) -> u64 {
    at.as_nanos() / 1_000_000
}

/// Nanoseconds between two ticks: a round number, and up to a dozen of them.
fn tick(length: Span) -> u64 {
    let powers = (0..).map(|power| 1_000_000 * 10_u64.saturating_pow(power));
    let mut steps = powers.flat_map(|unit| [1, 2, 5].map(|times| unit.saturating_mul(times)));
    steps.find(|step| length.as_nanos() / step <= 12).unwrap_or(u64::MAX)
}

/// A token as it fits into a bar: what tells it apart from the others of one picture.
fn short(token: u64) -> String {
    if token < 100_000 { token.to_string() } else { format!("…{:05}", token % 100_000) }
}

const fn color(role: Role) -> &'static str {
    match role {
        Role::Member => "#cfd8dc",
        Role::Observer => "#b0bec5",
        Role::Booting => "#fff59d",
        Role::Follower => "#bbdefb",
        Role::PreCandidate => "#ffcc80",
        Role::Candidate => "#ff8a65",
        Role::Leader => "#a5d6a7",
        Role::Stopped => "#eeeeee",
    }
}

fn name_of(message: &Said) -> &'static str {
    match message {
        Said::Election(message) => message.name(),
        Said::Observer(_) => "observer",
        Said::Gossip => "gossip",
        Said::Session(_) => "session",
        Said::Incarnations => "incarnations",
    }
}

#[cfg(test)]
mod tests;
