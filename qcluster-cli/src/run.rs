//! `qcluster run`: one node, until a signal tells it to hand over and stop.

use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, Instant};

use qcluster::{Config, ConfigFile as _, QCluster, StartError, Stopped};

use crate::outlet::Outlet;
use crate::report::Reporter;
use crate::{Failure, exit};

/// How long a node that is not to wait for anything may take to end.
const ABORT_TIME_MAX: Duration = Duration::from_secs(2);

pub(crate) async fn run(path: PathBuf, events: Option<PathBuf>, errors: &Outlet) -> Result<(), Failure> {
    let config = Config::from_file(&path).map_err(|error| Failure::new(exit::BAD_CONFIG, &error))?;
    // Before the node is: a signal that comes early is not to kill what has just been elected.
    let mut signals = Signals::new().map_err(|error| Failure::new(exit::FAILED, &error))?;
    let mut reporter = Reporter::start(&config.identifier, events.as_deref(), errors)
        .map_err(|message| Failure::new(exit::FAILED, &message))?;
    let timing = config.timing.into();
    let voters = config.all_peers().count() + usize::from(!config.observer);
    let durable = config.data_dir.is_some();
    let started = tokio::select! {
        started = QCluster::start(config) => started,
        // A name that cannot be resolved, or a disk that does not answer, is not waited for.
        () = signals.next() => {
            errors.push("stopped by a signal before it had started".to_owned());
            return Ok(());
        }
    };
    let cluster = started.map_err(|error| Failure::new(exit_code(&error), &error))?;
    let mut changes = cluster.events();
    reporter.started(&cluster.status(), &timing, voters, durable);

    let mut ending = pin!(end_at_signal(&cluster, &mut signals));
    let mut signalled = false;
    // Changes end with the node, and the last of them is the one that a hand-over makes.
    loop {
        let gathered = reporter.due();
        tokio::select! {
            biased;
            () = until(gathered), if gathered.is_some() => reporter.tell_gathered(),
            change = changes.next() => match change {
                Some(change) => reporter.change(&change),
                None => break,
            },
            ended = &mut ending, if !signalled => {
                signalled = true;
                ended?;
            }
        }
    }
    let why = cluster.stopped().await;
    reporter.stopped(why);
    match why {
        Stopped::Shutdown => Ok(()),
        Stopped::DuplicateIdentifier | Stopped::Superseded => Err(Failure::new(exit::IDENTIFIER_TAKEN, &why)),
        Stopped::Aborted => {
            Err(Failure::new(exit::FAILED, &"stopped by a second signal, without waiting for the hand-over"))
        }
        _ => Err(Failure::new(exit::FAILED, &why)),
    }
}

/// Forever without a time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

fn exit_code(error: &StartError) -> u8 {
    match error {
        StartError::Config(_) => exit::BAD_CONFIG,
        _ => exit::FAILED,
    }
}

/// The first signal hands over, a second one does not wait for it. An error says that not even that has ended the node.
async fn end_at_signal(cluster: &QCluster, signals: &mut Signals) -> Result<(), Failure> {
    signals.next().await;
    tokio::select! {
        () = cluster.shutdown() => Ok(()),
        () = signals.next() => match tokio::time::timeout(ABORT_TIME_MAX, cluster.abort()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Failure::new(exit::FAILED, &"stopped by a second signal, while a save does not end")),
        },
    }
}

/// What asks a process to end: a terminal that is closed, Ctrl-C, Ctrl-\\, and a service manager.
#[cfg(unix)]
struct Signals {
    hangup: Option<tokio::signal::unix::Signal>,
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self {
            hangup,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => _ = hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = hangup => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Whether it was started to outlive its terminal, as `nohup` does. Where the system does not tell, it was not: a terminal that is
/// closed would end it without a hand-over.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    is_hangup_ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
}

/// What Linux tells of a process in its `/proc/PID/status`, or nothing of other systems.
#[cfg(unix)]
fn is_hangup_ignored(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 stands for signal 1.
    ignored.is_some_and(|set| u64::from_str_radix(set.trim(), 16).is_ok_and(|set| set & 1 == 1))
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Where it cannot be waited for, it ends the process in the system's own way.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
