//! The simulator's command: many seeds, one seed, or one schedule.

mod options;
mod print;
mod progress;
mod replaying;

use std::fs;
use std::io::Write as _;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;
use options::{Format, Options};
use progress::complain;
use qcluster_core::{Span, Time};
use qcluster_sim::campaign::{Campaign, Until};
use qcluster_sim::exhaustive::{SmallWorld, explore_all};
use qcluster_sim::svg::{self, Arrows, View};
use qcluster_sim::swarm::{Limits, draw};
use qcluster_sim::{Outcome, Recording, Report, Schedule, Violation, in_words};

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("qcluster-sim: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Tells whether every oracle was content.
fn run(options: &Options) -> Result<bool, String> {
    let limits = Limits { voters: options.nodes };
    if let Some(states) = options.exhaustive {
        return explore(options, states.get());
    }
    if let Some(path) = &options.replay {
        return replaying::replay(path, options.format, options.brief);
    }
    if let Some(path) = &options.schedule {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let schedule: Schedule = text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
        let command = format!("cargo run --release -p qcluster-sim -- --schedule {}", path.display());
        return run_one(options, &schedule, command);
    }
    match (options.seed, options.runs, options.r#for) {
        (Some(seed), None, None) => run_one(options, &draw(seed, limits), replay_command(seed, limits)),
        (seed, runs, length) => {
            let until = match (runs, length) {
                (_, Some(length)) => Until::Elapsed(length),
                (runs, None) => Until::Runs(runs.map_or(1_000, NonZeroU64::get)),
            };
            let seed = seed.map_or_else(announced_seed, Ok)?;
            let failures_max = Campaign::FAILURES_MAX;
            run_many(options, Campaign { seed, until, jobs: options.jobs(), limits, failures_max })
        }
    }
}

/// Searches the small worlds, as many at once as there are jobs, and prints what each came to.
fn explore(options: &Options, states_max: usize) -> Result<bool, String> {
    let (mut total, started) = (0, Instant::now());
    for worlds in SmallWorld::usual(states_max).chunks(options.jobs()) {
        for (name, result) in explore_all(worlds, options.jobs()) {
            emit(&match (options.format, &result) {
                (Format::Text, Ok(explored)) => print::explored(name, explored),
                (Format::Text, Err(example)) => format!("{name}: {example}"),
                (Format::Json, Ok(explored)) => print::explored_json(name, explored),
                (Format::Json, Err(example)) => print::counterexample_json(name, example),
            })?;
            let Ok(explored) = result else { return Ok(false) };
            total += explored.states;
        }
    }
    if options.format == Format::Text {
        emit(&format!("{total} states in {:.1} s, none breaks a rule\n", started.elapsed().as_secs_f64()))?;
    }
    Ok(true)
}

fn replay_command(seed: u64, limits: Limits) -> String {
    let nodes = limits.voters.map_or_else(String::new, |voters| format!(" --nodes {voters}"));
    format!("cargo run --release -p qcluster-sim -- --seed {seed}{nodes}")
}

/// A fresh one, told at once, so that a run which is broken off can be repeated.
fn announced_seed() -> Result<u64, String> {
    let seed = fresh_seed()?;
    complain(&format!("seeds from {seed} on"));
    Ok(seed)
}

/// The one number that does not come from the user.
fn fresh_seed() -> Result<u64, String> {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().map_err(|error| format!("the wall clock: {error}"))?;
    u64::try_from(since.as_micros()).map_err(|error| format!("the wall clock: {error}"))
}

fn run_one(options: &Options, schedule: &Schedule, command: String) -> Result<bool, String> {
    let records = options.trace || options.svg.is_some();
    let started = Instant::now();
    let outcome = schedule.run(if records { Recording::On } else { Recording::Off })?;
    let elapsed = started.elapsed();
    let text = options.show_schedule.then(|| schedule.to_string());
    let words = options.trace.then(|| in_words(&outcome.trace.records));
    emit(&match options.format {
        Format::Text => text.into_iter().chain(words).collect::<String>() + &print::outcome(&outcome, elapsed),
        Format::Json => print::outcome_json(&outcome, text, words),
    })?;
    let drawn = options.svg.as_ref().map_or(Ok(()), |path| {
        let arrows = if options.messages { Arrows::Shown } else { Arrows::Hidden };
        picture(path, schedule, &outcome, arrows, options.between)
    });
    let Some(violation) = &outcome.violation else { return drawn.map(|()| true) };
    // That an oracle objects is what counts, with a picture or without.
    if let Err(error) = drawn {
        complain(&error);
    }
    report(options, schedule, violation, command);
    Ok(false)
}

/// Draws a run into a file.
fn picture(
    path: &Path,
    schedule: &Schedule,
    outcome: &Outcome,
    arrows: Arrows,
    between: Option<(Time, Time)>,
) -> Result<(), String> {
    if let Some((from, _)) = between
        && from >= outcome.end
    {
        return Err(format!("nothing is drawn: --between begins at {from}, and the run ends at {}", outcome.end));
    }
    let view = view_of(schedule, outcome, arrows, between);
    fs::write(path, svg::draw(&outcome.trace, &view))
        .map_err(|error| format!("the picture could not be written: {}: {error}", path.display()))
}

/// What is drawn: what was asked for; or the last leases before a violation; or some from the first fault on. More than that
/// is too small to see.
fn view_of(schedule: &Schedule, outcome: &Outcome, arrows: Arrows, between: Option<(Time, Time)>) -> View {
    const LEASES: u64 = 40;
    let lease = schedule.setup.plans.first().map_or(Span::ZERO, |plan| plan.lease);
    let first = schedule.faults.iter().map(|(at, _)| *at).min().filter(|_| outcome.violation.is_none());
    let (from, to) = between.unwrap_or_else(|| match first {
        Some(first) => {
            let from = first.before(lease.times(LEASES / 8)).max(Time::ZERO);
            (from, (from + lease.times(LEASES)).min(outcome.end))
        }
        None => (outcome.end.before(lease.times(LEASES)).max(Time::ZERO), outcome.end),
    });
    let broken = outcome.violation.as_ref().map(|violation| (violation.at, violation.rule));
    // Nothing goes on beyond the end of the run, which a violation may have brought.
    View { hosts: schedule.setup.hosts, from, to: to.min(outcome.end), arrows, broken }
}

fn run_many(options: &Options, campaign: Campaign) -> Result<bool, String> {
    let started = Instant::now();
    let bar = progress::bar(campaign.until);
    let summary = campaign.run(&|news| progress::show(&bar, campaign.until, news, started.elapsed()))?;
    bar.finish_and_clear();
    emit(&match options.format {
        Format::Text => print::summary(campaign.seed, &summary, started.elapsed(), campaign.jobs),
        Format::Json => print::summary_json(campaign.seed, &summary, started.elapsed(), campaign.jobs),
    })?;
    let Some((seed, violation)) = summary.failures.first_key_value() else { return Ok(true) };
    let schedule = draw(*seed, campaign.limits);
    report(options, &schedule, violation, replay_command(*seed, campaign.limits));
    Ok(false)
}

/// Writes to the standard output.
fn emit(text: &str) -> Result<(), String> {
    written(std::io::stdout().write_all(text.as_bytes()))
}

/// A reader of the standard output that has seen enough is not a reason to complain, and changes nothing about the result.
fn written(result: std::io::Result<()>) -> Result<(), String> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(format!("standard output: {error}")),
        Ok(()) => Ok(()),
    }
}

/// Tells of a violation on the standard error, and draws what is left of it, unless another picture was asked for.
fn report(options: &Options, schedule: &Schedule, violation: &Violation, command: String) {
    let report = Report::new(schedule, violation, command);
    complain(&format!("\n{}", report.text()));
    if options.svg.is_none() {
        let path = PathBuf::from(format!("violation-{}.svg", schedule.setup.seed));
        let outcome = report.schedule.run(Recording::On);
        let drawn = outcome.and_then(|outcome| picture(&path, &report.schedule, &outcome, Arrows::Hidden, None));
        match drawn {
            Ok(()) => complain(&format!("drawn in {}", path.display())),
            Err(error) => complain(&error),
        }
    }
}
