//! Where HTTP is served: a thread with an executor of its own, and the HTTP library's idea of a connection.

use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;

use async_executor::LocalExecutor;
use async_io::Async;
use futures_io::{AsyncRead as _, AsyncWrite as _};
use futures_lite::future::block_on;
use hyper::rt::{Read, ReadBufCursor, Write};
use qcluster_host::http::{self, Served, serve};
use qcluster_host::start::ToServe;

use crate::runtime::Smol;

/// What is read at once, in bytes.
const READ_LEN_MAX: usize = 4_096;

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
    type Stream = Stream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        loop {
            match self.0.get_ref().accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                Err(error) => return Poll::Ready(Err(error)),
                Ok((stream, from)) => return Poll::Ready(Async::new(stream).map(|stream| (Stream(stream), from))),
            }
        }
    }

    fn send_at_once(Stream(stream): &Stream) {
        let _ = stream.get_ref().set_nodelay(true);
    }

    fn write_now(Stream(stream): &Stream, bytes: &[u8]) {
        let _ = stream.get_ref().write(bytes);
    }
}

/// A connection, as the HTTP library reads and writes it.
struct Stream(Async<TcpStream>);

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        // Without unsafe code the library's buffer, which may be fresh memory, is only to be copied into.
        let mut bytes = [0; READ_LEN_MAX];
        let room = into.remaining().min(READ_LEN_MAX);
        let len = ready!(Pin::new(&mut self.0).poll_read(cx, &mut bytes[..room]))?;
        into.put_slice(&bytes[..len]);
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.get_ref().shutdown(Shutdown::Write))
    }
}
