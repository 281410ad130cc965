//! What the host asks of a runtime, as tokio gives it.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use qcluster_host::runtime::{LookingUp, Runtime, Sleep};
use qcluster_host::sockets::{DatagramSocket, PolledSocket};
use tokio::net::lookup_host;

/// The tokio runtime in which it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokio;

impl Runtime for Tokio {
    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }

    fn look_up(&self, host: String, port: u16) -> LookingUp {
        Box::pin(async move { lookup_host((host, port)).await.map(Iterator::collect) })
    }
}

/// A UDP socket of tokio.
#[derive(Debug)]
pub(crate) struct UdpSocket(tokio::net::UdpSocket);

impl UdpSocket {
    /// Takes over one that does not block.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        tokio::net::UdpSocket::from_std(socket).map(Self)
    }
}

impl DatagramSocket for UdpSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.try_recv_from(buffer)
    }

    fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.try_send_to(bytes, to)
    }
}

impl PolledSocket for UdpSocket {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_recv_ready(cx).map(drop)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_send_ready(cx).map(drop)
    }
}
