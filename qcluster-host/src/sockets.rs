//! The UDP sockets of a node: one for each address that it listens on, and the right one for each destination.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use qcluster_api::TransportCounters;

use crate::binding::is_of_this_machine;

/// A UDP socket of a runtime, none of whose calls waits: an error of the kind `WouldBlock` says that it would have to.
pub trait DatagramSocket {
    /// What it is bound to.
    ///
    /// # Errors
    /// What the system said.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Takes a datagram. What is longer than `buffer` is cut off.
    ///
    /// # Errors
    /// What the system said, or that nothing is waiting.
    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Sends a datagram.
    ///
    /// # Errors
    /// What the system said, or that there is no room.
    fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize>;
}

/// One that can be waited for, by one task. Waiting takes nothing from it: a wait that is given up has lost no datagram.
pub trait PolledSocket: DatagramSocket {
    /// Ready once it has a datagram or an error, and sometimes without either.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Ready once it can send.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// One that does not block.
impl DatagramSocket for std::net::UdpSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(buffer)
    }

    fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.send_to(bytes, to)
    }
}

/// What a look at the sockets found.
#[derive(Debug)]
pub enum Received {
    /// A datagram.
    Datagram {
        /// Its length.
        len: usize,
        /// Who sent it.
        from: SocketAddr,
    },
    /// An error, counted.
    Error,
    /// Nothing more is waiting.
    Nothing,
}

/// At least one socket.
#[derive(Debug)]
pub struct Sockets<S> {
    binds: Vec<Bind<S>>,
    /// Where the next look begins, so that no socket waits for another.
    next: usize,
    counters: TransportCounters,
}

#[derive(Debug)]
struct Bind<S> {
    socket: S,
    local: SocketAddr,
}

impl<S: DatagramSocket> Sockets<S> {
    /// All sockets of a node.
    ///
    /// # Errors
    /// One of them is not bound.
    pub fn new(sockets: impl IntoIterator<Item = S>) -> io::Result<Self> {
        let bind = |socket: S| socket.local_addr().map(|local| Bind { socket, local });
        let binds = sockets.into_iter().map(bind).collect::<io::Result<_>>()?;
        Ok(Self { binds, next: 0, counters: TransportCounters::default() })
    }

    /// Each of them, to wait for.
    pub fn iter(&self) -> impl Iterator<Item = &S> {
        self.binds.iter().map(|bind| &bind.socket)
    }

    /// Waits until one of them has a datagram or an error.
    pub(crate) async fn readable(&self)
    where
        S: PolledSocket,
    {
        poll_fn(|cx| {
            // Each has to be asked, or the others would not wake this task.
            let ready = self.iter().filter(|socket| socket.poll_readable(cx).is_ready()).count();
            if ready > 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits until all of them can send: a runtime may have to look at each once before it believes so.
    pub(crate) async fn writable(&self)
    where
        S: PolledSocket,
    {
        for socket in self.iter() {
            poll_fn(|cx| socket.poll_writable(cx)).await;
        }
    }

    /// What the sockets know of; the rest is zero.
    pub fn counters(&self) -> TransportCounters {
        self.counters
    }

    /// Has the next look begin with another socket, so that one that is never empty leaves the others their turn.
    pub fn turn(&mut self) {
        self.next = (self.next + 1) % self.binds.len().max(1);
    }

    /// Takes one datagram if one is waiting. What is longer than `buffer` is cut off.
    pub fn try_receive(&mut self, buffer: &mut [u8]) -> Received {
        for _ in 0..self.binds.len() {
            let socket = &self.binds[self.next].socket;
            match socket.try_recv_from(buffer) {
                Ok((len, from)) => {
                    self.counters.received += 1;
                    self.counters.received_bytes += len as u64;
                    // An IPv4 sender has one address, whichever family the socket is of.
                    let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                    return Received::Datagram { len, from };
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.next = (self.next + 1) % self.binds.len();
                }
                Err(_) => {
                    self.counters.receive_errors += 1;
                    return Received::Error;
                }
            }
        }
        Received::Nothing
    }

    /// Counts a datagram that there is nothing to send of.
    pub fn not_sent(&mut self) {
        self.counters.not_sent += 1;
    }

    /// Sends a datagram, or counts why not. Never waits.
    pub fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        let Some(bind) = self.route(to) else {
            self.counters.not_sent += 1;
            return;
        };
        match bind.socket.try_send_to(bytes, in_family_of(bind.local, to)) {
            Ok(len) => {
                self.counters.sent += 1;
                self.counters.sent_bytes += len as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.counters.not_sent += 1,
            Err(_) => self.counters.send_errors += 1,
        }
    }

    /// Whether there is a socket that reaches addresses of this kind.
    pub fn reaches(&self, to: SocketAddr) -> bool {
        self.route(to).is_some()
    }

    /// Whether what is sent there comes back to one of these sockets.
    pub fn is_own(&self, to: SocketAddr) -> bool {
        let ip = to.ip().to_canonical();
        self.binds.iter().map(|bind| bind.local).filter(|local| local.port() == to.port()).any(|local| {
            let on_all = local.ip().is_unspecified() && reaches(local.ip(), ip);
            local.ip().to_canonical() == ip || (on_all && is_of_this_machine(ip))
        })
    }

    fn route(&self, to: SocketAddr) -> Option<&Bind<S>> {
        let fits = |bind: &&Bind<S>| reaches(bind.local.ip(), to.ip());
        // One on the same side of the loopback border has a source address that can be answered.
        let same_side = |bind: &&Bind<S>| bind.local.ip().is_loopback() == to.ip().is_loopback();
        self.binds.iter().filter(fits).find(same_side).or_else(|| self.binds.iter().find(fits))
    }
}

/// Whether a socket on `local` can send to `to`. On `::` it serves both families, as far as the system lets it.
fn reaches(local: IpAddr, to: IpAddr) -> bool {
    let family = local.is_ipv4() == to.is_ipv4() || (local.is_ipv6() && local.is_unspecified());
    family && (to.is_loopback() || !local.is_loopback())
}

fn in_family_of(local: SocketAddr, to: SocketAddr) -> SocketAddr {
    match to.ip() {
        IpAddr::V4(ip) if local.is_ipv6() => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
        IpAddr::V4(_) | IpAddr::V6(_) => to,
    }
}

#[cfg(test)]
mod tests;
