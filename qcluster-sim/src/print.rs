//! What the command prints about its runs.

#![allow(clippy::cast_precision_loss, reason = "rates for people to read")]

use std::fmt::Write as _;
use std::time::Duration;

use qcluster_sim::campaign::Summary;
use qcluster_sim::exhaustive::{Counterexample, Explored};
use qcluster_sim::{Mark, Outcome};
use serde_json::json;

pub(crate) fn outcome(outcome: &Outcome, elapsed: Duration) -> String {
    let mut out = String::new();
    let stats = outcome.stats;
    let _ = writeln!(out, "hash         {}", outcome.hash);
    let _ = writeln!(out, "simulated    {}", outcome.end);
    let _ = writeln!(out, "events       {} in {:.3} ms", stats.events, elapsed.as_secs_f64() * 1_000.0);
    let _ = writeln!(out, "datagrams    {} sent, {} delivered", stats.sent, stats.delivered);
    let _ = writeln!(
        out,
        "leaderships  {} ({} on another host than before), {} leases",
        stats.elections, stats.changes, stats.renewals
    );
    if let Some(worked) = outcome.converged {
        let _ = writeln!(out, "convergence  {} after the heal, {} allowed", worked.took, worked.within);
    }
    let marks: Vec<String> = Mark::ALL
        .into_iter()
        .filter(|mark| outcome.marks.count(*mark) > 0)
        .map(|mark| format!("{} {}", mark.name(), outcome.marks.count(mark)))
        .collect();
    let _ = writeln!(out, "marks        {}", marks.join(", "));
    let violation = outcome.violation.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    let _ = writeln!(out, "violation    {violation}");
    out
}

/// With the schedule and the events in words, where somebody wants to see them.
pub(crate) fn outcome_json(outcome: &Outcome, schedule: Option<String>, trace: Option<String>) -> String {
    let stats = outcome.stats;
    let mut value = json!({
        "hash": outcome.hash.to_string(),
        "simulated_s": seconds(outcome.end.as_nanos()),
        "events": stats.events,
        "sent": stats.sent,
        "delivered": stats.delivered,
        "elections": stats.elections,
        "leases": stats.renewals,
        "converged_ms": outcome.converged.map(|worked| worked.took.as_millis()),
        "violation": outcome.violation,
    });
    if let Some(schedule) = schedule {
        value["schedule"] = schedule.into();
    }
    if let Some(trace) = trace {
        value["trace"] = trace.lines().collect();
    }
    format!("{value}\n")
}

pub(crate) fn summary(seed: u64, summary: &Summary, elapsed: Duration, jobs: usize) -> String {
    let mut out = String::new();
    let stats = summary.stats;
    let wall = elapsed.as_secs_f64().max(1e-9);
    let simulated = seconds(summary.simulated.as_nanos());
    let _ = writeln!(out, "seeds        {seed} to {}", seed.wrapping_add(summary.runs.saturating_sub(1)));
    let _ = writeln!(out, "runs         {} on {jobs} threads in {wall:.1} s", summary.runs);
    let _ = writeln!(
        out,
        "simulated    {simulated:.0} s, {:.0} node-seconds ({:.0} × real time)",
        seconds(summary.node_time.as_nanos()),
        simulated / wall
    );
    let busy = summary.processor.as_secs_f64().max(1e-9);
    let _ = writeln!(
        out,
        "events       {} ({:.2} million a second, {:.2} million a second of each core)",
        stats.events,
        stats.events as f64 / wall / 1e6,
        stats.events as f64 / busy / 1e6
    );
    let _ = writeln!(out, "datagrams    {} sent, {} delivered", stats.sent, stats.delivered);
    let _ = writeln!(
        out,
        "leaderships  {} ({} on another host than before), {} leases",
        stats.elections, stats.changes, stats.renewals
    );
    let quantiles = [500, 900, 990, 1_000].map(|part| summary.convergence_quantile(part).unwrap_or(0) as f64 / 10.0);
    let [half, most, nearly, all] = quantiles;
    let _ = writeln!(
        out,
        "convergence  {half:.1} % of the time allowed (median), {most:.1} % (p90), {nearly:.1} % (p99), {all:.1} % (worst)"
    );
    let list = |pairs: Vec<(&str, u64)>| {
        let words: Vec<String> = pairs.into_iter().map(|(name, count)| format!("{name} {count}")).collect();
        words.join(", ")
    };
    let _ =
        writeln!(out, "faults       {}", list(summary.faults.iter().map(|(kind, count)| (*kind, *count)).collect()));
    let _ =
        writeln!(out, "marks        {}", list(Mark::ALL.map(|mark| (mark.name(), summary.marks.count(mark))).to_vec()));
    let _ = writeln!(out, "violations   {}", summary.failures.len());
    for (seed, violation) in &summary.failures {
        let _ = writeln!(out, "  seed {seed}: {violation}");
    }
    out
}

pub(crate) fn summary_json(seed: u64, summary: &Summary, elapsed: Duration, jobs: usize) -> String {
    let mut out = String::new();
    let marks: serde_json::Map<String, serde_json::Value> =
        Mark::ALL.into_iter().map(|mark| (mark.name().to_owned(), summary.marks.count(mark).into())).collect();
    let _ = writeln!(
        out,
        "{}",
        json!({
            "seed": seed,
            "runs": summary.runs,
            "threads": jobs,
            "wall_s": elapsed.as_secs_f64(),
            "simulated_s": seconds(summary.simulated.as_nanos()),
            "node_s": seconds(summary.node_time.as_nanos()),
            "events": summary.stats.events,
            "processor_s": summary.processor.as_secs_f64(),
            "sent": summary.stats.sent,
            "delivered": summary.stats.delivered,
            "elections": summary.stats.elections,
            "leases": summary.stats.renewals,
            "faults": summary.faults,
            "marks": marks,
            "violations": summary.failures,
        })
    );
    out
}

pub(crate) fn explored(name: &str, explored: &Explored) -> String {
    let Explored { states, depth, complete, locals, with_lease } = explored;
    let how = if *complete { "complete" } else { "all" };
    format!("{name}: {how} to depth {depth}, {states} states ({with_lease} with a lease), {locals} of single nodes\n")
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

pub(crate) fn explored_json(name: &str, explored: &Explored) -> String {
    let Explored { states, depth, complete, locals, with_lease } = *explored;
    let value = json!({
        "world": name,
        "states": states,
        "depth": depth,
        "complete": complete,
        "with_lease": with_lease,
        "states_of_nodes": locals,
    });
    format!("{value}\n")
}

pub(crate) fn counterexample_json(name: &str, example: &Counterexample) -> String {
    format!("{}\n", json!({ "world": name, "broken": example.broken, "steps": example.steps }))
}
