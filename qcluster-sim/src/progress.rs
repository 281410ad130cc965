//! How far the runs are, on a terminal; nothing where the standard error is none.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use qcluster_sim::campaign::{News, Until};

/// A bar for runs until then.
pub(crate) fn bar(until: Until) -> ProgressBar {
    let (whole, template) = match until {
        Until::Runs(runs) => (runs, "{bar:30.cyan} {human_pos} of {human_len} runs, {eta} to go"),
        Until::Elapsed(length) => (millis(length), "{bar:30.cyan} {elapsed} {msg:.dim}"),
    };
    let bar = ProgressBar::new(whole);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("━╸ ")),
        Err(_) => bar,
    }
}

/// Moves the bar, or writes above it what failed, so that nothing is lost if the command is ended before the runs are.
pub(crate) fn show(bar: &ProgressBar, until: Until, news: News<'_>, elapsed: Duration) {
    match (news, until) {
        (News::Done(done), Until::Runs(_)) => bar.set_position(done),
        (News::Done(done), Until::Elapsed(length)) => {
            bar.set_position(millis(elapsed));
            bar.set_message(format!("of {} s, {done} runs", length.as_secs()));
        }
        (News::Failed { seed, violation }, _) => bar.suspend(|| complain(&format!("seed {seed}: {violation}"))),
    }
}

/// A line to the standard error, if anybody reads that.
pub(crate) fn complain(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
