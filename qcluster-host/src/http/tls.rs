//! TLS over a connection of any runtime: the records are rustls's, and reading and writing are those of the connection below.

use std::io::{self, Read, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use rustls::{ServerConfig, ServerConnection};

use super::stream::Stream;

/// A connection under TLS. The handshake is part of the first reads, and has no more time than those.
pub(super) struct TlsStream {
    below: Box<dyn Stream>,
    /// Never held while something is waited for.
    tls: Mutex<ServerConnection>,
}

/// What reads and writes records.
struct Records<'a>(&'a dyn Stream);

impl TlsStream {
    /// # Errors
    /// The configuration cannot be used.
    pub(super) fn new(below: Box<dyn Stream>, config: Arc<ServerConfig>) -> io::Result<Self> {
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self { below, tls: Mutex::new(tls) })
    }

    fn tls(&self) -> MutexGuard<'_, ServerConnection> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes records until there is no room, or none is left. Tells whether none is.
    fn write_records(&self, tls: &mut ServerConnection) -> io::Result<bool> {
        while tls.wants_write() {
            match tls.write_tls(&mut Records(&*self.below)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl Stream for TlsStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A handshake answers while it is read.
        let has_to_write = !self.write_records(&mut self.tls())?;
        if has_to_write && self.below.poll_writable(cx)?.is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.below.poll_readable(cx)
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut tls = self.tls();
        loop {
            match tls.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Cut off without a word, which a body of known length does not mind and a head notices.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            let read = tls.read_tls(&mut Records(&*self.below))?;
            let understood = tls.process_new_packets();
            // What is wrong is told, as far as there is room for it.
            let written = self.write_records(&mut tls);
            understood.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            written?;
            if read == 0 {
                return Ok(0);
            }
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut tls = self.tls();
        // One answer at a time waits here, and no more of it than rustls keeps.
        if !self.write_records(&mut tls)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = tls.writer().write(bytes)?;
        self.write_records(&mut tls)?;
        if len == 0 && !bytes.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(len) }
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.write_records(&mut self.tls())? {
            ready!(self.below.poll_writable(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn close_write(&self) -> io::Result<()> {
        let mut tls = self.tls();
        tls.send_close_notify();
        self.write_records(&mut tls)?;
        self.below.close_write()
    }

    fn send_at_once(&self) {
        self.below.send_at_once();
    }
}

impl Read for Records<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl io::Write for Records<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
