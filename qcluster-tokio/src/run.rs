//! The loop: it waits for what happens, and tells the driver, which decides.

use std::io;
use std::net::SocketAddr;

use qcluster_core::Command;
use qcluster_host::driver::{Arrival, Driver, Waits};
use qcluster_host::names::{LookedUp, Lookup};
use qcluster_host::sockets::{DatagramSocket, Sockets};
use tokio::net::lookup_host;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

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

/// Waits until every socket can send: the runtime has to look at each once before it believes so.
async fn ready_to_send(sockets: &Sockets<UdpSocket>) {
    for socket in sockets.iter() {
        // An error here would show again at the first send, where it is counted.
        let _ = socket.0.writable().await;
    }
}

/// Waits until a socket has a datagram or an error.
async fn readable(sockets: &Sockets<UdpSocket>) {
    std::future::poll_fn(|cx| {
        // Each has to be asked, or the others would not wake this task.
        let ready = sockets.iter().filter(|socket| socket.0.poll_recv_ready(cx).is_ready()).count();
        if ready > 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Lookups under way.
#[derive(Debug, Default)]
struct Lookups(JoinSet<LookedUp>);

impl Lookups {
    fn begin(&mut self, lookups: Vec<Lookup>) {
        for lookup in lookups {
            self.0.spawn(look_up(lookup));
        }
    }

    /// Waits for the end of the next. Cancelling loses nothing.
    async fn next(&mut self) -> Result<LookedUp, JoinError> {
        match self.0.join_next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }
}

async fn look_up(lookup: Lookup) -> LookedUp {
    let result = match lookup.literal() {
        Some(addresses) => Ok(addresses),
        None => lookup_host((lookup.host.as_str(), lookup.port)).await.map(Iterator::collect),
    };
    (lookup.key, result)
}

/// Why the loop goes on.
#[derive(Debug)]
enum Woken {
    Arrival(Arrival),
    LookedUp(Result<LookedUp, JoinError>),
    Readable,
    Timer,
}

/// Runs a node until it has stopped. `first` is what it says of itself from the start.
pub(crate) async fn run(mut driver: Driver<UdpSocket>, first: Vec<Command>) {
    ready_to_send(driver.sockets()).await;
    driver.begin(first);
    let mut lookups = Lookups::default();
    first_addresses(&mut driver, &mut lookups).await;
    while let Some(due) = driver.round() {
        lookups.begin(due);
        let Waits { inbox, sockets, is_receiving, longest_sleep } = driver.waits();
        // What comes seldom is asked first, so that datagrams cannot crowd it out.
        let woken = tokio::select! {
            biased;
            arrival = inbox.next() => Woken::Arrival(arrival),
            ended = lookups.next() => Woken::LookedUp(ended),
            () = readable(sockets), if is_receiving => Woken::Readable,
            () = sleep(longest_sleep) => Woken::Timer,
        };
        match woken {
            Woken::Arrival(arrival) => driver.take(arrival),
            Woken::LookedUp(ended) => looked_up(&mut driver, ended),
            Woken::Readable => driver.receive(),
            Woken::Timer => {}
        }
    }
    driver.end();
}

/// Gives the first lookups a moment, so that what is said first has somewhere to go.
async fn first_addresses(driver: &mut Driver<UdpSocket>, lookups: &mut Lookups) {
    let enough = Instant::now() + driver.heartbeat();
    lookups.begin(driver.lookups());
    while driver.is_looking_up() {
        let Ok(ended) = timeout_at(enough, lookups.next()).await else { return };
        looked_up(driver, ended);
        lookups.begin(driver.lookups());
    }
}

fn looked_up(driver: &mut Driver<UdpSocket>, ended: Result<LookedUp, JoinError>) {
    match ended {
        Ok(ended) => driver.looked_up(ended),
        Err(_) => driver.give_up_lookups(),
    }
}

#[cfg(test)]
mod tests;
