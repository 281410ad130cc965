//! How an audit reads: tables and a verdict for people, one object of JSON for programs.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use comfy_table::Table;
use serde::Serialize;
use serde_json::{Value, json};

use super::Flaws;
use super::findings::{Findings, Gap, Overlap, Row, Shared};
use super::history::{End, Leadership};
use crate::ask::table;

/// Findings are told one by one up to this many, and counted beyond.
const BROKEN_TOLD_MAX: usize = 10;

/// What it comes to.
#[derive(Debug)]
pub(super) struct Verdict {
    /// One line.
    pub(super) sentence: String,
    /// What must not be, a line each; empty if all is well.
    pub(super) broken: Vec<String>,
}

pub(super) fn verdict(findings: &Findings<'_>, flaws: &Flaws, clock_difference: Duration) -> Verdict {
    let allowed_us = i64::try_from(clock_difference.as_micros()).unwrap_or(i64::MAX);
    let beyond: Vec<&Overlap<'_>> = findings.overlaps.iter().filter(|found| !found.is_within(allowed_us)).collect();
    let mut broken: Vec<String> = findings.shared.iter().map(shared_token).collect();
    broken.extend(beyond.iter().map(|overlap| overlapping(overlap)));
    let found = broken.len();
    broken.truncate(BROKEN_TOLD_MAX);
    if found > BROKEN_TOLD_MAX {
        broken.push(format!("and {} more", found - BROKEN_TOLD_MAX));
    }
    let worst_us = beyond.iter().map(|overlap| overlap.by_us).max();
    let mut sentence = match (worst_us, findings.shared.len()) {
        (Some(by_us), shared) => {
            let of_one_token = if shared == 0 { String::new() } else { format!(", {}", shared_tokens(shared)) };
            format!("{}, the longest of {}{of_one_token}", count(beyond.len(), "overlap"), ms(by_us))
        }
        (None, 1..) => shared_tokens(findings.shared.len()),
        (None, 0) => without_overlap(findings, clock_difference),
    };
    let leaderships = count(findings.rows.len(), "leadership");
    sentence = if findings.rows.is_empty() { "no leadership".to_owned() } else { format!("{leaderships}: {sentence}") };
    let missing = missing(findings, flaws);
    if !missing.is_empty() {
        sentence = format!("{sentence}; incomplete: {}", missing.join(", "));
    }
    Verdict { sentence, broken }
}

fn without_overlap(findings: &Findings<'_>, clock_difference: Duration) -> String {
    let explained_us = findings.overlaps.iter().map(|overlap| overlap.by_us).max();
    match (explained_us, findings.clock_difference_max_us()) {
        (Some(by_us), _) => {
            let allowed = humantime::format_duration(clock_difference);
            format!("no overlap but for {} at most, which clocks that differ by {allowed} explain", ms(by_us))
        }
        (None, Some(closest_us)) => {
            // A killed node may have led on for a while.
            let known = if findings.without_end() == 0 { "" } else { ", as far as ends are known" };
            format!("no overlap if the clocks of the nodes differ by less than {}{known}", ms(closest_us))
        }
        (None, None) => "no overlap".to_owned(),
    }
}

/// What the files do not tell, and could.
fn missing(findings: &Findings<'_>, flaws: &Flaws) -> Vec<String> {
    let mut missing = Vec::new();
    let mut note = |number: usize, what: &str, rest: &str| {
        if number > 0 {
            missing.push(format!("{}{rest}", count(number, what)));
        }
    };
    note(findings.without_end(), "leadership", " without an end (a killed node writes none)");
    note(findings.without_beginning(), "leadership", " without a beginning");
    note(findings.only_noticed(), "leadership", " without `valid_until_unix_s`");
    note(findings.set_back(), "leadership", " during which a clock was set back");
    note(findings.reported(), "leadership", " that only other nodes tell of");
    note(usize::try_from(flaws.dropped).unwrap_or(usize::MAX), "change", " not written down");
    note(usize::try_from(flaws.unreadable).unwrap_or(usize::MAX), "line", " that cannot be read");
    missing
}

fn overlapping(overlap: &Overlap<'_>) -> String {
    let Overlap { earlier, later, by_us } = overlap;
    let how = if overlap.is_out_of_order() { "led before" } else { "overlaps" };
    let or_else = match (earlier.node == later.node, overlap.is_out_of_order()) {
        (true, _) => "its clock was set back by that at least",
        (false, true) => "tokens do not grow with time, or the clocks differ by that at least",
        // A lease that was given up ends sooner, and the end of this one is not told.
        (false, false) if earlier.lost.is_none() => {
            "two leases at once, clocks that differ by that at least, or an end that was not written down"
        }
        (false, false) => "two leases at once, or clocks that differ by that at least",
    };
    let (earlier, later) = (named(earlier), named(later));
    format!("{later} {how} {earlier}, by {}: {or_else}", ms(*by_us))
}

fn shared_token(shared: &Shared<'_>) -> String {
    match shared.nodes[..] {
        [node] => format!("token {} was given to {node} twice", shared.token),
        _ => format!("token {} was given to {}", shared.token, shared.nodes.join(" and ")),
    }
}

fn shared_tokens(number: usize) -> String {
    format!("{} of two leaderships", count(number, "token"))
}

fn named(leadership: &Leadership) -> String {
    format!("{} with token {}", leadership.node, leadership.token)
}

/// All leaderships, what followed on which end, and how close the leaderships of two nodes came.
pub(super) fn tables(findings: &Findings<'_>) -> Vec<Table> {
    let mut tables = Vec::new();
    if !findings.rows.is_empty() {
        tables.push(leaderships(&findings.rows));
    }
    if !findings.ends().is_empty() {
        tables.push(ends(findings));
    }
    if !findings.closest_us.is_empty() {
        let mut closest = table(&["nodes", "smallest gap"]);
        for ((a, b), gap_us) in &findings.closest_us {
            closest.add_row([format!("{a}, {b}"), ms(*gap_us)]);
        }
        tables.push(closest);
    }
    tables
}

fn leaderships(rows: &[Row<'_>]) -> Table {
    let mut table = table(&["token", "leader", "gap before", "from", "until", "ended by"]);
    for (index, Row { leadership, gap }) in rows.iter().enumerate() {
        let until = match leadership.end() {
            End::At(us) => time(us),
            End::NotBefore(us) => format!("{} or later", time(us)),
            End::NotAfter(us) => format!("{} or earlier", time(us)),
            End::Unknown => String::new(),
        };
        let ended_by = match &leadership.lost {
            Some(lost) => lost.reason.as_str(),
            None if index + 1 == rows.len() => "not over in these files",
            None => "not told",
        };
        let gap = match gap {
            Gap::Exactly(us) => ms(*us),
            Gap::AtMost(us) => format!("at most {}", ms(*us)),
            Gap::AtLeast(us) => format!("at least {}", ms(*us)),
            Gap::Unknown => String::new(),
        };
        let from = leadership.from_us.map(time).unwrap_or_default();
        table.add_row([&leadership.token.to_string(), &leadership.node, &gap, &from, &until, ended_by]);
    }
    table
}

fn ends(findings: &Findings<'_>) -> Table {
    let mut table = table(&["ended by", "leaderships", "median gap after", "longest"]);
    for (reason, ended) in findings.ends() {
        let gaps = findings.gaps_us.get(reason).map_or(&[][..], Vec::as_slice);
        let told = |us: Option<i64>| us.map(ms).unwrap_or_default();
        table.add_row([reason, &ended.to_string(), &told(median(gaps)), &told(gaps.last().copied())]);
    }
    table
}

/// The same for programs. Where `…_min` and `…_max` are one, it is known exactly; what is not known is `null`.
pub(super) fn report(findings: &Findings<'_>, flaws: &Flaws, verdict: &Verdict) -> impl Serialize {
    let leaderships: Vec<Value> = findings.rows.iter().map(leadership).collect();
    let ends: BTreeMap<&str, Value> = findings
        .ends()
        .into_iter()
        .map(|(reason, ended)| {
            let gaps = findings.gaps_us.get(reason).map_or(&[][..], Vec::as_slice);
            let (median, longest) = (median(gaps).map(to_ms), gaps.last().copied().map(to_ms));
            (reason, json!({ "leaderships": ended, "gap_ms_median": median, "gap_ms_max": longest }))
        })
        .collect();
    let closest = |((a, b), us): (&(&str, &str), &i64)| json!({ "nodes": [a, b], "gap_ms_min": to_ms(*us) });
    let closest: Vec<Value> = findings.closest_us.iter().map(closest).collect();
    let overlaps: Vec<Value> = findings.overlaps.iter().map(overlap).collect();
    let shared: Vec<Value> =
        findings.shared.iter().map(|shared| json!({ "token": shared.token, "nodes": shared.nodes })).collect();
    json!({
        "verdict": verdict.sentence,
        "is_clean": verdict.broken.is_empty(),
        "leaderships": leaderships,
        "ended_by": ends,
        "node_pairs": closest,
        "clock_difference_ms_max": findings.clock_difference_max_us().map(to_ms),
        "overlaps": overlaps,
        "shared_tokens": shared,
        "incomplete": {
            "without_end": findings.without_end(),
            "without_beginning": findings.without_beginning(),
            "only_noticed": findings.only_noticed(),
            "clock_set_back": findings.set_back(),
            "reported_only": findings.reported(),
            "changes_not_written": flaws.dropped,
            "lines_unreadable": flaws.unreadable,
            "first_lines": flaws.told,
        },
    })
}

fn leadership(Row { leadership, gap }: &Row<'_>) -> Value {
    let (until_min, until_max) = match leadership.end() {
        End::At(us) => (Some(us), Some(us)),
        End::NotBefore(us) => (Some(us), None),
        End::NotAfter(us) => (None, Some(us)),
        End::Unknown => (None, None),
    };
    let (gap_min, gap_max) = match *gap {
        Gap::Exactly(us) => (Some(us), Some(us)),
        Gap::AtMost(us) => (None, Some(us)),
        Gap::AtLeast(us) => (Some(us), None),
        Gap::Unknown => (None, None),
    };
    json!({
        "token": leadership.token,
        "node": leadership.node,
        "from_unix_s": leadership.from_us.map(to_s),
        "until_unix_s_min": until_min.map(to_s),
        "until_unix_s_max": until_max.map(to_s),
        "ended_by": leadership.lost.as_ref().map(|lost| lost.reason.as_str()),
        "gap_before_ms_min": gap_min.map(to_ms),
        "gap_before_ms_max": gap_max.map(to_ms),
    })
}

fn overlap(overlap: &Overlap<'_>) -> Value {
    let Overlap { earlier, later, by_us } = overlap;
    json!({ "tokens": [earlier.token, later.token], "nodes": [earlier.node, later.node], "overlap_ms": to_ms(*by_us) })
}

/// Of what is sorted.
fn median(sorted: &[i64]) -> Option<i64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    let lower = if sorted.len().is_multiple_of(2) { sorted[middle - 1] } else { upper };
    Some(lower.midpoint(upper))
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Milliseconds to the microsecond.
fn ms(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    format!("{sign}{}.{:03} ms", us.unsigned_abs() / 1_000, us.unsigned_abs() % 1_000)
}

#[expect(clippy::cast_precision_loss, reason = "a double holds the microseconds of 285 years")]
fn to_ms(us: i64) -> f64 {
    us as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "it was read from a double")]
fn to_s(us: i64) -> f64 {
    us as f64 / 1e6
}

fn time(us: i64) -> String {
    let since = Duration::from_micros(us.unsigned_abs());
    humantime::format_rfc3339_micros(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests;
