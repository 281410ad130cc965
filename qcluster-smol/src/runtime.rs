//! What the host asks of a runtime, as smol gives it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::task::{Context, Poll};
use std::time::Duration;

use async_io::{Async, Timer};
use blocking::unblock;
use qcluster_host::runtime::{LookingUp, Runtime, Sleep};
use qcluster_host::sockets::{DatagramSocket, PolledSocket};

/// smol's timers and its threads for what blocks, which are there in every executor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Smol;

impl Runtime for Smol {
    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(async move {
            Timer::after(duration).await;
        })
    }

    fn look_up(&self, host: String, port: u16) -> LookingUp {
        Box::pin(unblock(move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect)))
    }
}

/// A UDP socket that smol's reactor watches.
#[derive(Debug)]
pub(crate) struct UdpSocket(Async<std::net::UdpSocket>);

impl UdpSocket {
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        Async::new(socket).map(Self)
    }
}

impl DatagramSocket for UdpSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }

    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.get_ref().recv_from(buffer)
    }

    fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.get_ref().send_to(bytes, to)
    }
}

impl PolledSocket for UdpSocket {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_readable(cx).map(drop)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_writable(cx).map(drop)
    }
}
