//! Starting a node: everything that can fail, in an order that leaves nothing behind when it does.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use qcluster_api::{Access, Subject};
use qcluster_core::config::ApiToken;
use qcluster_core::{BootError, Command, Config, Endpoint, EndpointBoot, Peer, Rules, Service, Time, recording};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tracing::Instrument as _;

use crate::clock::Clock;
use crate::disk::{Disk, Saved, Store};
use crate::driver::{Driver, Parts};
use crate::error::{DataDirError, StartError};
#[cfg(feature = "http")]
use crate::http;
use crate::log;
use crate::metrics;
use crate::names::{self, Names};
use crate::recorder::Recorder;
use crate::requests::Request;
use crate::sockets::{Bound, Protocols, Sockets, bind};
use crate::view::View;

/// Commands that may wait for the loop.
const COMMANDS_MAX: usize = 16;

/// What is read of a token file. Its first line is much shorter.
const TOKEN_FILE_LEN_MAX: u64 = 4_096;

/// A node that has started.
pub(crate) struct Started {
    pub(crate) view: Arc<View>,
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) task: AbortHandle,
    pub(crate) alive: watch::Receiver<()>,
}

pub(crate) async fn start(config: Config) -> Result<Started, StartError> {
    let (mut settings, services) = config.check()?;
    let first_words = first_words(&config, services);
    let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
    let token = match &config.api.token_file {
        Some(path) => Some(read_token(&runtime, path).await?),
        None => config.api.token.clone(),
    };
    let opened = match &config.data_dir {
        Some(dir) => Some(open(&runtime, dir).await?),
        None => None,
    };
    let serves = cfg!(feature = "http") && config.api.enabled;
    let protocols = if serves { Protocols::UdpAndTcp } else { Protocols::Udp };
    let Bound { udp, tcp, addresses } = bind(&config.listen_host, config.listen_port, protocols).await?;
    let sockets = Sockets::new(udp).map_err(StartError::System)?;
    let port = addresses.first().map_or(config.listen_port, SocketAddr::port);
    if let Some(gossip) = &mut settings.gossip {
        gossip.advertise = names::advertised(&config, port).await;
    }
    let rules = Arc::new(settings.check()?);
    let clock = Clock::start();
    let values = boot_values(opened.as_ref())?;
    let stamp_ms = values.stamp_ms;
    let booted_at = clock.now();
    let endpoint = boot(&rules, values, booted_at, opened.as_ref())?;
    let start_line = config.record.as_ref().map(|to| (to, recording::Start::new(booted_at, settings, values)));

    // Held by all that holds something of the system; closed when the last of them has let go.
    let (alive, all_released) = watch::channel(());
    let alive = Arc::new(alive);
    let start_disk = |(store, _)| Disk::start(store, Arc::clone(&alive)).map_err(StartError::System);
    let start_recorder = |(to, start)| Recorder::start(to, start, Arc::clone(&alive)).map_err(StartError::System);
    let recorder = start_line.map(start_recorder).transpose()?;
    let disk = opened.map(start_disk).transpose()?;
    let me = me(&config, port);
    let voters = voters(&config, &me, &rules);
    let names = Names::new(config.all_peers(), config.join_addresses(), rules.timing().lease);
    let access = Access::new(&config, token);
    let (me, expects_others) = (Arc::new(me), expects_others(&config));
    let subject = Subject { me, cluster: config.cluster, voters, rules, listen: addresses, access, expects_others };
    let (view, publisher) = View::new(subject, clock, stamp_ms);
    let (requests, received) = mpsc::channel(COMMANDS_MAX);
    let parts = Parts { clock, endpoint, sockets, disk, recorder, publisher, names, requests: received };

    #[cfg(feature = "http")]
    if serves {
        let (view, requests, alive) = (Arc::clone(&view), requests.downgrade(), Arc::clone(&alive));
        http::start(tcp, view, requests, alive).map_err(StartError::System)?;
    }
    #[cfg(not(feature = "http"))]
    drop(tcp);
    if !serves {
        runtime.spawn(metrics::log_counters(Arc::clone(&view)));
    }
    let (node, cluster) = (view.subject().rules.id(), view.subject().cluster.as_str());
    let span = tracing::info_span!(target: log::TARGET, "qcluster.node", %node, cluster);
    let task = runtime.spawn(released_with(alive, Driver::new(parts).run(first_words).instrument(span))).abort_handle();
    Ok(Started { view, requests, task, alive: all_released })
}

/// What the node says of itself and its services as soon as it runs.
fn first_words(config: &Config, services: Vec<Service>) -> Vec<Command> {
    let services = services.into_iter().map(Command::Register);
    [Command::SetMetadata(config.metadata.clone())].into_iter().chain(services).collect()
}

/// Whether the configuration names other nodes.
pub(crate) fn expects_others(config: &Config) -> bool {
    config.all_peers().next().is_some() || config.join_addresses().next().is_some()
}

/// Keeps `alive` until the task and all that it owns is gone, however it ends.
async fn released_with<T>(alive: Arc<watch::Sender<()>>, task: impl Future<Output = T>) {
    task.await;
    drop(alive);
}

/// The first line of the file.
async fn read_token(runtime: &Handle, path: &str) -> Result<ApiToken, StartError> {
    let unusable = |reason: String| StartError::TokenFile { path: path.into(), reason };
    let file = path.to_owned();
    let read = runtime.spawn_blocking(move || {
        let mut text = String::new();
        File::open(file)?.take(TOKEN_FILE_LEN_MAX).read_to_string(&mut text).map(|_| text)
    });
    let text = read.await.map_err(io::Error::other).flatten().map_err(|error| unusable(error.to_string()))?;
    ApiToken::new(text.lines().next().unwrap_or_default().trim()).map_err(unusable)
}

async fn open(runtime: &Handle, dir: &str) -> Result<(Store, Saved), StartError> {
    let path = dir.to_owned();
    match runtime.spawn_blocking(move || Store::open(Path::new(&path))).await {
        Ok(opened) => Ok(opened?),
        Err(gone) => {
            Err(StartError::DataDir(DataDirError::Unusable { path: dir.into(), error: io::Error::other(gone) }))
        }
    }
}

fn boot_values(opened: Option<&(Store, Saved)>) -> Result<EndpointBoot<'_>, StartError> {
    let seed = getrandom::u64().map_err(|error| StartError::System(io::Error::other(error.to_string())))?;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let stamp_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let saved = opened.and_then(|(_, saved)| match saved {
        Saved::Nothing => None,
        Saved::Record(record) => Some(record.as_slice()),
    });
    Ok(EndpointBoot { seed, stamp_ms, saved })
}

fn boot(
    rules: &Arc<Rules>,
    values: EndpointBoot<'_>,
    now: Time,
    opened: Option<&(Store, Saved)>,
) -> Result<Endpoint, StartError> {
    Endpoint::new(Arc::clone(rules), values, now).map_err(|error| match error {
        BootError::StampTooLarge(_) | BootError::SavedButDiskless | BootError::StepBack => StartError::Boot(error),
        BootError::Record(_) => {
            let path = opened.map(|(store, _)| store.path().to_owned()).unwrap_or_default();
            StartError::Record { path, error }
        }
    })
}

/// This node as others should see it, with the port that was bound.
fn me(config: &Config, port: u16) -> Peer {
    let me = config.as_peer();
    Peer { port: config.advertise_port.unwrap_or(port), ..me }
}

/// What is known of each voter, in the order of the rules.
pub(crate) fn voters(config: &Config, me: &Peer, rules: &Rules) -> Vec<Arc<Peer>> {
    let known = |id: &str| config.all_peers().chain([me]).find(|peer| peer.identifier == id);
    rules.voters().iter().filter_map(|voter| known(voter.id.as_str())).cloned().map(Arc::new).collect()
}
