//! A connection as the HTTP library reads and writes it, and as the server watches it beside: when a byte last moved, and whether the
//! client has closed its side while the node works for it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

use super::places::Place;

/// What is read at once, in bytes.
const READ_LEN_MAX: usize = 4_096;

/// Reads in a row of a client that is not listened to any more.
const READS_MAX: usize = 16;

/// What is read ahead of the HTTP library while the node works for the client, in bytes. A client that sends more meanwhile is no
/// longer watched for its end.
const AHEAD_LEN_MAX: usize = 16 * 1_024;

/// A connection of a runtime. Reading and writing need no `&mut`, and tasks that wait are woken for the latest of them alone, as one
/// task does all of it.
pub trait Stream: Send + Sync + 'static {
    /// Ready once there may be something to read, or an end or error to see.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reads what is there; nothing at the end.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where nothing is there yet.
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize>;

    /// Ready once there may be room to write.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is no room.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Ready once nothing that was written waits for room.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be written.
    ///
    /// # Errors
    /// The connection is broken.
    fn close_write(&self) -> io::Result<()>;

    /// Has each part of an answer sent at once: an answer is one write, and there is nothing to wait for.
    fn send_at_once(&self);
}

/// A connection with its place.
pub(super) struct Socket {
    stream: Box<dyn Stream>,
    /// Whether nobody else can read what goes over it.
    pub(super) is_encrypted: bool,
    pub(super) place: Place,
    ahead: Mutex<Ahead>,
}

/// What was read ahead.
#[derive(Default)]
struct Ahead {
    bytes: Vec<u8>,
    is_at_end: bool,
}

/// What the HTTP library has of it.
pub(super) struct Io(pub(super) Arc<Socket>);

impl Socket {
    pub(super) fn new(stream: Box<dyn Stream>, place: Place) -> Self {
        Self { stream, is_encrypted: false, place, ahead: Mutex::default() }
    }

    /// Over a stream that nobody else can read.
    #[cfg(feature = "tls")]
    pub(super) fn encrypted(stream: Box<dyn Stream>, place: Place) -> Self {
        Self { is_encrypted: true, ..Self::new(stream, place) }
    }

    /// Waits until the client has closed its side, or both. The HTTP library is not to read meanwhile.
    pub(super) async fn closed(&self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Says that the last answer was written, and waits until the client has closed its side. What it still sends is thrown away: were
    /// it left unread, the system would break the connection off, and the answer with it.
    pub(super) async fn linger(&self) {
        if self.stream.close_write().is_err() {
            return;
        }
        let mut thrown_away = [0; READ_LEN_MAX];
        poll_fn(|cx| {
            for _ in 0..READS_MAX {
                match ready!(self.poll_read(cx, &mut thrown_away)) {
                    Ok(0) | Err(_) => return Poll::Ready(()),
                    Ok(_) => {}
                }
            }
            // Others have their turn, the end of the time for this among them.
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = [0; READ_LEN_MAX];
        let mut ahead = self.ahead();
        while !ahead.is_at_end {
            if ahead.bytes.len() >= AHEAD_LEN_MAX {
                return Poll::Pending;
            }
            match ready!(self.poll_read(cx, &mut buffer)) {
                Ok(0) | Err(_) => ahead.is_at_end = true,
                Ok(len) => ahead.bytes.extend_from_slice(&buffer[..len]),
            }
        }
        Poll::Ready(())
    }

    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.stream.try_read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.stream.poll_readable(cx))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(len) => {
                    self.place.moved();
                    return Poll::Ready(Ok(len));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let room = into.remaining();
        let mut ahead = self.0.ahead();
        if !ahead.bytes.is_empty() {
            let len = room.min(ahead.bytes.len());
            into.put_slice(&ahead.bytes[..len]);
            ahead.bytes.drain(..len);
            return Poll::Ready(Ok(()));
        }
        if ahead.is_at_end {
            return Poll::Ready(Ok(()));
        }
        drop(ahead);
        // Without unsafe code the library's buffer, which may be fresh memory, is only to be copied into.
        let mut bytes = [0; READ_LEN_MAX];
        let len = ready!(self.0.poll_read(cx, &mut bytes[..room.min(READ_LEN_MAX)]))?;
        into.put_slice(&bytes[..len]);
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.0.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.0.stream.poll_writable(cx))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(len) => {
                    self.0.place.moved();
                    return Poll::Ready(Ok(len));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It is closed once the library is done with it.
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
pub(super) mod tests;
