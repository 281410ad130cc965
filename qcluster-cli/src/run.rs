//! `qcluster run`: one node, until a signal tells it to hand over and stop.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use qcluster::{Config, ConfigFile as _, Events, Handle, QCluster, Reloaded, StartError, Stopped};

use crate::outlet::Outlet;
use crate::output;
use crate::report::Reporter;
use crate::signals::Signals;
use crate::{Failure, exit};

/// How long a node that is not to wait for anything may take to end, and one that has ended to let go of its files.
const END_TIME_MAX: Duration = Duration::from_secs(2);

/// How long files may take before that is said.
const FILES_TIME_MAX: Duration = Duration::from_secs(5);

/// The adapter that the loop of the node runs on. The rest of the agent is on tokio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Adapter {
    #[default]
    Tokio,
    /// Where the command was built with the feature `smol`.
    #[cfg(feature = "smol")]
    Smol,
}

impl Adapter {
    async fn start(self, config: Config) -> Result<Handle, StartError> {
        match self {
            Self::Tokio => QCluster::start(config).await.map(|cluster| Handle::clone(&cluster)),
            #[cfg(feature = "smol")]
            Self::Smol => qcluster::smol::QCluster::start(config).await.map(|cluster| Handle::clone(&cluster)),
        }
    }
}

pub(crate) async fn run(
    path: PathBuf,
    events: Option<PathBuf>,
    adapter: Adapter,
    errors: &Outlet,
) -> Result<(), Failure> {
    let config = Config::from_file(&path).map_err(|error| Failure::new(exit::BAD_CONFIG, &error))?;
    if let Some(complaint) = open_secrets(&path, &config) {
        errors.push(complaint);
    }
    // Before the node is: a signal that comes early is not to kill what has just been elected.
    let mut signals = Signals::new().map_err(|error| Failure::new(exit::FAILED, &error))?;
    let reload = signals.reload();
    let mut signalled = async || signals.next().await;
    let timing = config.timing.into();
    let voters = config.all_peers().count() + usize::from(!config.observer);
    let durable = config.data_dir.is_some();
    let Some(started) = unless_signalled(start(config, events, adapter, errors), &mut signalled).await else {
        errors.push("stopped by a signal before it had started".to_owned());
        return Ok(());
    };
    let (cluster, mut reporter) = started?;
    let mut changes = cluster.events();
    reporter.started(&cluster.status(), &timing, voters, durable);
    let reloads = async {
        loop {
            reload.notified().await;
            let mut reloaded = pin!(reloaded(&cluster, &path));
            let told = if let Ok(told) = tokio::time::timeout(FILES_TIME_MAX, reloaded.as_mut()).await {
                told
            } else {
                errors.push(output::complaint("files do not answer, and are waited for: nothing has changed so far"));
                reloaded.await
            };
            errors.push(told);
        }
    };
    tokio::select! {
        followed = follow(&cluster, &mut changes, &mut reporter, &mut signalled) => followed?,
        () = reloads => {}
    }
    let is_released = is_released(cluster.stopped(), &mut signalled).await;
    if !is_released {
        errors
            .push(output::complaint("a disk does not answer, and is not waited for: the last record may not be saved"));
    }
    let Some(why) = cluster.why_stopped() else {
        return Err(Failure::new(
            exit::FAILED,
            &"the node has ended without a reason, which is a fault of this program",
        ));
    };
    reporter.stopped(why);
    verdict(why, is_released)
}

/// Has the node take its configuration again, and the files that it names, and says how that went. A file system that hangs holds up
/// nothing else.
async fn reloaded(cluster: &Handle, path: &Path) -> String {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || Config::from_file(&path)).await;
    let result = match read {
        Ok(Ok(config)) => cluster.reload_config(config).await.map_err(|error| error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(taken) if taken.needs_restart.is_empty() => in_use(&taken),
        Ok(taken) => output::complaint(&format!(
            "{}; what has changed in {} waits for a restart",
            in_use(&taken),
            taken.needs_restart.join(", ")
        )),
        Err(error) => output::complaint(&format!("nothing has changed: {error}")),
    }
}

/// What a node goes by after its configuration was read again.
fn in_use(taken: &Reloaded) -> String {
    let ids: Vec<String> = taken.keys.iter().map(u8::to_string).collect();
    let seal =
        taken.seal.map_or("no secret".to_owned(), |mode| format!("seal {}, keys {}", mode.name(), ids.join(", ")));
    let http = if taken.has_tls { "HTTP over TLS" } else { "HTTP without TLS" };
    format!("the configuration and its files were read again: {seal}; {http}")
}

/// A complaint where every user of this machine may read what only nodes or clients should know.
fn open_secrets(path: &Path, config: &Config) -> Option<String> {
    let has_tokens = config.api.token.is_some() || config.api.tokens.iter().any(|token| token.token.is_some());
    if config.own_secrets().next().is_none() && !has_tokens || !is_open_to_all(path) {
        return None;
    }
    Some(output::complaint(&format!("{}: every user may read the secrets or tokens in it: chmod o-r", path.display())))
}

#[cfg(unix)]
fn is_open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_open_to_all(_: &Path) -> bool {
    false
}

/// How the process ends.
fn verdict(why: Stopped, is_released: bool) -> Result<(), Failure> {
    match why {
        Stopped::Shutdown if is_released => Ok(()),
        Stopped::Shutdown => {
            Err(Failure::new(exit::FAILED, &"stopped after the hand-over, before its files were free"))
        }
        Stopped::DuplicateIdentifier | Stopped::Superseded => Err(Failure::new(exit::IDENTIFIER_TAKEN, &why)),
        Stopped::Aborted => {
            Err(Failure::new(exit::FAILED, &"stopped by a second signal, without waiting for the hand-over"))
        }
        _ => Err(Failure::new(exit::FAILED, &why)),
    }
}

/// All of a start that may wait: for a file system that hangs, or a name server that does not answer.
async fn start(
    config: Config,
    events: Option<PathBuf>,
    adapter: Adapter,
    errors: &Outlet,
) -> Result<(Handle, Reporter), Failure> {
    let (identifier, errors) = (config.identifier.clone(), errors.clone());
    let opened = tokio::task::spawn_blocking(move || Reporter::start(&identifier, events.as_deref(), &errors)).await;
    let reporter = opened.unwrap_or_else(|error| Err(error.to_string()));
    let reporter = reporter.map_err(|message| Failure::new(exit::FAILED, &message))?;
    let cluster = adapter.start(config).await.map_err(|error| Failure::new(exit_code(&error), &error))?;
    Ok((cluster, reporter))
}

/// What is begun, or `None` where a signal came first: it is not waited for then.
async fn unless_signalled<T>(begun: impl Future<Output = T>, signalled: &mut impl AsyncFnMut()) -> Option<T> {
    tokio::select! {
        begun = begun => Some(begun),
        () = signalled() => None,
    }
}

/// Tells what happens until the node has ended, and has it end at a signal. An error says that it does not.
async fn follow(
    cluster: &Handle,
    changes: &mut Events,
    reporter: &mut Reporter,
    signalled: &mut impl AsyncFnMut(),
) -> Result<(), Failure> {
    let mut ending = pin!(end_at_signal(cluster, signalled));
    let mut is_ending = false;
    // Changes end with the node, and the last of them is the one that a hand-over makes.
    loop {
        let gathered = reporter.due();
        tokio::select! {
            biased;
            () = until(gathered), if gathered.is_some() => reporter.tell_gathered(),
            change = changes.next() => match change {
                Some(change) => reporter.change(&change),
                None => return Ok(()),
            },
            ended = &mut ending, if !is_ending => {
                is_ending = true;
                ended?;
            }
        }
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
        StartError::Config(_) | StartError::Credentials(_) => exit::BAD_CONFIG,
        _ => exit::FAILED,
    }
}

/// The first signal hands over, a second one does not wait for it. An error says that not even that has ended the node.
async fn end_at_signal(cluster: &Handle, signalled: &mut impl AsyncFnMut()) -> Result<(), Failure> {
    signalled().await;
    tokio::select! {
        () = cluster.shutdown() => Ok(()),
        () = signalled() => match tokio::time::timeout(END_TIME_MAX, cluster.abort()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Failure::new(exit::FAILED, &"stopped by a second signal, while the node does not end")),
        },
    }
}

/// Whether a node that has ended gives its files back. A disk that hangs is not waited for: nobody else needs this node any more, and
/// who asks a process to end means it.
async fn is_released<T>(released: impl Future<Output = T>, signalled: &mut impl AsyncFnMut()) -> bool {
    tokio::select! {
        biased;
        _ = released => true,
        () = signalled() => false,
        () = tokio::time::sleep(END_TIME_MAX) => false,
    }
}

#[cfg(test)]
mod tests;
