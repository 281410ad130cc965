//! `QCluster`: starting a node, and the handle that applications hold.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

#[cfg(any(feature = "testing", not(unix)))]
use futures_lite::future::block_on;
use qcluster_core::Config;
use qcluster_host::error::StartError;
use qcluster_host::handle::Handle;
#[cfg(unix)]
use qcluster_host::own_thread;
#[cfg(any(feature = "testing", not(unix)))]
use qcluster_host::start::on_a_thread;
use qcluster_host::start::{Adapter, NodeLoop, Serve, SocketSource};
#[cfg(feature = "testing")]
use qcluster_host::testing::{Machine, StartInMemory};

#[cfg(feature = "http")]
use crate::http;
use crate::runtime::{Smol, UdpSocket};

/// A running node.
///
/// What it can do is what every [`Handle`] can; this adds how it starts. When the last handle is dropped, the node hands
/// over what it leads and stops.
///
/// The node runs on a thread of its own, and HTTP is served by another: an application that blocks its executor costs
/// nobody the leadership, and requests do not delay the node. [`start_in_executor`](Self::start_in_executor) is for those
/// who want no thread.
#[derive(Clone)]
pub struct QCluster(Handle);

impl QCluster {
    /// Starts a node: checks the configuration, binds its port for UDP and TCP, and reads its `data_dir` if it has one.
    ///
    /// It does not wait for a leader, nor for peers to be reachable; it takes part as soon as it may. The node has a thread
    /// of its own: this may be awaited in any executor.
    ///
    /// # Errors
    /// Every mistake in the configuration; an address that cannot be bound; a `data_dir` that cannot be used or was damaged.
    /// Nothing runs then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        #[cfg(unix)]
        let started = own_thread::start(config, Arc::new(Smol), SERVE).await;
        #[cfg(not(unix))]
        let started = on_a_thread(adapter(), config, || Ok(block_on)).await;
        started.map(Self)
    }

    /// The same without a thread for the node: its loop is a future, to be spawned on an executor of the caller's. Until it
    /// is polled the node does nothing, and when it is dropped the node has crashed, as far as others can see.
    ///
    /// Other tasks of that executor that block for long delay its heartbeats and may cost it its leadership; they never make
    /// it believe in a lease that has ended.
    ///
    /// ```
    /// # use qcluster_core::Config;
    /// # use qcluster_smol::{QCluster, StartError};
    /// # smol::block_on(async {
    /// let (cluster, node) = QCluster::start_in_executor(Config::new("server_a", "localhost", 0)).await?;
    /// smol::spawn(node).detach();
    /// # cluster.shutdown().await;
    /// # Ok::<(), StartError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_in_executor(config: Config) -> Result<(Self, NodeLoop), StartError> {
        let prepared = blocking::unblock(move || adapter().prepare(config)).await?;
        let (handle, node) = adapter().begin(prepared)?;
        Ok((Self(handle), node))
    }
}

/// Serves HTTP, where that is compiled in.
#[cfg(feature = "http")]
const SERVE: Option<Serve> = Some(http::start);
#[cfg(not(feature = "http"))]
const SERVE: Option<Serve> = None;

/// A node whose loop lives in an executor of smol.
fn adapter() -> Adapter<UdpSocket> {
    let sockets = SocketSource::System(Box::new(UdpSocket::new));
    Adapter { runtime: Arc::new(Smol), applications: Arc::new(Smol), sockets, serve: SERVE }
}

#[cfg(feature = "testing")]
impl StartInMemory for QCluster {
    async fn start_in_memory(config: Config, machine: Machine) -> Result<Self, StartError> {
        let (socket, processor) = machine.into_parts();
        let adapter = Adapter {
            runtime: Arc::new(Smol),
            applications: Arc::new(Smol),
            sockets: SocketSource::Ready(socket),
            serve: None,
        };
        on_a_thread(adapter, config, || Ok(move |node| block_on(processor.run(node)))).await.map(Self)
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
