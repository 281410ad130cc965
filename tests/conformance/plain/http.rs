//! HTTP on a plain thread: connections that are looked at again every millisecond, as everything else there.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread;

use qcluster_host::http::{self, Connection, Served, serve};
use qcluster_host::start::ToServe;

use super::{Plain, look_until_ready, ready_if};

pub(super) fn start(to_serve: ToServe) -> io::Result<()> {
    let ToServe { listeners, view, requests, alive } = to_serve;
    thread::Builder::new().name("qcluster-http".into()).spawn(move || {
        let connections = RefCell::new(Vec::<Connection>::new());
        let listeners = listeners.into_iter().map(Listener).collect();
        let served = Served::new(view, requests, Arc::new(Plain));
        let mut all = pin!(serve(listeners, served, |connection| connections.borrow_mut().push(connection)));
        look_until_ready(poll_fn(|cx| {
            let state = all.as_mut().poll(cx);
            connections.borrow_mut().retain_mut(|connection| connection.as_mut().poll(cx).is_pending());
            state
        }));
        drop(connections.take());
        drop(alive);
    })?;
    Ok(())
}

struct Listener(TcpListener);

impl http::Listener for Listener {
    fn poll_accept(&self, _: &mut Context<'_>) -> Poll<io::Result<(Box<dyn http::Stream>, SocketAddr)>> {
        let accepted = self.0.accept().and_then(|(stream, from)| {
            stream.set_nonblocking(true)?;
            Ok((Box::new(Stream { stream, is_full: AtomicBool::new(false) }) as _, from))
        });
        match accepted {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            accepted => Poll::Ready(accepted),
        }
    }
}

struct Stream {
    stream: TcpStream,
    /// There was no room when it was last written to.
    is_full: AtomicBool,
}

impl http::Stream for Stream {
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let nothing = self.stream.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        ready_if(!nothing).map(Ok)
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        (&self.stream).read(into)
    }

    /// Where there was no room, the next look is the one to try again at.
    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready_if(!self.is_full.swap(false, Ordering::Relaxed)).map(Ok)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = (&self.stream).write(bytes);
        let is_full = written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        self.is_full.store(is_full, Ordering::Relaxed);
        written
    }

    fn close_write(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    fn send_at_once(&self) {
        let _ = self.stream.set_nodelay(true);
    }
}
