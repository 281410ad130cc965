//! Where HTTP is served: a thread with a runtime of its own.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use qcluster_host::http::{self, Served, serve};
use qcluster_host::log;
use qcluster_host::start::ToServe;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;

use crate::runtime::Tokio;

/// Serves until the node has stopped.
pub(crate) fn start(to_serve: ToServe) -> io::Result<()> {
    let ToServe { listeners, view, requests, alive } = to_serve;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("qcluster-http".into()).spawn(move || {
        let served = runtime.block_on(async {
            let listeners = listeners.into_iter().map(Listener::new).collect::<io::Result<_>>()?;
            serve(listeners, Served::new(view, requests, Arc::new(Tokio)), |connection| {
                tokio::spawn(connection);
            })
            .await;
            io::Result::Ok(())
        });
        if let Err(error) = served {
            tracing::error!(name: "qcluster.http_failed", target: log::TARGET, %error, "HTTP cannot be served");
        }
        drop(runtime);
        drop(alive);
    })?;
    Ok(())
}

struct Listener(TcpListener);

impl Listener {
    /// Takes over one that does not block.
    fn new(listener: StdListener) -> io::Result<Self> {
        TcpListener::from_std(listener).map(Self)
    }
}

impl http::Listener for Listener {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Box<dyn http::Stream>, SocketAddr)>> {
        self.0.poll_accept(cx).map_ok(|(stream, from)| (Box::new(Stream(stream)) as _, from))
    }

    #[cfg(unix)]
    fn is_awaited(&self) -> bool {
        http::is_awaited(&self.0)
    }
}

struct Stream(TcpStream);

impl http::Stream for Stream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx)
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_write_ready(cx)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn close_write(&self) -> io::Result<()> {
        SockRef::from(&self.0).shutdown(Shutdown::Write)
    }

    fn send_at_once(&self) {
        let _ = self.0.set_nodelay(true);
    }
}

#[cfg(test)]
mod tests;
