//! Where HTTP is served: a thread with an executor of its own.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;

use async_executor::LocalExecutor;
use async_io::Async;
use futures_lite::future::block_on;
use qcluster_host::http::{self, Served, serve};
use qcluster_host::start::ToServe;

use crate::runtime::Smol;

/// Serves until the node has stopped.
pub(crate) fn start(to_serve: ToServe) -> io::Result<()> {
    let ToServe { listeners, view, requests, alive } = to_serve;
    let listeners = listeners.into_iter().map(Listener::new).collect::<io::Result<_>>()?;
    thread::Builder::new().name("qcluster-http".into()).spawn(move || {
        let executor = LocalExecutor::new();
        let spawn = |connection| executor.spawn(connection).detach();
        block_on(executor.run(serve(listeners, Served::new(view, requests, Arc::new(Smol)), spawn)));
        // With it go the connections that are left.
        drop(executor);
        drop(alive);
    })?;
    Ok(())
}

struct Listener(Async<TcpListener>);

impl Listener {
    fn new(listener: TcpListener) -> io::Result<Self> {
        Async::new(listener).map(Self)
    }
}

impl http::Listener for Listener {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Box<dyn http::Stream>, SocketAddr)>> {
        loop {
            match self.0.get_ref().accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                Err(error) => return Poll::Ready(Err(error)),
                Ok((stream, from)) => {
                    return Poll::Ready(Async::new(stream).map(|stream| (Box::new(Stream(stream)) as _, from)));
                }
            }
        }
    }

    #[cfg(unix)]
    fn is_awaited(&self) -> bool {
        http::is_awaited(&self.0)
    }
}

struct Stream(Async<TcpStream>);

impl http::Stream for Stream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_readable(cx)
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.0.get_ref().read(into)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_writable(cx)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_ref().write(bytes)
    }

    fn close_write(&self) -> io::Result<()> {
        self.0.get_ref().shutdown(Shutdown::Write)
    }

    fn send_at_once(&self) {
        let _ = self.0.get_ref().set_nodelay(true);
    }
}
