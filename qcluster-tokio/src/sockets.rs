//! The UDP sockets of a node: one for each address that it listens on, and the right one for each destination.

pub(crate) mod binding;
#[cfg(test)]
pub(crate) mod witness;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use qcluster_api::TransportCounters;
use tokio::net::UdpSocket;

pub(crate) use binding::{Bound, Protocols, bind};

/// What a look at the sockets found.
#[derive(Debug)]
pub(crate) enum Received {
    Datagram {
        len: usize,
        from: SocketAddr,
    },
    /// An error, counted.
    Error,
    /// Nothing more is waiting.
    Nothing,
}

/// At least one socket.
#[derive(Debug)]
pub(crate) struct Sockets {
    binds: Vec<Bind>,
    /// Where the next look begins, so that no socket waits for another.
    next: usize,
    counters: TransportCounters,
    /// Looks at the lease whenever something is sent.
    #[cfg(test)]
    pub(crate) witness: Option<witness::Witness>,
}

#[derive(Debug)]
struct Bind {
    socket: UdpSocket,
    local: SocketAddr,
}

impl Sockets {
    pub(crate) fn new(sockets: Vec<UdpSocket>) -> io::Result<Self> {
        let bind = |socket: UdpSocket| socket.local_addr().map(|local| Bind { socket, local });
        Ok(Self {
            binds: sockets.into_iter().map(bind).collect::<io::Result<_>>()?,
            next: 0,
            counters: TransportCounters::default(),
            #[cfg(test)]
            witness: None,
        })
    }

    /// What the sockets know of; the rest is zero.
    pub(crate) fn counters(&self) -> TransportCounters {
        self.counters
    }

    /// Waits until every socket can send: the runtime has to look at each once before it believes so.
    pub(crate) async fn ready_to_send(&self) {
        for bind in &self.binds {
            // An error here would show again at the first send, where it is counted.
            let _ = bind.socket.writable().await;
        }
    }

    /// Waits until a socket has a datagram or an error.
    pub(crate) async fn readable(&self) {
        std::future::poll_fn(|cx| self.poll_readable(cx)).await;
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Each has to be asked, or the others would not wake this task.
        let ready = self.binds.iter().filter(|bind| bind.socket.poll_recv_ready(cx).is_ready()).count();
        if ready > 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes one datagram if one is waiting. What is longer than `buffer` is cut off.
    pub(crate) fn try_receive(&mut self, buffer: &mut [u8]) -> Received {
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

    /// Sends a datagram, or counts why not. Never waits.
    pub(crate) fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        #[cfg(test)]
        if let Some(witness) = &mut self.witness {
            witness.see(to, bytes);
        }
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
    pub(crate) fn reaches(&self, to: SocketAddr) -> bool {
        self.route(to).is_some()
    }

    fn route(&self, to: SocketAddr) -> Option<&Bind> {
        let fits = |bind: &&Bind| reaches(bind.local.ip(), to.ip());
        // One on the same side of the loopback border has a source address that can be answered.
        let same_side = |bind: &&Bind| bind.local.ip().is_loopback() == to.ip().is_loopback();
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
