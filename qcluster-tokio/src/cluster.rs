//! `QCluster`: starting a node, and the handle that applications hold.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use qcluster_core::Config;
use qcluster_host::error::StartError;
use qcluster_host::handle::Handle;
#[cfg(any(feature = "testing", not(unix)))]
use qcluster_host::names::LOOKUPS_MAX;
#[cfg(unix)]
use qcluster_host::own_thread;
use qcluster_host::start::{Adapter, Serve, SocketSource};
#[cfg(any(feature = "testing", not(unix)))]
use qcluster_host::start::{NodeLoop, on_a_thread};
#[cfg(feature = "testing")]
use qcluster_host::testing::{Machine, StartInMemory};
use tokio::runtime;
#[cfg(any(feature = "testing", not(unix)))]
use tokio::runtime::Builder;

#[cfg(feature = "http")]
use crate::http;
use crate::runtime::{Tokio, UdpSocket};

/// A running node.
///
/// What it can do is what every [`Handle`] can; this adds how it starts. When the last handle is dropped, the node hands
/// over what it leads and stops.
///
/// The node runs on a thread of its own, and HTTP is served by another: an application that blocks its runtime costs
/// nobody the leadership, and requests do not delay the node. [`start_in_runtime`](Self::start_in_runtime) is for those who
/// want no thread. The future of `run_as_leader` has to be polled in a tokio runtime with timers.
#[derive(Clone)]
pub struct QCluster(Handle);

impl QCluster {
    /// Starts a node: checks the configuration, binds its port for UDP and TCP, and reads its `data_dir` if it has one.
    ///
    /// It does not wait for a leader, nor for peers to be reachable; it takes part as soon as it may. The node has a thread
    /// of its own, which needs no runtime: this may be awaited in any.
    ///
    /// # Errors
    /// Every mistake in the configuration; an address that cannot be bound; a `data_dir` that cannot be used or was damaged.
    /// Nothing runs then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        #[cfg(unix)]
        let started = own_thread::start(config, Arc::new(Tokio), SERVE).await;
        #[cfg(not(unix))]
        let started = on_a_thread(adapter(), config, runtime_of_its_own).await;
        started.map(Self)
    }

    /// The same as one task of the present runtime, without a thread for the node. Other tasks there that block a thread for
    /// long delay its heartbeats and may cost it its leadership; they never make it believe in a lease that has ended.
    ///
    /// # Errors
    /// As [`start`](Self::start), and outside a tokio runtime.
    ///
    /// # Panics
    /// Inside a tokio runtime whose I/O or timers are not enabled: tokio gives no way to ask beforehand.
    pub async fn start_in_runtime(config: Config) -> Result<Self, StartError> {
        let runtime = runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let prepared = runtime.spawn_blocking(move || adapter().prepare(config)).await;
        let prepared = prepared.unwrap_or_else(|gone| Err(StartError::System(io::Error::other(gone))))?;
        let (handle, node) = adapter().begin(prepared)?;
        runtime.spawn(node);
        Ok(Self(handle))
    }
}

/// What waits for the loop of a node, on a thread of its own.
#[cfg(any(feature = "testing", not(unix)))]
fn runtime_of_its_own() -> io::Result<impl FnOnce(NodeLoop)> {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(LOOKUPS_MAX).build()?;
    Ok(move |node| {
        runtime.block_on(node);
        // A lookup may hold a thread for as long as the system's resolver takes.
        runtime.shutdown_background();
    })
}

/// Serves HTTP, where that is compiled in.
#[cfg(feature = "http")]
const SERVE: Option<Serve> = Some(http::start);
#[cfg(not(feature = "http"))]
const SERVE: Option<Serve> = None;

/// A node whose loop lives in a tokio runtime.
fn adapter() -> Adapter<UdpSocket> {
    let sockets = SocketSource::System(Box::new(UdpSocket::new));
    Adapter { runtime: Arc::new(Tokio), applications: Arc::new(Tokio), sockets, serve: SERVE }
}

#[cfg(feature = "testing")]
impl StartInMemory for QCluster {
    async fn start_in_memory(config: Config, machine: Machine) -> Result<Self, StartError> {
        let (socket, processor) = machine.into_parts();
        let adapter = Adapter {
            runtime: Arc::new(Tokio),
            applications: Arc::new(Tokio),
            sockets: SocketSource::Ready(socket),
            serve: None,
        };
        let open = || runtime_of_its_own().map(|wait_for| move |node| wait_for(processor.run(node)));
        on_a_thread(adapter, config, open).await.map(Self)
    }
}

impl Deref for QCluster {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.0
    }
}

impl fmt::Debug for QCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QCluster").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests;
