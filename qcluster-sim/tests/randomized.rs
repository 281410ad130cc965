//! The randomized partition test: seeds that are always the same, and some that nobody has run before.

use std::time::{SystemTime, UNIX_EPOCH};

use qcluster_sim::campaign::{Campaign, Summary, Until};
use qcluster_sim::swarm::{Limits, draw};
use qcluster_sim::{Recording, Report};

/// Runs that every machine repeats.
const FIXED: u64 = 12_000;
/// Runs that only this one does.
const FRESH: u64 = 2_000;

/// How much of their time the healed majorities of the fixed runs take, in parts of a thousand: the median, nine of ten, 99 of a
/// hundred, and the worst. Like the hashes, they change with what nodes decide, and are pinned again then.
const CONVERGENCE: [usize; 4] = [28, 181, 240, 367];

/// Whether a patch of `mutants/` is in place. All that is asked of it is which rule it breaks, and soon.
fn is_mutant() -> bool {
    std::env::var_os("QCLUSTER_SIM_MUTANT").is_some()
}

fn run(seed: u64, runs: u64) -> Summary {
    let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let failures_max = if is_mutant() { 1 } else { Campaign::FAILURES_MAX };
    let campaign = Campaign { seed, until: Until::Runs(runs), jobs, limits: Limits::default(), failures_max };
    let summary = campaign.run(&|_| ()).unwrap_or_else(|error| panic!("{error}"));
    if let Some((seed, violation)) = summary.failures.first_key_value() {
        assert!(!is_mutant(), "VIOLATION of {violation}");
        let command = format!("cargo run --release -p qcluster-sim -- --seed {seed}");
        panic!("{}", Report::new(&draw(*seed, Limits::default()), violation, command).text());
    }
    summary
}

#[test]
fn fixed_seeds_hold_and_reach_every_mark() {
    let summary = run(0, FIXED);
    let missing: Vec<_> = summary.marks.missing().into_iter().map(qcluster_sim::Mark::name).collect();
    assert!(missing.is_empty(), "the runs never reached: {missing:?}");
    if is_mutant() {
        return println!("skipped: of a mutant, this says no more than that it decides otherwise");
    }
    let worked = [500, 900, 990, 1_000].map(|of_thousand| summary.convergence_quantile(of_thousand));
    assert_eq!(worked, CONVERGENCE.map(Some), "elections after a heal are slower or quicker than they were");
}

#[test]
fn fresh_seeds_hold() {
    if is_mutant() {
        return println!("skipped: for a mutant, the fixed seeds are enough");
    }
    let pinned = std::env::var("QCLUSTER_SIM_SEED").ok();
    let seed = match pinned {
        Some(text) => text.parse().expect("QCLUSTER_SIM_SEED is a number"),
        None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs()) << 16,
    };
    println!("fresh seeds from {seed}: QCLUSTER_SIM_SEED={seed} repeats them");
    run(seed, FRESH);
}

#[test]
fn a_seed_gives_the_same_hash_every_time() {
    for seed in 0..60 {
        let schedule = draw(seed, Limits::default());
        let (first, again) = (schedule.run(Recording::Off).unwrap(), schedule.run(Recording::On).unwrap());
        assert_eq!((first.hash, first.stats), (again.hash, again.stats), "seed {seed}");
    }
}
