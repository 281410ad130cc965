//! A thread of its own for the loop of a node, without any runtime: it stands in `poll(2)` until a datagram comes, time is up, or another
//! thread wants something.
//!
//! A runtime would wake its reactor first, and that the loop, some hundred times a second. This is for one future, which looks at all that
//! it waits for whenever it is polled.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use qcluster_core::Config;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::oneshot;

use crate::error::StartError;
use crate::handle::Handle;
use crate::runtime::{LookingUp, Runtime, Sleep};
use crate::sockets::{DatagramSocket, PolledSocket};
use crate::start::{Adapter, NodeLoop, Serve, SocketSource, on_a_thread};

/// Where the system does not let a thread wait, it tries again after this long.
const PAUSE: Duration = Duration::from_millis(1);

/// Starts a node whose loop has a thread of its own, from any runtime or none. Its applications wait with `applications`, and `serve`
/// serves HTTP.
///
/// # Errors
/// As [`on_a_thread`].
pub async fn start(config: Config, applications: Arc<dyn Runtime>, serve: Option<Serve>) -> Result<Handle, StartError> {
    let place = OwnThread::new().map_err(StartError::System)?;
    let sockets = place.clone();
    let adapter = Adapter {
        runtime: Arc::new(place.clone()),
        applications,
        sockets: SocketSource::System(Box::new(move |socket| Ok(sockets.socket(socket)))),
        serve,
    };
    on_a_thread(adapter, config, || Ok(move |node| place.block_on(node))).await
}

/// The thread, and what its future waits for.
#[derive(Clone, Debug)]
pub(crate) struct OwnThread(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waits: Mutex<Waits>,
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Waits {
    /// When to look again at the latest.
    due: Option<Instant>,
    sockets: Vec<Weak<Inner>>,
}

/// What other threads ring. It lasts as long as one of them may, so that nobody writes to a line without an end.
struct Bell {
    is_rung: AtomicBool,
    /// It has a byte for each time that the bell was rung first, which is one at most.
    line: PipeWriter,
    end: PipeReader,
}

impl OwnThread {
    /// A thread to be.
    pub(crate) fn new() -> io::Result<Self> {
        let (end, line) = pipe()?;
        let bell = Arc::new(Bell { is_rung: AtomicBool::new(false), line, end });
        Ok(Self(Arc::new(Shared { waits: Mutex::default(), bell })))
    }

    /// A socket that the future on this thread can wait for.
    pub(crate) fn socket(&self, socket: UdpSocket) -> Socket {
        let inner = Arc::new(Inner { socket, is_readable: AtomicBool::new(false), is_awaited: AtomicBool::new(false) });
        self.waits().sockets.push(Arc::downgrade(&inner));
        Socket(inner)
    }

    /// Runs the future on the present thread.
    pub(crate) fn block_on(&self, node: NodeLoop) {
        let waker = Waker::from(Arc::clone(&self.0.bell));
        let mut cx = Context::from_waker(&waker);
        let mut node = pin!(node);
        while node.as_mut().poll(&mut cx).is_pending() {
            self.wait();
        }
    }

    /// Waits for the first of what the future has asked for when it was polled.
    fn wait(&self) {
        let bell = &self.0.bell;
        let (due, sockets) = self.awaited();
        let left = due.map(|due| due.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut asked = vec![PollFd::new(&bell.end, PollFlags::IN)];
        asked.extend(sockets.iter().map(|socket| PollFd::new(&socket.socket, PollFlags::IN)));
        match poll(&mut asked, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            // Then the sockets are looked at by time: they do not block.
            Err(_) => {
                thread::sleep(PAUSE);
                for socket in &sockets {
                    socket.is_readable.store(true, Ordering::Relaxed);
                }
            }
        }
        let is_ready = |asked: &PollFd<'_>| !asked.revents().is_empty();
        for (socket, _) in sockets.iter().zip(&asked[1..]).filter(|(_, asked)| is_ready(asked)) {
            socket.is_readable.store(true, Ordering::Relaxed);
        }
        if is_ready(&asked[0]) {
            // There is no more than one byte. The poll that follows sees what was done before the bell was rung.
            let _ = (&bell.end).read(&mut [0]);
            bell.is_rung.swap(false, Ordering::SeqCst);
        }
    }

    /// When to look again, and which sockets are waited for. The future asks again when it is polled.
    fn awaited(&self) -> (Option<Instant>, Vec<Arc<Inner>>) {
        let mut waits = self.waits();
        waits.sockets.retain(|socket| socket.strong_count() > 0);
        let sockets = waits.sockets.iter().filter_map(Weak::upgrade);
        let awaited = sockets.filter(|socket| socket.is_awaited.swap(false, Ordering::Relaxed)).collect();
        (waits.due.take(), awaited)
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.0.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_rung.swap(true, Ordering::SeqCst) {
            // It has room, since nothing is in it.
            let _ = (&self.line).write(&[1]);
        }
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("is_rung", &self.is_rung).finish_non_exhaustive()
    }
}

impl Runtime for OwnThread {
    fn sleep(&self, duration: Duration) -> Sleep {
        let (place, due) = (self.clone(), Instant::now().checked_add(duration));
        Box::pin(std::future::poll_fn(move |_| match due {
            Some(due) if Instant::now() >= due => Poll::Ready(()),
            Some(due) => {
                let mut waits = place.waits();
                waits.due = Some(waits.due.map_or(due, |earlier| earlier.min(due)));
                Poll::Pending
            }
            None => Poll::Pending,
        }))
    }

    /// On a thread of its own, which lasts as long as the resolver of the system takes.
    fn look_up(&self, host: String, port: u16) -> LookingUp {
        let (tell, told) = oneshot::channel();
        let look_up = move || drop(tell.send((host.as_str(), port).to_socket_addrs().map(Iterator::collect)));
        let thread = thread::Builder::new().name("qcluster-lookup".into()).spawn(look_up);
        Box::pin(async move {
            thread?;
            told.await.unwrap_or_else(|gone| Err(io::Error::other(gone)))
        })
    }
}

/// A socket that is waited for on this thread.
#[derive(Debug)]
pub(crate) struct Socket(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    socket: UdpSocket,
    /// The system said so, and it has not been found empty since.
    is_readable: AtomicBool,
    is_awaited: AtomicBool,
}

impl DatagramSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket.local_addr()
    }

    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let received = self.0.socket.recv_from(buffer);
        if received.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.0.is_readable.store(false, Ordering::Relaxed);
        }
        received
    }

    fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.socket.send_to(bytes, to)
    }
}

impl PolledSocket for Socket {
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
        if self.0.is_readable.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        self.0.is_awaited.store(true, Ordering::Relaxed);
        Poll::Pending
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests;
