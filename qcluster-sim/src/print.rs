//! What the command prints about its runs.

#![allow(clippy::cast_precision_loss, reason = "rates for people to read")]

use std::time::Duration;

use qcluster_sim::campaign::{Summary, Until};
use qcluster_sim::{Mark, Outcome};
use serde_json::json;

pub(crate) fn progress(done: u64, until: Until, elapsed: Duration) {
    const WIDTH: u128 = 30;
    let (part, whole) = match until {
        Until::Runs(runs) => (u128::from(done), u128::from(runs)),
        Until::Elapsed(length) => (elapsed.as_millis(), length.as_millis()),
    };
    let full = usize::try_from((part * WIDTH / whole.max(1)).min(WIDTH)).unwrap_or(0);
    let bar = "=".repeat(full);
    eprint!("\r[{bar:30}] {done} runs, {:.0} s", elapsed.as_secs_f64());
}

pub(crate) fn outcome(outcome: &Outcome, elapsed: Duration) {
    let stats = outcome.stats;
    println!("hash         {}", outcome.hash);
    println!("simulated    {}", outcome.end);
    println!("events       {} in {:.3} ms", stats.events, elapsed.as_secs_f64() * 1_000.0);
    println!("datagrams    {} sent, {} delivered", stats.sent, stats.delivered);
    println!(
        "leaderships  {} ({} on another host than before), {} leases",
        stats.elections, stats.changes, stats.renewals
    );
    if let Some(worked) = outcome.converged {
        println!("convergence  {} after the heal, {} allowed", worked.took, worked.within);
    }
    let marks: Vec<String> = Mark::ALL
        .into_iter()
        .filter(|mark| outcome.marks.count(*mark) > 0)
        .map(|mark| format!("{} {}", mark.name(), outcome.marks.count(mark)))
        .collect();
    println!("marks        {}", marks.join(", "));
    match &outcome.violation {
        Some(violation) => println!("violation    {violation}"),
        None => println!("violation    none"),
    }
}

pub(crate) fn outcome_json(outcome: &Outcome) {
    let stats = outcome.stats;
    println!(
        "{}",
        json!({
            "hash": outcome.hash.to_string(),
            "simulated_s": seconds(outcome.end.as_nanos()),
            "events": stats.events,
            "sent": stats.sent,
            "delivered": stats.delivered,
            "elections": stats.elections,
            "leases": stats.renewals,
            "converged_ms": outcome.converged.map(|worked| worked.took.as_millis()),
            "violation": outcome.violation,
        })
    );
}

pub(crate) fn summary(seed: u64, summary: &Summary, elapsed: Duration, jobs: usize) {
    let stats = summary.stats;
    let wall = elapsed.as_secs_f64().max(1e-9);
    let simulated = seconds(summary.simulated.as_nanos());
    println!("seeds        {seed} to {}", seed.wrapping_add(summary.runs.saturating_sub(1)));
    println!("runs         {} on {jobs} threads in {wall:.1} s", summary.runs);
    println!(
        "simulated    {simulated:.0} s, {:.0} node-seconds ({:.0} × real time)",
        seconds(summary.node_time.as_nanos()),
        simulated / wall
    );
    println!("events       {} ({:.2} million a second)", stats.events, stats.events as f64 / wall / 1e6);
    println!("datagrams    {} sent, {} delivered", stats.sent, stats.delivered);
    println!(
        "leaderships  {} ({} on another host than before), {} leases",
        stats.elections, stats.changes, stats.renewals
    );
    let quantiles = [500, 900, 990, 1_000].map(|part| summary.convergence_quantile(part).unwrap_or(0) as f64 / 10.0);
    let [half, most, nearly, all] = quantiles;
    println!(
        "convergence  {half:.1} % of the time allowed (median), {most:.1} % (p90), {nearly:.1} % (p99), {all:.1} % (worst)"
    );
    let list = |pairs: Vec<(&str, u64)>| {
        let words: Vec<String> = pairs.into_iter().map(|(name, count)| format!("{name} {count}")).collect();
        words.join(", ")
    };
    println!("faults       {}", list(summary.faults.iter().map(|(kind, count)| (*kind, *count)).collect()));
    println!("marks        {}", list(Mark::ALL.map(|mark| (mark.name(), summary.marks.count(mark))).to_vec()));
    println!("violations   {}", summary.failures.len());
    for (seed, violation) in &summary.failures {
        println!("  seed {seed}: {violation}");
    }
}

pub(crate) fn summary_json(seed: u64, summary: &Summary, elapsed: Duration, jobs: usize) {
    let marks: serde_json::Map<String, serde_json::Value> =
        Mark::ALL.into_iter().map(|mark| (mark.name().to_owned(), summary.marks.count(mark).into())).collect();
    println!(
        "{}",
        json!({
            "seed": seed,
            "runs": summary.runs,
            "threads": jobs,
            "wall_s": elapsed.as_secs_f64(),
            "simulated_s": seconds(summary.simulated.as_nanos()),
            "node_s": seconds(summary.node_time.as_nanos()),
            "events": summary.stats.events,
            "sent": summary.stats.sent,
            "delivered": summary.stats.delivered,
            "elections": summary.stats.elections,
            "leases": summary.stats.renewals,
            "faults": summary.faults,
            "marks": marks,
            "violations": summary.failures,
        })
    );
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
