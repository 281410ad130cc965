//! Starting a node: the same for every runtime, but for where its loop lives.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use qcluster_core::{Command, Config};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tracing::Instrument as _;

use crate::binding::Protocols;
use crate::boot::{self, Listening, Prepared};
use crate::counters;
use crate::driver::Driver;
use crate::error::StartError;
use crate::handle::Handle;
use crate::log;
use crate::requests::Request;
use crate::run::run;
use crate::runtime::Runtime;
use crate::sockets::{PolledSocket, Sockets};
use crate::view::View;

/// What an adapter gives.
pub struct Adapter<S> {
    /// Time and names, for the loop.
    pub runtime: Arc<dyn Runtime>,
    /// The same for the tasks of applications: what follows a leadership waits with it.
    pub applications: Arc<dyn Runtime>,
    /// Where its sockets for datagrams come from.
    pub sockets: SocketSource<S>,
    /// Serves HTTP until the node has stopped, if the adapter can.
    pub serve: Option<Serve>,
}

/// What serves HTTP, until the node has stopped.
pub type Serve = fn(ToServe) -> io::Result<()>;

/// Makes a socket of a runtime of one of the system.
pub type TakeOver<S> = Box<dyn Fn(UdpSocket) -> io::Result<S> + Send>;

/// Where the sockets of a node come from.
pub enum SocketSource<S> {
    /// Those of the system, which the node binds as its configuration says. This takes over one that does not block, where the loop is
    /// to live.
    System(TakeOver<S>),
    /// One that is there already. The node binds nothing.
    Ready(S),
}

/// What it takes to serve HTTP.
pub struct ToServe {
    /// Sockets that do not block.
    pub listeners: Vec<TcpListener>,
    /// What is told of the node.
    pub view: Arc<View>,
    /// Where requests go. Weak: the node stops with the last handle of the application.
    pub requests: mpsc::WeakSender<Request>,
    /// To be dropped when the port is free.
    pub alive: Arc<watch::Sender<()>>,
}

/// The loop of a node: it lives for as long as this is polled. Dropped, the node has crashed, as far as others can see.
#[must_use = "a node does nothing unless its loop is polled"]
pub struct NodeLoop(pub(crate) Pin<Box<dyn Future<Output = ()> + Send>>);

impl Future for NodeLoop {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl<S: PolledSocket + Send + Sync + 'static> Adapter<S> {
    /// Does all of a start that blocks.
    ///
    /// # Errors
    /// As [`boot::prepare`].
    pub fn prepare(&self, config: Config) -> Result<Prepared, StartError> {
        let listening = match &self.sockets {
            SocketSource::System(_) if self.serve.is_some() => Listening::Bind(Protocols::UdpAndTcp),
            SocketSource::System(_) => Listening::Bind(Protocols::Udp),
            SocketSource::Ready(socket) => Listening::At(socket.local_addr().map_err(StartError::System)?),
        };
        boot::prepare(config, listening)
    }

    /// Gives a node that is ready what it needs of a runtime, where its loop is to live.
    ///
    /// # Errors
    /// The runtime does not take its sockets, or there is no thread for HTTP. Nothing is left then.
    pub fn begin(self, prepared: Prepared) -> Result<(Handle, NodeLoop), StartError> {
        let Self { runtime, applications, sockets, serve } = self;
        let Prepared { parts, udp, tcp, first, view, requests, alive, all_released } = prepared;
        let sockets = match sockets {
            SocketSource::System(take_over) => udp.into_iter().map(take_over).collect::<io::Result<Vec<_>>>(),
            SocketSource::Ready(socket) => Ok(vec![socket]),
        };
        let sockets = sockets.and_then(Sockets::new).map_err(StartError::System)?;
        let serve = serve.filter(|_| !tcp.is_empty());
        if let Some(serve) = serve {
            let (view, requests, alive) = (Arc::clone(&view), requests.downgrade(), Arc::clone(&alive));
            serve(ToServe { listeners: tcp, view, requests, alive }).map_err(StartError::System)?;
        }
        let handle = Handle {
            view: Arc::clone(&view),
            requests,
            runtime: applications,
            abort: Arc::default(),
            alive: all_released,
        };
        let abort = Arc::clone(&handle.abort);
        let counters = if serve.is_some() { Counters::OnAPage } else { Counters::InTheLog };
        let node = async move {
            node(Driver::new(parts, sockets), first, &view, &*runtime, counters, &abort).await;
            drop(alive);
        };
        Ok((handle, NodeLoop(Box::pin(node))))
    }
}

/// Starts a node whose loop has a thread of its own, from any runtime or none. `open` is called on that thread, and gives
/// what waits there for the loop.
///
/// # Errors
/// As [`boot::prepare`], and what `open` says. Nothing runs then.
pub async fn on_a_thread<S, B>(
    adapter: Adapter<S>,
    config: Config,
    open: impl FnOnce() -> io::Result<B> + Send + 'static,
) -> Result<Handle, StartError>
where
    S: PolledSocket + Send + Sync + 'static,
    B: FnOnce(NodeLoop),
{
    let (report, started) = oneshot::channel();
    let node = move || {
        let opened = open().map_err(StartError::System);
        let (block_on, prepared) = match opened.and_then(|block_on| Ok((block_on, adapter.prepare(config)?))) {
            Ok(ready) => ready,
            Err(error) => {
                // What it holds is free by the time that somebody tries again.
                drop(adapter);
                return drop(report.send(Err(error)));
            }
        };
        block_on(NodeLoop(Box::pin(async move {
            match adapter.begin(prepared) {
                // Where nobody waits any more, the node has nobody to serve.
                Ok((handle, node)) => {
                    if report.send(Ok(handle)).is_ok() {
                        node.await;
                    }
                }
                Err(error) => drop(report.send(Err(error))),
            }
        })));
    };
    thread::Builder::new().name("qcluster".into()).spawn(node).map_err(StartError::System)?;
    started.await.unwrap_or_else(|_| Err(StartError::System(io::Error::other("the thread of the node has ended"))))
}

/// Where counters are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counters {
    OnAPage,
    InTheLog,
}

/// The loop, until the node has stopped or is aborted.
async fn node<S: PolledSocket>(
    driver: Driver<S>,
    first: Vec<Command>,
    view: &View,
    runtime: &dyn Runtime,
    counters: Counters,
    abort: &Notify,
) {
    let (id, cluster) = (view.subject().rules.id(), view.subject().cluster.as_str());
    let span = tracing::info_span!(target: log::TARGET, "qcluster.node", node = %id, cluster);
    let counters = async {
        if counters == Counters::InTheLog {
            counters::log_counters(view, runtime).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = abort.notified() => {}
        () = run(driver, first, runtime).instrument(span) => {}
        () = counters => {}
    }
}
