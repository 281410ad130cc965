//! Stories over real sockets, processes, disks and links.

#![cfg(target_os = "linux")]

use std::io::Write as _;

#[path = "../support/mod.rs"]
mod support;

mod api;
mod audited;
mod command_line;
mod configuration;
mod cuts;
mod demo;
mod discovery;
mod disks;
mod duplicates;
mod elections;
mod hanging;
mod health;
mod hostile;
mod masterless;
mod observed;
mod paused;
mod proxy;
mod recorded;
mod registry;
mod rekeyed;
mod repeated;
mod replaced;
mod sealed;
mod stalls;
mod tls;
mod unread;
mod voters;
mod watching;
mod work;

/// Says on the terminal that a test could not be made here, and why: one that passes without having run is to be seen.
fn skipped(test: &str, reason: &str) {
    // What `eprintln!` prints in a test that passes, nobody sees. Where there is no terminal, nobody is to be told.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}");
}
