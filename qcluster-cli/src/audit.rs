//! `qcluster audit`: whether two leaderships overlap, by the events files of all nodes, and how long nobody led.

mod findings;
mod history;
mod lines;
mod told;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::ask::{Shape, print, print_json, warn};
use crate::{Failure, exit};
use findings::Findings;
use history::History;
use lines::Told;

/// Lines that cannot be audited are told one by one up to this many, and counted beyond.
const FLAWS_TOLD_MAX: usize = 10;

#[derive(Args)]
pub(crate) struct Audit {
    /// The events files of all nodes, in any order; several of one node too.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How far apart the clocks of two nodes may be, such as 5ms: an overlap up to that is no finding.
    #[arg(long, value_name = "TIME", value_parser = difference, default_value = "0s")]
    clock_difference: Duration,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Shape::Table)]
    format: Shape,
}

/// What was read.
#[derive(Default)]
struct Reading {
    history: History,
    flaws: Flaws,
}

/// What keeps the audit from being complete.
#[derive(Default)]
struct Flaws {
    /// Lines that are no event.
    unreadable: u64,
    /// Changes that a node says it did not write down.
    dropped: u64,
    /// The first lines of both.
    told: Vec<Flaw>,
    /// How many such lines there are beyond.
    untold: u64,
}

/// A line that something is wrong with.
#[derive(serde::Serialize)]
struct Flaw {
    file: String,
    line: u64,
    what: String,
}

pub(crate) fn audit(arguments: &Audit) -> Result<(), Failure> {
    let mut reading = Reading::default();
    for path in &arguments.files {
        let read = File::open(path).and_then(|file| reading.take(path, file));
        let refused = |error| Failure::new(exit::BAD_CONFIG, &format_args!("cannot read {}: {error}", path.display()));
        read.map_err(refused)?;
    }
    let Reading { history, flaws } = reading;
    let leaderships = history.leaderships();
    let findings = Findings::of(&leaderships);
    let verdict = told::verdict(&findings, &flaws, arguments.clock_difference);
    match arguments.format {
        Shape::Json => print_json(&told::report(&findings, &flaws, &verdict))?,
        Shape::Table => {
            for table in told::tables(&findings) {
                print(&table)?;
            }
            print(&verdict.sentence)?;
        }
    }
    flaws.warn();
    if leaderships.is_empty() && flaws.unreadable > 0 {
        return Err(Failure::new(
            exit::BAD_CONFIG,
            &"no leadership, and lines that cannot be read: are these files of events?",
        ));
    }
    if verdict.broken.is_empty() { Ok(()) } else { Err(Failure::new(exit::OVERLAP, &verdict.broken.join("\n"))) }
}

impl Reading {
    fn take(&mut self, path: &Path, file: impl Read) -> io::Result<()> {
        let Self { history, flaws } = self;
        lines::read(BufReader::new(file), |number, line| match line {
            Ok(event) => {
                if let Told::Missed { count } = event.told {
                    flaws.dropped = flaws.dropped.saturating_add(count);
                    flaws.tell(path, number, format!("{count} changes were not written down here"));
                }
                history.take(event);
            }
            Err(flaw) => {
                flaws.unreadable += 1;
                flaws.tell(path, number, flaw);
            }
        })
    }
}

impl Flaws {
    fn tell(&mut self, path: &Path, line: u64, what: String) {
        if self.told.len() < FLAWS_TOLD_MAX {
            self.told.push(Flaw { file: path.display().to_string(), line, what });
        } else {
            self.untold += 1;
        }
    }

    fn warn(&self) {
        for Flaw { file, line, what } in &self.told {
            warn(&format!("{file}:{line}: {what}"));
        }
        if self.untold > 0 {
            warn(&format!("{} more such lines", self.untold));
        }
    }
}

fn difference(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "has to be a time such as 5ms or 500us")
}

#[cfg(test)]
mod tests;
