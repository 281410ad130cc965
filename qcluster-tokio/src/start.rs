//! Starting a node: on a thread of its own, or as a task of the caller's runtime.

use std::io;
use std::sync::Arc;
use std::thread;

use qcluster_core::{Command, Config};
use qcluster_host::binding::Protocols;
use qcluster_host::boot::{Prepared, prepare};
use qcluster_host::driver::Driver;
use qcluster_host::error::StartError;
use qcluster_host::log;
use qcluster_host::names::LOOKUPS_MAX;
use qcluster_host::requests::Request;
use qcluster_host::sockets::Sockets;
use qcluster_host::view::View;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tracing::Instrument as _;

use crate::counters;
#[cfg(feature = "http")]
use crate::http;
use crate::run::{UdpSocket, run};

/// What this adapter can serve.
const PROTOCOLS: Protocols = if cfg!(feature = "http") { Protocols::UdpAndTcp } else { Protocols::Udp };

/// A node that has started.
pub(crate) struct Started {
    pub(crate) view: Arc<View>,
    pub(crate) requests: mpsc::Sender<Request>,
    /// Ends the loop at once.
    pub(crate) abort: Arc<Notify>,
    pub(crate) alive: watch::Receiver<()>,
}

/// Starts a node whose loop has a thread of its own, from any runtime or none.
pub(crate) async fn on_a_thread(config: Config) -> Result<Started, StartError> {
    let (report, started) = oneshot::channel();
    let node = move || {
        let mut runtime = Builder::new_current_thread();
        let runtime = match runtime.enable_all().max_blocking_threads(LOOKUPS_MAX).build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(report.send(Err(StartError::System(error)))),
        };
        let prepared = match prepare(config, PROTOCOLS) {
            Ok(prepared) => prepared,
            Err(error) => return drop(report.send(Err(error))),
        };
        let alive = Arc::clone(&prepared.alive);
        runtime.block_on(async {
            match begin(prepared) {
                // Nobody waits any more: the node has nobody to serve.
                Ok((started, node)) => {
                    if report.send(Ok(started)).is_ok() {
                        node.await;
                    }
                }
                Err(error) => drop(report.send(Err(error))),
            }
        });
        // A lookup may hold a thread for as long as the system's resolver takes.
        runtime.shutdown_background();
        drop(alive);
    };
    thread::Builder::new().name("qcluster".into()).spawn(node).map_err(StartError::System)?;
    started.await.unwrap_or_else(|_| Err(StartError::System(io::Error::other("the thread of the node has ended"))))
}

/// Starts a node as a task of the present runtime.
pub(crate) async fn in_runtime(config: Config) -> Result<Started, StartError> {
    let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
    let prepared = runtime.spawn_blocking(move || prepare(config, PROTOCOLS)).await;
    let prepared = prepared.unwrap_or_else(|gone| Err(StartError::System(io::Error::other(gone))))?;
    let alive = Arc::clone(&prepared.alive);
    let (started, node) = begin(prepared)?;
    runtime.spawn(async move {
        node.await;
        drop(alive);
    });
    Ok(started)
}

/// Gives a node that is ready what it needs of the present runtime. The future is its loop.
fn begin(prepared: Prepared) -> Result<(Started, impl Future<Output = ()> + Send + 'static), StartError> {
    let Prepared { parts, udp, tcp, first, view, requests, alive, all_released } = prepared;
    let udp = udp.into_iter().map(UdpSocket::new).collect::<io::Result<Vec<_>>>().map_err(StartError::System)?;
    let sockets = Sockets::new(udp).map_err(StartError::System)?;
    let serves = !tcp.is_empty();
    #[cfg(feature = "http")]
    if serves {
        http::start(tcp, Arc::clone(&view), requests.downgrade(), alive).map_err(StartError::System)?;
    }
    #[cfg(not(feature = "http"))]
    drop((tcp, alive));
    let abort = Arc::new(Notify::new());
    let node = node(Driver::new(parts, sockets), first, Arc::clone(&view), serves, Arc::clone(&abort));
    Ok((Started { view, requests, abort, alive: all_released }, node))
}

/// The loop, until the node has stopped or is aborted.
async fn node(driver: Driver<UdpSocket>, first: Vec<Command>, view: Arc<View>, serves: bool, abort: Arc<Notify>) {
    let (id, cluster) = (view.subject().rules.id(), view.subject().cluster.as_str());
    let span = tracing::info_span!(target: log::TARGET, "qcluster.node", node = %id, cluster);
    let counters = async {
        if !serves {
            counters::log_counters(Arc::clone(&view)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = abort.notified() => {}
        () = run(driver, first).instrument(span) => {}
        () = counters => {}
    }
}

#[cfg(test)]
mod tests;
