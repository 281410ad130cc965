//! The command's options.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser, ValueEnum};
use qcluster_core::Time;
use qcluster_sim::swarm::Limits;

const RUN: &str = "What to run";
const SHOW: &str = "What to show";
const EXAMPLES: &str = "\
Examples:
  qcluster-sim --for 60s                            a minute of seeds that nobody has run before
  qcluster-sim --seed 12 --svg run.svg              one run, and a picture of it
  qcluster-sim --schedule FILE --trace              a schedule that was kept, in words
  qcluster-sim --exhaustive 1000000                 small worlds, every order of events
  qcluster-sim --replay server_a.recording --brief  what a real node did, and why";

/// Runs real QCluster nodes in a simulated world: partitions, drifting clocks, crashes, and oracles at every event.
///
/// With --seed alone: that one run. With --schedule, --exhaustive or --replay: what they say. Otherwise runs one seed after
/// another, from --seed or from a fresh one. Exits with 0 if all is well; with 1 if an oracle objects, or a recording is
/// damaged or replays to something else; with 2 if something is wrong with the call, or there is nothing to replay.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
#[command(name = "qcluster-sim", after_help = EXAMPLES)]
#[command(group = ArgGroup::new("single").args(["seed", "schedule"]))]
pub(crate) struct Options {
    /// The number that decides everything; the first of them where there are several runs.
    #[arg(long, help_heading = RUN, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// How many runs.
    #[arg(long, help_heading = RUN, value_name = "N", conflicts_with = "for")]
    pub(crate) runs: Option<NonZeroU64>,
    /// How long to run, as in 60s or 10m.
    #[arg(long, help_heading = RUN, value_name = "LENGTH", value_parser = length)]
    pub(crate) r#for: Option<Duration>,
    /// The number of voters, 1 to 12, instead of a drawn one.
    #[arg(long, help_heading = RUN, value_name = "N", value_parser = voters)]
    pub(crate) nodes: Option<usize>,
    /// Runs this schedule instead of a drawn one.
    #[arg(long, help_heading = RUN, value_name = "FILE", conflicts_with_all = ["seed", "runs", "for", "nodes"])]
    pub(crate) schedule: Option<PathBuf>,
    /// Searches the small worlds instead, each up to this many states.
    #[arg(long, help_heading = RUN, value_name = "STATES", conflicts_with_all = ["seed", "runs", "for", "nodes", "schedule"])]
    pub(crate) exhaustive: Option<NonZeroUsize>,
    /// Replays the recording of a node (`record` in its configuration), and tells what it did and why. The older file, FILE
    /// with .1 behind it, comes first if it is there.
    #[arg(long, help_heading = RUN, value_name = "FILE", conflicts_with_all = ["seed", "runs", "for", "nodes", "schedule", "exhaustive", "svg", "trace", "show_schedule"])]
    pub(crate) replay: Option<PathBuf>,
    /// With --replay: leaves out what only renews a lease, or does nothing.
    #[arg(long, help_heading = SHOW, requires = "replay")]
    pub(crate) brief: bool,
    /// Draws the run, for a single seed or schedule.
    #[arg(long, help_heading = SHOW, value_name = "FILE", requires = "single", conflicts_with_all = ["runs", "for", "exhaustive"])]
    pub(crate) svg: Option<PathBuf>,
    /// Draws this part only, in milliseconds; unless set, some leases from the first fault on, or the last before a
    /// violation.
    #[arg(long, help_heading = SHOW, value_name = "FROM..TO", value_parser = between, requires = "svg")]
    pub(crate) between: Option<(Time, Time)>,
    /// Draws the messages too.
    #[arg(long, help_heading = SHOW, requires = "svg")]
    pub(crate) messages: bool,
    /// Prints every event, for a single seed or schedule.
    #[arg(long, help_heading = SHOW, requires = "single", conflicts_with_all = ["runs", "for", "exhaustive"])]
    pub(crate) trace: bool,
    /// Prints the schedule, for a single seed or schedule.
    #[arg(long, help_heading = SHOW, requires = "single", conflicts_with_all = ["runs", "for", "exhaustive"])]
    pub(crate) show_schedule: bool,
    /// How many runs at once; all cores unless set.
    #[arg(long, help_heading = RUN, value_name = "J")]
    jobs: Option<NonZeroUsize>,
    /// How results read.
    #[arg(long, help_heading = SHOW, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// How results read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object; one a line, where a recording is replayed.
    Json,
}

impl Options {
    pub(crate) fn jobs(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or_else(all, NonZeroUsize::get)
    }
}

fn voters(text: &str) -> Result<usize, String> {
    let count = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if (1..=Limits::VOTERS_MAX).contains(&count) {
        Ok(count)
    } else {
        Err(format!("it is 1 to {}", Limits::VOTERS_MAX))
    }
}

fn between(text: &str) -> Result<(Time, Time), String> {
    let ends = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let (from, to) = ends.ok_or("a part of a run reads like 900..2000, in milliseconds")?;
    if from < to {
        Ok((Time::from_millis(from), Time::from_millis(to)))
    } else {
        Err("it ends before it begins".into())
    }
}

fn length(text: &str) -> Result<Duration, String> {
    let (amount, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err("a length reads like 60s, 10m or 2h".into()),
    };
    let amount: u64 = amount.parse().map_err(|_| format!("`{amount}` is not a number"))?;
    if amount == 0 {
        return Err("in no time nothing is run".into());
    }
    Ok(Duration::from_secs(amount.saturating_mul(seconds)))
}
