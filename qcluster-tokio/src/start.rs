//! Starting a node: everything that can fail, in an order that leaves nothing behind when it does.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use qcluster_core::{Config, recording};
use qcluster_host::boot;
use qcluster_host::clock::Clock;
use qcluster_host::disk::{Disk, Store};
use qcluster_host::error::StartError;
use qcluster_host::log;
use qcluster_host::recorder::Recorder;
use qcluster_host::requests::Request;
use qcluster_host::view::View;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tracing::Instrument as _;

use crate::counters;
use crate::driver::{Driver, Parts};
#[cfg(feature = "http")]
use crate::http;
use crate::names::{self, Names};
use crate::sockets::{Bound, Protocols, Sockets, bind};

/// Commands that may wait for the loop.
const COMMANDS_MAX: usize = 16;

/// A node that has started.
pub(crate) struct Started {
    pub(crate) view: Arc<View>,
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) task: AbortHandle,
    pub(crate) alive: watch::Receiver<()>,
}

pub(crate) async fn start(config: Config) -> Result<Started, StartError> {
    let (mut settings, services) = config.check()?;
    let first_words = boot::first_words(&config, services);
    let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
    let token = match config.api.token_file.clone() {
        Some(path) => Some(blocking(&runtime, move || boot::read_token(&path)).await?),
        None => config.api.token.clone(),
    };
    let opened = match &config.data_dir {
        Some(dir) => {
            let dir = PathBuf::from(dir);
            Some(blocking(&runtime, move || Ok(Store::open(&dir)?)).await?)
        }
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
    let values = boot::values(opened.as_ref())?;
    let stamp_ms = values.stamp_ms;
    let booted_at = clock.now();
    let endpoint = boot::endpoint(&rules, values, booted_at, opened.as_ref())?;
    let start_line = config.record.as_ref().map(|to| (to, recording::Start::new(booted_at, settings, values)));

    // Held by all that holds something of the system; closed when the last of them has let go.
    let (alive, all_released) = watch::channel(());
    let alive = Arc::new(alive);
    let start_disk = |(store, _)| Disk::start(store, Arc::clone(&alive)).map_err(StartError::System);
    let start_recorder = |(to, start)| Recorder::start(to, start, Arc::clone(&alive)).map_err(StartError::System);
    let recorder = start_line.map(start_recorder).transpose()?;
    let disk = opened.map(start_disk).transpose()?;
    let names = Names::new(config.all_peers(), config.join_addresses(), rules.timing().lease);
    let subject = boot::subject(config, token, rules, addresses, port);
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
        runtime.spawn(counters::log_counters(Arc::clone(&view)));
    }
    let (node, cluster) = (view.subject().rules.id(), view.subject().cluster.as_str());
    let span = tracing::info_span!(target: log::TARGET, "qcluster.node", %node, cluster);
    let task = runtime.spawn(released_with(alive, Driver::new(parts).run(first_words).instrument(span))).abort_handle();
    Ok(Started { view, requests, task, alive: all_released })
}

/// Keeps `alive` until the task and all that it owns is gone, however it ends.
async fn released_with<T>(alive: Arc<watch::Sender<()>>, task: impl Future<Output = T>) {
    task.await;
    drop(alive);
}

/// Runs something that blocks on a thread of the runtime that may.
async fn blocking<T: Send + 'static>(
    runtime: &Handle,
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    runtime.spawn_blocking(work).await.unwrap_or_else(|gone| Err(StartError::System(io::Error::other(gone))))
}
