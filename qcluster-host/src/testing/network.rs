//! A network in memory: sockets that no system knows of, and links that a test cuts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::sockets::{DatagramSocket, PolledSocket};

/// Datagrams that wait at a socket at most. What comes after them is lost, as on any network.
const WAITING_MAX: usize = 1_024;

/// All sockets of a cluster, and what is between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Network(Arc<Mutex<Links>>);

#[derive(Debug, Default)]
struct Links {
    sockets: BTreeMap<SocketAddr, Inbox>,
    /// Sockets so far.
    made: u64,
    /// Either order of a pair is there.
    cut: BTreeSet<(SocketAddr, SocketAddr)>,
}

#[derive(Debug, Default)]
struct Inbox {
    /// Which socket it is of: one that ends late must not take the inbox of its successor along.
    owner: u64,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    reader: Option<Waker>,
}

impl Network {
    /// A socket that is there until it is dropped. One that was at that address hears nothing any more.
    pub(super) fn socket(&self, at: SocketAddr) -> MemorySocket {
        let mut links = self.links();
        links.made += 1;
        let owner = links.made;
        links.sockets.insert(at, Inbox { owner, ..Inbox::default() });
        MemorySocket { network: self.clone(), at, owner }
    }

    /// Loses all that goes from one to the other, either way, and what is under way.
    pub(super) fn cut(&self, one: SocketAddr, other: SocketAddr) {
        let mut links = self.links();
        for (to, from) in [(one, other), (other, one)] {
            links.cut.insert((from, to));
            if let Some(inbox) = links.sockets.get_mut(&to) {
                inbox.waiting.retain(|(sender, _)| *sender != from);
            }
        }
    }

    /// Takes all cuts back.
    pub(super) fn heal(&self) {
        self.links().cut.clear();
    }

    pub(super) fn is_cut(&self, one: SocketAddr, other: SocketAddr) -> bool {
        self.links().cut.contains(&(one, other))
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket of a network in memory.
#[derive(Debug)]
pub struct MemorySocket {
    network: Network,
    at: SocketAddr,
    owner: u64,
}

impl MemorySocket {
    /// What waits for it.
    fn inbox<'a>(&self, links: &'a mut Links) -> Option<&'a mut Inbox> {
        links.sockets.get_mut(&self.at).filter(|inbox| inbox.owner == self.owner)
    }
}

impl Drop for MemorySocket {
    fn drop(&mut self) {
        let mut links = self.network.links();
        if self.inbox(&mut links).is_some() {
            links.sockets.remove(&self.at);
        }
    }
}

impl DatagramSocket for MemorySocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }

    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let next = self.inbox(&mut self.network.links()).and_then(|inbox| inbox.waiting.pop_front());
        let (from, bytes) = next.ok_or(io::ErrorKind::WouldBlock)?;
        let len = bytes.len().min(buffer.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        Ok((len, from))
    }

    fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        let mut links = self.network.links();
        if links.cut.contains(&(self.at, to)) {
            return Ok(bytes.len());
        }
        let inbox = links.sockets.get_mut(&to).filter(|inbox| inbox.waiting.len() < WAITING_MAX);
        let reader = inbox.and_then(|inbox| {
            inbox.waiting.push_back((self.at, bytes.to_vec()));
            inbox.reader.take()
        });
        drop(links);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(bytes.len())
    }
}

impl PolledSocket for MemorySocket {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.inbox(&mut self.network.links()) {
            Some(inbox) if !inbox.waiting.is_empty() => return Poll::Ready(()),
            Some(inbox) => inbox.reader = Some(cx.waker().clone()),
            None => {}
        }
        Poll::Pending
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests;
