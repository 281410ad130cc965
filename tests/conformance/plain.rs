//! A host without any runtime: plain threads that look again every millisecond. What an adapter has to give is no more
//! than this.

#[cfg(feature = "http")]
mod http;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "testing")]
use qcluster::testing::{Machine, StartInMemory};
use qcluster::{Config, Handle, StartError};
use qcluster_host::runtime::{LookingUp, Runtime, Sleep};
use qcluster_host::sockets::{DatagramSocket, PolledSocket};
use qcluster_host::start::{Adapter, SocketSource, on_a_thread};

use crate::hosts::Host;

/// Between two looks at everything that is waited for.
const PAUSE: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct Plain;

impl Host for Plain {
    #[cfg(feature = "testing")]
    type InMemory = InMemory;

    const SERVES: bool = cfg!(feature = "http");

    async fn start(config: Config) -> Result<Handle, StartError> {
        let sockets = SocketSource::System(Box::new(|socket| Ok(Looked(socket))));
        #[cfg(feature = "http")]
        let serve = Some(http::start as _);
        #[cfg(not(feature = "http"))]
        let serve = None;
        let adapter = Adapter { runtime: Arc::new(Plain), applications: Arc::new(Plain), sockets, serve };
        on_a_thread(adapter, config, || Ok(look_until_ready)).await
    }

    fn block_on<T>(application: impl Future<Output = T>) -> T {
        look_until_ready(application)
    }

    async fn pause() {
        Plain.sleep(PAUSE).await;
    }
}

fn look_until_ready<T>(what: impl Future<Output = T>) -> T {
    let mut what = pin!(what);
    loop {
        if let Poll::Ready(output) = what.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        thread::sleep(PAUSE);
    }
}

impl Runtime for Plain {
    fn sleep(&self, duration: Duration) -> Sleep {
        let begun = Instant::now();
        Box::pin(std::future::poll_fn(move |_| ready_if(begun.elapsed() >= duration)))
    }

    fn look_up(&self, host: String, port: u16) -> LookingUp {
        let (tell, told) = tokio::sync::oneshot::channel();
        thread::spawn(move || tell.send((host.as_str(), port).to_socket_addrs().map(Iterator::collect)));
        Box::pin(async { told.await.unwrap_or_else(|gone| Err(io::Error::other(gone))) })
    }
}

/// A socket that is asked whether it has something.
struct Looked(UdpSocket);

impl DatagramSocket for Looked {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer)
    }

    fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.send_to(bytes, to)
    }
}

impl PolledSocket for Looked {
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
        let nothing = self.0.peek_from(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        ready_if(!nothing)
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

fn ready_if(is_so: bool) -> Poll<()> {
    if is_so { Poll::Ready(()) } else { Poll::Pending }
}

/// A node in memory.
#[cfg(feature = "testing")]
#[derive(Clone)]
pub(crate) struct InMemory(Handle);

#[cfg(feature = "testing")]
impl StartInMemory for InMemory {
    async fn start_in_memory(config: Config, machine: Machine) -> Result<Self, StartError> {
        let (socket, processor) = machine.into_parts();
        let adapter = Adapter {
            runtime: Arc::new(Plain),
            applications: Arc::new(Plain),
            sockets: SocketSource::Ready(socket),
            serve: None,
        };
        on_a_thread(adapter, config, || Ok(move |node| look_until_ready(processor.run(node)))).await.map(Self)
    }
}

#[cfg(feature = "testing")]
impl std::ops::Deref for InMemory {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.0
    }
}
